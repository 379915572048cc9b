"""One attribute of a data set at a time, read tolerantly: a broken value is an absent value.

pydicom checks a value against its VR when it is first looked at and warns, naming the value. Real
files break the rules often (UIDs with an illegal root, decimals with a unit) and a value may
identify a patient, so values are taken from the raw bytes and nothing is ever quoted. It is also
what makes reading a header quick: pydicom's conversion of one value costs as much as ten of these.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable
from functools import cache
from typing import Any

from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import BaseTag

__all__ = ["has", "inner", "integer", "number", "numbers", "raw_bytes", "strings", "text"]


def has(dataset: Dataset, keyword: str) -> bool:
    """Whether an attribute is there, with a value or without."""
    return _element(dataset, keyword) is not None


def strings(dataset: Dataset, keyword: str) -> tuple[str, ...]:
    """The values of a text attribute without padding; empty where it is absent or broken."""
    element = _element(dataset, keyword)
    value = None if element is None else element.value
    if isinstance(value, bytes):
        value = _decoded(value)
    if isinstance(value, str):
        return tuple(part.strip(" \0") for part in value.split("\\")) if value else ()
    if value is None:
        return ()
    return tuple(str(part) for part in value) if isinstance(value, Iterable) else (str(value),)


def text(dataset: Dataset, keyword: str) -> str:
    """The values of a text attribute, joined as DICOM joins them; "" where it is absent."""
    return "\\".join(strings(dataset, keyword))


def numbers(dataset: Dataset, keyword: str) -> tuple[float, ...]:
    """The values of a numeric attribute (text or binary VR); empty where any is no number."""
    element = _element(dataset, keyword)
    if element is None:
        return ()
    try:
        found = tuple(map(float, _parts(element, keyword)))
    except (TypeError, ValueError, struct.error):
        return ()
    return found if all(map(math.isfinite, found)) else ()


def number(dataset: Dataset, keyword: str) -> float | None:
    """The first value of a numeric attribute, None where it is absent or broken."""
    found = numbers(dataset, keyword)
    return found[0] if found else None


def integer(dataset: Dataset, keyword: str) -> int | None:
    """The first value of a numeric attribute as a whole number, None where it is none."""
    element = _element(dataset, keyword)
    if element is None:
        return None
    value = element.value
    if element.VR == "US" and isinstance(value, bytes) and len(value) == 2:  # the common case
        return int.from_bytes(value, "little" if element.is_little_endian else "big")
    found = number(dataset, keyword)
    return int(found) if found is not None and found == int(found) else None


def raw_bytes(dataset: Dataset, keyword: str) -> memoryview:
    """A view of an attribute of a binary VR (OB, OW) as the file has it; empty where absent."""
    element = _element(dataset, keyword)
    value = None if element is None else element.value
    return memoryview(value if isinstance(value, bytes | memoryview) else b"")


def inner(dataset: Dataset, keyword: str, index: int = 0) -> Dataset | None:
    """Item `index` of a sequence, None where the sequence is absent, broken or shorter."""
    if _element(dataset, keyword) is None:
        return None
    try:
        items = dataset[_tag(keyword)].value
        return items[index] if index < len(items) else None
    except Exception:  # whatever a broken sequence makes pydicom raise, it is no sequence
        return None


_BINARY = {"US": "H", "SS": "h", "UL": "I", "SL": "i", "FL": "f", "FD": "d", "UV": "Q", "SV": "q"}
"""VRs that hold numbers, each with its code in `struct` (PS3.5 table 6.2-1)."""


@cache
def _tag(keyword: str) -> BaseTag:
    tag = tag_for_keyword(keyword)
    if tag is None:
        raise KeyError(f"{keyword}: no keyword of DICOM's data dictionary")
    return BaseTag(tag)


@cache
def _vr(keyword: str) -> str:
    vr = dictionary_VR(keyword)
    return "US" if vr == "US or SS" else vr


def _element(dataset: Dataset, keyword: str) -> Any:
    """An element as it was read, unconverted where nobody has looked at it yet."""
    return dataset.get_item(_tag(keyword), keep_deferred=True)


def _parts(element: Any, keyword: str) -> Iterable[Any]:
    value = element.value
    if value is None or value == "" or value == b"":
        return ()
    if isinstance(element, RawDataElement) and isinstance(value, bytes):
        own = element.VR
        code = _BINARY.get(own if own not in (None, "UN") else _vr(keyword))
        if code is None:
            return (_decoded(part).strip(" \0") for part in value.split(b"\\"))
        order = "<" if element.is_little_endian else ">"
        return struct.unpack(f"{order}{len(value) // struct.calcsize(code)}{code}", value)
    return value if isinstance(value, Iterable) and not isinstance(value, str) else (value,)


def _decoded(value: bytes) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("latin-1")
