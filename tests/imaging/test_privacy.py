"""What a file says of its patient stays in the file: no reason, error, log or warning has it."""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from identify import say_everywhere, says
from pydicom import dcmread
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import RawDataElement
from pydicom.dataset import FileDataset
from pydicom.tag import Tag

from lumbar.errors import InputError
from lumbar.imaging import Study, describe_study, find_studies, read_study, read_uploaded
from lumbar.imaging.export import export_study

WORD = "QUOKKA"
Files = dict[str, bytes]
Change = Callable[[FileDataset], None]


def rewritten(data: bytes, change: Change) -> bytes:
    buffer = io.BytesIO()
    logging.disable()  # what pydicom says of what is written here on purpose
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dataset = dcmread(io.BytesIO(data))
        change(dataset)
        dataset.save_as(buffer)
    logging.disable(logging.NOTSET)
    return buffer.getvalue()


def saying(keyword: str, word: str = WORD) -> Change:
    """The change that puts a word where it does not belong, whatever the VR may hold."""
    tag = tag_for_keyword(keyword)
    assert tag is not None
    value = word.encode().ljust(len(word) + len(word) % 2)

    def change(dataset: FileDataset) -> None:
        raw = RawDataElement(Tag(tag), dictionary_VR(tag), len(value), value, 0, False, True)
        dataset[tag] = raw

    return change


def said_in(data: bytes, keyword: str) -> bytes:
    """A file with the word in one attribute; one of the file meta is changed where it stands."""
    if before := META.get(keyword):
        assert before in data
        return data.replace(before, WORD.encode().ljust(len(before), b"\0"))
    return rewritten(data, saying(keyword))


META = {
    "TransferSyntaxUID": b"1.2.840.10008.1.2.1\0",
    "MediaStorageSOPClassUID": b"1.2.840.10008.5.1.4.1.1.4.1\0",
}


@cache
def with_word(data: bytes) -> bytes:
    """A file with the word everywhere; made once for all tests, since it takes a while."""
    return rewritten(data, lambda dataset: say_everywhere(dataset, WORD))


@pytest.fixture
def identified(stack_of_files: Callable[..., Files]) -> Files:
    """A study with the word everywhere."""
    return {name: with_word(data) for name, data in stack_of_files().items()}


@pytest.fixture
def heard(
    capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> Iterator[Callable[[], str]]:
    """A function: all that was printed, logged (down to DEBUG) or warned of so far."""
    with caplog.at_level(logging.DEBUG), warnings.catch_warnings(record=True) as raised:
        warnings.simplefilter("always")

        def everything() -> str:
            out, err = capfd.readouterr()
            return "\n".join([out, err, caplog.text, *(str(one.message) for one in raised)])

        yield everything


def shown(study: Study) -> str:
    """All that a study says of itself in words."""
    series = [(s.series_id, s.view, s.reason) for s in study.series]
    slices = [(i.instance_id, i.source, i.number) for s in study.series for i in s]
    return repr((study, study.study_id, study.set_aside, series, slices))


@pytest.mark.parametrize("trusted", [True, False])
def test_bar_23_no_text_of_a_file_is_carried_on(
    trusted: bool, identified: Files, heard: Callable[[], str]
) -> None:
    (study,) = read_uploaded(identified, trusted=trusted, all_series=True)
    assert sum(map(len, study.series)) == 15
    assert says(next(iter(identified.values())), WORD)
    assert not says(shown(study), WORD)
    assert not says(heard(), WORD)


WRONG = (
    *("Modality", "BodyPartExamined", "ImageType", "SOPClassUID", "SpecificCharacterSet"),
    *("PhotometricInterpretation", "TransferSyntaxUID", "MediaStorageSOPClassUID"),
    *("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "PatientID", "InstanceNumber"),
    *("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "NumberOfFrames"),
    *("RescaleSlope", "WindowCenter", "EchoTime", "RepetitionTime", "Rows", "BitsAllocated"),
    *("SeriesDescription", "ProtocolName", "ScanningSequence", "ContrastBolusAgent"),
)
"""What decides how a file is read, and so ends up in reasons and errors if anything does."""


@pytest.mark.parametrize("trusted", [True, False])
@pytest.mark.parametrize("keyword", WRONG)
def test_bar_23_an_attribute_that_says_what_it_should_not_is_not_quoted(
    keyword: str, trusted: bool, stack_of_files, heard: Callable[[], str]
) -> None:
    files: Files = stack_of_files()
    for name in ("1/1.dcm", "2/2.dcm", "3/3.dcm"):
        files[name] = said_in(files[name], keyword)
    try:
        found = "".join(map(shown, read_uploaded(files, trusted=trusted, all_series=True)))
    except InputError as error:
        found = str(error)
    assert found
    assert not says(found, WORD)
    assert not says(heard(), WORD)


def truncated(data: bytes) -> bytes:
    return data[: len(data) // 2]


def damaged(data: bytes) -> bytes:
    return data[:200] + b"QUOKKA" * 20 + data[320:]


@pytest.mark.parametrize("trusted", [True, False])
@pytest.mark.parametrize(
    "harm", [truncated, damaged, lambda data: WORD.encode() * 100, lambda data: data[:300]]
)
def test_bar_23_a_damaged_file_is_described_without_its_content(
    harm: Callable[[bytes], bytes], trusted: bool, identified: Files, heard: Callable[[], str]
) -> None:
    identified["1/2.dcm"] = harm(identified["1/2.dcm"])
    (study,) = read_uploaded(identified, trusted=trusted)
    assert [aside.file for aside in study.set_aside] == ["1/2.dcm"]
    assert not says(shown(study), WORD)
    assert not says(heard(), WORD)


def test_bar_23_two_patients_are_refused_without_a_name(
    identified: Files, heard: Callable[[], str]
) -> None:
    identified["1/2.dcm"] = rewritten(identified["1/2.dcm"], saying("PatientID", "WOMBAT"))
    with pytest.raises(InputError, match="2 different PatientIDs") as raised:
        read_uploaded(identified)
    assert not says(str(raised.value) + heard(), WORD)
    assert not says(str(raised.value), "WOMBAT")


def test_bar_23_an_exported_picture_holds_the_picture_alone(
    identified: Files, tmp_path: Path, heard: Callable[[], str]
) -> None:
    root, output = tmp_path / "in", tmp_path / "out"
    for name, data in identified.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
    (study,) = find_studies(root)
    assert export_study(study, output).written == 15
    written = [path for path in output.rglob("*") if path.is_file()]
    assert len(written) == 15
    assert not [path for path in written if says(path.read_bytes() + str(path).encode(), WORD)]
    described: Any = describe_study(study)
    assert not says(repr(described) + heard(), WORD)


NASTY = "<script>alert(1)</script>\"'; DROP TABLE \U0001f600"


@pytest.mark.parametrize("trusted", [True, False])
def test_bar_22_nasty_names_and_huge_private_tags_do_no_harm_and_are_shown_nowhere(
    trusted: bool, stack_of_files, heard: Callable[[], str]
) -> None:
    def change(dataset: FileDataset) -> None:
        dataset.SpecificCharacterSet = "ISO_IR 192"
        dataset.PatientName, dataset.SeriesDescription = NASTY, f"T2 {NASTY}"
        block = dataset.private_block(0x0029, "SIEMENS CSA HEADER", create=True)
        block.add_new(0x10, "OB", b"<script>" * 8192)
        block.add_new(0x11, "LT", NASTY * 1_000)

    files = {name: rewritten(data, change) for name, data in stack_of_files().items()}
    files[f"1/{NASTY}.dcm"] = b"no picture"
    (study,) = read_uploaded(files, trusted=trusted)
    assert sum(map(len, study.series)) == 15
    assert [aside.file for aside in study.set_aside] == [f"1/{NASTY}.dcm"]
    assert not says(study.set_aside[0].reason, "alert(1")
    assert not says(repr([s.reason for s in study.series]) + heard(), "alert(1")


def test_a_study_read_from_its_folder_says_no_more_than_an_upload(
    identified: Files, tmp_path: Path, heard: Callable[[], str]
) -> None:
    for name, data in identified.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(data)
    assert not says(shown(read_study(tmp_path)) + heard(), WORD)
