"""Pictures without headers: what may be said of them."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from page_deeds import button, choose
from playwright.sync_api import Page, expect
from said_bundle import bundle_saying

from lumbar.grading.bundle import Bundle
from serve.example import Example

pytestmark = [pytest.mark.ray, pytest.mark.slow]


@pytest.fixture(scope="module")
def address(
    served: Callable[[Bundle], AbstractContextManager[str]],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[str]:
    with served(bundle_saying(tmp_path_factory.mktemp("pictures"), {})) as address:
        yield address


def choose_folder(page: Page, folder: Path) -> None:
    with page.expect_file_chooser() as chooser:
        button(page, "Choose a folder").click()
    chooser.value.set_files(folder)
    expect(button(page, "Upload")).to_be_enabled()


def test_a_view_may_be_said_of_one_series_alone(
    opened: Page, scan: Example, tmp_path: Path
) -> None:
    field = opened.get_by_label("What the PNG shows")
    choose(opened, scan.png)
    expect(field).to_be_visible()
    choose(opened, scan.png, scan.dicom)
    expect(opened.get_by_text("2 files")).to_be_visible()
    expect(field).to_have_count(0)
    for name in ("t1", "t2"):
        (tmp_path / "study" / name).mkdir(parents=True)
        shutil.copy(scan.png, tmp_path / "study" / name / "1.png")
    choose_folder(opened, tmp_path / "study" / "t1")
    expect(field).to_be_visible()
    choose_folder(opened, tmp_path / "study")
    expect(opened.get_by_text("2 files")).to_be_visible()
    expect(field).to_have_count(0)


def test_a_view_that_was_said_of_an_earlier_choice_is_not_sent(opened: Page, scan: Example) -> None:
    """Else a choice that hides the field would be refused for what nobody sees."""
    choose(opened, scan.png)
    opened.get_by_label("What the PNG shows").select_option("sagittal_t1")
    choose(opened, scan.png, scan.dicom)
    expect(opened.get_by_text("2 files")).to_be_visible()
    with opened.expect_request("**/api/v1/jobs*") as request:
        button(opened, "Upload").click()
    assert request.value.url.endswith("/jobs")
