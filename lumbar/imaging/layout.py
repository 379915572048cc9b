"""The challenge's layout, where folder and file names are the identity, and its CSVs beside it.

A folder's name alone makes no such layout: a table beside it has to name one of its studies, or
studies, series and slices all have to be numbers. Elsewhere headers decide.
"""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from lumbar.imaging.files import Files
from lumbar.imaging.headers import Header
from lumbar.imaging.png import with_geometry
from lumbar.imaging.study import SetAside
from lumbar.imaging.studyfiles import SeriesFiles, StudyFiles
from lumbar.imaging.tables import (
    ShownSlice,
    parse_descriptions,
    parse_shown_slices,
    read_descriptions,
    read_shown_slices,
)

__all__ = ["laid_out", "laid_out_folder", "place_of", "placed_header"]

MOST_DIGITS = 19
"""A file's name of as many digits is no slice's number."""

_PARTS = ("train_images", "test_images")


def laid_out_folder(path: Path) -> Iterator[StudyFiles] | None:
    """The studies of an RSNA root, of one of its image folders or study folders; else None.

    `path` is absolute. Folders are listed as the studies are asked for where a table names one of
    them, else all at once; no picture is opened.
    """
    found = _study_folders(path)
    if found is None:
        return None
    top, folders = found
    tables = _tables_of_folder(top)
    if not (tables.name_any(f.name for f in folders) or _is_numbered(_places_below(path, folders))):
        return None
    beside = _pictures_beside(path, folders)
    return (
        _study_of_folder(folder, tables, () if n else beside) for n, folder in enumerate(folders)
    )


_IMAGES = re.compile(
    r"(?P<images>(?P<top>(?:.*/)?)(?:train|test)_images)/(?P<place>.+)", re.IGNORECASE
)
_PICTURE = re.compile(r".+\.(?:dcm|png)", re.IGNORECASE)


def laid_out(files: Files, names: list[str]) -> list[StudyFiles]:
    """Studies of RSNA layouts among names (an archive's); none where one has no such layout.

    Each image folder's studies are its own, with the tables beside it.
    """
    roots: dict[tuple[str, str], list[Place]] = defaultdict(list)
    for match in filter(None, map(_IMAGES.fullmatch, names)):
        roots[match["top"], match["images"]].append(tuple(match["place"].split("/")))
    tables = {top: _tables_of_files(files, names, top) for top in {top for top, _ in roots}}
    studies: list[StudyFiles] = []
    for (top, images), places in sorted(roots.items()):
        if not (tables[top].name_any(place[0] for place in places) or _is_numbered(places)):
            return []
        found: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
        for place in places:
            if len(place) == 3 and _PICTURE.fullmatch(place[2]):
                found[place[0]][place[1]].append("/".join((images, *place)))
        studies += [tables[top].study(study, files.uri, found[study]) for study in sorted(found)]
    return studies


def placed_header(study: StudyFiles, series_id: str, header: Header) -> Header:
    """A file's header under the names that its place gives it.

    In the RSNA layout folder and file names are the identity (a label's instance_number is the
    file's name, whatever InstanceNumber says); a row of `slice_geometry.csv` adds aspect and side.
    """
    if not study.rsna_layout:
        return replace(header, study_id=study.study_id, series_id=series_id)
    number = place_of(header.source)[2]
    header = replace(
        header,
        study_id=study.study_id,
        series_id=series_id,
        number=number if number is not None and header.frame is None else header.number,
    )
    for shown in study.shown if header.plane is None else ():
        if (shown.series_id, shown.number) == (series_id, header.number):
            return with_geometry(header, shown)
    return header


def place_of(name: str) -> tuple[str, str, int | None]:
    """Study, series and number that a file's place gives it: `<study>/<series>/<n>.png`."""
    parts = name.split("/")
    stem = parts[-1].rsplit(".", 1)[0]
    number = int(stem) if stem.isdecimal() and len(stem) < MOST_DIGITS else None
    if len(parts) >= 3:
        return parts[-3], parts[-2], number
    return (parts[-2], parts[-2], number) if len(parts) == 2 else (stem, stem, number)


@dataclass(frozen=True, slots=True)
class _Tables:
    """The CSVs of a root that concern finding: descriptions and squashed slices, never grades."""

    descriptions: Mapping[tuple[str, str], tuple[str, str]]
    shown: Mapping[str, tuple[ShownSlice, ...]]

    def name_any(self, studies: Iterable[str]) -> bool:
        """Whether a table has a row of one of these studies."""
        named = {study for study, _ in self.descriptions} | self.shown.keys()
        return not named.isdisjoint(studies)

    def study(self, study_id: str, uri: str, series: Mapping[str, Iterable[str]]) -> StudyFiles:
        """A study of the challenge's layout, with what the tables say of it."""
        return StudyFiles(
            study_id,
            uri,
            tuple(
                SeriesFiles(
                    series_id, tuple(files), *self.descriptions.get((study_id, series_id), ())
                )
                for series_id, files in sorted(series.items())
            ),
            True,
            self.shown.get(study_id, ()),
        )


Place = tuple[str, ...]
"""Names below an image folder: study, series, slice; more or fewer of what lies elsewhere."""

_SLICE = re.compile(rf"[0-9]{{1,{MOST_DIGITS - 1}}}\.(?:dcm|png)", re.IGNORECASE)


def _is_numbered(places: Iterable[Place]) -> bool:
    """Whether pictures lie at `<study>/<series>/<n>.dcm|png` with numbers for all three names.

    A picture beside the folders of series contradicts it; what lies deeper does not.
    """
    found = False
    for place in places:
        if len(place) < 3 and _PICTURE.fullmatch(place[-1]):
            return False
        if not all(name.isascii() and name.isdecimal() for name in place[:-1][:2]):
            return False
        if len(place) == 3:
            if not _SLICE.fullmatch(place[2]):
                return False
            found = True
    return found


def _places_below(path: Path, folders: Sequence[Path]) -> Iterator[Place]:
    """Names of the files in study folders, and beside them where `path` is no study folder."""
    if path not in folders:
        for images in {folder.parent for folder in folders}:
            yield from ((name,) for name in _listed(images)[0])
    for study in folders:
        names, series = _listed(study)
        yield from ((study.name, name) for name in names)
        for one in series:
            files, deeper = _listed(study / one)
            yield from ((study.name, one, name) for name in files)
            yield from ((study.name, one, name, "") for name in deeper)


def _study_folders(path: Path) -> tuple[Path, list[Path]] | None:
    """The root whose CSVs count and the study folders of an RSNA layout; None for others."""
    if path.parent.name in _PARTS:
        return path.parent.parent, [path]
    parts = [path] if path.name in _PARTS else [path / part for part in _PARTS]
    top = path.parent if path.name in _PARTS else path
    folders = [Path(e.path) for part in parts if part.is_dir() for e in _subfolders(part)]
    return (top, folders) if folders else None


def _subfolders(folder: Path) -> list[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        shown = (e for e in entries if e.is_dir() and not e.name.startswith("."))
        return sorted(shown, key=lambda entry: entry.name)


def _pictures_beside(path: Path, folders: Sequence[Path]) -> list[Path]:
    """Pictures in a root and its image folders, outside of every study's folder."""
    places = sorted({path, *(folder.parent for folder in folders)} if path not in folders else ())
    return [at / name for at in places for name in _listed(at)[0] if _PICTURE.fullmatch(name)]


def _study_of_folder(folder: Path, tables: _Tables, beside: Iterable[Path]) -> StudyFiles:
    """A study's files; what lies `beside` the studies' folders is set aside in it."""
    names, folders = _listed(folder)
    names += [Path(os.path.relpath(path, folder)).as_posix() for path in beside]
    stray = [SetAside(name, "lies outside a series' folder") for name in names]
    series = {}
    for name in folders:
        files, deeper = _listed(folder / name)
        series[name] = [f"{name}/{file}" for file in files]
        stray += [
            SetAside(path.relative_to(folder).as_posix(), "lies in a folder of a series' folder")
            for inner in deeper
            for path in sorted((folder / name / inner).rglob("*"))
            if path.is_file()
        ]
    return replace(tables.study(folder.name, str(folder), series), set_aside=tuple(stray))


def _listed(folder: Path) -> tuple[list[str], list[str]]:
    """Names of the files and of the folders in a folder, without hidden ones."""
    with os.scandir(folder) as entries:
        shown = [entry for entry in entries if not entry.name.startswith(".")]
        found = [(entry.name, entry.is_dir(), entry.is_file()) for entry in shown]
    files = sorted(name for name, _, is_file in found if is_file)
    return files, sorted(name for name, is_folder, _ in found if is_folder)


def _tables_of_folder(top: Path) -> _Tables:
    described = {
        key: (words, name)
        for name in _description_names()
        if (top / name).is_file()
        for key, words in read_descriptions(top / name).items()
    }
    geometry = top / "slice_geometry.csv"
    return _Tables(described, _by_study(read_shown_slices(geometry) if geometry.is_file() else ()))


def _tables_of_files(files: Files, names: list[str], top: str) -> _Tables:
    def lines(name: str) -> list[str]:
        return files.read(top + name).decode("utf-8-sig", "replace").splitlines()

    described = {
        key: (words, name)
        for name in _description_names()
        if top + name in names
        for key, words in parse_descriptions(lines(name), name).items()
    }
    name = "slice_geometry.csv"
    shown = parse_shown_slices(lines(name), name) if top + name in names else ()
    return _Tables(described, _by_study(shown))


def _description_names() -> tuple[str, ...]:
    return tuple(f"{part}_series_descriptions.csv" for part in ("train", "test"))


def _by_study(shown: Iterable[ShownSlice]) -> dict[str, tuple[ShownSlice, ...]]:
    found: dict[str, list[ShownSlice]] = defaultdict(list)
    for row in shown:
        found[row.study_id].append(row)
    return {study_id: tuple(rows) for study_id, rows in found.items()}
