"""Which view a series shows, and the sentence that says why.

The challenge's CSV is believed where it names the series. Otherwise the orientation comes from
geometry and the contrast from attributes and words in the headers or from TE, TR and TI, which
are believed where they contradict a word; what stays open may be asked of a callable that looks
at a slice. A view is never guessed from a position in a list.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lumbar.domain import View
from lumbar.imaging.headers import Header
from lumbar.imaging.words import (
    Contrast,
    Orientation,
    contrast_in,
    dixon_part_in,
    elsewhere_in,
    is_echo_planar,
    is_enhanced,
    is_fat_suppressed,
    orientation_in,
    purpose_in,
)

__all__ = [
    "Orientation",
    "Role",
    "dixon_part",
    "drawbacks",
    "is_secondary",
    "orientation_of",
    "role_from_headers",
    "role_named",
]


@dataclass(frozen=True, slots=True)
class Role:
    """The view of a series (None: of no use here, or open) and the reason as a sentence part.

    `open_` lists the views between which the headers leave it open; `refused` where its picture
    was looked at and is no lumbar MRI.
    """

    view: View | None
    reason: str
    open_: tuple[View, ...] = ()
    refused: bool = False


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
    several = _contrasts(headers)
    if len(several) > 1:
        names = " and ".join(sorted(several))
        return Role(None, f"{orientation} slices of several contrasts ({names}) in one series")
    contrast, why = _contrast(headers[0])
    reason = f"{orientation} by {known_by}, {why}"
    if contrast is Contrast.T1 and _fat_is_dark(headers[0]):
        return Role(None, f"{reason}: its fat is suppressed, which the nerve roots are seen in")
    return _decided(orientation, contrast, reason)


def _orientations(headers: Sequence[Header]) -> tuple[list[Orientation], str]:
    """The orientations of a series' slices and by what they are known; empty where unknown."""
    seen = {orientation_of(header.normal) for header in headers if header.normal is not None}
    if seen:
        return sorted(seen), "geometry"
    named = orientation_in(f"{headers[0].description} {headers[0].protocol}")
    reason = f"its description ({headers[0].plane_reason})"
    return ([named], reason) if named else ([], "")


def _decided(orientation: Orientation, contrast: Contrast | None, reason: str) -> Role:
    if orientation is Orientation.SAGITTAL:
        views = {
            Contrast.T1: View.SAGITTAL_T1,
            Contrast.T2: View.SAGITTAL_T2,
            Contrast.STIR: View.SAGITTAL_T2,
        }
        if contrast is None:
            return Role(None, reason, (View.SAGITTAL_T1, View.SAGITTAL_T2))
        if contrast in views:
            return Role(views[contrast], reason)
    elif contrast is None:
        return Role(None, reason, (View.AXIAL_T2,))
    elif contrast in (Contrast.T2, Contrast.STIR):
        return Role(View.AXIAL_T2, reason)
    return Role(None, f"{reason}: no finding is graded on {orientation} {contrast}")


_NOT_ANATOMY = frozenset(
    {"ADC", "ADC MAP", "CPR", "CURVED", "DIFFUSION", "FA", "FIELDMAP", "MAXIP", "MEAN", "MINIP"}
    | {"MIP", "MPR", "PERFUSION", "PROJECTION IMAGE", "REFORMATTED", "RESAMPLED", "SCREEN SAVE"}
    | {"SUB", "SUBTRACT", "SUBTRACTION", "T1 MAP", "T2 MAP", "T2_STAR MAP", "TRACEW", "VRT"}
    | {"VOLUME RENDERED", "MPR_CURVED", "CSAPARALLEL", "CSA MPR", "CSAMANIPULATED"}
)
"""Values of ImageType from the third on that no plain slice has (PS3.3 C.7.6.1.1.2, C.8.3.1.1.1,
C.8.16.1 and what scanners write). DERIVED alone says nothing: filters and uniformity corrections
of several vendors make every slice of a scan DERIVED."""


def _unused(headers: Sequence[Header]) -> str:
    """Why a series is of no use whatever its orientation, "" where nothing says so."""
    if any("LOCALIZER" in header.image_type for header in headers):
        return "localizer by its ImageType"
    kinds = [_NOT_ANATOMY.intersection(header.image_type) for header in headers]
    if all(kinds):
        return f"derived picture: {min(kinds[0])} by its ImageType"
    if all(header.no_anatomy or is_echo_planar(header.sequence) for header in headers):
        return f"no plain anatomy: {headers[0].no_anatomy or 'echo-planar by its sequence name'}"
    parts = {dixon_part(header) for header in headers}
    if parts <= {"fat", "opposed phase"}:
        return f"no plain anatomy: the {' and '.join(sorted(parts))} of a Dixon sequence"
    first = headers[0]
    if purpose := purpose_in(first.description or first.protocol):
        return purpose
    part = elsewhere_in(f"{first.description} {first.protocol}")
    return f"not the lumbar spine: {part} in its protocol" if part else ""


_DIXON_TYPES = {
    **dict.fromkeys(("W", "WATER"), "water"),
    **dict.fromkeys(("F", "FAT"), "fat"),
    **dict.fromkeys(("OP", "OPP_PHASE", "OUT_PHASE", "OPPOSED_PHASE"), "opposed phase"),
    **dict.fromkeys(("IP", "IN_PHASE"), ""),
}


def dixon_part(header: Header) -> str:
    """Which of `words.DIXON_PARTS` a picture is, by its ImageType, else by its words."""
    for value in header.image_type[2:]:
        if value in _DIXON_TYPES:
            return _DIXON_TYPES[value]
    return dixon_part_in(f"{header.description} {header.protocol}")


def _words_of(header: Header) -> tuple[object, ...]:
    words = (header.description, header.protocol, header.sequence)
    return (*words, header.weighting, header.gradient_echo)


def _contrasts(headers: Sequence[Header]) -> set[str]:
    """The contrasts that are known of a series' slices; people put several into one."""
    alike = {
        (*_words_of(header), header.echo_ms, header.repetition_ms, header.inversion_ms): header
        for header in headers
    }
    return {known for h in alike.values() if (known := _contrast(h)[0]) is not None}


_NOT_MAGNITUDE = frozenset({"PHASE", "PHASE MAP", "P", "REAL", "R", "IMAGINARY", "I"})


def is_secondary(header: Header) -> bool:
    """Whether a picture is derived from others or no magnitude: the lesser of two at one place."""
    derived = header.image_type[:1] == ("DERIVED",)
    return derived or not _NOT_MAGNITUDE.isdisjoint(header.image_type[2:])


def drawbacks(header: Header) -> tuple[str, ...]:
    """What makes a series of a view second to a plain one, in words; empty where it is plain."""
    words = f"{header.description} {header.protocol}"
    found = {
        "fat nulled by inversion": Contrast.STIR
        in (_contrast(header)[0], _contrast_by_times(header)[0]),
        "fat-suppressed": _fat_is_dark(header),
        "contrast-enhanced": header.agent or is_enhanced(words),
        "derived": is_secondary(header),
    }
    return tuple(name for name, there in found.items() if there)


def _fat_is_dark(header: Header) -> bool:
    words = f"{header.description} {header.protocol}"
    return header.fat_saturated or is_fat_suppressed(words) or dixon_part(header) == "water"


_WEIGHTINGS = {
    "T1": Contrast.T1,
    "T2": Contrast.T2,
    "STIR": Contrast.STIR,
    "PROTON_DENSITY": Contrast.PROTON_DENSITY,
    "T2_STAR": Contrast.GRADIENT_ECHO,
}
_ATTRIBUTES = {
    "description": "SeriesDescription",
    "protocol": "ProtocolName",
    "sequence": "sequence name",
}


_CONTRADICTIONS = {
    *((Contrast.T1, longer) for longer in (Contrast.T2, Contrast.STIR)),
    *((longer, Contrast.T1) for longer in (Contrast.T2, Contrast.STIR)),
}
"""(named, timed): people name series, the scanner wrote the times."""


def _contrast(header: Header) -> tuple[Contrast | None, str]:
    """The contrast, None where it is unknown, and by what it was known."""
    if header.gradient_echo:
        return Contrast.GRADIENT_ECHO, "gradient echo by its ScanningSequence"
    named, why = _contrast_told(header)
    timed, times = _contrast_by_times(header)
    if named is None:
        return timed, times
    if timed is not None and (named, timed) in _CONTRADICTIONS:
        return timed, f"{times} (though {why})"
    return named, why


def _contrast_told(header: Header) -> tuple[Contrast | None, str]:
    """The contrast that attributes and words name, the most telling first."""
    if header.weighting in _WEIGHTINGS:
        told = _WEIGHTINGS[header.weighting]
        return told, f"{told} by its AcquisitionContrast"
    for name, attribute in _ATTRIBUTES.items():
        named = contrast_in(getattr(header, name))
        if named is not None:
            return named, f"{named} by its {attribute}"
    return None, ""


def _contrast_by_times(header: Header) -> tuple[Contrast | None, str]:
    """Spin-echo contrast: short TE and TR is T1, long is T2; a short TI nulls fat (STIR).

    Ranges of 0.5 to 3 T lumbar protocols; between them (proton density) and below a TR of 100 ms
    (gradient echoes, whatever they call themselves) the times decide nothing. 3D turbo spin
    echoes have a TR of 1 s and more with the TE of a T2; T1 FLAIR has a TR of about 2 s and a TI
    of about 0.9 s.
    """
    echo, repetition, inversion = header.echo_ms, header.repetition_ms, header.inversion_ms
    if echo is None or repetition is None:
        return None, "contrast unknown: no T1 or T2 in its descriptions, no TE and TR"
    times = f"TE {echo:g} ms, TR {repetition:g} ms"
    if inversion is not None and 80 <= inversion <= 300 and repetition >= 1500:
        return Contrast.STIR, f"STIR by {times}, TI {inversion:g} ms"
    if echo <= 30 and (100 <= repetition <= 1200 or (inversion or 0) > 300):
        return Contrast.T1, f"T1 by {times}"
    if echo >= 60 and repetition >= 900:
        return Contrast.T2, f"T2 by {times}"
    return None, f"contrast unknown: {times} fit neither T1 nor T2"
