"""STOW-RS in (PS3.18 10.5): a PACS or gateway sends instances, whole studies are graded.

What is answered at once is only that the instances have arrived. Their study counts as complete
once nothing more of it has come for `quiet_s` (`gather.py`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any

from fastapi import APIRouter, Request, Response
from pydicom.dataset import Dataset

from serve.described import UPLOAD, Answers, problems
from serve.gather import Gathering
from serve.instances import Received, receive_parts, recognised
from serve.job_routes import Room
from serve.settings import Limits

__all__ = [
    "CANNOT_UNDERSTAND",
    "OTHER_INSTANCE",
    "OTHER_STUDY",
    "dicomweb_routes",
    "stow_answer",
]

OTHER_STUDY, CANNOT_UNDERSTAND = 0xA900, 0xC000
"""Failure reasons (PS3.18 table I.2-2)."""
OTHER_INSTANCE = 0x0111
"""Duplicate SOP Instance (PS3.7 annex C), for which that table has no reason: other bytes under the
UIDs of an instance that is kept."""

ANONYMOUS = "dicomweb"
"""Whose jobs they are where there are no keys: a PACS brings no cookie."""

DICOM_JSON = "application/dicom+json"
BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            'multipart/related; type="application/dicom"': {
                "schema": {"type": "string", "format": "binary"}
            }
        },
    }
}
ANSWERS: Answers = problems(*UPLOAD) | {
    code: {"description": words, "content": {DICOM_JSON: {"schema": {"type": "object"}}}}
    for code, words in (
        (200, "All instances were taken"),
        (202, "Some instances were refused"),
        (409, "All instances were refused"),
    )
}


def dicomweb_routes(gathering: Gathering, limits: Limits, arriving: Room) -> APIRouter:
    """`POST /dicomweb/studies` and `/dicomweb/studies/{study}`; a place of `arriving` for each."""
    routes = APIRouter(prefix="/api/v1/dicomweb")

    @routes.post("/studies", response_class=Response, responses=ANSWERS, openapi_extra=BODY)
    async def store(request: Request) -> Response:
        """Store instances (STOW-RS); their studies are graded once they are complete."""
        return await _stored(request, "")

    @routes.post("/studies/{study}", response_class=Response, responses=ANSWERS, openapi_extra=BODY)
    async def store_in(request: Request, study: str) -> Response:
        """Store instances of one study; those of another are refused."""
        return await _stored(request, study)

    async def _stored(request: Request, study: str) -> Response:
        async with arriving.place():
            parts = await receive_parts(request, limits)
            received = await asyncio.to_thread(recognised, parts)
        refused: dict[int, int] = {}
        for number, one in enumerate(received):
            if not (one.study and one.sop):
                refused[number] = CANNOT_UNDERSTAND
            elif study and one.study != study:
                refused[number] = OTHER_STUDY
        taken = [number for number in range(len(received)) if number not in refused]
        owner = request.state.owner or ANONYMOUS
        for place in gathering.add(owner, [received[number] for number in taken]):
            refused[taken[place]] = OTHER_INSTANCE
        return _response(received, refused)

    return routes


def stow_answer(taken: Iterable[Received], failed: Iterable[tuple[Received, int]]) -> Dataset:
    """The Store Instances Response (PS3.18 I.2): what was taken, and what was not and why."""
    answer = Dataset()
    answer.ReferencedSOPSequence = [_reference(one) for one in taken]
    items = []
    for one, reason in failed:
        item = _reference(one)
        item.FailureReason = reason
        items.append(item)
    if items:
        answer.FailedSOPSequence = items
    return answer


def _response(received: Sequence[Received], refused: dict[int, int]) -> Response:
    answer = stow_answer(
        [one for number, one in enumerate(received) if number not in refused],
        [(received[number], reason) for number, reason in sorted(refused.items())],
    )
    status = 200 if not refused else 409 if len(refused) == len(received) else 202
    return Response(answer.to_json(), status, media_type=DICOM_JSON)


def _reference(one: Received) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID = one.sop_class
    item.ReferencedSOPInstanceUID = one.sop
    return item
