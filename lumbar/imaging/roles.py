"""Which view a series shows, and the sentence that says why.

The challenge's CSV is believed where it names the series. Otherwise the orientation comes from
geometry and the contrast from words in the headers or from TE, TR and TI; what stays open may be
asked of a callable that looks at a slice. A view is never guessed from a position in a list.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from lumbar.domain import View
from lumbar.imaging.headers import Header

__all__ = [
    "Orientation",
    "Recognise",
    "Role",
    "is_stir",
    "orientation_of",
    "role_from_headers",
    "role_named",
]

Recognise = Callable[[NDArray[np.float32]], View | None]
"""An opinion on one slice `[rows, columns]`: the view that it shows, None where undecided."""


class Orientation(StrEnum):
    """Which way a slice cuts the patient."""

    SAGITTAL = "sagittal"
    CORONAL = "coronal"
    AXIAL = "axial"
    OBLIQUE = "oblique"


@dataclass(frozen=True, slots=True)
class Role:
    """The view of a series (None: of no use here, or open) and the reason as a sentence part.

    `open_` lists the views between which the headers leave it open.
    """

    view: View | None
    reason: str
    open_: tuple[View, ...] = ()


def orientation_of(normal: NDArray[np.float64]) -> Orientation:
    """Orientation by the normal's largest component; oblique beyond 45 degrees from all three.

    Axial slices through L5/S1 are tilted by up to 40 degrees and are still axial.
    """
    components = np.abs(normal)
    if components.max() < np.cos(np.radians(45)):
        return Orientation.OBLIQUE
    return (Orientation.SAGITTAL, Orientation.CORONAL, Orientation.AXIAL)[int(components.argmax())]


def role_named(description: str, named_by: str) -> Role:
    """Role of a series that a table names, e.g. `Sagittal T1` by train_series_descriptions.csv."""
    words = " ".join(description.split()).lower()
    for view in View:
        if view.description.lower() == words:
            return Role(view, f"named {view.description} by {named_by}")
    return Role(None, f"named {description!r} by {named_by}, which is none of the graded views")


def role_from_headers(headers: Sequence[Header]) -> Role:
    """Role of a series that no table names, from its slices' headers and geometry."""
    if unused := _unused(headers):
        return Role(None, unused)
    orientations, known_by = _orientations(headers)
    if not orientations:
        why = headers[0].plane_reason
        return Role(None, f"orientation unknown ({why})", tuple(View))
    if len(orientations) > 1:
        return Role(None, f"localizer: {' and '.join(orientations)} slices in one series")
    orientation = orientations[0]
    if orientation in (Orientation.CORONAL, Orientation.OBLIQUE):
        return Role(None, f"{orientation} slices, which no finding is graded on")
    contrast, why = _contrast(headers[0])
    return _decided(orientation, contrast, f"{orientation} by {known_by}, {why}")


def _orientations(headers: Sequence[Header]) -> tuple[list[Orientation], str]:
    """The orientations of a series' slices and by what they are known; empty where unknown."""
    seen = {orientation_of(header.normal) for header in headers if header.normal is not None}
    if seen:
        return sorted(seen), "geometry"
    words = _plain(f"{headers[0].description} {headers[0].protocol}")
    named = [orientation for orientation, pattern in _PLANES if pattern.search(words)]
    reason = f"its description ({headers[0].plane_reason})"
    return (named, reason) if len(named) == 1 else ([], "")


_PLANES = (
    (Orientation.SAGITTAL, re.compile(r"\bsag(?:ittal)?(?:\b|(?=t[12]))", re.IGNORECASE)),
    (Orientation.CORONAL, re.compile(r"\bcor(?:onal)?(?:\b|(?=t[12]))", re.IGNORECASE)),
    (Orientation.AXIAL, re.compile(r"\b(?:ax|axial|tra|trans\w*)(?:\b|(?=t[12]))", re.IGNORECASE)),
)


def _decided(orientation: Orientation, contrast: str, reason: str) -> Role:
    if orientation is Orientation.SAGITTAL:
        views = {"T1": View.SAGITTAL_T1, "T2": View.SAGITTAL_T2, "STIR": View.SAGITTAL_T2}
        if contrast:
            return Role(views[contrast], reason)
        return Role(None, reason, (View.SAGITTAL_T1, View.SAGITTAL_T2))
    if contrast == "T2":
        return Role(View.AXIAL_T2, reason)
    if contrast:
        return Role(None, f"{reason}: no finding is graded on axial {contrast}")
    return Role(None, reason, (View.AXIAL_T2,))


_LOCALIZER = re.compile(r"\b(loc|localiz\w*|localis\w*|scout|survey|3.?plane)\b", re.IGNORECASE)
_NOT_ANATOMY = re.compile(
    r"\b(adc|dwi|dti|trace|b[0-9]{3,4}|sub|subtraction|myelo\w*|mip|mrcp|cal|calibration|asset|"
    r"screen|report|dose|fat.?frac\w*)\b",
    re.IGNORECASE,
)


def _unused(headers: Sequence[Header]) -> str:
    """Why a series is of no use whatever its orientation, "" where nothing says so."""
    first = headers[0]
    if any("LOCALIZER" in header.image_type for header in headers):
        return "localizer by its ImageType"
    words = _plain(f"{first.description} {first.protocol}")
    if match := _LOCALIZER.search(words):
        return f"localizer by the word {match.group().lower()} in its description"
    if match := _NOT_ANATOMY.search(_plain(first.description)):
        return f"no plain anatomy: {match.group().lower()} in its description"
    return ""


_STARTS = r"(?:(?<![a-z0-9])|(?<=sag)|(?<=ax)|(?<=tra)|(?<=tse)|(?<=fse))"
_WORDS = (
    ("STIR", re.compile(r"\b(stir|tirm)\b", re.IGNORECASE)),
    ("T1", re.compile(_STARTS + r"t1(?![0-9])", re.IGNORECASE)),
    ("T2", re.compile(_STARTS + r"t2(?![0-9*]| ?star)", re.IGNORECASE)),
)


def is_stir(header: Header) -> bool:
    """Whether a picture's headers say that fat is nulled by inversion (STIR)."""
    return _contrast(header)[0] == "STIR"


def _contrast(header: Header) -> tuple[str, str]:
    """`T1`, `T2`, `STIR` or "" for unknown, and by what it was known."""
    for name in ("description", "protocol", "sequence"):
        words = _plain(getattr(header, name))
        found = [contrast for contrast, pattern in _WORDS if pattern.search(words)]
        if found == ["STIR", "T2"] or len(found) == 1:
            return found[0], f"{found[0]} by its {_ATTRIBUTES[name]}"
    return _contrast_by_times(header)


_ATTRIBUTES = {
    "description": "SeriesDescription",
    "protocol": "ProtocolName",
    "sequence": "sequence name",
}


def _contrast_by_times(header: Header) -> tuple[str, str]:
    """Spin-echo contrast: short TE and TR is T1, long is T2; a short TI nulls fat (STIR)."""
    echo, repetition, inversion = header.echo_ms, header.repetition_ms, header.inversion_ms
    if echo is None or repetition is None:
        return "", "contrast unknown: no T1 or T2 in its descriptions, no TE and TR"
    times = f"TE {echo:g} ms, TR {repetition:g} ms"
    if inversion is not None and 80 <= inversion <= 300 and repetition >= 1500:
        return "STIR", f"STIR by {times}, TI {inversion:g} ms"
    if echo <= 30 and (repetition <= 1200 or (inversion or 0) > 300):
        return "T1", f"T1 by {times}"
    if echo >= 60 and repetition >= 1500:
        return "T2", f"T2 by {times}"
    return "", f"contrast unknown: {times} fit neither T1 nor T2"


def _plain(words: str) -> str:
    """Words with the separators that scanners use made blanks, so that `_` ends a word."""
    return re.sub(r"[_\-./\\]+", " ", words)
