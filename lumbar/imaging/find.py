"""From a root of files to studies: the challenge's layout by its folders, any other by headers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path, PurePosixPath

from lumbar.errors import DecodeError, FormatError, InputError
from lumbar.imaging.archives import archive_kind
from lumbar.imaging.files import Files, FolderFiles, open_files
from lumbar.imaging.headers import Header, read_headers
from lumbar.imaging.layout import laid_out, laid_out_folder, place_of
from lumbar.imaging.nameless import (
    Picture,
    home_of,
    kind_of,
    nameless_series,
    nameless_studies,
    study_folder,
)
from lumbar.imaging.png import A_PNG, is_png, png_header
from lumbar.imaging.study import SetAside
from lumbar.imaging.studyfiles import SeriesFiles, StudyFiles

__all__ = ["Heed", "each_header", "file_headers", "find_in", "find_studies", "series_of"]

Heed = Callable[[], None] | None
"""Called at each file whose header was looked at; what it raises ends the search."""


def find_studies(root: str | Path, *, trusted: bool = False) -> Iterator[StudyFiles]:
    """Every study below a root, one at a time: pictures are not read, headers only where needed.

    `root` is an RSNA root (`train_images/` and/or `test_images/` `<study>/<series>/<n>.dcm|png`
    with optional CSVs; without a CSV that names one of its studies all of these names have to be
    numbers), one of its image folders or studies, or any folder or zip archive of DICOM and PNG
    files however nested and named, zip archives among them. Headers of files that
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
        words = f"{files.uri}: no MRI slice among {len(wanted)} files{first}"
        raise _NoPictureError(words, tuple(aside))
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


class _NoPictureError(FormatError):
    """None of some files is a picture; `set_aside` says of each why."""

    def __init__(self, words: str, set_aside: tuple[SetAside, ...]) -> None:
        super().__init__(words)
        self.set_aside = set_aside


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
    Where the files beside the archives are no pictures, the first study lists them.
    """
    names = files.names()
    zips = [n for n in names if n.lower().endswith(".zip") and isinstance(files, FolderFiles)]
    plain = sorted(set(names) - set(zips))
    strays: tuple[SetAside, ...] = ()
    if plain or not zips:
        try:
            yield from find_in(files, plain if zips else None, trusted=trusted)
        except _NoPictureError as error:
            if not zips:
                raise
            strays = error.set_aside
    for name in zips:
        for study in _of_archive(files.uri, name, trusted):
            yield replace(study, set_aside=(*study.set_aside, *strays))
            strays = ()


def _of_archive(folder: str, name: str, trusted: bool) -> list[StudyFiles]:
    try:
        return find_in(open_files(Path(folder) / name), trusted=trusted)
    except FormatError as error:
        aside = (SetAside(name, str(error), damaged=True),)
        return [StudyFiles(Path(name).stem, folder, (), False, (), aside)]


Grouped = dict[str, dict[str, list[str]]]
"""study -> series -> names."""


def _by_headers(
    files: Files, names: list[str], trusted: bool, heed: Heed
) -> tuple[Grouped, list[SetAside]]:
    """Names by the UIDs of study and series, and what is no picture or a copy of one."""
    found: list[Picture] = []
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
            told = (header.study_id, header.series_id)
            if header.plane_reason == A_PNG:  # whose ids are those of its two folders alone
                told = ("", "")
            kind = () if told[1] else kind_of(header)
            found.append(Picture(name, *told, header.patient, kind))
    grouped: Grouped = defaultdict(lambda: defaultdict(list))
    nameless = nameless_studies(found)
    studies = [
        picture.study_id or nameless[study_folder(picture.name), picture.patient]
        for picture in found
    ]
    series = nameless_series(zip(studies, found, strict=True))
    for study_id, picture in zip(studies, found, strict=True):
        series_id = picture.series_id or series[home_of(study_id, picture), picture.kind]
        grouped[study_id][series_id].append(picture.name)
    return grouped, aside


class _Copies:
    """Tells a file whose bytes are there under another name; reads only what might be one."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self._first: dict[tuple[object, ...], str] = {}
        self._seen: dict[tuple[object, ...], str] = {}

    def original(self, header: Header) -> str:
        """The name under which the same bytes were seen before, "" where they were not."""
        named = header.plane_reason != A_PNG and header.instance_id != header.source
        told = (header.series_id, header.instance_id) if named else (header.rows, header.columns)
        if told not in self._first:
            self._first[told] = header.source
            return ""
        if first := self._first[told]:
            self._seen[told, self._digest(first)] = first
            self._first[told] = ""
        return self._original(told, header.source)

    def _original(self, told: tuple[object, ...], name: str) -> str:
        original = self._seen.setdefault((told, self._digest(name)), name)
        return "" if original == name else original

    def _digest(self, name: str) -> bytes:
        try:
            return sha256(self._files.read(name)).digest()
        except InputError:  # like no other; the reason is given when it is read
            return name.encode()


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
    numbered = {f"{k:06}": study for k, study in enumerate(laid)}  # two roots may have one id
    grouped = {
        k: {one.series_id: list(one.files) for one in study.series} for k, study in numbered.items()
    }
    nearest = _nearest_studies(strays, grouped)
    return [replace(s, set_aside=(*s.set_aside, *nearest[k])) for k, s in numbered.items()]


def _nearest_studies(
    aside: Iterable[SetAside], grouped: Mapping[str, Mapping[str, list[str]]]
) -> dict[str, list[SetAside]]:
    """study -> files set aside in the deepest folder that it shares with them."""
    home: dict[PurePosixPath, str] = {}
    for study in sorted(grouped):
        for names in grouped[study].values():
            for folder in {PurePosixPath(name).parent for name in names}:
                for above in (folder, *folder.parents):
                    home.setdefault(above, study)
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
