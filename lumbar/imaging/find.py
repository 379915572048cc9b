"""From a root of files to studies: the challenge's layout by its folders, any other by headers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath

from lumbar.errors import DecodeError, FormatError, InputError
from lumbar.imaging.files import Files, FolderFiles, open_files
from lumbar.imaging.headers import Header, read_headers
from lumbar.imaging.layout import laid_out, laid_out_folder, place_of
from lumbar.imaging.png import is_png, png_header
from lumbar.imaging.study import SetAside
from lumbar.imaging.studyfiles import SeriesFiles, StudyFiles

__all__ = ["file_headers", "find_in", "find_studies", "series_of"]


def find_studies(root: str | Path) -> Iterator[StudyFiles]:
    """Every study below a root, one at a time: pictures are not read, headers only where needed.

    `root` is an RSNA root (`train_images/` and/or `test_images/` `<study>/<series>/<n>.dcm|png`
    with optional CSVs), one of its image folders or studies, or any folder or zip archive of
    DICOM and PNG files however nested and named, zip archives among them. Raises FormatError
    where there is no such root or no picture in it.
    """
    path = Path(root).absolute()
    if not path.exists():
        raise FormatError(f"{path}: no such file or folder")
    if path.is_dir() and (studies := laid_out_folder(path)):
        return studies
    if path.is_dir() or path.suffix.lower() == ".zip":
        return _find_below(open_files(path))
    return iter(find_in(FolderFiles(path.parent), [path.name]))


def find_in(files: Files, names: Iterable[str] | None = None) -> list[StudyFiles]:
    """The studies among named files: by folders where they lie in an RSNA layout, else by headers.

    A file that is no picture is set aside in the study whose files lie nearest to it. Raises
    FormatError where not one is a picture, with the first reason.
    """
    wanted = files.names() if names is None else list(names)
    if names is None and (laid := laid_out(files, wanted)):
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
    """The headers of one file, DICOM or PNG.

    Raises FormatError with the reason where it is neither, DecodeError where it is damaged.
    """
    with files.open(name) as stream:
        head = stream.read(32)
        stream.seek(0)
        if is_png(head):
            study_id, series_id, number = place_of(name)
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
            aside = (SetAside(name, str(error), damaged=True),)
            yield StudyFiles(Path(name).stem, files.uri, (), False, (), aside)


def _by_headers(
    files: Files, names: list[str]
) -> tuple[dict[str, dict[str, list[str]]], list[SetAside]]:
    """study -> series -> names by UID, and what is no picture."""
    found: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    aside = []
    for name in names:
        try:
            header = file_headers(files, name)[0]
        except InputError as error:
            reason = str(error).removeprefix(f"{name}: ")
            aside.append(SetAside(name, reason, isinstance(error, DecodeError)))
            continue
        study_id = header.study_id or place_of(name)[0]
        found[study_id][header.series_id or place_of(name)[1]].append(name)
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
