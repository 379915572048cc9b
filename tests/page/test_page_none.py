"""A scan without degeneration: the words that come first, and the table under them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import pytest
from page_deeds import assert_accessible, headline, upload
from playwright.sync_api import Page, expect
from said_bundle import bundle_saying

from lumbar.grading.bundle import Bundle
from serve.example import VIEW, Example

pytestmark = [pytest.mark.ray, pytest.mark.slow]


@pytest.fixture(scope="module")
def address(
    served: Callable[[Bundle], AbstractContextManager[str]],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[str]:
    with served(bundle_saying(tmp_path_factory.mktemp("healthy"), {})) as address:
        yield address


@pytest.mark.parametrize(
    ("kind", "view", "least"), [("png", VIEW.value, 5), ("dicom", "", 5), ("archive", "", 15)]
)
def test_case_3_no_degeneration_is_said_first(
    opened: Page, scan: Example, kind: str, view: str, least: int
) -> None:
    upload(opened, getattr(scan, kind), view=view)
    assert headline(opened) == "No degeneration"
    cells = opened.get_by_role("grid").get_by_role("button")
    spoken = [cell.get_attribute("aria-label") or "" for cell in cells.all()]
    graded = sum(": Normal/Mild. Probabilities: " in words for words in spoken)
    assert graded >= least
    assert sum("not assessed, " in words for words in spoken) == 25 - graded
    under = opened.locator(".headline p").first
    expect(under).to_contain_text(
        f"In {graded} findings graded by a model never tested on patients"
    )
    if graded < 25:
        expect(under).to_contain_text(f"{25 - graded} not assessed")
    assert_accessible(opened, f"no degeneration, {kind}")
