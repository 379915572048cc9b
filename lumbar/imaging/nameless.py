"""Studies and series of files that name neither: told by folders, patients and headers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from itertools import count
from pathlib import PurePosixPath
from typing import NamedTuple

from lumbar.imaging.headers import Header
from lumbar.imaging.layout import place_of
from lumbar.imaging.roles import orientation_of

__all__ = ["Picture", "home_of", "kind_of", "nameless_series", "nameless_studies", "study_folder"]


class Picture(NamedTuple):
    """What grouping needs of a file's header: thousands are kept at once."""

    name: str
    study_id: str
    series_id: str
    patient: str
    kind: tuple[object, ...] = ()
    """What tells series apart in files that name none; empty in the others."""


def nameless_studies(pictures: Iterable[Picture]) -> dict[tuple[str, str], str]:
    """(folder, patient) -> study id, for files without StudyInstanceUID: their folder's name.

    Where a folder holds several patients' files each patient has a study of their own. Folders in
    different places are different studies, numbered where they are called alike.
    """
    patients: dict[str, list[str]] = defaultdict(list)
    for picture in pictures:
        folder = _folders(picture.name)[0]
        if not picture.study_id and picture.patient not in patients[folder]:
            patients[folder].append(picture.patient)
    alike: dict[str, dict[tuple[str, str], None]] = defaultdict(dict)
    studies = {}
    for folder, found in patients.items():
        for patient in found:
            study = folder, patient if len(set(found) - {""}) > 1 else ""
            studies[folder, patient] = study
            alike[PurePosixPath(folder).name][study] = None
    named = {}
    for name, those in alike.items():
        numbered = (other for k in count(1) if (other := f"{name} {k}") not in alike)
        named.update({study: name if len(those) == 1 else next(numbered) for study in those})
    return {place: named[study] for place, study in studies.items()}


def study_folder(name: str) -> str:
    """The folder of a file's study, for a file that does not tell."""
    return _folders(name)[0]


def _folders(name: str) -> tuple[str, str]:
    """The folders of a file's study and of its series, for what tells neither: the last two."""
    parts = name.split("/")
    if len(parts) == 1:
        return place_of(name)[:2]
    series = "/".join(parts[:-1])
    return ("/".join(parts[:-2]) if len(parts) > 2 else series), series


Home = tuple[str, str]
"""A study and the folder of a series in it."""


def kind_of(header: Header) -> tuple[object, ...]:
    """How one series differs from another of its study: orientation, words, TE, TR and TI."""
    orientation = "" if header.normal is None else orientation_of(header.normal)
    words = (header.description, header.protocol, header.sequence)
    return (orientation, *words, header.echo_ms, header.repetition_ms, header.inversion_ms)


def home_of(study_id: str, picture: Picture) -> Home:
    """Where a picture without SeriesInstanceUID lies; at the root each file is its own `series`,
    so those with geometry count as one heap."""
    folder = _folders(picture.name)[1]
    return study_id, folder if "/" in picture.name or not any(picture.kind) else ""


def nameless_series(
    pictures: Iterable[tuple[str, Picture]],
) -> dict[tuple[Home, tuple[object, ...]], str]:
    """(home, kind) -> series id, for files without SeriesInstanceUID: their folder's name, with a
    number where the folder holds pictures of several kinds, or another is called alike."""
    kinds: dict[Home, list[tuple[object, ...]]] = defaultdict(list)
    for study_id, picture in pictures:
        home = kinds[home_of(study_id, picture)]
        if not picture.series_id and picture.kind not in home:
            home.append(picture.kind)
    alike: dict[tuple[str, str], list[tuple[Home, tuple[object, ...]]]] = defaultdict(list)
    for (study_id, folder), found in kinds.items():
        name = PurePosixPath(folder).name if folder else ""
        alike[study_id, name] += [((study_id, folder), kind) for kind in found]
    return {
        series: name if name and len(those) == 1 else f"{name} {number}".strip()
        for (_, name), those in alike.items()
        for number, series in enumerate(those, start=1)
    }
