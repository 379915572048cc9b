"""Draws docs/page.png, the README's picture of the page: a phantom's result, as a browser shows it.

python tools/page_picture.py --seed 3 --index 8 --output docs/page.png

Needs Debian's chromium. The study is sent through the page to a server that this starts.
"""

from __future__ import annotations

import argparse
import io
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from lumbar.grading.shipped import starter_path
from lumbar.phantom import make_study, zip_study
from serve.__main__ import serving
from serve.settings import KeepSettings, ServeArguments

CHROMIUM = "/usr/bin/chromium"
SIZE = {"width": 1440, "height": 900}
PATIENCE_MS = 180_000
SETTLED_MS = 3_000


def picture(address: str, study: Path, theme: str) -> bytes:
    """The result screen of a study as PNG."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--headless", "--no-sandbox"]
        )
        page = browser.new_page(viewport=SIZE, color_scheme=theme)  # type: ignore[arg-type]
        page.set_default_timeout(PATIENCE_MS)
        page.goto(address)
        page.locator("input[type=file]").first.set_input_files(study)
        page.get_by_role("button", name="Upload", exact=True).click()
        page.get_by_role("button", name="Save result").wait_for()
        page.locator(".overlay .heat").wait_for()
        page.wait_for_timeout(SETTLED_MS)
        shot = page.screenshot()
        browser.close()
    return shot


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--bundle", type=Path, default=starter_path(), help="as shipped")
    parser.add_argument("--seed", type=int, default=3)
    parser.add_argument("--index", type=int, default=8)
    parser.add_argument("--size", choices=["small", "full"], default="full")
    parser.add_argument("--theme", choices=["light", "dark"], default="light")
    parser.add_argument("--port", type=int, default=8017)
    parser.add_argument("--output", type=Path, default=Path("docs/page.png"))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        study = Path(folder) / "phantom.zip"
        study.write_bytes(zip_study(make_study(options.seed, options.index, options.size)))
        keep = KeepSettings(folder=Path(folder) / "jobs")
        arguments = ServeArguments(bundle=options.bundle.absolute(), keep=keep)
        with serving(arguments, port=options.port) as address:
            shot = picture(address, study, options.theme)
    # 256 colours are enough for a page that is mostly grey, at a third of the size; the few pixels
    # that are coloured must not be averaged away.
    few = Image.open(io.BytesIO(shot)).convert("RGB").quantize(256, Image.Quantize.MAXCOVERAGE)
    few.save(options.output, optimize=True)


if __name__ == "__main__":
    main()
