"""From a root of files to studies: the challenge's layout by its folders, any other by headers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from lumbar.errors import DecodeError, FormatError, InputError
from lumbar.imaging.archives import archive_kind
from lumbar.imaging.files import Files, FolderFiles, open_files
from lumbar.imaging.headers import Header, read_headers
from lumbar.imaging.layout import laid_out, laid_out_folder, place_of
from lumbar.imaging.png import is_png, png_header
from lumbar.imaging.roles import orientation_of
from lumbar.imaging.study import SetAside
from lumbar.imaging.studyfiles import SeriesFiles, StudyFiles

__all__ = ["Heed", "each_header", "file_headers", "find_in", "find_studies", "series_of"]

Heed = Callable[[], None] | None
"""Called at each file whose header was looked at; what it raises ends the search."""


def find_studies(root: str | Path, *, trusted: bool = False) -> Iterator[StudyFiles]:
    """Every study below a root, one at a time: pictures are not read, headers only where needed.

    `root` is an RSNA root (`train_images/` and/or `test_images/` `<study>/<series>/<n>.dcm|png`
    with optional CSVs), one of its image folders or studies, or any folder or zip archive of
    DICOM and PNG files however nested and named, zip archives among them. Headers of files that
    are not `trusted` are parsed in a child process. Raises FormatError where there is no such root
    or no picture in it.
    """
    path = Path(root).absolute()
    if not path.exists():
        raise FormatError(f"{path}: no such file or folder")
    if path.is_dir() and (studies := laid_out_folder(path)):
        return studies
    if path.is_dir() or path.suffix.lower() == ".zip":
        return _find_below(open_files(path), trusted)
    return iter(find_in(FolderFiles(path.parent), [path.name], trusted=trusted))


def find_in(
    files: Files, names: Iterable[str] | None = None, *, trusted: bool = False, heed: Heed = None
) -> list[StudyFiles]:
    """The studies among named files: by folders where they lie in an RSNA layout, else by headers.

    A file that is no picture, and one that is there under another name already, is set aside in
    the study whose files lie nearest to it. Raises FormatError where not one is a picture, with
    the first reason.
    """
    wanted = files.names() if names is None else sorted(names)
    if names is None and (laid := laid_out(files, wanted)):
        return _with_strays(laid, wanted)
    grouped, aside = _by_headers(files, wanted, trusted, heed)
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
    """The headers of one file, DICOM or PNG.

    Raises FormatError with the reason where it is neither, DecodeError where it is damaged.
    """
    with files.open(name) as stream:
        head = stream.read(512)
        stream.seek(0)
        if is_png(head):
            study_id, series_id, number = place_of(name)
            return (png_header(head, name, study_id, series_id, number),)
        if (kind := archive_kind(head)) == "zip":
            raise FormatError(f"{name}: an archive inside an archive is not opened")
        if kind:
            raise FormatError(f"{name}: a {kind} archive is not opened; pack the files as zip")
        return read_headers(stream, name)


def each_header(
    files: Files, names: Sequence[str], *, trusted: bool
) -> Iterator[tuple[str, tuple[Header, ...] | InputError]]:
    """Each file's name with its headers, or with what `file_headers` says that is wrong with it.

    Files that are not `trusted` are parsed in a child process.
    """
    if not trusted:
        from lumbar.imaging.isolate import isolated_headers  # brings pebble and multiprocessing

        yield from isolated_headers(files, names)
        return
    for name in names:
        try:
            yield name, file_headers(files, name)
        except InputError as error:
            yield name, error


def _find_below(files: Files, trusted: bool) -> Iterator[StudyFiles]:
    """Studies of a tree: its own files together, each zip archive in it for itself.

    An archive that cannot be used is a study of its own without pictures, so that it is listed.
    """
    names = files.names()
    zips = [n for n in names if n.lower().endswith(".zip") and isinstance(files, FolderFiles)]
    plain = sorted(set(names) - set(zips))
    if plain or not zips:
        yield from find_in(files, plain if zips else None, trusted=trusted)
    for name in zips:
        try:
            yield from find_in(open_files(Path(files.uri) / name), trusted=trusted)
        except FormatError as error:
            aside = (SetAside(name, str(error), damaged=True),)
            yield StudyFiles(Path(name).stem, files.uri, (), False, (), aside)


Grouped = dict[str, dict[str, list[str]]]
"""study -> series -> names."""


class _Picture(NamedTuple):
    """What grouping needs of a file's header: thousands are kept at once."""

    name: str
    study_id: str
    series_id: str
    patient: str
    kind: tuple[object, ...] = ()
    """What tells series apart in files that name none; empty in the others."""


def _by_headers(
    files: Files, names: list[str], trusted: bool, heed: Heed
) -> tuple[Grouped, list[SetAside]]:
    """Names by the UIDs of study and series, and what is no picture or a copy of one."""
    found: list[_Picture] = []
    aside = []
    copies = _Copies(files)
    for name, headers in each_header(files, names, trusted=trusted):
        if heed is not None:
            heed()
        if isinstance(headers, InputError):
            reason = str(headers).removeprefix(f"{name}: ")
            aside.append(SetAside(name, reason, isinstance(headers, DecodeError)))
            continue
        header = headers[0]
        if original := copies.original(header):
            aside.append(SetAside(name, f"the same file as {original}"))
        else:
            kind = () if header.series_id else _kind_of(header)
            told = (header.study_id, header.series_id, header.patient)
            found.append(_Picture(name, *told, kind))
    grouped: Grouped = defaultdict(lambda: defaultdict(list))
    nameless = _nameless_studies(found)
    studies = [
        picture.study_id or nameless[place_of(picture.name)[0], picture.patient]
        for picture in found
    ]
    series = _nameless_series(zip(studies, found, strict=True))
    for study_id, picture in zip(studies, found, strict=True):
        series_id = picture.series_id or series[_home(study_id, picture), picture.kind]
        grouped[study_id][series_id].append(picture.name)
    return grouped, aside


class _Copies:
    """Tells a file whose bytes are there under another name; reads only what might be one."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self._alike: dict[tuple[str, str], list[str]] = defaultdict(list)
        self._digests: dict[str, bytes] = {}

    def original(self, header: Header) -> str:
        """The name under which the same bytes were seen before, "" where they were not."""
        alike = self._alike[header.series_id, header.instance_id]
        for name in alike:
            if self._digest(name) == self._digest(header.source):
                return name
        alike.append(header.source)
        return ""

    def _digest(self, name: str) -> bytes:
        if name not in self._digests:
            try:
                self._digests[name] = sha256(self._files.read(name)).digest()
            except InputError:  # like no other; the reason is given when it is read
                self._digests[name] = name.encode()
        return self._digests[name]


def _nameless_studies(pictures: Iterable[_Picture]) -> dict[tuple[str, str], str]:
    """(folder, patient) -> study id, for files without StudyInstanceUID: their folder's name.

    Where a folder holds several patients' files each patient has a study of their own.
    """
    patients: dict[str, list[str]] = defaultdict(list)
    for picture in pictures:
        folder = place_of(picture.name)[0]
        if not picture.study_id and picture.patient not in patients[folder]:
            patients[folder].append(picture.patient)
    return {
        (folder, patient): folder if len(set(found) - {""}) < 2 else f"{folder} {number}"
        for folder, found in patients.items()
        for number, patient in enumerate(found, start=1)
    }


Home = tuple[str, str]
"""A study and the folder of a series in it."""


def _kind_of(header: Header) -> tuple[object, ...]:
    """How one series differs from another of its study: orientation, words, TE, TR and TI."""
    orientation = "" if header.normal is None else orientation_of(header.normal)
    words = (header.description, header.protocol, header.sequence)
    return (orientation, *words, header.echo_ms, header.repetition_ms, header.inversion_ms)


def _home(study_id: str, picture: _Picture) -> Home:
    """Where a picture without SeriesInstanceUID lies; at the root each file is its own `series`,
    so those with geometry count as one heap."""
    folder = place_of(picture.name)[1]
    return study_id, folder if "/" in picture.name or not any(picture.kind) else ""


def _nameless_series(
    pictures: Iterable[tuple[str, _Picture]],
) -> dict[tuple[Home, tuple[object, ...]], str]:
    """(home, kind) -> series id, for files without SeriesInstanceUID: their folder's name, with a
    number where the folder holds pictures of several kinds."""
    kinds: dict[Home, list[tuple[object, ...]]] = defaultdict(list)
    for study_id, picture in pictures:
        home = kinds[_home(study_id, picture)]
        if not picture.series_id and picture.kind not in home:
            home.append(picture.kind)
    return {
        ((study_id, folder), kind): (
            f"{folder} {number}".strip() if len(found) > 1 or not folder else folder
        )
        for (study_id, folder), found in kinds.items()
        for number, kind in enumerate(found, start=1)
    }


def _with_strays(laid: list[StudyFiles], names: Iterable[str]) -> list[StudyFiles]:
    """Studies of a layout, the files beside it set aside in the study nearest to them."""
    mine = {name for study in laid for name in study.files}
    strays = [
        SetAside(name, "lies outside a series' folder")
        for name in names
        if name not in mine and not name.lower().endswith(".csv")
    ]
    if not strays:
        return laid
    grouped = {s.study_id: {one.series_id: list(one.files) for one in s.series} for s in laid}
    nearest = _nearest_studies(strays, grouped)
    return [replace(s, set_aside=(*s.set_aside, *nearest[s.study_id])) for s in laid]


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
        # An absolute name in an archive shares no folder with any study: the first one lists it.
        folders = (above for above in PurePosixPath(entry.file).parents if above in home)
        shared = next(folders, None)
        nearest[min(grouped) if shared is None else home[shared]].append(entry)
    return nearest


def series_of(headers: Iterable[Header]) -> dict[str, list[Header]]:
    """Headers by series, series in the order of their ids."""
    found: dict[str, list[Header]] = defaultdict(list)
    for header in headers:
        found[header.series_id].append(header)
    return dict(sorted(found.items()))
