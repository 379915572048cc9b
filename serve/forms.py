"""The forms in which a result can be saved: each is written by its module of lumbar.reports."""

from __future__ import annotations

from datetime import datetime

from lumbar.errors import InputError
from lumbar.reports.provenance import Provenance
from lumbar.reports.result_csv import result_csv
from lumbar.reports.result_html import result_html
from lumbar.reports.source_headers import SourceHeaders
from serve.answer import Answer
from serve.problems import Problem
from serve.restore import grades_of
from serve.troubles import no_report

__all__ = ["FORM_OF", "KINDS", "written"]

KINDS = {
    "json": "application/json",
    "csv": "text/csv; charset=utf-8",
    "html": "text/html; charset=utf-8",
    "dcm": "application/dicom",
}
FORM_OF = {kind.partition(";")[0]: form for form, kind in KINDS.items()}


def written(
    form: str, answer: Answer, headers: SourceHeaders | None, when: datetime | None = None
) -> bytes | Problem:
    """A result as a file of `form` (csv, html, dcm).

    The last needs what the files' headers say, and when the study was sent.
    """
    grades = grades_of(answer)
    provenance = Provenance(answer.bundle, answer.model.trained_on)
    if form == "csv":
        return result_csv(grades, provenance).encode()
    if form == "html":
        return result_html(grades, provenance).encode()
    if headers is None:
        return no_report("the study came without DICOM headers")
    from lumbar.reports.sr import sr_bytes  # brings highdicom, which takes a second

    try:
        return sr_bytes(grades, headers, provenance, when)
    except InputError as error:
        return no_report(str(error))
