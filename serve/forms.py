"""The forms in which a result can be saved: each is written by its module of lumbar.reports."""

from __future__ import annotations

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


def written(form: str, answer: Answer, headers: SourceHeaders | None) -> bytes | Problem:
    """A result as a file of `form` (csv, html, dcm); the last needs what the files' headers say."""
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
        return sr_bytes(grades, headers, provenance)
    except InputError as error:
        return no_report(str(error))
