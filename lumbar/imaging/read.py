"""From a study's files to a Study: the one way in for a batch, an upload and a notebook."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pydicom.dataset import Dataset

from lumbar.domain import View
from lumbar.errors import DecodeError, FormatError, InputError
from lumbar.imaging.assemble import Stack, arrange, one_patient, rank
from lumbar.imaging.decode import decode_frame
from lumbar.imaging.dicomfile import read_dataset
from lumbar.imaging.files import Files, FolderFiles, MemoryFiles, ZipFiles, open_files
from lumbar.imaging.find import file_headers, find_in, find_studies, series_of
from lumbar.imaging.headers import Header, headers_of
from lumbar.imaging.layout import placed_header
from lumbar.imaging.png import decode_png, is_png
from lumbar.imaging.resample import frame_of
from lumbar.imaging.roles import Recognise, Role, role_from_headers, role_named
from lumbar.imaging.study import Instance, Series, SetAside, Study
from lumbar.imaging.studyfiles import StudyFiles

__all__ = [
    "DescribedSeries",
    "StudyDescription",
    "describe_study",
    "read_study",
    "read_uploaded",
]

MAX_UPLOAD_BYTES = 2 * 2**30
"""An uploaded archive that says it unpacks to more than this is refused unread."""

Told = View | Mapping[str, View] | None
"""What a caller knows of the views: one for every series, or one a series id."""


@dataclass(frozen=True, slots=True)
class DescribedSeries:
    """A series of a study by its headers: its role, why, and how many slices are used."""

    series_id: str
    role: View | None
    reason: str
    slices: int


@dataclass(frozen=True, slots=True)
class StudyDescription:
    """A study by its headers: series in the order of `Study`, and the files set aside."""

    study_id: str
    series: tuple[DescribedSeries, ...]
    set_aside: tuple[SetAside, ...]


def describe_study(
    study: StudyFiles, *, recognise: Recognise | None = None, views: Told = None
) -> StudyDescription:
    """Roles, reasons and slice counts from headers only.

    With `recognise`, one middle slice of each series that the headers leave open is decoded.
    Raises InputError where the files belong to several patients.
    """
    reader = _Reader(study, open_files(study.uri))
    headers, aside = reader.headers()
    stacks, doubles = _stacks(study, headers, reader, recognise, views)
    described = (
        DescribedSeries(stack.series_id, stack.role.view, stack.role.reason, len(stack.headers))
        for stack in stacks
    )
    return StudyDescription(study.study_id, tuple(described), (*study.set_aside, *aside, *doubles))


def read_study(
    source: str | Path | StudyFiles | Sequence[str | Path],
    *,
    recognise: Recognise | None = None,
    views: Told = None,
    all_series: bool = False,
    files: Files | None = None,
) -> Study:
    """One study with the pixels of every series that has a role (of all, with `all_series`).

    `source` is a study's folder, a DICOM, PNG or zip file, a list of files, or what
    `find_studies` yields; of the last, `files` may open the bytes in place of its address.
    A file that cannot be decoded is set aside with the reason. Raises
    FormatError where there is no picture, InputError where there are several studies or patients.
    """
    if isinstance(source, StudyFiles):
        opened = files or open_files(source.uri)
        return _read(source, opened, recognise, views, all_series)
    if isinstance(source, str | Path):
        return read_study(
            _only(list(find_studies(source)), str(source)),
            recognise=recognise,
            views=views,
            all_series=all_series,
        )
    paths = [Path(path).absolute() for path in source]
    folder = Path(os.path.commonpath([path.parent for path in paths]))
    listed = FolderFiles(folder)
    study = _only(find_in(listed, [p.relative_to(folder).as_posix() for p in paths]), str(folder))
    return _read(study, listed, recognise, views, all_series)


def read_uploaded(
    uploads: Mapping[str, bytes],
    *,
    recognise: Recognise | None = None,
    views: Told = None,
    all_series: bool = False,
) -> list[Study]:
    """The studies of files sent as bytes, by name: DICOM, PNG and zip archives of them.

    Raises FormatError where there is no picture among them, InputError for mixed patients.
    """
    if not uploads:
        raise FormatError("nothing was sent; send DICOM or PNG files, or a zip of them")
    archives = {name: data for name, data in uploads.items() if data[:4] == b"PK\x03\x04"}
    plain = {name: data for name, data in uploads.items() if name not in archives}
    sources: list[Files] = [MemoryFiles(plain)] if plain else []
    sources += [_archive(data, name) for name, data in archives.items()]
    return [
        _read(study, files, recognise, views, all_series)
        for files in sources
        for study in find_in(files)
    ]


class _Reader:
    """One study's files, each opened and parsed once."""

    def __init__(self, study: StudyFiles, files: Files) -> None:
        self._study = study
        self._files = files
        self._loaded: dict[str, Dataset | bytes] = {}

    def headers(self, *, keep: bool = False) -> tuple[list[Header], list[SetAside]]:
        """Every picture's header; with `keep`, whole files are read and kept for decoding."""
        found: list[Header] = []
        aside: list[SetAside] = []
        for series in self._study.series:
            for name in series.files:
                try:
                    headers = self._load(name) if keep else file_headers(self._files, name)
                    found += [placed_header(self._study, series.series_id, h) for h in headers]
                except InputError as error:
                    reason = str(error).removeprefix(f"{name}: ")
                    aside.append(SetAside(name, reason, isinstance(error, DecodeError)))
        return found, aside

    def decode(self, header: Header) -> Instance:
        """The picture of a header; DecodeError where its pixels cannot be read."""
        if header.source not in self._loaded:
            self._load(header.source)
        loaded = self._loaded[header.source]
        if isinstance(loaded, bytes):
            return decode_png(loaded, header)
        return decode_frame(loaded, header)

    def _load(self, name: str) -> tuple[Header, ...]:
        data = self._files.read(name)
        if is_png(data):
            self._loaded[name] = data
            return file_headers(MemoryFiles({name: data}), name)
        dataset = read_dataset(data, name)
        self._loaded[name] = dataset
        return headers_of(dataset, name)


def _read(
    study: StudyFiles,
    files: Files,
    recognise: Recognise | None,
    views: Told,
    all_series: bool,
) -> Study:
    reader = _Reader(study, files)
    headers, aside = reader.headers(keep=True)
    if not headers:
        first = next(iter((*study.set_aside, *aside)), None)
        why = f"; {first.file}: {first.reason}" if first else ""
        raise FormatError(f"study {study.study_id}: no MRI slice in {study.uri}{why}")
    stacks, doubles = _stacks(study, headers, reader, recognise, views)
    series = []
    for stack in stacks:
        wanted = all_series or stack.role.view is not None
        decoded, failed = _decoded(stack, reader) if wanted else ([], [])
        aside += failed
        instances = tuple(instance for instance, _ in decoded)
        blocks = tuple(block for _, block in decoded)
        series.append(
            Series(stack.series_id, stack.role.view, stack.role.reason, instances, blocks)
        )
    return Study(study.study_id, tuple(series), (*study.set_aside, *aside, *doubles))


def _decoded(stack: Stack, reader: _Reader) -> tuple[list[tuple[Instance, int]], list[SetAside]]:
    """The pictures of a series, each with its block, and those that could not be decoded."""
    decoded, failed = [], []
    for header, block in zip(stack.headers, stack.blocks, strict=True):
        try:
            decoded.append((reader.decode(header), block))
        except DecodeError as error:
            reason = str(error).removeprefix(f"{header.source}: ")
            failed.append(SetAside(header.source, reason, damaged=True))
    return decoded, failed


def _stacks(
    study: StudyFiles,
    headers: Sequence[Header],
    reader: _Reader,
    recognise: Recognise | None,
    views: Told,
) -> tuple[tuple[Stack, ...], list[SetAside]]:
    """The study's series in the order of space with their roles, best first; doubles apart."""
    one_patient(headers, study.study_id)
    stacks: list[Stack] = []
    aside: list[SetAside] = []
    for series_id, members in series_of(headers).items():
        ordered, blocks, doubles = arrange(members)
        aside += doubles
        role = _role(study, series_id, ordered, views)
        if recognise is not None and role.open_:
            role = _recognised(role, ordered[len(ordered) // 2], reader, recognise)
        stacks.append(Stack(series_id, ordered, blocks, role))
    return rank(stacks), aside


def _role(study: StudyFiles, series_id: str, headers: Sequence[Header], views: Told) -> Role:
    told = views.get(series_id) if isinstance(views, Mapping) else views
    if told is not None:
        return Role(told, f"said to be {told.description} by the caller")
    named = next((s for s in study.series if s.series_id == series_id and s.description), None)
    if named is not None:
        return role_named(named.description, named.named_by)
    return role_from_headers(headers)


def _recognised(role: Role, header: Header, reader: _Reader, recognise: Recognise) -> Role:
    """The role that a middle slice's look decides, if it decides between the open views."""
    try:
        instance = reader.decode(header)
    except InputError:
        return role
    view = recognise(frame_of(instance.plane).turn(instance.pixels))
    if view is None or view not in role.open_:
        return replace(role, reason=f"{role.reason}; its middle slice does not decide it")
    return Role(view, f"{role.reason}; its middle slice looks like {view.description}")


def _archive(data: bytes, name: str) -> ZipFiles:
    archive = ZipFiles(data, name)
    if archive.unpacked_bytes > MAX_UPLOAD_BYTES:
        raise FormatError(f"{name}: unpacks to more than {MAX_UPLOAD_BYTES >> 30} GiB")
    return archive


def _only(studies: list[StudyFiles], where: str) -> StudyFiles:
    if len(studies) != 1:
        raise InputError(
            f"{where}: holds {len(studies)} studies where one was expected; "
            "iterate over lumbar.imaging.find_studies instead"
        )
    return studies[0]
