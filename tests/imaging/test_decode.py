"""Stored values to pictures: rescale, inversion, unused bits, colour, compression, truncation."""

from __future__ import annotations

import numpy as np
import pytest
from pydicom.uid import RLELossless
from test_headers import enhanced

from lumbar.errors import DecodeError, InputError
from lumbar.imaging import decode_instance, decode_instances

RAMP = np.arange(600, dtype=np.uint16).reshape(20, 30)


def test_stored_values_come_out_as_they_are(make_dicom) -> None:
    instance = decode_instance(make_dicom(RAMP), "a.dcm")
    assert instance.pixels.dtype == np.float32
    assert np.array_equal(instance.pixels, RAMP)


def test_rescale_is_applied(make_dicom) -> None:
    data = make_dicom(RAMP, RescaleSlope=2.5, RescaleIntercept=-10)
    assert np.array_equal(decode_instance(data).pixels, RAMP * np.float32(2.5) - 10)


def test_monochrome1_is_inverted_so_that_high_is_bright(make_dicom) -> None:
    data = make_dicom(RAMP, PhotometricInterpretation="MONOCHROME1")
    assert np.array_equal(decode_instance(data).pixels, 4095 - RAMP)


def test_signed_values_stay_signed(make_dicom) -> None:
    signed = RAMP.astype(np.int16) - 300
    assert np.array_equal(decode_instance(make_dicom(signed)).pixels, signed)


def test_bits_above_the_stored_ones_are_cut_off(make_dicom) -> None:
    assert np.array_equal(decode_instance(make_dicom(RAMP | np.uint16(0xF000))).pixels, RAMP)


def test_eight_bits_are_read(make_dicom) -> None:
    small = (RAMP % 256).astype(np.uint8)
    assert np.array_equal(decode_instance(make_dicom(small)).pixels, small)


def test_run_length_coding_gives_the_same_picture(make_dataset, dicom_bytes) -> None:
    dataset = make_dataset(RAMP)
    dataset.compress(RLELossless)
    assert np.array_equal(decode_instance(dicom_bytes(dataset)).pixels, RAMP)


def test_rgb_is_made_grey(make_dataset) -> None:
    colour = np.zeros((20, 30, 3), np.uint8)
    colour[..., 1] = 100
    dataset = make_dataset(
        RAMP, SamplesPerPixel=3, PhotometricInterpretation="RGB", PlanarConfiguration=0
    )
    dataset.BitsAllocated = dataset.BitsStored = 8
    dataset.HighBit = 7
    dataset.PixelData = colour.tobytes()
    assert np.allclose(decode_instance(dataset, "rgb").pixels, 58.7)


@pytest.mark.parametrize("kept", [0.5, 0.99])
def test_half_a_file_is_named_and_refused(make_dataset, dicom_bytes, kept) -> None:
    whole = dicom_bytes(make_dataset(RAMP))
    cut = whole[: len(whole) - int(RAMP.nbytes * (1 - kept))]
    with pytest.raises(DecodeError, match=r"3/7\.dcm: truncated.*copy it again"):
        decode_instance(cut, "3/7.dcm")


def test_half_a_compressed_file_is_named_and_refused(make_dataset, dicom_bytes) -> None:
    dataset = make_dataset(np.random.default_rng(0).integers(0, 4095, (20, 30), np.uint16))
    dataset.compress(RLELossless)
    with pytest.raises(DecodeError, match=r"3/7\.dcm: RLE .* truncated"):
        decode_instance(dicom_bytes(dataset)[:-400], "3/7.dcm")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("compressed", [False, True])
def test_bytes_changed_at_random_are_decoded_or_refused_and_never_crash(
    make_dataset, dicom_bytes, compressed
) -> None:
    dataset = make_dataset(RAMP)
    if compressed:
        dataset.compress(RLELossless)
    whole = dicom_bytes(dataset)
    rng = np.random.default_rng(1)
    refusals = []
    for _ in range(300):
        broken = bytearray(whole)
        for place in rng.integers(128, len(whole), 5):
            broken[place] = rng.integers(256)
        try:
            decode_instances(bytes(broken), "broken.dcm")
        except InputError as error:
            refusals.append(str(error))
    assert 0 < len(refusals) < 300
    assert all(refusal.startswith("broken.dcm: ") for refusal in refusals)


def test_a_header_that_promises_other_rows_is_refused(make_dicom) -> None:
    with pytest.raises(DecodeError, match="truncated"):
        decode_instance(make_dicom(RAMP, Rows=200), "a.dcm")


def test_a_picture_too_large_is_refused_before_it_is_made(make_dicom) -> None:
    with pytest.raises(DecodeError, match="at most 8192 a side"):
        decode_instance(make_dicom(RAMP, Rows=60000, Columns=60000), "a.dcm")


def test_frames_of_an_enhanced_file_are_pictures_of_their_own(make_dataset, dicom_bytes) -> None:
    dataset = enhanced(make_dataset, 3)
    stored = np.frombuffer(dataset.PixelData, np.uint16).reshape(3, 20, 30)
    instances = decode_instances(dicom_bytes(dataset), "enhanced.dcm")
    assert all(
        np.array_equal(instance.pixels, frame)
        for instance, frame in zip(instances, stored, strict=True)
    )
