"""Debian's Chromium at a live Serve."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from lumbar.grading.bundle import Bundle
from lumbar.pipelines.session import ray_session
from serve.__main__ import serving
from serve.example import Example, write_example
from serve.settings import KeepSettings, ServeArguments

CHROMIUM = Path("/usr/bin/chromium")
INSTALL = "apt-get install -y --no-install-recommends chromium"
QUIET = ("--disable-background-networking", "--disable-component-update", "--disable-sync")
PATIENCE_MS = 90_000
"""For what is on the screen: a study takes seconds, on a machine that does much else, minutes."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Ended with its module: while it is open, Playwright's event loop runs in this thread, and
    nobody else's can."""
    if not CHROMIUM.is_file():
        if os.environ.get("CI") == "true":
            pytest.fail(f"no {CHROMIUM}: {INSTALL}")
        pytest.skip(f"no {CHROMIUM}: {INSTALL}")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=str(CHROMIUM), args=["--headless", "--no-sandbox", *QUIET]
        )
        expect.set_options(timeout=PATIENCE_MS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def local_ray() -> Iterator[None]:
    """Of three cores in name: a replica holds one, and jobs/score.py beside it asks for two."""
    with ray_session(num_cpus=3, object_store_mb=250, dashboard=False, worker_output=False):
        yield


@pytest.fixture(scope="module")
def served(
    local_ray: None, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[Bundle], AbstractContextManager[str]]:
    """Serve a bundle; gives the address."""

    @contextmanager
    def serve(bundle: Bundle) -> Iterator[str]:
        keep = KeepSettings(folder=tmp_path_factory.mktemp("jobs"))
        arguments = ServeArguments(bundle=bundle.path, precision="fp32", keep=keep)
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = int(probe.getsockname()[1])
        with serving(arguments, port=port) as address:
            yield address

    return serve


@pytest.fixture(scope="session")
def scan(tmp_path_factory: pytest.TempPathFactory) -> Example:
    """A phantom study as a zip, one of its slices as DICOM and as PNG."""
    return write_example(tmp_path_factory.mktemp("scan"))


@pytest.fixture
def opened(browser: Browser, address: str) -> Iterator[Page]:
    """The first screen in a browser that nobody has used; fails where a request leaves."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.goto(address)
    yield page
    context.close()
    elsewhere = [url for url in asked if not re.match(rf"(blob:)?{re.escape(address)}/", url)]
    assert not elsewhere, f"requests that left the origin: {elsewhere}"
    assert not wrong, f"errors of the page's code: {wrong}"
