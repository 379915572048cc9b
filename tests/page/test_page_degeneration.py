"""A scan with degeneration, from the empty first screen to the saved result."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from hostile import NASTY, members, nasty_study, two_patients
from identify import says
from page_deeds import (
    assert_accessible,
    button,
    choose,
    headline,
    nothing_sent,
    save,
    upload,
)
from playwright.sync_api import Page, expect
from pydicom import dcmread
from said_bundle import bundle_saying

from lumbar.domain import Level, Severity
from lumbar.grading.bundle import Bundle
from lumbar.phantom import make_study, zip_study
from serve.example import VIEW, Example

pytestmark = [pytest.mark.ray, pytest.mark.slow]
SAID = {Level.L4_L5: Severity.SEVERE, Level.L5_S1: Severity.MODERATE}


@pytest.fixture(scope="module")
def address(
    served: Callable[[Bundle], AbstractContextManager[str]],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[str]:
    bundle = bundle_saying(tmp_path_factory.mktemp("degenerated"), SAID)
    with served(bundle) as address:
        yield address


def test_case_1_a_wrong_format_is_named_and_not_sent(opened: Page) -> None:
    photo = {"name": "scan.png", "mimeType": "image/png", "buffer": b"\xff\xd8\xff\xe0" + bytes(99)}
    with nothing_sent(opened):
        choose(opened, photo)
        note = opened.get_by_role("alert")
        expect(note.get_by_role("heading", name="Wrong format", exact=True)).to_be_visible()
        expect(note).to_contain_text("scan.png is a JPEG picture")
        expect(note).to_contain_text("Accepted are DICOM files, PNG pictures, and zip archives")
        expect(button(opened, "Upload")).to_be_disabled()
        assert_accessible(opened, "wrong format")


@pytest.mark.parametrize("kind", ["archive", "dicom", "png"])
def test_case_2_upload_becomes_available(opened: Page, scan: Example, kind: str) -> None:
    choose(opened, getattr(scan, kind))
    expect(button(opened, "Upload")).to_be_enabled()


def test_case_2_a_folder_makes_upload_available(
    opened: Page, scan: Example, tmp_path: Path
) -> None:
    with zipfile.ZipFile(scan.archive) as archive:
        archive.extractall(tmp_path / "study")
    (tmp_path / "study" / "notes.txt").write_text("no picture")
    with opened.expect_file_chooser() as chooser:
        button(opened, "Choose a folder").click()
    chooser.value.set_files(tmp_path / "study")
    expect(button(opened, "Upload")).to_be_enabled()
    expect(opened.get_by_text("1 other file left out")).to_be_visible()


def test_case_4_upload_is_not_available_before_anything_is_chosen(opened: Page) -> None:
    expect(button(opened, "Upload")).to_be_disabled()
    assert_accessible(opened, "choose")


@pytest.mark.parametrize(("kind", "view"), [("png", VIEW.value), ("dicom", ""), ("archive", "")])
def test_case_5_findings_are_shown_worst_first(
    opened: Page, scan: Example, kind: str, view: str
) -> None:
    upload(opened, getattr(scan, kind), view=view)
    assert headline(opened) == "Possible degeneration, from a model never tested on patients"
    rows = opened.locator("#worst + ol li").all_inner_texts()
    found = ["L4/L5" in row and "Severe" in row for row in rows]
    assert found == sorted(found, reverse=True)
    assert found[0]
    assert any("L5/S1" in row and "Moderate" in row for row in rows)
    assert_accessible(opened, f"result of {kind}")


def test_case_6_back_leads_to_the_first_screen_empty(opened: Page, scan: Example) -> None:
    upload(opened, scan.dicom)
    opened.get_by_role("link", name="Back", exact=True).click()
    expect(opened.get_by_role("heading", name="Grade a lumbar spine MRI")).to_be_visible()
    expect(button(opened, "Upload")).to_be_disabled()
    expect(opened.get_by_role("heading", name="Earlier results")).to_be_visible()
    assert_accessible(opened, "choose, with earlier results")


def test_case_7_save_result(opened: Page, scan: Example) -> None:
    upload(opened, scan.archive)
    button(opened, "Save result").click()
    assert_accessible(opened, "save result")
    opened.keyboard.press("Escape")
    answer = json.loads(save(opened, "JSON"))
    assert len(answer["findings"]) == 25
    rows = list(csv.DictReader(io.StringIO(save(opened, "CSV").decode("utf-8-sig"))))
    assert [row["severity"] for row in rows] == [f["severity"] or "" for f in answer["findings"]]
    assert b"Research use only - not a medical device" in save(opened, "HTML")
    assert save(opened, "DICOM SR")[128:132] == b"DICM"


def test_a_cell_leads_to_its_slice_with_frame_and_heat_map(opened: Page, scan: Example) -> None:
    upload(opened, scan.archive)
    opened.get_by_role("button", name="L2/L3, Left neural foraminal narrowing").click()
    expect(opened.get_by_role("tab", selected=True)).to_contain_text("Sagittal T1")
    expect(opened.locator(".overlay .crop")).to_have_count(1)
    expect(opened.locator(".overlay .point.current")).to_have_count(1)
    expect(opened.locator(".overlay .heat")).to_have_count(1)
    expect(opened.locator(".overlay .side").first).to_have_text("A")


def test_the_picture_is_drawn_as_the_server_windows_it(opened: Page, scan: Example) -> None:
    upload(opened, scan.archive)
    expect(opened.locator("canvas")).not_to_have_class("coming")
    brightness = """canvas => { const d = canvas.getContext("2d")
        .getImageData(0, 0, canvas.width, canvas.height).data; let sum = 0;
        for (let at = 0; at < d.length; at += 4) sum += d[at]; return sum / d.length * 4; }"""
    before = opened.locator("canvas").evaluate(brightness)
    button(opened, "Brighter").click()
    button(opened, "Brighter").click()
    opened.wait_for_load_state("networkidle")
    assert opened.locator("canvas").evaluate(brightness) > before > 1


def test_keys_move_through_the_study(opened: Page, scan: Example) -> None:
    upload(opened, scan.archive)
    place = opened.get_by_role("slider", name="Slice")
    place.fill("5")
    opened.locator("main").focus()
    opened.keyboard.press("ArrowDown")
    expect(place).to_have_value("6")
    opened.keyboard.press("ArrowUp")
    opened.keyboard.press("ArrowUp")
    expect(place).to_have_value("4")
    tab = opened.get_by_role("tab", selected=True).inner_text()
    opened.keyboard.press("]")
    expect(opened.get_by_role("tab", selected=True)).not_to_have_text(tab)
    opened.keyboard.press("[")
    expect(opened.get_by_role("tab", selected=True)).to_have_text(tab, use_inner_text=True)
    opened.keyboard.press("h")
    expect(button(opened, "Heat map")).to_have_attribute("aria-pressed", "false")
    window = opened.locator(".corner").inner_text()
    opened.keyboard.press("w")
    opened.keyboard.press("ArrowRight")
    expect(opened.locator(".corner")).not_to_have_text(window, use_inner_text=True)
    opened.keyboard.press("Escape")
    opened.keyboard.press("s")
    expect(opened.get_by_role("group", name="Save as")).to_be_visible()


def test_a_large_picture_is_moved_by_keys_and_by_a_click(opened: Page, scan: Example) -> None:
    upload(opened, scan.dicom)
    picture = opened.locator("canvas")
    expect(picture).not_to_have_class("coming")
    for _ in range(4):
        button(opened, "Larger").click()
    button(opened, "Move").click()
    opened.locator("main").focus()
    style = picture.get_attribute("style")
    assert style
    opened.keyboard.press("ArrowRight")
    expect(picture).not_to_have_attribute("style", style)
    opened.keyboard.press("ArrowLeft")
    expect(picture).to_have_attribute("style", style)
    opened.locator(".stage").click(position={"x": 40, "y": 40})
    expect(picture).not_to_have_attribute("style", style)
    opened.keyboard.press("Escape")
    opened.keyboard.press("ArrowDown")
    expect(button(opened, "Move")).to_have_attribute("aria-pressed", "false")


def test_single_keys_can_be_switched_off(opened: Page, scan: Example) -> None:
    upload(opened, scan.dicom)
    opened.locator("summary", has_text="Keys").click()
    opened.get_by_label("Single keys work").uncheck()
    opened.locator("main").focus()
    opened.keyboard.press("h")
    expect(button(opened, "Heat map")).to_have_attribute("aria-pressed", "true")


def test_several_studies_are_graded_side_by_side(
    opened: Page, scan: Example, tmp_path: Path
) -> None:
    other = tmp_path / "other.zip"
    other.write_bytes(zip_study(make_study(7, 1)))
    choose(opened, scan.archive, other)
    button(opened, "Upload").click()
    expect(opened.get_by_role("heading", name="2 studies graded")).to_be_visible()
    assert_accessible(opened, "several studies")
    opened.get_by_role("link", name="Open").first.click()
    expect(button(opened, "Save result")).to_be_visible()


def test_lone_slices_hide_no_graded_finding(opened: Page, scan: Example, tmp_path: Path) -> None:
    chosen: dict[str, Path] = {}
    with zipfile.ZipFile(scan.archive) as archive:
        for name in sorted(archive.namelist()):
            described = dcmread(io.BytesIO(archive.read(name)), stop_before_pixels=True)
            if described.SeriesDescription in ("T1", "T2"):
                chosen.setdefault(
                    str(described.SeriesDescription), Path(archive.extract(name, tmp_path))
                )
    upload(opened, *chosen.values())
    expect(opened.get_by_role("grid", name="The 25 findings")).to_be_visible()
    expect(opened.get_by_role("heading", name="Read off slices without neighbours")).to_be_visible()
    assert "L4/L5" in opened.locator("#worst + ol li").first.inner_text()
    assert_accessible(opened, "lone slices beside graded cells")


def test_an_upload_that_did_not_arrive_can_be_sent_again(opened: Page, scan: Example) -> None:
    choose(opened, scan.dicom)
    opened.context.set_offline(True)
    button(opened, "Upload").click()
    expect(opened.get_by_role("heading", name="No answer from the server")).to_be_visible()
    assert_accessible(opened, "not sent")
    opened.context.set_offline(False)
    button(opened, "Send again").click()
    expect(button(opened, "Save result")).to_be_visible()


def test_a_study_that_was_erased_meanwhile_says_so(opened: Page, scan: Example) -> None:
    upload(opened, scan.dicom)
    place = opened.evaluate("location.hash")
    erase = "id => fetch(`/api/v1/jobs/${id}`, { method: 'DELETE' }).then(({ ok }) => ok)"
    assert opened.evaluate(erase, place.removeprefix("#/jobs/"))
    opened.get_by_role("link", name="Back", exact=True).click()
    expect(opened.get_by_role("heading", name="Grade a lumbar spine MRI")).to_be_visible()
    opened.evaluate("place => { location.hash = place; }", place)
    expect(opened.get_by_role("heading", name="Not graded")).to_be_visible()
    expect(opened.get_by_role("alert")).to_contain_text("erased")
    assert_accessible(opened, "erased")


def test_bar_19_two_patients_in_one_upload_have_a_result_each(opened: Page, tmp_path: Path) -> None:
    apart, together = two_patients()
    file = tmp_path / "both.zip"
    file.write_bytes(together)
    choose(opened, file)
    button(opened, "Upload").click()
    expect(opened.get_by_role("heading", name="2 studies graded")).to_be_visible()
    listed = opened.evaluate("location.hash")
    for study_id in apart:
        opened.get_by_role("link", name=f"Open the result of {study_id}").click()
        answer = json.loads(save(opened, "JSON"))
        assert answer["study_id"] == study_id
        own = {series["series_id"] for series in answer["series"]}
        assert {f["evidence"]["series_id"] for f in answer["findings"] if f["evidence"]} <= own
        opened.evaluate("place => { location.hash = place; }", listed)


def test_bar_22_and_23_nasty_text_does_nothing_and_no_patient_is_named(
    opened: Page, scan: Example, tmp_path: Path
) -> None:
    said: list[str] = []
    opened.on("dialog", lambda dialog: said.append(dialog.message))
    opened.on("console", lambda message: said.append(message.text))
    file = tmp_path / "study.zip"
    file.write_bytes(nasty_study(members(scan.archive.read_bytes()), "QUOKKA"))
    upload(opened, file)
    opened.get_by_text("1 file set aside").click()
    expect(opened.get_by_text(f"{NASTY}.dcm", exact=True)).to_be_visible()
    assert opened.locator("img").count() == 0
    assert not said
    assert not says(opened.content(), "QUOKKA")
    for form in ("JSON", "CSV", "HTML"):
        assert not says(save(opened, form), "QUOKKA")


@pytest.mark.nightly
def test_the_screens_of_progress_are_accessible(
    opened: Page, scan: Example, tmp_path: Path
) -> None:
    browser = opened.context.new_cdp_session(opened)
    browser.send("Network.enable")
    slow = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 50_000}
    browser.send("Network.emulateNetworkConditions", slow)
    choose(opened, scan.archive)
    button(opened, "Upload").click()
    expect(opened.get_by_role("heading", name="Sending", exact=True)).to_be_visible()
    assert_accessible(opened, "sending")
    expect(opened.get_by_role("heading", name="Sending", exact=True)).to_be_visible()
    button(opened, "Cancel").click()
    browser.send("Network.emulateNetworkConditions", slow | {"uploadThroughput": -1})
    files = [tmp_path / f"{n}.zip" for n in range(8)]
    for n, file in enumerate(files):
        file.write_bytes(zip_study(make_study(7, n)))
    choose(opened, *files)
    button(opened, "Upload").click()
    expect(opened.get_by_role("heading", name="Grading 8 studies")).to_be_visible()
    assert_accessible(opened, "grading")


def test_erasing_a_result_leaves_the_focus_with_its_word(opened: Page, scan: Example) -> None:
    upload(opened, scan.dicom)
    opened.get_by_role("link", name="Back", exact=True).click()
    opened.get_by_role("button", name="Erase the result").click()
    expect(opened.get_by_text("Erased", exact=True)).to_be_focused()
