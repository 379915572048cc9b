"""Every transfer syntax: the stored values come out as they are, or the file is refused."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest
from imagecodecs import jpeg2k_encode, jpegls_encode
from pydicom import uid
from pydicom.encaps import encapsulate
from test_headers import enhanced

from lumbar.errors import DecodeError
from lumbar.imaging import decode_instance, decode_instances
from lumbar.imaging.codecs import CODECS, UNCOMPRESSED
from lumbar.phantom.syntaxes import LOSSLESS, SYNTAXES, file_bytes, transcoded

COMPRESSED = tuple(CODECS)
LARGEST_ERROR = {
    uid.JPEGBaseline8Bit: 3,
    uid.JPEGExtended12Bit: 6,
    uid.JPEGLSNearLossless: 2,
    uid.JPEG2000: 40,
    uid.HTJ2K: 2,
}
"""Of the encoder's own settings, in grey values of smooth pictures of 8 or 12 bits."""


def smooth(kind: str, low: float, high: float) -> np.ndarray[Any, Any]:
    """A picture of 64 x 70 pixels between two values, smooth as tissue, with a little noise."""
    row, column = np.mgrid[:64, :70]
    wave = 0.5 + 0.4 * np.sin(column / 9) * np.cos(row / 7)
    noisy = wave + np.random.default_rng(0).normal(0, 0.004, wave.shape)
    return (low + (high - low) * noisy.clip(0, 1)).astype(kind)


KINDS = {
    "12 bits in 16": (smooth("u2", 0, 4095), {}),
    "12 bits in 16, signed": (smooth("i2", -2048, 2047), {}),
    "16 bits": (smooth("u2", 0, 65535), {"BitsStored": 16, "HighBit": 15}),
    "16 bits, signed": (smooth("i2", -32768, 32767), {"BitsStored": 16, "HighBit": 15}),
    "8 bits": (smooth("u1", 0, 255), {}),
    "8 bits, signed": (smooth("i1", -128, 127), {}),
}


def name_of(syntax: uid.UID) -> str:
    return syntax.keyword


def shown_in(syntax: uid.UID) -> np.ndarray[Any, Any]:
    """The picture of the depth that a syntax holds."""
    return KINDS["8 bits" if syntax == uid.JPEGBaseline8Bit else "12 bits in 16"][0]


def test_every_syntax_that_is_written_here_is_read_and_the_other_way_round() -> None:
    assert {*CODECS, *UNCOMPRESSED} == set(SYNTAXES)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("syntax", LOSSLESS, ids=name_of)
def test_bar_14_a_lossless_syntax_gives_the_stored_values(make_dataset, syntax, kind) -> None:
    values, attributes = KINDS[kind]
    data = file_bytes(transcoded(make_dataset(values, **attributes), syntax))
    assert np.array_equal(decode_instance(data, "a.dcm").pixels, values)


@pytest.mark.parametrize("syntax", LARGEST_ERROR, ids=name_of)
def test_bar_14_a_lossy_syntax_gives_nearly_the_stored_values(make_dataset, syntax) -> None:
    values = shown_in(syntax)
    data = file_bytes(transcoded(make_dataset(values), syntax))
    error = np.abs(decode_instance(data, "a.dcm").pixels - values)
    assert 0 < error.max() <= LARGEST_ERROR[syntax]


@pytest.mark.parametrize("syntax", SYNTAXES, ids=name_of)
def test_bar_17_frames_of_a_multi_frame_file_are_each_their_own(make_dataset, syntax) -> None:
    frames = np.stack([shown_in(syntax)[:, ::-1], shown_in(syntax), shown_in(syntax)[::-1]])
    dataset = enhanced(make_dataset, 3)
    dataset.Rows, dataset.Columns = frames.shape[1:]
    dataset.BitsAllocated = 8 * frames.itemsize
    dataset.BitsStored = min(dataset.BitsAllocated, 12)
    dataset.HighBit = dataset.BitsStored - 1
    dataset.PixelData = frames.tobytes()
    decoded = decode_instances(file_bytes(transcoded(dataset, syntax)), "a.dcm")
    assert len(decoded) == 3
    for instance, frame in zip(decoded, frames, strict=True):
        assert np.abs(instance.pixels - frame).max() <= LARGEST_ERROR.get(syntax, 0)


def test_bar_17_frames_in_any_order_are_ordered_by_their_place_and_rescaled_each_its_way(
    make_dataset,
) -> None:
    from pydicom.dataset import Dataset
    from pydicom.sequence import Sequence

    from lumbar.imaging import read_uploaded

    dataset = enhanced(make_dataset, 4)
    dataset.PixelData = np.full((4, 20, 30), 10, np.uint16).tobytes()
    order = (2, 0, 3, 1)
    for frame, item in enumerate(dataset.PerFrameFunctionalGroupsSequence):
        item.PlanePositionSequence[0].ImagePositionPatient = [4.0 * order[frame], 0, 0]
        transformation = Dataset()
        transformation.RescaleSlope, transformation.RescaleIntercept = 1 + order[frame], -3
        item.PixelValueTransformationSequence = Sequence([transformation])
    (study,) = read_uploaded({"enhanced.dcm": file_bytes(dataset)}, all_series=True)
    (series,) = study.series
    assert [instance.plane.origin_mm[0] for instance in series] == [0, 4, 8, 12]
    assert [float(instance.pixels[0, 0]) for instance in series] == [7, 17, 27, 37]


@pytest.mark.parametrize("syntax", COMPRESSED, ids=name_of)
def test_bar_14_a_frame_of_another_size_than_its_header_is_refused(make_dataset, syntax) -> None:
    dataset = transcoded(make_dataset(shown_in(syntax)), syntax)
    dataset.Rows, dataset.Columns = dataset.Columns, dataset.Rows + 1
    with pytest.raises(DecodeError, match=r"^a\.dcm: "):
        decode_instance(file_bytes(dataset), "a.dcm")


@pytest.mark.parametrize("syntax", COMPRESSED, ids=name_of)
def test_bar_14_a_frame_that_ends_early_is_refused(make_dataset, syntax) -> None:
    from pydicom.encaps import encapsulate, get_frame

    dataset = transcoded(make_dataset(shown_in(syntax)), syntax)
    frame = get_frame(dataset.PixelData, 0, number_of_frames=1)
    for kept in (4, 80, len(frame) // 2, len(frame) - 40):
        dataset.PixelData = encapsulate([frame[:kept]])
        with pytest.raises(DecodeError, match=r"^a\.dcm: "):
            decode_instance(file_bytes(dataset), "a.dcm")


@pytest.mark.parametrize("syntax", [s for s in COMPRESSED if "HTJ2K" in s.keyword], ids=name_of)
def test_a_high_throughput_frame_with_foreign_bytes_in_it_is_refused(make_dataset, syntax) -> None:
    dataset = transcoded(make_dataset(shown_in(syntax)), syntax)
    middle = len(dataset.PixelData) // 2
    noise = np.random.default_rng(5).bytes(400)
    dataset.PixelData = dataset.PixelData[:middle] + noise + dataset.PixelData[middle + 400 :]
    with pytest.raises(DecodeError, match="truncated or damaged"):
        decode_instance(dataset, "a.dcm")


@pytest.mark.parametrize("syntax", COMPRESSED, ids=name_of)
def test_a_frame_in_several_fragments_is_put_together(make_dataset, syntax) -> None:
    from pydicom.encaps import encapsulate, get_frame

    dataset = transcoded(make_dataset(shown_in(syntax)), syntax)
    whole = decode_instance(file_bytes(dataset), "a.dcm").pixels
    frame = get_frame(dataset.PixelData, 0, number_of_frames=1)
    dataset.PixelData = encapsulate([frame], fragments_per_frame=3)
    assert np.array_equal(decode_instance(file_bytes(dataset), "a.dcm").pixels, whole)


@pytest.mark.parametrize("has_table", [True, False])
def test_fragmented_frames_are_told_apart_by_their_table_or_their_ends(
    make_dataset, has_table
) -> None:
    from pydicom.encaps import encapsulate, generate_frames

    dataset = enhanced(make_dataset, 3)
    whole = transcoded(dataset, uid.JPEGLosslessSV1)
    frames = list(generate_frames(whole.PixelData, number_of_frames=3))
    whole.PixelData = encapsulate(frames, fragments_per_frame=2, has_bot=has_table)
    stored = np.frombuffer(dataset.PixelData, np.uint16).reshape(3, 20, 30)
    decoded = decode_instances(file_bytes(whole), "a.dcm")
    assert all(np.array_equal(d.pixels, s) for d, s in zip(decoded, stored, strict=True))


def test_an_item_longer_than_the_file_is_refused(make_dataset) -> None:
    import struct

    dataset = transcoded(make_dataset(), uid.RLELossless)
    item = dataset.PixelData
    dataset.PixelData = item[:12] + struct.pack("<I", 1 << 30) + item[16:]
    with pytest.raises(DecodeError, match="truncated within an item"):
        decode_instance(dataset, "a.dcm")


def test_lossy_pixels_of_fewer_bits_than_the_header_says_are_refused(make_dataset) -> None:
    dataset = transcoded(make_dataset(KINDS["8 bits"][0]), uid.JPEGExtended12Bit)
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 12, 11
    with pytest.raises(DecodeError, match="8 bits compressed where the header says 12"):
        decode_instance(dataset, "a.dcm")


def test_a_frame_of_more_bits_than_are_allocated_is_refused(make_dataset) -> None:
    dataset = transcoded(make_dataset(KINDS["12 bits in 16"][0]), uid.JPEG2000Lossless)
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 8, 8, 7
    with pytest.raises(DecodeError, match="12 bits compressed for 8 allocated"):
        decode_instance(dataset, "a.dcm")


@pytest.mark.parametrize("syntax", COMPRESSED, ids=name_of)
def test_a_codec_that_is_not_installed_is_named_with_the_line_that_installs_it(
    make_dataset, monkeypatch, syntax
) -> None:
    dataset = transcoded(make_dataset(shown_in(syntax)), syntax)
    codec = CODECS[syntax]
    for module in [m for m in sys.modules if m.partition(".")[0] == codec.module]:
        monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.setitem(sys.modules, codec.module, None)
    with pytest.raises(DecodeError, match=f"pip install {codec.package}"):
        decode_instance(dataset, "a.dcm")


def test_a_syntax_without_a_codec_is_refused_by_name(make_dataset) -> None:
    dataset = make_dataset()
    for syntax, words in (
        (uid.MPEG2MPML, "MPEG2 Main Profile / Main Level"),
        (uid.UID("1.2.3"), "a transfer syntax that is not known"),
    ):
        dataset.file_meta.TransferSyntaxUID = syntax
        with pytest.raises(DecodeError, match=f"{words}, which cannot be decoded; export"):
            decode_instance(dataset, "a.dcm")


def test_nothing_is_registered_with_pydicoms_own_decoders(make_dataset) -> None:
    from pydicom.pixels.decoders.base import get_decoder

    before = {s: get_decoder(s).available_plugins for s in SYNTAXES}
    for syntax in COMPRESSED:
        decode_instance(transcoded(make_dataset(shown_in(syntax)), syntax), "a.dcm")
    assert {s: get_decoder(s).available_plugins for s in SYNTAXES} == before


@pytest.mark.parametrize("syntax", [uid.JPEGLSLossless, uid.JPEG2000Lossless], ids=name_of)
def test_signed_words_that_were_compressed_whole_keep_their_sign(make_dataset, syntax) -> None:
    """12 bits in words of 16 whose upper four are zero, as a compressor takes them."""
    values = np.arange(-300, 300, dtype=np.int16).reshape(20, 30)
    words = (values & 0xFFF).astype(np.uint16)
    plain = make_dataset(words, BitsStored=12, HighBit=11, PixelRepresentation=1)
    assert np.array_equal(decode_instance(file_bytes(plain), "a.dcm").pixels, values)
    encode = jpegls_encode if syntax == uid.JPEGLSLossless else jpeg2k_encode
    options = {} if syntax == uid.JPEGLSLossless else {"reversible": True, "codecformat": "j2k"}
    plain.PixelData = encapsulate([encode(words, **options)])
    plain["PixelData"].VR = "OB"
    plain.file_meta.TransferSyntaxUID = syntax
    assert np.array_equal(decode_instance(file_bytes(plain), "a.dcm").pixels, values)
