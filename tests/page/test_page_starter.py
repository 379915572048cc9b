"""The bundle that ships, by every way to it: page, API, `jobs/score.py`, `Grader.grade`."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import zipfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pydicom
import pytest
from page_deeds import save, upload
from playwright.sync_api import Page, expect
from programs import program

import lumbar
from jobs import score
from lumbar.domain import CELLS, Severity, StudyGrades
from lumbar.grading.bundle import Bundle
from lumbar.grading.shipped import starter_path
from lumbar.phantom import make_study, zip_study
from lumbar.reports.schema import read_grades
from serve.example import Example

pytestmark = [pytest.mark.ray, pytest.mark.nightly]
REAL = pytest.param("44036939", marks=pytest.mark.real)


@dataclass(frozen=True)
class Row:
    """One of the 25 rows, as every way tells it."""

    column: str
    severity: str | None
    status: str
    reason: str


Rows = tuple[list[Row], list[float]]
"""The 25 rows, and beside them all probabilities one after another."""


@pytest.fixture(scope="module", autouse=True)
def usual_engine() -> Iterator[None]:
    """The engine that people have, which adds up alike on one thread and on two; torch does not."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("LUMBAR_ENGINE", raising=False)
        yield


@pytest.fixture(scope="module")
def address(served: Callable[[Bundle], AbstractContextManager[str]]) -> Iterator[str]:
    with served(Bundle.load(starter_path())) as address:
        yield address


@pytest.fixture(scope="module")
def real_archive(lumbar_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A patient's whole study as the zip that a reader would send."""
    folder = lumbar_data / "rsna_full" / "test_images"
    packed = tmp_path_factory.mktemp("real") / "44036939.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        for file in sorted((folder / "44036939").rglob("*.dcm")):
            archive.write(file, file.relative_to(folder))
    return packed


@pytest.fixture
def archive(request: pytest.FixtureRequest, scan: Example) -> Path:
    if request.param == "phantom":
        return scan.archive
    return Path(request.getfixturevalue("real_archive"))


def of_json(answer: dict[str, Any]) -> Rows:
    rows = [
        Row(f"{f['condition']}_{f['level']}", f["severity"], f["status"], f["reason"])
        for f in answer["findings"]
    ]
    shares = [f["probabilities"] for f in answer["findings"] if f["probabilities"]]
    return rows, [share[s.column] for share in shares for s in Severity]


def of_grades(grades: StudyGrades) -> Rows:
    rows = [
        Row(f.cell.column, f.severity.label if f.severity is not None else None, f.status, f.reason)
        for f in grades.findings
    ]
    return rows, [p for f in grades.findings for p in f.probabilities or ()]


def of_table(path: Path) -> Rows:
    table = read_grades(path).to_pylist()
    rows = [
        Row(f"{r['condition']}_{r['level']}", r["severity"], r["status"], r["reason"])
        for r in table
    ]
    told = [r[f"p_{s.column}"] for r in table for s in Severity]
    return rows, [p for p in told if p is not None]


def shown(page: Page) -> dict[str, str]:
    """What the grid's cells say, by the column of the finding."""
    cells = page.get_by_role("grid").get_by_role("button").all()
    spoken = [cell.get_attribute("aria-label") or "" for cell in cells]
    names = [words.partition(":")[0] for words in spoken]
    columns = {
        f"{cell.level.words}, {cell.condition.value.replace('_', ' ').capitalize()}": cell.column
        for cell in CELLS
    }
    return {columns[name]: words for name, words in zip(names, spoken, strict=True)}


@pytest.mark.parametrize("archive", ["phantom", REAL], indirect=True)
def test_page_api_job_and_grader_give_the_same_25_rows(
    opened: Page, address: str, archive: Path, tmp_path: Path
) -> None:
    upload(opened, archive)
    told = shown(opened)
    rows, shares = of_json(json.loads(save(opened, "JSON")))
    assert [row.column for row in rows] == [cell.column for cell in CELLS]
    for row in rows:
        grade = f": {row.severity}. " if row.severity else f": not assessed, {row.reason}"
        assert grade in told[row.column]
    answer = httpx.post(
        f"{address}/api/v1/grade",
        files={"file": ("study.zip", archive.read_bytes())},
        trust_env=False,
        timeout=90,
    )
    line = ["--input", str(archive), "--output", str(tmp_path / "out"), "--actors", "1"]
    assert score.main(score.parser().parse_args(line))["studies"] == 1
    direct = lumbar.Grader.starter().grade(lumbar.read_study(archive))
    for others, probabilities in (
        of_json(answer.json()),
        of_table(tmp_path / "out" / "grades.parquet"),
        of_grades(direct),
    ):
        assert others == rows
        assert probabilities == pytest.approx(shares, abs=1e-4)


def test_a_grade_above_the_likeliest_says_so_where_it_stands(opened: Page, tmp_path: Path) -> None:
    study = tmp_path / "study.zip"
    study.write_bytes(zip_study(make_study(3, 8)))
    upload(opened, study)
    told = shown(opened)
    weighed = [cell for cell, words in told.items() if "Above the likeliest grade" in words]
    assert weighed
    expect(opened.locator(".headline")).to_contain_text("a grade above the likeliest one")
    expect(opened.locator(".cell .share", has_text="↑")).to_have_count(len(weighed))
    opened.locator(".cell", has_text="↑").first.click()
    expect(opened.locator(".card")).to_contain_text("is likelier: the model's rule counts")


@pytest.mark.real
def test_a_real_study_has_its_grid_its_slices_and_four_files_that_open(
    opened: Page, real_archive: Path, tmp_path: Path
) -> None:
    upload(opened, real_archive)
    words = shown(opened)
    graded = sum("Probabilities: " in told for told in words.values())
    assert graded > 20
    expect(opened.get_by_role("tab")).to_have_count(3)
    canvas = opened.locator("canvas")
    for tab, one in zip(opened.get_by_role("tab").all(), series_of(opened), strict=True):
        tab.click()
        expect(canvas).not_to_have_class("coming")
        size = canvas.evaluate("canvas => [canvas.width, canvas.height]")
        assert size == [one["columns"], one["rows"]]
    opened.get_by_role("button", name="L4/L5, Left neural foraminal narrowing").click()
    expect(opened.locator(".overlay .crop")).to_have_count(1)
    expect(opened.locator(".overlay .heat")).to_have_count(1)
    answer = json.loads(save(opened, "JSON"))
    assert answer["study_id"] == "44036939"
    rows = list(csv.DictReader(io.StringIO(save(opened, "CSV").decode("utf-8-sig"))))
    assert [row["severity"] for row in rows] == [f["severity"] or "" for f in answer["findings"]]
    report = tmp_path / "report.html"
    report.write_bytes(save(opened, "HTML"))
    assert_report_opens(opened, report, answer)
    document = tmp_path / "report.dcm"
    document.write_bytes(save(opened, "DICOM SR"))
    assert_report_is_sound(document)


def series_of(page: Page) -> list[dict[str, Any]]:
    """What the server says of the series of the study whose result is open."""
    job = page.url.rpartition("/")[2]
    answer = page.request.get(f"{page.url.partition('#')[0]}api/v1/jobs/{job}/series")
    return list(answer.json()["series"])


def assert_report_opens(page: Page, file: Path, answer: dict[str, Any]) -> None:
    """The saved page stands alone: another tab without a server shows the headline."""
    alone = page.context.browser.new_page()  # type: ignore[union-attr]
    alone.goto(file.as_uri())
    expect(alone.get_by_text(answer["headline"]["title"], exact=True).first).to_be_visible()
    expect(alone.get_by_text("Research use only - not a medical device").first).to_be_visible()
    alone.close()


def assert_report_is_sound(file: Path) -> None:
    """A Structured Report of the study, without errors but the illegal UIDs that came with it."""
    document = pydicom.dcmread(file)
    assert document.Modality == "SR"
    assert document.StudyInstanceUID == "44036939"
    checker = program("dciodvfy", "dicom3tools")
    said = subprocess.run([checker, file], capture_output=True, text=True, check=False)
    wrong = [line for line in said.stderr.splitlines() if line.startswith("Error")]
    assert [line for line in wrong if "illegal root" not in line.lower()] == []
