"""The problems that a job can have, in the words that its owner reads."""

from __future__ import annotations

from serve.problems import Problem, too_large
from serve.settings import Limits

__all__ = [
    "busy_client",
    "full_memory",
    "full_queue",
    "gone",
    "interrupted",
    "no_heat_map",
    "no_report",
    "no_such_job",
    "no_such_slice",
    "not_done",
    "not_erased",
    "storage_full",
    "too_many_streams",
    "too_many_studies",
    "took_long_to_look",
    "took_too_long",
]

AGAIN = "send it again after the seconds of the Retry-After header"
JOBS_HINT = "GET /api/v1/jobs lists the jobs of this key or, without keys, of this browser's cookie"


def no_such_job() -> Problem:
    """404: no job of this caller has that id."""
    detail = "no job of this caller has this id"
    return Problem.of("no-such-job", 404, "No such job", detail, JOBS_HINT)


def gone(why: str) -> Problem:
    """410: the job was `erased` by its owner or has `expired`."""
    detail = "the job was erased" if why == "erased" else "the job's time was up"
    detail += "; nothing of it is kept"
    return Problem.of("gone", 410, "Gone", detail, "send the study again to have it graded again")


def not_done() -> Problem:
    """409: the result is asked for before there is one."""
    detail = "the study is not graded yet"
    hint = "follow .../events, or ask again until the job's state is `done`"
    return Problem.of("not-done", 409, "Not done yet", detail, hint)


def interrupted() -> Problem:
    """503: the server was restarted while it worked on the job."""
    detail = "the server was restarted before the study was graded, and uploads are not kept"
    return Problem.of("interrupted", 503, "Interrupted, send again", detail, "send the study again")


def no_such_slice() -> Problem:
    """404: series or slice out of range."""
    detail = "the study has no such series or slice"
    hint = ".../series lists them; both are counted from 0"
    return Problem.of("no-such-slice", 404, "No such slice", detail, hint)


def no_heat_map() -> Problem:
    """404: the model made no heat map for this finding."""
    detail = "no heat map for this finding"
    hint = "findings that have one say so in `evidence.heatmap` of the result"
    return Problem.of("no-heat-map", 404, "No heat map", detail, hint)


def no_report(why: str) -> Problem:
    """410: the Structured Report cannot be made any more."""
    hint = "JSON, CSV and HTML are still there; send the study again for a Structured Report"
    return Problem.of("no-report", 410, "No Structured Report", why, hint)


def full_queue(limits: Limits) -> Problem:
    """503: as many jobs wait as may."""
    detail = f"{limits.queue} studies are waiting or being graded, which is as many as may"
    return Problem.of("queue-full", 503, "Busy", detail, AGAIN)


def full_memory(limits: Limits) -> Problem:
    """503: the uploads whose studies wait or are graded hold as much as they may."""
    most = f"{limits.held_bytes / 2**20:,.4g} MiB"
    detail = f"with this upload, the studies that wait or are graded would hold more than {most}"
    return Problem.of("busy", 503, "Busy", detail, AGAIN)


def busy_client(limits: Limits) -> Problem:
    """503: one caller has as many jobs waiting as they may."""
    detail = f"{limits.jobs_a_client} studies of this caller are waiting, which is as many as may"
    return Problem.of("client-busy", 503, "Busy", detail, AGAIN)


def too_many_streams(most: int, whose: str) -> Problem:
    """503: as many streams of events are open as may."""
    detail = f"{most} streams of events {whose} are open, which is as many as may"
    hint = "close one, or ask GET /api/v1/jobs/{id} now and then instead"
    return Problem.of("busy", 503, "Busy", detail, hint)


def storage_full() -> Problem:
    """507: there is no room for the result."""
    detail = "there is no room to keep the result; nothing of it was kept"
    hint = "erase jobs (DELETE), or have the operator make room or raise `keep.bytes`"
    return Problem.of("storage-full", 507, "No room for the result", detail, hint)


def took_long_to_look(limits: Limits) -> Problem:
    """504: the headers of an upload's files were not read in their time."""
    detail = f"it was not found out within {limits.study_s:g} s which studies the files are"
    hint = "send one study a request, its MRI series only"
    return Problem.of("took-too-long", 504, "Took too long", detail, hint)


def not_erased() -> Problem:
    """507: the disk is full or fails, and a job could not be erased."""
    detail = "the job could not be erased: the disk of the results is full or cannot be written"
    hint = "erase it again once the operator has made room; it is erased when its time is up"
    return Problem.of("storage-full", 507, "Not erased", detail, hint)


def too_many_studies(many: int, most: int) -> Problem:
    """413: an upload has more studies than one caller may have waiting."""
    detail = f"{many} studies in one request, of which {most} may wait at a time"
    return too_large("studies", detail, "send them in several requests")


def took_too_long(limits: Limits) -> Problem:
    """504: the study was not graded in its time."""
    detail = f"the study was not graded within {limits.study_s:g} s"
    hint = "send it again later, or only the series that are to be graded"
    return Problem.of("took-too-long", 504, "Took too long", detail, hint)
