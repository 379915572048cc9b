"""The OpenAPI says what is answered: problems as problems, methods, where to go on."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

DOCS = Path(__file__).resolve().parents[2] / "docs" / "api.md"
JOBS = "/api/v1/jobs"
PROBLEM = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}


@pytest.fixture
def described(client: TestClient) -> dict[str, Any]:
    return dict(client.get("/api/v1/openapi.json").json())


def operations(described: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def test_what_fails_is_described_as_a_problem(described: dict[str, Any]) -> None:
    for name, operation in operations(described):
        for code, answer in operation["responses"].items():
            if code >= "400" and not (code == "409" and "dicomweb" in name):
                assert answer["content"] == PROBLEM, f"{name} {code}"


def test_links_lead_to_routes_with_the_parameters_that_they_take(described: dict[str, Any]) -> None:
    takes = {
        operation["operationId"]: {one["name"] for one in operation.get("parameters", ())}
        for _, operation in operations(described)
    }
    linked = [
        link
        for _, operation in operations(described)
        for answer in operation["responses"].values()
        for link in answer.get("links", {}).values()
    ]
    assert {"see", "result", "slice_picture"} <= {link["operationId"] for link in linked}
    for link in linked:
        assert set(link["parameters"]) <= takes[link["operationId"]], link


@pytest.mark.parametrize(("path", "methods"), [("", "GET, POST"), ("/unknown", "DELETE, GET")])
def test_a_wrong_method_is_told_all_that_the_path_takes(
    client: TestClient, path: str, methods: str
) -> None:
    response = client.put(JOBS + path)
    assert (response.status_code, response.headers["allow"]) == (405, methods)


def test_broken_json_is_told_where_the_routes_are_described(client: TestClient) -> None:
    head = {"Content-Type": "application/json"}
    response = client.post(f"{JOBS}/unknown/feedback", content=b'"\xff', headers=head)
    assert (response.status_code, response.json()["title"]) == (400, "Malformed request")
    assert "openapi.json" in response.json()["hint"]


def test_docs_api_md_has_a_command_for_every_route(described: dict[str, Any]) -> None:
    shown = set()
    text = DOCS.read_text(encoding="utf-8").replace("\\\n", "")
    text = text.replace("$JOB", f"$SERVER{JOBS}/1")
    for line in re.findall(r"^curl .*", text, re.MULTILINE):
        address = re.search(r"\$SERVER(/[^\s?\"]*)", line)
        assert address is not None, line
        post = "POST" if re.search(r" (-F|-d|--data-binary) ", line) else "GET"
        shown.add(f"{'DELETE' if ' -X DELETE ' in line else post} {address[1]}")
    routes = {name: re.sub(r"{\w+}", "[^/]+", name) for name, _ in operations(described)}
    silent = {
        name for name, form in routes.items() if not any(re.fullmatch(form, s) for s in shown)
    }
    assert silent == {"POST /api/v1/dicomweb/studies/{study}"}
    assert "`.../studies/{study}`" in text
