"""What a person does on the page, for its tests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page, expect

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]

OUTSIDE_PICTURES = {"exclude": [[".overlay"]]}


def button(page: Page, name: str) -> Locator:
    return page.get_by_role("button", name=name, exact=True)


def choose(page: Page, *files: Path | dict[str, Any]) -> None:
    """Take files in the browser's dialog of "Choose files"."""
    with page.expect_file_chooser() as chooser:
        button(page, "Choose files").click()
    chooser.value.set_files(list(files))  # type: ignore[arg-type]


def upload(page: Page, *files: Path, view: str = "") -> None:
    """Send files and wait for the result of their one study."""
    choose(page, *files)
    if view:
        page.get_by_label("What the PNG shows").select_option(view)
    button(page, "Upload").click()
    expect(button(page, "Save result")).to_be_visible(timeout=90_000)


def save(page: Page, form: str) -> bytes:
    """What "Save result" hands to the browser."""
    button(page, "Save result").click()
    with page.expect_download() as download:
        page.get_by_role("group", name="Save as").get_by_role("button", name=form).click()
    return Path(download.value.path()).read_bytes()


def headline(page: Page) -> str:
    return page.get_by_role("heading", level=1).inner_text().strip()


@contextmanager
def nothing_sent(page: Page) -> Iterator[None]:
    """What happens inside asks the server for nothing but reading."""
    sent: list[str] = []
    page.on(
        "request", lambda request: sent.append(request.url) if request.method != "GET" else None
    )
    yield
    assert not sent


def assert_accessible(page: Page, screen: str) -> None:
    """Axe finds nothing, neither by day nor by night.

    Left out are the letters over a picture, white with a black edge: axe takes the page's colour
    for what lies under them.
    """
    for theme in ("light", "dark"):
        page.get_by_label("Theme").select_option(theme)
        found = Axe().run(page, context=OUTSIDE_PICTURES, options={"runOnly": RULES})
        assert found.violations_count == 0, f"{screen}, {theme}:\n{found.generate_report()}"
