"""One study of an upload, on its way to the model: where its files are among the bytes sent."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass

from lumbar.imaging import StudyFiles, find_uploaded
from lumbar.imaging.archives import ArchiveLimits, ZipFiles
from lumbar.imaging.files import Files, MemoryFiles
from serve.settings import Limits
from serve.upload import Upload, check_archives

__all__ = ["SentStudy", "Stopped", "studies_sent"]


class Stopped(Exception):  # noqa: N818 - no error: nobody waits for the answer any more
    """Raised in a thread of work whose caller has gone."""


@dataclass(frozen=True, slots=True)
class SentStudy:
    """A study and its bytes: an archive that holds it, or its files by name (also where it came in
    several archives).

    Plain values, so that it travels to another process. `names` gives a file the name that it was
    sent under.
    """

    study: StudyFiles
    archive: bytes | None
    files: Mapping[str, bytes]
    names: Mapping[str, str]

    @property
    def bytes(self) -> int:
        """Bytes that are held for it."""
        return len(self.archive or b"") + sum(map(len, self.files.values()))

    def open(self, limits: ArchiveLimits) -> Files:
        """What `read_study` opens the study's files from."""
        if self.archive is None:
            return MemoryFiles(self.files)
        return ZipFiles(self.archive, self.study.uri, limits)


def studies_sent(
    upload: Upload, limits: Limits, stop: threading.Event | None = None
) -> list[SentStudy]:
    """The studies of an upload, by headers alone.

    Raises Refused where the archives are beyond a limit, FormatError where no file is a picture,
    and Stopped at the next file or batch of files once `stop` is set.
    """

    def heed() -> None:
        if stop is not None and stop.is_set():
            raise Stopped

    check_archives(upload.files, limits)
    found = find_uploaded(upload.files, limits=limits.archive, heed=heed)
    return [_sent(study, files, upload) for study, files in found]


def _sent(study: StudyFiles, files: Files, upload: Upload) -> SentStudy:
    if isinstance(files, ZipFiles):
        return SentStudy(study, upload.files[study.uri], {}, upload.names)
    named = {name: files.read(name) for name in study.files}
    return SentStudy(study, None, named, upload.names)
