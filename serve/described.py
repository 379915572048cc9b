"""What the OpenAPI says and FastAPI does not know: problems, files, links from answer to route."""

from __future__ import annotations

from typing import Any

from serve.problems import PROBLEM_JSON

__all__ = [
    "ANY",
    "ENDED_BADLY",
    "KEPT_JOB",
    "UPLOAD",
    "Answers",
    "body",
    "form",
    "links",
    "problems",
    "stream",
]

Answers = dict[int | str, dict[str, Any]]
"""FastAPI's `responses`: by status."""

WORDS = {
    400: "The body is damaged, or there is no file in it",
    401: "A key is needed",
    403: "A page of another site has made the request",
    404: "There is no such thing of this caller's",
    408: "The body did not arrive in its time",
    409: "There is no result yet",
    410: "Erased, expired, or not to be made any more",
    413: "Larger than a limit",
    415: "Another content type, or no DICOM, PNG or zip among the files",
    421: "The Host header names another machine",
    422: "A parameter does not fit, or the files cannot be used",
    431: "The header fields are larger than their limit",
    500: "A defect",
    503: "Busy or not ready; Retry-After says when to try again",
    504: "The upload or the study took too long",
    507: "There is no room to keep the result",
}

ANY = (401, 403, 421, 422, 431, 500)
"""What any request can meet."""
UPLOAD = (400, 408, 413, 415, 503, 504, 507)
"""What a request that sends files can meet beside."""
KEPT_JOB = (404, 410)
"""What a request for a job can meet beside."""
ENDED_BADLY = (*KEPT_JOB, 409, 413, 415, 503, 504, 507)
"""What a request for a job's result can meet: where the job failed, the answer is its problem."""


def problems(*codes: int) -> Answers:
    """Problems (RFC 9457) by their status."""
    schema = {"schema": {"$ref": "#/components/schemas/Problem"}}
    return {code: {"description": WORDS[code], "content": {PROBLEM_JSON: schema}} for code in codes}


def body(*kinds: str, code: int = 200) -> Answers:
    """An answer that is a file of one of these media types."""
    text = {"schema": {"type": "string"}}
    octets = {"schema": {"type": "string", "format": "binary"}}
    return {code: {"content": {k: text if k.startswith("text/") else octets for k in kinds}}}


def stream() -> Answers:
    """Server-sent events, each a name and a job as JSON; `gone` has a problem in its place."""
    names = {"type": "string", "enum": ["progress", "done", "failed", "gone"]}
    event = {"type": "object", "properties": {"event": names, "data": {"type": "string"}}}
    return {200: {"content": {"text/event-stream": {"schema": event}}}}


def form() -> dict[str, Any]:
    """The request of an upload: one file or many, under any field name; `file` by custom."""
    files = {"type": "array", "minItems": 1, "items": {"type": "string", "format": "binary"}}
    schema = {"type": "object", "required": ["file"], "properties": {"file": files}}
    return {
        "requestBody": {"required": True, "content": {"multipart/form-data": {"schema": schema}}}
    }


def links(job_id: str) -> dict[str, Any]:
    """Where to go on with a job whose id stands at `job_id` of the answer (a JSON pointer)."""
    job = {"job_id": f"$response.body#{job_id}"}
    first = {"slice_picture": {"series": 0, "number": 0}}
    operations = ("see", "follow", "result", "series", "slice_picture", "erase")
    return {
        name: {"operationId": name, "parameters": job | first.get(name, {})} for name in operations
    }
