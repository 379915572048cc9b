"""Files sent as bytes, to studies: each for itself, so that a refused one hinders no other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import overload

from lumbar.errors import FormatError, InputError
from lumbar.imaging.archives import UPLOADED, ArchiveLimits, ZipFiles
from lumbar.imaging.files import Files, JoinedFiles, MemoryFiles
from lumbar.imaging.find import Heed, find_in
from lumbar.imaging.look import Recognise
from lumbar.imaging.read import read_study
from lumbar.imaging.study import SetAside, Study
from lumbar.imaging.studyfiles import StudyFiles
from lumbar.imaging.told import Told, of_one_study

__all__ = ["RefusedStudy", "UploadedStudies", "find_uploaded", "read_uploaded"]


@dataclass(frozen=True, slots=True)
class RefusedStudy:
    """A study of an upload that cannot be used, and why; `reason` names no patient."""

    study_id: str
    error: InputError

    @property
    def reason(self) -> str:
        """The error in words."""
        return str(self.error)


@dataclass(frozen=True, slots=True)
class UploadedStudies(Sequence[Study]):
    """The studies of an upload that can be read, as a sequence, and beside them the refused."""

    studies: tuple[Study, ...]
    refused: tuple[RefusedStudy, ...] = ()

    def __len__(self) -> int:
        return len(self.studies)

    @overload
    def __getitem__(self, index: int) -> Study: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Study, ...]: ...
    def __getitem__(self, index: int | slice) -> Study | tuple[Study, ...]:
        return self.studies[index]


def read_uploaded(
    uploads: Mapping[str, bytes],
    *,
    recognise: Recognise | None = None,
    views: Told = None,
    all_series: bool = False,
    trusted: bool = False,
) -> UploadedStudies:
    """The studies of files sent as bytes, by name: DICOM, PNG and zip archives of them.

    A study that is refused (two patients under one id, pictures that are no lumbar MR) stands in
    `refused` and the others are read all the same; where not one can be read its InputError is
    raised. `trusted` as in `read_study`. Raises as `find_uploaded` does, and ViewError where
    `views` is one view and there are several studies. To read one study after
    the other, each with its own outcome, call `find_uploaded` and `read_study(study, files=files)`.
    """
    read = partial(
        read_study, recognise=recognise, views=views, all_series=all_series, trusted=trusted
    )
    studies: list[Study] = []
    refused: list[RefusedStudy] = []
    found = find_uploaded(uploads, trusted=trusted)
    of_one_study(views, len(found))
    for study, files in found:
        try:
            studies.append(read(study, files=files))
        except InputError as error:
            refused.append(RefusedStudy(study.study_id, error))
    if not studies:
        raise refused[0].error
    return UploadedStudies(tuple(studies), tuple(refused))


def find_uploaded(
    uploads: Mapping[str, bytes],
    *,
    trusted: bool = False,
    limits: ArchiveLimits = UPLOADED,
    heed: Heed = None,
) -> list[tuple[StudyFiles, Files]]:
    """The studies of files sent as bytes, with the files that `read_study` opens them from.

    A DICOM study that came in several archives is one. `limits` are those of each archive. An
    archive that cannot be used beside others that can is a study of its own without pictures, whose
    reading raises the reason. `heed`: see `find.Heed`. Raises FormatError where there is no picture
    among all the files, or the only archive exceeds its limits.
    """
    if not uploads:
        raise FormatError("nothing was sent; send DICOM or PNG files, or a zip of them")
    archives = {name: data for name, data in uploads.items() if data[:4] == b"PK\x03\x04"}
    plain = MemoryFiles({name: data for name, data in uploads.items() if name not in archives})
    found: list[tuple[StudyFiles, Files]] = []
    unused: list[tuple[str, FormatError]] = []
    for name in ["", *archives] if plain.files else archives:
        try:
            files: Files = ZipFiles(archives[name], name, limits) if name else plain
            found += [(study, files) for study in find_in(files, trusted=trusted, heed=heed)]
        except FormatError as error:
            unused.append((name, error))
    if not found:
        raise unused[0][1]
    found = _joined(found, trusted, heed)
    return [*found, *((_without_pictures(name, error), plain) for name, error in unused)]


def _joined(
    found: Sequence[tuple[StudyFiles, Files]], trusted: bool, heed: Heed
) -> list[tuple[StudyFiles, Files]]:
    """The same studies, one that came in several archives as one of all its files.

    Only a StudyInstanceUID says that they are one; folders of pictures may be called alike.
    """
    times = Counter(study.study_id for study, _ in found if _is_uid(study))
    parted = {study_id for study_id, n in times.items() if n > 1}
    if not parted:
        return list(found)
    files = JoinedFiles({one.uri: one for study, one in found if study.study_id in parted})
    whole = find_in(files, trusted=trusted, heed=heed)
    return [
        *((study, one) for study, one in found if study.study_id not in parted),
        *((study, files) for study in whole if study.study_id in parted),
    ]


def _is_uid(study: StudyFiles) -> bool:
    return "." in study.study_id and not study.study_id.strip("0123456789.")


def _without_pictures(archive: str, error: FormatError) -> StudyFiles:
    """A study in place of an archive, or of the files beside the archives, that holds none."""
    name = archive or "files beside the archives"
    aside = SetAside(name, str(error).removeprefix(f"{name}: "), damaged=True)
    return StudyFiles(name, "upload", (), False, (), (aside,))
