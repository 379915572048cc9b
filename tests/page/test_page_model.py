"""Which model the page names."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from page_deeds import button, upload
from playwright.sync_api import Browser, expect
from said_bundle import bundle_saying

from lumbar.domain import Level, Severity
from lumbar.grading.bundle import Bundle
from serve.__main__ import serving
from serve.example import Example
from serve.settings import KeepSettings, ServeArguments

pytestmark = [pytest.mark.ray, pytest.mark.slow]


@contextmanager
def served_from(bundle: Bundle, folder: Path) -> Iterator[str]:
    """The address of a server of this bundle, over the jobs of a folder."""
    arguments = ServeArguments(
        bundle=bundle.path, precision="fp32", keep=KeepSettings(folder=folder)
    )
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = int(probe.getsockname()[1])
    with serving(arguments, port=port) as address:
        yield address


def test_below_a_result_stands_the_model_that_made_it(
    local_ray: None, browser: Browser, scan: Example, tmp_path: Path
) -> None:
    before = bundle_saying(tmp_path / "before", {})
    after = bundle_saying(tmp_path / "after", {Level.L4_L5: Severity.SEVERE})
    assert before.name != after.name
    page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
    foot = page.locator("footer")
    with served_from(before, tmp_path / "jobs") as address:
        page.goto(address)
        upload(page, scan.dicom)
        expect(foot).to_contain_text(before.name)
        expect(foot.get_by_role("link", name="Its card")).to_be_visible()
        result = page.evaluate("location.hash")
    with served_from(after, tmp_path / "jobs") as address:
        page.goto(f"{address}/{result}")
        expect(button(page, "Save result")).to_be_visible()
        expect(foot).to_contain_text(before.name)
        expect(foot).to_contain_text("The server has another one now")
        expect(foot).not_to_contain_text(after.name)
        page.get_by_role("link", name="Back", exact=True).click()
        expect(foot).to_contain_text(after.name)
    page.context.close()
