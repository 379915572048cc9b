"""Bits, signs and colours: what a stored value means, and when it is not known."""

from __future__ import annotations

import numpy as np
import pytest
from pydicom import uid
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from lumbar.errors import DecodeError, FormatError
from lumbar.imaging import decode_instance
from lumbar.phantom.syntaxes import file_bytes

RAMP = np.arange(600, dtype=np.uint16).reshape(20, 30)
GREY = np.array([0.299, 0.587, 0.114])


def coloured(make_dataset, colour: np.ndarray, photometric: str, **attributes) -> Dataset:
    """A data set of 8-bit samples `[rows, columns, 3]`."""
    values = {
        "SamplesPerPixel": 3,
        "PhotometricInterpretation": photometric,
        "PlanarConfiguration": 0,
        "BitsAllocated": 8,
        "BitsStored": 8,
        "HighBit": 7,
    } | attributes
    dataset = make_dataset(RAMP, **values)
    dataset.PixelData = colour.tobytes()
    return dataset


@pytest.fixture
def colour() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (20, 30, 3), np.uint8)


def test_bar_16_twelve_bits_in_sixteen_signed_and_inverted_are_read(make_dicom) -> None:
    overlaid = decode_instance(make_dicom(RAMP | np.uint16(0xF000)), "a")
    signed = decode_instance(make_dicom(RAMP.astype(np.int16) - 300), "a")
    inverted = decode_instance(make_dicom(RAMP, PhotometricInterpretation="MONOCHROME1"), "a")
    assert np.array_equal(overlaid.pixels, RAMP)
    assert np.array_equal(signed.pixels, RAMP.astype(float) - 300)
    assert np.array_equal(inverted.pixels, 4095 - RAMP)


@pytest.mark.parametrize("planar", [0, 1])
def test_bar_16_a_secondary_capture_in_rgb_is_made_grey(make_dataset, colour, planar) -> None:
    stored = colour.transpose(2, 0, 1) if planar else colour
    dataset = coloured(make_dataset, stored, "RGB", PlanarConfiguration=planar)
    assert np.allclose(decode_instance(dataset, "a").pixels, colour @ GREY, atol=1e-3)


def test_bar_16_of_ybr_the_luminance_is_taken(make_dataset, colour) -> None:
    dataset = coloured(make_dataset, colour, "YBR_FULL")
    assert np.array_equal(decode_instance(dataset, "a").pixels, colour[..., 0])


def test_of_paired_ybr_the_luminance_is_taken(make_dataset, colour) -> None:
    pairs = colour[..., 0].reshape(-1, 2)
    stored = np.hstack([pairs, np.full_like(pairs, 128)])
    dataset = coloured(make_dataset, stored, "YBR_FULL_422")
    assert np.array_equal(decode_instance(dataset, "a").pixels, colour[..., 0])


def test_bar_16_a_palette_is_looked_up_and_made_grey(make_dataset) -> None:
    indices = (RAMP % 4).astype(np.uint8)
    dataset = make_dataset(indices, PhotometricInterpretation="PALETTE COLOR")
    tables = np.array([[0, 10, 20, 30], [0, 50, 60, 70], [0, 5, 250, 255]], np.uint8)
    for name, table in zip(("Red", "Green", "Blue"), tables, strict=True):
        setattr(dataset, f"{name}PaletteColorLookupTableDescriptor", [4, 0, 8])
        setattr(dataset, f"{name}PaletteColorLookupTableData", table.tobytes())
    shown = decode_instance(file_bytes(dataset), "a").pixels
    assert np.allclose(shown, tables.T[indices] @ GREY, atol=1e-3)


def test_a_palette_of_sixteen_bits_is_shown_from_black_to_white(make_dataset) -> None:
    from lumbar.imaging import displayed
    from lumbar.imaging.headers import headers_of

    dataset = make_dataset((RAMP % 4).astype(np.uint8), PhotometricInterpretation="PALETTE COLOR")
    table = np.array([0, 21845, 43690, 65535], np.uint16)
    for name in ("Red", "Green", "Blue"):
        setattr(dataset, f"{name}PaletteColorLookupTableDescriptor", [4, 0, 16])
        setattr(dataset, f"{name}PaletteColorLookupTableData", table.tobytes())
    (header,) = headers_of(dataset, "a")
    assert np.array_equal(np.unique(displayed(dataset, header)), [0, 85, 170, 255])


def test_bar_16_a_palette_without_its_table_is_refused(make_dicom) -> None:
    data = make_dicom(RAMP, PhotometricInterpretation="PALETTE COLOR")
    with pytest.raises(DecodeError, match=r"a\.dcm: its colour palette is missing"):
        decode_instance(data, "a.dcm")


@pytest.mark.parametrize(
    ("attributes", "words"),
    [
        ({"PhotometricInterpretation": "HSV", "SamplesPerPixel": 3}, "cannot be shown in grey"),
        ({"SamplesPerPixel": 3}, "3 samples a pixel in MONOCHROME2"),
        ({"BitsStored": 17, "HighBit": 16}, "17 bits stored in 16"),
        ({"BitsStored": 12, "HighBit": 15}, "high bit 15 of 12 bits stored"),
        ({"BitsAllocated": 1, "BitsStored": 1, "HighBit": 0}, "1 bits allocated"),
        ({"BitsAllocated": 12}, "12 bits allocated"),
        ({"Rows": 19}, "1,200 bytes of pixels where its header promises 1,140"),
        ({"Columns": 29}, "1,200 bytes of pixels where its header promises 1,160"),
        ({"RescaleSlope": "1e30"}, "its rescale leaves no usable values"),
    ],
)
def test_a_header_that_contradicts_itself_or_its_pixels_is_refused(
    make_dicom, attributes, words
) -> None:
    with pytest.raises(DecodeError, match=rf"^a\.dcm: .*{words}"):
        decode_instance(make_dicom(RAMP, **attributes), "a.dcm")


def test_frames_without_a_position_each_are_of_a_form_that_is_not_read(make_dicom) -> None:
    with pytest.raises(FormatError, match=r"^a\.dcm: 2 frames without a position each"):
        decode_instance(make_dicom(RAMP, NumberOfFrames=2), "a.dcm")


def test_a_few_bytes_of_padding_behind_the_pixels_are_passed_over(make_dataset) -> None:
    dataset = make_dataset(RAMP)
    dataset.PixelData = RAMP.tobytes() + bytes(32)
    assert np.array_equal(decode_instance(file_bytes(dataset), "a").pixels, RAMP)


def test_bytes_behind_the_pixels_that_are_no_element_are_refused(make_dicom) -> None:
    whole = make_dicom(RAMP)
    assert np.array_equal(decode_instance(whole + bytes(512), "a").pixels, RAMP)
    with pytest.raises(DecodeError, match="what follows its pixels is no DICOM element"):
        decode_instance(whole + b"\x28\x00\x10\x00US\x02\x00", "a")


@pytest.mark.parametrize("vr", ["OB", "OW"])
def test_eight_bits_in_big_endian_words_are_swapped_back(make_dataset, vr) -> None:
    small = np.random.default_rng(2).integers(0, 256, (5, 7), np.uint8)
    padded = np.append(small.reshape(-1), 0).astype(np.uint8)
    dataset = make_dataset(small)
    dataset.PixelData = padded.tobytes() if vr == "OB" else padded.view("<u2").byteswap().tobytes()
    dataset["PixelData"].VR = vr
    dataset.file_meta.TransferSyntaxUID = uid.ExplicitVRBigEndian
    assert np.array_equal(decode_instance(dataset, "a").pixels, small)


def test_a_modality_table_takes_the_place_of_a_rescale(make_dataset) -> None:
    dataset = make_dataset((RAMP % 4).astype(np.uint16))
    item = Dataset()
    item.LUTDescriptor, item.ModalityLUTType = [4, 0, 16], "US"
    item.LUTData = [100, 300, 700, 1500]
    item["LUTDescriptor"].VR = item["LUTData"].VR = "US"
    dataset.ModalityLUTSequence = Sequence([item])
    expected = np.array([100, 300, 700, 1500])[RAMP % 4]
    assert np.array_equal(decode_instance(file_bytes(dataset), "a").pixels, expected)
    dataset.PhotometricInterpretation = "MONOCHROME1"  # what is stored is looked up, then inverted
    assert np.array_equal(decode_instance(file_bytes(dataset), "a").pixels, 1600 - expected)


@pytest.mark.parametrize("signed", [False, True])
def test_an_inverted_picture_is_rescaled_as_its_stored_values_are(make_dataset, signed) -> None:
    stored = RAMP.astype(np.int16) - 300 if signed else RAMP
    dataset = make_dataset(
        stored, PhotometricInterpretation="MONOCHROME1", RescaleSlope=2, RescaleIntercept=-7
    )
    lowest, highest = (-2048, 2047) if signed else (0, 4095)
    expected = 2.0 * (lowest + highest - stored) - 7
    assert np.array_equal(decode_instance(file_bytes(dataset), "a").pixels, expected)
