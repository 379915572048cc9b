"""From a study's files to a Study: the one way in for a batch, an upload and a notebook."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from lumbar.domain import View
from lumbar.errors import FormatError, InputError
from lumbar.imaging.assemble import arrange, one_patient
from lumbar.imaging.files import Files, FolderFiles, open_files
from lumbar.imaging.find import find_in, find_studies, series_of
from lumbar.imaging.headers import Header
from lumbar.imaging.look import Recognise, odd_ones_out, refuse_other_pictures, role_by_look
from lumbar.imaging.png import A_PNG
from lumbar.imaging.rank import Stack, rank
from lumbar.imaging.reader import Decoded, Reader, instances, reader_of, set_aside
from lumbar.imaging.resample import frame_of
from lumbar.imaging.roles import Role, role_from_headers, role_named
from lumbar.imaging.study import Instance, Series, SetAside, Study
from lumbar.imaging.studyfiles import StudyFiles
from lumbar.imaging.told import Told, said, told_of_one

__all__ = [
    "DescribedSeries",
    "StudyDescription",
    "describe_study",
    "read_study",
]

MOST_SLICES = 1000
"""Of a series: the largest lumbar volumes have a third of it, and what is put in the order of space
is compared pair by pair."""


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
    study: StudyFiles,
    *,
    recognise: Recognise | None = None,
    views: Told = None,
    trusted: bool = False,
) -> StudyDescription:
    """Roles, reasons and slice counts from headers only.

    With `recognise`, one middle slice of each series that the headers leave open is decoded.
    `trusted` as in `read_study`. Raises InputError where the files belong to several patients,
    ViewError as `read_study`.
    """
    reader = reader_of(study, open_files(study.uri), trusted=trusted)
    headers, aside = reader.headers(pictures=False)
    stacks, doubles = _stacks(study, headers, reader, recognise, views)
    described = (
        DescribedSeries(stack.series_id, stack.role.view, stack.role.reason, len(stack.headers))
        for stack in stacks
    )
    aside += _unseen(stack for stack in stacks if stack.role.view is None)
    return StudyDescription(study.study_id, tuple(described), (*study.set_aside, *aside, *doubles))


def read_study(
    source: str | Path | StudyFiles | Sequence[str | Path],
    *,
    recognise: Recognise | None = None,
    views: Told = None,
    all_series: bool = False,
    files: Files | None = None,
    trusted: bool = False,
    decoded: Decoded | None = None,
) -> Study:
    """One study with the pixels of every series that has a role (of all, with `all_series`).

    `source` is a study's folder, a DICOM, PNG or zip file, a list of files, or what
    `find_studies` yields; of the last, `files` may open the bytes in place of its address.
    Files are parsed and decoded in a child process, so that one which makes a decoder abort, hang
    or take all memory does no harm; `trusted` ones in this process, which is faster.
    A file that cannot be decoded is set aside with the reason, and so is a PNG that is not used.
    `decoded` is told how many pictures of how many are made; an error that it raises ends the
    reading. Raises FormatError where there is no picture, InputError where there are several
    studies or patients, ViewError where `views` is one view and not exactly one series leaves its
    own open.
    """
    if isinstance(source, StudyFiles):
        opened = files or open_files(source.uri)
        return _read(source, opened, recognise, views, all_series, trusted, decoded)
    if isinstance(source, str | Path):
        return read_study(
            _only(list(find_studies(source, trusted=trusted)), str(source)),
            recognise=recognise,
            views=views,
            all_series=all_series,
            trusted=trusted,
            decoded=decoded,
        )
    paths = [Path(path).absolute() for path in source]
    folder = Path(os.path.commonpath([path.parent for path in paths]))
    listed = FolderFiles(folder)
    names = [path.relative_to(folder).as_posix() for path in paths]
    study = _only(find_in(listed, names, trusted=trusted), str(folder))
    return _read(study, listed, recognise, views, all_series, trusted, decoded)


def _read(
    study: StudyFiles,
    files: Files,
    recognise: Recognise | None,
    views: Told,
    all_series: bool,
    trusted: bool,
    decoded: Decoded | None = None,
) -> Study:
    reader = reader_of(study, files, trusted=trusted)
    headers, aside = reader.headers(pictures=True)
    if not headers:
        first = next(iter((*study.set_aside, *aside)), None)
        why = f"; {first.file}: {first.reason}" if first else ""
        raise FormatError(f"study {study.study_id}: no MRI slice in {study.uri}{why}")
    stacks, doubles = _stacks(study, headers, reader, recognise, views)
    wanted = [stack for stack in stacks if all_series or stack.role.view is not None]
    headers = [header for stack in wanted for header in stack.headers]
    pictures = iter(instances(reader, headers, decoded))
    series = []
    for stack in stacks:
        shown = [next(pictures) for _ in stack.headers] if stack in wanted else []
        if recognise is not None and stack.role.view and stack.role.open_ and len(shown) > 1:
            shown = odd_ones_out(stack.role, shown, recognise)
        series.append(_series(stack, shown, read=stack in wanted))
        aside += [
            set_aside(header.source, picture)
            for header, picture in zip(stack.headers, shown, strict=False)
            if isinstance(picture, InputError)
        ]
    aside += _unseen(stack for stack in stacks if stack not in wanted)
    series.sort(key=lambda one: one.view is None)  # and else in the order that they have
    return Study(study.study_id, tuple(series), (*study.set_aside, *aside, *doubles))


def _unseen(stacks: Iterable[Stack]) -> Iterator[SetAside]:
    """The PNGs of series that are not used: no header of theirs says that they belong together, so
    that the series' reason has to stand beside each."""
    return (
        SetAside(header.source, f"not used: {stack.role.reason}")
        for stack in stacks
        for header in stack.headers
        if header.plane_reason == A_PNG
    )


def _series(stack: Stack, shown: Sequence[Instance | InputError], *, read: bool) -> Series:
    """A stack with its pictures, without those that could not be decoded.

    One whose pictures were read and none could be has no role: another one may take its place.
    """
    decoded = [
        (picture, block)
        for picture, block in zip(shown, stack.blocks, strict=False)
        if isinstance(picture, Instance)
    ]
    pictures = tuple(picture for picture, _ in decoded)
    blocks = tuple(block for _, block in decoded)
    if read and not pictures:
        lost = f"{stack.role.reason}; none of its {len(stack.headers)} slices could be decoded"
        return Series(stack.series_id, None, lost, (), ())
    return Series(stack.series_id, stack.role.view, stack.role.reason, pictures, blocks)


def _stacks(
    study: StudyFiles,
    headers: Sequence[Header],
    reader: Reader,
    recognise: Recognise | None,
    views: Told,
) -> tuple[tuple[Stack, ...], list[SetAside]]:
    """The study's series in the order of space with their roles, best first; doubles apart."""
    one_patient(headers, study.study_id)
    stacks: list[Stack] = []
    aside: list[SetAside] = []
    for series_id, members in series_of(headers).items():
        if len(members) > MOST_SLICES:
            files = dict.fromkeys(header.source.partition("#")[0] for header in members)
            why = f"one of {len(members):,} slices in a series; at most {MOST_SLICES:,} are read"
            aside += [SetAside(file, why) for file in files]
            continue
        ordered, blocks, doubles = arrange(members)
        aside += doubles
        stacks.append(Stack(series_id, ordered, blocks, _role(study, series_id, ordered, views)))
    if stacks and isinstance(views, View):
        stacks = told_of_one(stacks, views)
    if recognise is not None:
        stacks = [_recognised(one, reader, recognise) if one.role.open_ else one for one in stacks]
    if not study.rsna_layout:
        stacks = [_of_one_folder(stack) for stack in stacks]
    if stacks:
        middle = stacks[0].headers[len(stacks[0].headers) // 2]
        refuse_other_pictures([stack.role for stack in stacks], middle.source)
    return rank(stacks), aside


def _of_one_folder(stack: Stack) -> Stack:
    """Several PNGs say why they are one series."""
    role = stack.role
    if role.view is None or len(stack.headers) < 2 or not _are_png(stack.headers):
        return stack
    together = f"{len(stack.headers)} PNGs of one folder, taken for one patient's"
    return replace(stack, role=replace(role, reason=f"{role.reason}; {together}"))


def _are_png(headers: Iterable[Header]) -> bool:
    return all(header.plane_reason == A_PNG for header in headers)


def _role(study: StudyFiles, series_id: str, headers: Sequence[Header], views: Told) -> Role:
    if isinstance(views, Mapping) and series_id in views:
        return said(views[series_id])
    named = next((s for s in study.series if s.series_id == series_id and s.description), None)
    if named is not None:
        return role_named(named.description, named.named_by)
    return role_from_headers(headers)


def _recognised(stack: Stack, reader: Reader, recognise: Recognise) -> Stack:
    """The stack in the role that its middle slice's look decides, if that decides between views."""
    instance = instances(reader, [stack.headers[len(stack.headers) // 2]])[0]
    if isinstance(instance, InputError):
        return stack
    look = recognise(frame_of(instance.plane).turn(instance.pixels))
    return replace(stack, role=role_by_look(stack.role, look))


def _only(studies: list[StudyFiles], where: str) -> StudyFiles:
    if len(studies) != 1:
        raise InputError(
            f"{where}: holds {len(studies)} studies where one was expected; "
            "iterate over lumbar.imaging.find_studies instead"
        )
    return studies[0]
