"""Compressed frames in their items (PS3.5 A.4): which bytes belong to which frame."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from itertools import pairwise

from pydicom.dataset import Dataset

from lumbar.imaging import attributes
from lumbar.imaging.codestream import CodestreamError

__all__ = ["frame_of_items"]

_ITEM = 0xE000FFFE
_END = 0xE0DDFFFE
_END_OF_IMAGE = b"\xff\xd9"


def frame_of_items(dataset: Dataset, index: int, frames: int) -> bytes:
    """The bytes of frame `index` of encapsulated PixelData.

    A lone frame has all fragments; else by the extended or the basic offset table where one fits,
    one fragment a frame, or fragments up to an end-of-image marker. Raises CodestreamError where
    an item is cut off or the frames cannot be told apart.
    """
    value = attributes.raw_bytes(dataset, "PixelData")
    table = next(_items(value, 0), None)
    if table is None:
        raise CodestreamError("no items in compressed pixel data")
    first = table[1]
    if frames == 1:
        return _joined(value, list(_items(value, first)))
    if span := _told_span(dataset, value[table[0] : first], index, frames):
        told = value[first + span[0] : None if span[1] is None else first + span[1]]
        return _joined(told, list(_items(told, 0)))
    fragments = list(_items(value, first))
    if len(fragments) == frames:
        return _joined(value, fragments[index : index + 1])
    return _joined(value, _up_to_end(value, fragments, index, frames))


def _items(value: memoryview, place: int) -> Iterator[tuple[int, int]]:
    """Begin and end of each item's bytes, up to the delimiter or the end."""
    while place + 8 <= len(value):
        tag, length = struct.unpack_from("<II", value, place)
        if tag == _END:
            return
        place += 8
        if tag != _ITEM or length > len(value) - place:
            raise CodestreamError("truncated within an item")
        yield place, place + length
        place += length


def _told_span(
    dataset: Dataset, basic: memoryview, index: int, frames: int
) -> tuple[int, int | None] | None:
    """From where to where (None: the end) a frame's items lie after the table, if a table says."""
    offsets: tuple[int, ...] = ()
    extended = attributes.raw_bytes(dataset, "ExtendedOffsetTable")
    if len(extended) == 8 * frames:
        offsets = struct.unpack(f"<{frames}Q", extended)
    elif len(basic) == 4 * frames:
        offsets = struct.unpack(f"<{frames}I", basic)
    if not offsets:
        return None
    if offsets[0] != 0 or any(b <= a for a, b in pairwise(offsets)):
        raise CodestreamError("an offset table that contradicts itself")
    return offsets[index], offsets[index + 1] if index + 1 < frames else None


def _up_to_end(
    value: memoryview, fragments: list[tuple[int, int]], index: int, frames: int
) -> list[tuple[int, int]]:
    """The fragments of a frame where each frame ends with an end-of-image marker."""
    closed = [
        n for n, (_, end) in enumerate(fragments) if _END_OF_IMAGE in bytes(value[end - 10 : end])
    ]
    if len(closed) != frames:
        raise CodestreamError("compressed frames that cannot be told apart (no offset table)")
    return fragments[closed[index - 1] + 1 if index else 0 : closed[index] + 1]


def _joined(value: memoryview, fragments: list[tuple[int, int]]) -> bytes:
    if not fragments:
        raise CodestreamError("no compressed image in the pixel data")
    return b"".join([value[begin:end] for begin, end in fragments])
