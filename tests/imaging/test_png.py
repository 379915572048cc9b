"""PNG pictures: depth, colour, and the true aspect and side that a table gives them."""

from __future__ import annotations

import io
import math

import numpy as np
import pytest
from PIL import Image

from lumbar.domain import Side
from lumbar.errors import DecodeError, FormatError
from lumbar.imaging import ShownSlice
from lumbar.imaging.png import decode_png, encode_png, png_header, with_geometry

RAMP = (np.arange(600) % 251).astype(np.uint8).reshape(20, 30)


def as_png(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def decoded(data: bytes) -> np.ndarray:
    return decode_png(data, png_header(data, "1.png", "study", "series", 1)).pixels


def test_eight_and_sixteen_bits_come_out_as_they_are() -> None:
    assert np.array_equal(decoded(encode_png(RAMP)), RAMP)
    deep = RAMP.astype(np.uint16) * 200
    assert np.array_equal(decoded(as_png(Image.fromarray(deep))), deep)


def test_colour_with_transparency_is_made_grey() -> None:
    picture = Image.fromarray(RAMP).convert("RGBA")
    assert np.allclose(decoded(as_png(picture)), RAMP, atol=1)


def test_a_squashed_picture_gets_its_true_aspect_and_side() -> None:
    header = png_header(encode_png(np.zeros((250, 250), np.uint8)), "8.png", "1", "2", 8)
    shown = with_geometry(header, ShownSlice("1", "2", 8, 640, 320, Side.LEFT))
    height, width = shown.aspect
    assert height / width == pytest.approx(2.0)
    assert math.sqrt(height * width) == pytest.approx(1.0)
    assert shown.side is Side.LEFT


def test_a_photo_renamed_png_is_refused() -> None:
    with pytest.raises(FormatError, match="no PNG file"):
        png_header(b"\xff\xd8\xff\xe0" + b"x" * 100, "photo.png", "1", "2")


def test_half_a_png_is_refused_by_name() -> None:
    data = encode_png(np.random.default_rng(0).integers(0, 255, (200, 200), np.uint8))
    with pytest.raises(DecodeError, match=r"half\.png: damaged"):
        decode_png(data[: len(data) // 2], png_header(data, "half.png", "1", "2"))


def test_a_png_that_claims_a_million_rows_is_refused_unread() -> None:
    data = bytearray(encode_png(RAMP))
    data[20:24] = (1_000_000).to_bytes(4, "big")
    with pytest.raises(FormatError, match="at most 8192 a side"):
        png_header(bytes(data), "bomb.png", "1", "2")


def test_a_picture_without_height_is_refused() -> None:
    data = bytearray(encode_png(RAMP))
    data[20:24] = bytes(4)
    with pytest.raises(FormatError, match="0 x 30 pixels"):
        png_header(bytes(data), "1.png", "1", "1")
