"""The data set of one DICOM file (PS3.10 section 7): preamble, file meta, elements, nothing more.

pydicom's own generator of raw elements does the parsing. What is put around it here, in place of
`dcmread`, is what damaged and hostile files need (a deflated data set is inflated within a bound)
and what many files need: nothing is converted before it is asked for.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filereader import data_element_generator
from pydicom.tag import BaseTag
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
)

from lumbar.errors import DecodeError, FormatError
from lumbar.imaging import attributes

__all__ = ["MAX_INFLATED_BYTES", "name_of", "read_dataset"]

MAX_INFLATED_BYTES = 256 * 2**20
"""A deflated data set that grows beyond this is refused; of one read for its header alone, no
more than a sixteenth is looked at."""

_AGAIN = "copy it again from its source"
_CHARACTER_SET = 0x00080005
_FLOAT_PIXELS, _DOUBLE_PIXELS, _PIXEL_DATA = 0x7FE00008, 0x7FE00009, 0x7FE00010
_UNDEFINED = 0xFFFFFFFF


def read_dataset(
    data: bytes | Path | BinaryIO, source: str = "", *, pixels: bool = True
) -> Dataset:
    """The data set of one DICOM file, with or without its preamble, unconverted.

    With `pixels`, its PixelData is a view of the file's bytes and what follows it is left out.
    Raises FormatError naming the file where it is no DICOM (PS3.10 section 7.1) or cannot be
    read, DecodeError where it is a damaged one.
    """
    name = source or name_of(data)
    try:
        if isinstance(data, Path):
            with data.open("rb") as opened:
                return read_dataset(opened, name, pixels=pixels)
        if isinstance(data, bytes) or pixels:
            data = io.BytesIO(data if isinstance(data, bytes) else data.read())
        return _read(data, name, pixels)
    except OSError as error:
        raise FormatError(f"{name}: cannot be read ({error.strerror or error})") from error


def name_of(data: bytes | Path | BinaryIO) -> str:
    """What a file is called in messages where the caller gives it no name."""
    return str(data) if isinstance(data, Path) else getattr(data, "name", "") or "file"


def _read(stream: BinaryIO, source: str, pixels: bool) -> Dataset:
    head = stream.read(132)
    if not head:
        raise FormatError(f"{source}: an empty file; {_AGAIN}")
    if head[128:] != b"DICM":
        if not _starts_like_a_dataset(head):
            raise FormatError(f"{source}: no DICOM file; accepted are DICOM, PNG and zip")
        stream.seek(-len(head), io.SEEK_CUR)
    try:
        dataset = _parsed(stream, source, pixels)
    except DecodeError:
        raise
    except EOFError as error:  # pydicom's, of a value without its delimiter
        raise DecodeError(f"{source}: truncated within a sequence; {_AGAIN}") from error
    except Exception as error:  # a damaged file can make the parser raise anything
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise DecodeError(
            f"{source}: damaged DICOM file ({type(error).__name__}); {_AGAIN}"
        ) from error
    if not len(dataset):
        raise DecodeError(f"{source}: truncated within its header; {_AGAIN}")
    return dataset


def _starts_like_a_dataset(head: bytes) -> bool:
    """A bare data set (no preamble) starts with a tag of group 0002 or 0008 (PS3.5 7.1)."""
    if len(head) < 8:
        return False
    group_number, element = struct.unpack("<HH", head[:4])
    return group_number in (2, 8) and element < 0x0100


def _parsed(stream: BinaryIO, source: str, pixels: bool) -> Dataset:
    meta = FileMetaDataset(_elements(stream, False, True, _behind_meta))
    syntax = attributes.text(meta, "TransferSyntaxUID")
    if syntax == DeflatedExplicitVRLittleEndian:
        stream = io.BytesIO(_inflated(stream.read(), source, pixels))
    implicit, little = _encoding(stream, syntax)
    dataset = Dataset(_elements(stream, implicit, little, _at_pixels))
    if pixels and isinstance(stream, io.BytesIO):
        _attach_pixels(dataset, stream, implicit, little)
        if not _ends_well(dataset, stream):
            raise DecodeError(f"{source}: what follows its pixels is no DICOM element; {_AGAIN}")
    dataset.set_original_encoding(implicit, little)
    dataset.file_meta = meta
    return dataset


def _attach_pixels(dataset: Dataset, stream: io.BytesIO, implicit: bool, little: bool) -> None:
    """Add the PixelData that the stream stands before (PS3.5 7.1.2, 7.1.3), uncopied.

    Compressed pixels, whose length is undefined, reach to the end: their items end themselves.
    """
    whole, start = stream.getbuffer(), stream.tell()
    short = "<" if little else ">"
    if len(whole) < start + (8 if implicit else 12):
        return
    group, number, vr = struct.unpack_from(f"{short}HH2s", whole, start)
    if group << 16 | number != _PIXEL_DATA:
        return
    implicit = implicit or not _is_vr(vr)
    start += 8 if implicit else 12
    (length,) = struct.unpack_from(f"{short}I", whole, start - 4)
    value = whole[start:] if length == _UNDEFINED else whole[start : start + length]
    named = None if implicit else vr.decode("latin-1")
    tag = BaseTag(_PIXEL_DATA)
    dataset[tag] = RawDataElement(tag, named, length, value, start, implicit, little)  # type: ignore


def _ends_well(dataset: Dataset, stream: io.BytesIO) -> bool:
    """Whether nothing, padding or an element with a higher tag comes after uncompressed pixels.

    If not, their length is not what was written, and the picture would be shifted or sheared.
    """
    element: Any = dataset.get_item(_PIXEL_DATA, keep_deferred=True)
    if element is None or element.length == _UNDEFINED:
        return True
    rest = bytes(stream.getbuffer()[element.value_tell + element.length :][:8])
    if not rest.strip(b"\0"):
        return True
    group, number = struct.unpack_from("<HH" if element.is_little_endian else ">HH", rest.ljust(8))
    return len(rest) == 8 and group << 16 | number > _PIXEL_DATA


def _elements(
    stream: BinaryIO,
    implicit: bool,
    little: bool,
    stop: Callable[[BaseTag, str | None, int], bool],
) -> dict[BaseTag, Any]:
    """Elements by tag up to the end or where `stop` says.

    SpecificCharacterSet is taken out of pydicom's hands, whose warning quotes one that it does not
    know, and a value may be anything; no text is decoded here.
    """

    def stops(tag: BaseTag, vr: str | None, length: int) -> bool:
        return tag == _CHARACTER_SET or stop(tag, vr, length)

    elements = {e.tag: e for e in data_element_generator(stream, implicit, little, stops)}
    beyond = stop(BaseTag(_CHARACTER_SET), "CS", 0)
    if not beyond and (element := _character_set(stream, implicit, little)):
        elements[element.tag] = element
        rest = data_element_generator(stream, implicit, little, stop)
        elements |= {element.tag: element for element in rest}
    return elements


def _character_set(stream: BinaryIO, implicit: bool, little: bool) -> RawDataElement | None:
    """The SpecificCharacterSet that the stream stands before; None where it is another element."""
    start, short = stream.tell(), "<" if little else ">"
    head = stream.read(8)
    explicit = not implicit and _is_vr(head[4:6])
    tag = struct.unpack_from(f"{short}HH", head) if len(head) == 8 else (0, 0)
    if tag[0] << 16 | tag[1] != _CHARACTER_SET:
        stream.seek(start)
        return None
    (length,) = (
        struct.unpack_from(f"{short}H", head, 6)
        if explicit
        else (struct.unpack_from(f"{short}I", head, 4))
    )
    value = stream.read(length)
    if len(value) < length:
        raise EOFError("the character set's value is cut off")
    vr = "CS" if explicit else None
    return RawDataElement(
        BaseTag(_CHARACTER_SET), vr, length, value, start + 8, not explicit, little
    )


def _behind_meta(tag: BaseTag, vr: str | None, length: int) -> bool:
    return tag >> 16 != 2


def _at_pixels(tag: BaseTag, vr: str | None, length: int) -> bool:
    return tag in (_PIXEL_DATA, _FLOAT_PIXELS, _DOUBLE_PIXELS)


def _encoding(stream: BinaryIO, syntax: str) -> tuple[bool, bool]:
    """(implicit VR, little endian): as the transfer syntax says, unless the bytes disagree.

    Some writers state the one and write the other; a VR is two capitals (PS3.5 7.1.2).
    """
    start = stream.read(6)
    stream.seek(-len(start), io.SEEK_CUR)
    if syntax == ExplicitVRBigEndian:
        return False, False
    explicit = _is_vr(start[4:])
    bare_big = not syntax and explicit and start[:2] == b"\x00\x08"
    return not explicit, not bare_big


def _is_vr(value: bytes) -> bool:
    return len(value) == 2 and value.isalpha() and value.isupper()


def _inflated(data: bytes, source: str, pixels: bool) -> bytes:
    """A deflated data set (PS3.5 A.5), at most MAX_INFLATED_BYTES of it."""
    limit = MAX_INFLATED_BYTES if pixels else MAX_INFLATED_BYTES // 16
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    whole = b"".join(_chunks(inflater, data, limit))
    if pixels and len(whole) > limit:
        raise DecodeError(
            f"{source}: inflates to more than {limit >> 20} MiB; send it uncompressed"
        )
    if pixels and not inflater.eof:
        raise DecodeError(f"{source}: truncated within its deflated data set; {_AGAIN}")
    return whole


def _chunks(inflater: Any, data: bytes, limit: int) -> Iterator[bytes]:
    """Inflated pieces of 1 MiB, no more than one beyond the limit."""
    made = 0
    while made <= limit:
        piece = inflater.decompress(data, 1 << 20)
        data = inflater.unconsumed_tail
        if not piece:
            return
        made += len(piece)
        yield piece
