"""The bar's lines 19 and 22 through the API: what reading promises, answers keep."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from hostile import NASTY, members, nasty_study, two_patients
from identify import says
from jobs_of import JOBS, changed, ended, send
from starlette.testclient import TestClient
from zips import zipped

from serve.example import Example


def result(client: TestClient, job: Mapping[str, Any], form: str = "json") -> str:
    found = ended(client, dict(job))
    assert found["state"] == "done", found
    return client.get(f"{job['address']}/result.{form}").text


def graded(answer: Mapping[str, Any]) -> list[tuple[str | None, str]]:
    return [(finding["severity"], finding["reason"]) for finding in answer["findings"]]


def test_bar_19_two_patients_in_one_upload_are_two_results_and_never_mixed(
    client: TestClient,
) -> None:
    apart, together = two_patients()
    alone = {}
    for uid, archive in apart.items():
        (job,) = send(client, ("one.zip", archive))
        alone[uid] = json.loads(result(client, job))
    both = [json.loads(result(client, job)) for job in send(client, ("both.zip", together))]
    assert sorted(answer["study_id"] for answer in both) == sorted(apart)
    for answer in both:
        other = alone[answer["study_id"]]
        assert graded(answer) == graded(other)
        assert [s["series_id"] for s in answer["series"]] == [
            s["series_id"] for s in other["series"]
        ]


def test_bar_19_two_patients_under_one_study_are_refused(
    client: TestClient, example: Example
) -> None:
    files = members(example.archive.read_bytes())
    first = next(iter(files))
    files[first] = changed(files[first], PatientID="another")
    (job,) = client.post(JOBS, files={"file": ("mixed.zip", zipped(files))}).json()["jobs"]
    failed = ended(client, job)
    assert (failed["state"], failed["problem"]["status"]) == ("failed", 422)
    assert "so as not to mix patients" in failed["problem"]["detail"]


def test_bar_22_nasty_text_is_escaped_or_not_shown(client: TestClient, example: Example) -> None:
    archive = nasty_study(members(example.archive.read_bytes()), "QUOKKA")
    (job,) = send(client, ("study.zip", archive))
    answer = json.loads(result(client, job))
    assert [one["file"] for one in answer.pop("set_aside")] == [f"{NASTY}.dcm"]
    assert not says(json.dumps(answer), "onerror")
    for form in ("csv", "html"):
        text = result(client, job, form)
        assert "<img src=x" not in text
        assert not says(text, "QUOKKA")
