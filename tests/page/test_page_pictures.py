"""Pictures without headers: what may be said of them, and which of them is shown."""

from __future__ import annotations

import io
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
import pytest
from page_deeds import button, choose, upload
from PIL import Image
from playwright.sync_api import Page, expect
from said_bundle import bundle_saying

from lumbar.grading.bundle import Bundle
from lumbar.imaging.png import encode_png
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


def test_of_pictures_that_are_called_alike_the_graded_one_is_shown(
    opened: Page, scan: Example, tmp_path: Path
) -> None:
    empty, picture = tmp_path / "1.PNG", tmp_path / "1.png"
    picture.write_bytes(scan.png.read_bytes())
    with Image.open(io.BytesIO(scan.png.read_bytes())) as known:
        empty.write_bytes(encode_png(np.zeros_like(np.asarray(known))))
    upload(opened, empty, picture, view="sagittal_t2")
    place = opened.get_by_role("slider", name="Slice")
    expect(place).to_have_value("1")
    expect(opened.locator(".overlay .point.current")).to_have_count(1)
    expect(opened.get_by_text("slice 2 of 2").first).to_be_visible()
    place.fill("0")
    expect(opened.locator(".overlay .point")).to_have_count(0)
    expect(opened.locator(".elsewhere")).to_contain_text("slice 2")
