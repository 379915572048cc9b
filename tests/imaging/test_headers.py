"""What a header is read as, and what is refused with which words."""

from __future__ import annotations

import warnings

import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from lumbar.errors import DecodeError, FormatError
from lumbar.imaging import read_headers
from lumbar.imaging.headers import headers_of


def test_a_file_without_modality_class_times_and_with_illegal_uids_is_read_in_silence(
    make_dicom,
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom's own, on writing them
        data = make_dicom(StudyInstanceUID="100206310", SOPInstanceUID="100206310.1.1")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        (header,) = read_headers(data, "1.dcm")
    assert (header.study_id, header.instance_id) == ("100206310", "100206310.1.1")
    assert header.echo_ms is None
    assert header.plane is not None


def test_the_patients_id_is_in_no_header_and_no_representation(make_dicom) -> None:
    (header,) = read_headers(make_dicom(PatientID="CANARY^ID", PatientName="CANARY"), "1.dcm")
    assert "CANARY" not in repr(header)
    assert header.patient
    assert "CANARY" not in header.patient


@pytest.mark.parametrize(
    ("attributes", "words"),
    [
        ({"Modality": "CT"}, "modality CT, not MR"),
        ({"Modality": "SR"}, "modality SR, not MR"),
        ({"BodyPartExamined": "KNEE"}, "shows the knee"),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.4.2"}, "MR spectroscopy, no picture"),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.30"}, "a parametric map, no picture"),
    ],
)
def test_what_is_no_slice_of_a_lumbar_mri_is_refused_by_name(make_dicom, attributes, words) -> None:
    with pytest.raises(FormatError, match=f"a.dcm: {words}"):
        read_headers(make_dicom(**attributes), "a.dcm")


def test_a_data_set_without_a_matrix_is_no_picture(make_dataset) -> None:
    dataset = make_dataset(Rows=None)
    dataset.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.104.1"  # a PDF
    with pytest.raises(FormatError, match="no picture"):
        headers_of(dataset, "report.dcm")


def test_an_mr_image_whose_matrix_is_missing_is_damaged(make_dicom) -> None:
    with pytest.raises(DecodeError, match="without Rows and Columns"):
        read_headers(make_dicom(Rows=None), "a.dcm")


def test_a_dicomdir_is_refused_as_a_directory(make_dataset) -> None:
    dataset = make_dataset()
    dataset.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.1.3.10"
    with pytest.raises(FormatError, match="DICOMDIR"):
        headers_of(dataset, "DICOMDIR")


@pytest.mark.parametrize(
    ("attributes", "words"),
    [
        ({"PixelSpacing": None}, "without PixelSpacing"),
        ({"ImagePositionPatient": None, "PixelSpacing": None}, "ImagePositionPatient, Pixel"),
        ({"ImageOrientationPatient": [1, 0, 0, 1, 0, 0]}, "perpendicular"),
    ],
)
def test_a_missing_geometry_says_what_is_missing(make_dicom, attributes, words) -> None:
    (header,) = read_headers(make_dicom(**attributes), "a.dcm")
    assert header.plane is None
    assert words in header.plane_reason


def test_a_file_without_spacing_still_knows_which_way_it_lies(make_dicom) -> None:
    (header,) = read_headers(make_dicom(PixelSpacing=None), "a.dcm")
    assert header.normal is not None
    assert abs(header.normal[0]) == 1
    assert header.origin_mm is not None


def test_a_position_that_is_no_number_is_a_missing_one(make_dataset, dicom_bytes) -> None:
    data = dicom_bytes(make_dataset(ImagePositionPatient=[11.5, 22.5, 33.5]))
    assert b"22.5" in data
    (header,) = read_headers(data.replace(b"22.5", b"2x.5"), "a.dcm")
    assert header.plane_reason == "without ImagePositionPatient"


def test_a_file_without_preamble_is_read(make_dicom) -> None:
    data = make_dicom(SeriesDescription="T1")
    assert read_headers(data[132:], "bare")[0].description == "T1"


def test_text_and_emptiness_are_no_dicom() -> None:
    with pytest.raises(FormatError, match=r"notes\.dcm: no DICOM file"):
        read_headers(b"just some notes " * 20, "notes.dcm")
    with pytest.raises(FormatError, match="empty file"):
        read_headers(b"", "empty.dcm")


def test_a_header_cut_off_in_its_meta_is_damaged(make_dicom) -> None:
    with pytest.raises(DecodeError, match="copy it again"):
        read_headers(make_dicom()[:140], "cut.dcm")


def enhanced(make_dataset, frames: int) -> Dataset:
    """An Enhanced MR data set: sagittal frames 4 mm apart, each with its own groups."""
    import numpy as np

    pixels = np.arange(frames * 20 * 30, dtype=np.uint16).reshape(frames * 20, 30)
    dataset = make_dataset(
        pixels,
        Rows=20,
        NumberOfFrames=frames,
        ImagePositionPatient=None,
        ImageOrientationPatient=None,
        PixelSpacing=None,
    )
    per_frame = []
    for frame in range(frames):
        position, item = Dataset(), Dataset()
        position.ImagePositionPatient = [4.0 * frame, 0, 0]
        item.PlanePositionSequence = Sequence([position])
        per_frame.append(item)
    orientation, measures, shared = Dataset(), Dataset(), Dataset()
    orientation.ImageOrientationPatient = [0, 1, 0, 0, 0, -1]
    measures.PixelSpacing = [0.5, 0.5]
    shared.PlaneOrientationSequence = Sequence([orientation])
    shared.PixelMeasuresSequence = Sequence([measures])
    dataset.PerFrameFunctionalGroupsSequence = Sequence(per_frame)
    dataset.SharedFunctionalGroupsSequence = Sequence([shared])
    return dataset


def test_each_frame_of_an_enhanced_file_has_its_own_position(make_dataset) -> None:
    headers = headers_of(enhanced(make_dataset, 3), "enhanced.dcm")
    assert [header.plane.origin_mm[0] for header in headers if header.plane] == [0, 4, 8]
    assert len({header.instance_id for header in headers}) == 3


def test_frames_without_positions_are_refused_with_what_to_do(make_dataset) -> None:
    with pytest.raises(FormatError, match="export single-frame"):
        headers_of(make_dataset(NumberOfFrames=4), "cine.dcm")


def test_enhanced_frames_say_how_they_were_taken(make_dataset) -> None:
    dataset = enhanced(make_dataset, 2)
    kind, echo, timing, modifier = Dataset(), Dataset(), Dataset(), Dataset()
    kind.FrameType, kind.AcquisitionContrast = ["ORIGINAL", "PRIMARY", "M"], "STIR"
    echo.EffectiveEchoTime, timing.RepetitionTime = 45.0, 4000.0
    modifier.InversionTimes, modifier.SpectrallySelectedSuppression = [160.0], "FAT"
    (shared,) = dataset.SharedFunctionalGroupsSequence
    shared.MRImageFrameTypeSequence = Sequence([kind])
    shared.MREchoSequence = Sequence([echo])
    shared.MRTimingAndRelatedParametersSequence = Sequence([timing])
    shared.MRModifierSequence = Sequence([modifier])
    dataset.EchoPulseSequence = "SPIN"
    for header in headers_of(dataset, "enhanced.dcm"):
        assert (header.echo_ms, header.repetition_ms, header.inversion_ms) == (45, 4000, 160)
        assert (header.weighting, header.fat_saturated, header.gradient_echo) == (
            "STIR",
            True,
            False,
        )
        assert header.image_type == ("ORIGINAL", "PRIMARY", "M")


def test_converted_plain_files_say_what_they_said(make_dataset) -> None:
    """What highdicom and PACS write who turn a series into one Legacy Converted file."""
    dataset = enhanced(make_dataset, 2)
    shared, told = Dataset(), [Dataset(), Dataset()]
    shared.ProtocolName, shared.ScanOptions, shared.RepetitionTime = "LWS", ["FS"], "4000"
    (groups,) = dataset.SharedFunctionalGroupsSequence
    groups.UnassignedSharedConvertedAttributesSequence = Sequence([shared])
    for n, (item, own) in enumerate(
        zip(dataset.PerFrameFunctionalGroupsSequence, told, strict=True)
    ):
        own.EchoTime, own.InversionTime, own.ScanningSequence = str(20 + n), "160", ["SE", "IR"]
        item.UnassignedPerFrameConvertedAttributesSequence = Sequence([own])
    headers = headers_of(dataset, "converted.dcm")
    assert [header.echo_ms for header in headers] == [20, 21]
    assert {(h.repetition_ms, h.inversion_ms, h.protocol) for h in headers} == {(4000, 160, "LWS")}
    assert all(h.fat_saturated and not h.gradient_echo for h in headers)
    shared.BodyPartExamined = "KNEE"
    with pytest.raises(FormatError, match="shows the knee"):
        headers_of(dataset, "converted.dcm")


def test_plain_files_say_how_they_were_taken(make_dicom) -> None:
    (header,) = read_headers(
        make_dicom(
            ScanningSequence="GR",
            ScanOptions=["PFP", "FS"],
            ContrastBolusAgent="some agent",
            InversionTime="150",
        )
    )
    assert (header.gradient_echo, header.fat_saturated, header.agent) == (True, True, True)
    assert header.inversion_ms == 150


def test_a_uid_has_one_spelling(make_dicom) -> None:
    (header,) = read_headers(make_dicom().replace(b"1.2.3\0", b"1.02.3"))
    assert header.study_id == "1.2.3"


@pytest.mark.parametrize(
    ("attributes", "words"),
    [
        ({"ScanningSequence": ["EP", "SE"]}, "echo-planar by its ScanningSequence"),
        ({"EchoPlanarPulseSequence": "YES"}, "echo-planar by its EchoPlanarPulseSequence"),
        ({"DiffusionBValue": 800.0}, "diffusion-weighted by its DiffusionBValue"),
        ({"AcquisitionContrast": "DIFFUSION"}, "diffusion by its AcquisitionContrast"),
        ({"DiffusionBValue": 0.0, "ScanningSequence": "SE"}, ""),
    ],
)
def test_what_is_no_picture_of_anatomy_says_so(make_dicom, attributes, words) -> None:
    (header,) = read_headers(make_dicom(**attributes))
    assert header.no_anatomy == words


@pytest.mark.parametrize(
    ("agent", "given"), [("GADOVIST", True), ("NONE", False), ("No", False), (None, False)]
)
def test_an_agent_that_is_named_none_was_not_given(make_dicom, agent, given) -> None:
    (header,) = read_headers(make_dicom(ContrastBolusAgent=agent))
    assert header.agent is given


def test_an_agent_may_stand_in_a_module_of_its_own(make_dataset) -> None:
    dataset = make_dataset()
    dataset.ContrastBolusAgentSequence = [Dataset()]
    (header,) = headers_of(dataset, "a.dcm")
    assert header.agent
