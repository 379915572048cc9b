"""From a root of files to studies: the challenge's layout by its folders, any other by headers."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

from lumbar.domain import Side
from lumbar.errors import FormatError
from lumbar.imaging.files import Files, FolderFiles, open_files
from lumbar.imaging.headers import Header, read_headers
from lumbar.imaging.png import is_png, png_header, with_geometry
from lumbar.imaging.study import SetAside
from lumbar.imaging.tables import (
    ShownSlice,
    parse_descriptions,
    parse_shown_slices,
    read_descriptions,
    read_shown_slices,
)

__all__ = [
    "SeriesFiles",
    "StudyFiles",
    "file_headers",
    "find_in",
    "find_studies",
    "placed_header",
    "series_of",
]

_PARTS = ("train_images", "test_images")


@dataclass(frozen=True, slots=True)
class SeriesFiles:
    """The files of one series, by name, and what a table says that the series shows."""

    series_id: str
    files: tuple[str, ...]
    description: str = ""
    named_by: str = ""


@dataclass(frozen=True, slots=True)
class StudyFiles:
    """Where one study's bytes are: plain values, so that it travels in a manifest or a pickle.

    File names are relative to `uri` (a folder or a zip archive). With `rsna_layout` the study,
    series and slice numbers are those of the folders and file names; else those of the headers.
    """

    study_id: str
    uri: str
    series: tuple[SeriesFiles, ...]
    rsna_layout: bool
    shown: tuple[ShownSlice, ...] = ()
    set_aside: tuple[SetAside, ...] = ()

    @property
    def files(self) -> tuple[str, ...]:
        """Every file's name, series by series."""
        return tuple(name for series in self.series for name in series.files)

    def to_row(self) -> dict[str, Any]:
        """Plain lists, dicts, strings and numbers that Arrow and JSON hold as they are."""
        row = asdict(self)
        for name in ("series", "shown", "set_aside"):
            row[name] = list(row[name])
        for series in row["series"]:
            series["files"] = list(series["files"])
        return row

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> StudyFiles:
        """The study of `to_row`'s values; FormatError where one is missing."""
        try:
            return cls(
                str(row["study_id"]),
                str(row["uri"]),
                tuple(
                    SeriesFiles(s["series_id"], tuple(s["files"]), s["description"], s["named_by"])
                    for s in row["series"]
                ),
                bool(row["rsna_layout"]),
                tuple(_shown_from_row(shown) for shown in row["shown"]),
                tuple(SetAside(aside["file"], aside["reason"]) for aside in row["set_aside"]),
            )
        except KeyError as error:
            raise FormatError(f"a study's row has no {error}; index the input again") from None


@dataclass(frozen=True, slots=True)
class _Tables:
    """The CSVs of a root that concern finding: descriptions and squashed slices, never grades."""

    descriptions: Mapping[tuple[str, str], tuple[str, str]]
    shown: Mapping[str, tuple[ShownSlice, ...]]

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


def find_studies(root: str | Path) -> Iterator[StudyFiles]:
    """Every study below a root, one at a time: pictures are not read, headers only where needed.

    `root` is an RSNA root (`train_images/` and/or `test_images/` `<study>/<series>/<n>.dcm|png`
    with optional CSVs), one of its image folders or studies, or any folder or zip archive of
    DICOM and PNG files however nested and named, zip archives among them. Raises FormatError
    where there is no such root or no picture in it.
    """
    path = Path(root)
    if not path.exists():
        raise FormatError(f"{path}: no such file or folder")
    if path.is_dir() and (folders := _study_folders(path)):
        top, studies = folders
        tables = _tables_of_folder(top)
        return (_study_of_folder(folder, tables) for folder in studies)
    if path.is_dir() or path.suffix.lower() == ".zip":
        return _find_below(open_files(path))
    return iter(find_in(FolderFiles(path.absolute().parent), [path.name]))


def find_in(files: Files, names: Iterable[str] | None = None) -> list[StudyFiles]:
    """The studies among named files: by folders where they lie in an RSNA layout, else by headers.

    A file that is no picture is set aside in the study whose files lie nearest to it. Raises
    FormatError where not one is a picture, with the first reason.
    """
    wanted = files.names() if names is None else list(names)
    if names is None and (laid := _by_layout(files, wanted)):
        return laid
    grouped, aside = _by_headers(files, wanted)
    if not grouped:
        first = f"; {aside[0].file}: {aside[0].reason}" if aside else ""
        raise FormatError(f"{files.uri}: no MRI slice among {len(wanted)} files{first}")
    nearest = _nearest_studies(aside, grouped)
    return [
        StudyFiles(
            study_id,
            files.uri,
            tuple(SeriesFiles(key, tuple(found)) for key, found in sorted(series.items())),
            False,
            (),
            tuple(nearest[study_id]),
        )
        for study_id, series in sorted(grouped.items())
    ]


def file_headers(files: Files, name: str) -> tuple[Header, ...]:
    """The headers of one file, DICOM or PNG; FormatError with the reason where it is neither."""
    with files.open(name) as stream:
        head = stream.read(32)
        stream.seek(0)
        if is_png(head):
            study_id, series_id, number = _place(name)
            return (png_header(head, name, study_id, series_id, number),)
        if head[:4] == b"PK\x03\x04":
            raise FormatError(f"{name}: an archive inside an archive is not opened")
        return read_headers(stream, name)


def _find_below(files: Files) -> Iterator[StudyFiles]:
    """Studies of a tree: its own files together, each zip archive in it for itself.

    An archive that cannot be used is a study of its own without pictures, so that it is listed.
    """
    names = files.names()
    zips = [n for n in names if n.lower().endswith(".zip") and isinstance(files, FolderFiles)]
    plain = sorted(set(names) - set(zips))
    if plain or not zips:
        yield from find_in(files, plain if zips else None)
    for name in zips:
        try:
            yield from find_in(open_files(Path(files.uri) / name))
        except FormatError as error:
            aside = (SetAside(name, str(error)),)
            yield StudyFiles(Path(name).stem, files.uri, (), False, (), aside)


def _study_folders(path: Path) -> tuple[Path, list[Path]] | None:
    """The root whose CSVs count and the study folders of an RSNA layout; None for others."""
    if path.absolute().parent.name in _PARTS:
        return path.absolute().parent.parent, [path.absolute()]
    parts = [path] if path.name in _PARTS else [path / part for part in _PARTS]
    top = path.absolute().parent if path.name in _PARTS else path
    folders = [Path(e.path) for part in parts if part.is_dir() for e in _subfolders(part)]
    return (top, folders) if folders else None


def _subfolders(folder: Path) -> list[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        return sorted((e for e in entries if e.is_dir()), key=lambda entry: entry.name)


def _study_of_folder(folder: Path, tables: _Tables) -> StudyFiles:
    series = {}
    for entry in _subfolders(folder):
        with os.scandir(entry.path) as files:
            names = sorted(f"{entry.name}/{file.name}" for file in files if file.is_file())
        series[entry.name] = [name for name in names if not _hidden(name)]
    return tables.study(folder.name, str(folder), series)


_LAYOUT = re.compile(
    r"(?P<top>(?:.*/)?)(?:train|test)_images/"
    r"(?P<study>[^/]+)/(?P<series>[^/]+)/[^/]+\.(?:dcm|png)",
    re.IGNORECASE,
)


def _by_layout(files: Files, names: list[str]) -> list[StudyFiles]:
    """Studies of an RSNA layout by names alone (in an archive); none where it is no such layout."""
    found: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    top = ""
    for match in filter(None, map(_LAYOUT.fullmatch, names)):
        top = match["top"]
        found[match["study"]][match["series"]].append(match.string)
    tables = _tables_of_files(files, names, top) if found else None
    return (
        [tables.study(study, files.uri, found[study]) for study in sorted(found)] if tables else []
    )


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


def _by_headers(
    files: Files, names: list[str]
) -> tuple[dict[str, dict[str, list[str]]], list[SetAside]]:
    """study -> series -> names by UID, and what is no picture."""
    found: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    aside = []
    for name in names:
        try:
            header = file_headers(files, name)[0]
        except FormatError as error:
            aside.append(SetAside(name, str(error).removeprefix(f"{name}: ")))
            continue
        study_id = header.study_id or _place(name)[0]
        found[study_id][header.series_id or _place(name)[1]].append(name)
    return found, aside


def _nearest_studies(
    aside: Iterable[SetAside], grouped: Mapping[str, Mapping[str, list[str]]]
) -> dict[str, list[SetAside]]:
    """study -> files set aside in the deepest folder that it shares with them."""
    home: dict[PurePosixPath, str] = {}
    for study_id in sorted(grouped):
        for names in grouped[study_id].values():
            for folder in {PurePosixPath(name).parent for name in names}:
                for above in (folder, *folder.parents):
                    home.setdefault(above, study_id)
    nearest = defaultdict(list)
    for entry in aside:
        shared = next(above for above in PurePosixPath(entry.file).parents if above in home)
        nearest[home[shared]].append(entry)
    return nearest


def _place(name: str) -> tuple[str, str, int | None]:
    """Study, series and number that a file's place gives it: `<study>/<series>/<n>.png`."""
    parts = name.split("/")
    stem = parts[-1].rsplit(".", 1)[0]
    number = int(stem) if stem.isdecimal() else None
    if len(parts) >= 3:
        return parts[-3], parts[-2], number
    return (parts[-2], parts[-2], number) if len(parts) == 2 else (stem, stem, number)


def _shown_from_row(row: Mapping[str, Any]) -> ShownSlice:
    side = Side(row["side"]) if row["side"] else None
    return ShownSlice(
        row["study_id"], row["series_id"], row["number"], row["rows"], row["columns"], side
    )


def _hidden(name: str) -> bool:
    return name.rsplit("/", 1)[-1].startswith(".")


def placed_header(study: StudyFiles, series_id: str, header: Header) -> Header:
    """A file's header under the names that its place gives it.

    In the RSNA layout folder and file names are the identity (a label's instance_number is the
    file's name, whatever InstanceNumber says); a row of `slice_geometry.csv` adds aspect and side.
    """
    if not study.rsna_layout:
        return replace(header, study_id=study.study_id, series_id=series_id)
    number = _place(header.source)[2]
    header = replace(
        header,
        study_id=study.study_id,
        series_id=series_id,
        number=header.number if number is None else number,
    )
    for shown in study.shown if header.plane is None else ():
        if (shown.series_id, shown.number) == (series_id, header.number):
            return with_geometry(header, shown)
    return header


def series_of(headers: Iterable[Header]) -> dict[str, list[Header]]:
    """Headers by series, series in the order of their ids."""
    found: dict[str, list[Header]] = defaultdict(list)
    for header in headers:
        found[header.series_id].append(header)
    return dict(sorted(found.items()))
