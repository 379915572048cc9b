"""One attribute of a data set at a time, read tolerantly: a broken value is an absent value.

pydicom checks a value against its VR when it is first looked at and warns, naming the value. Real
files break the rules often (UIDs with an illegal root, decimals with a unit) and a value may
identify a patient, so text is taken from the raw bytes and nothing is ever quoted.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset

__all__ = ["inner", "integer", "number", "numbers", "strings", "text"]


def strings(dataset: Dataset, keyword: str) -> tuple[str, ...]:
    """The values of a text attribute without padding; empty where it is absent or broken."""
    tag = tag_for_keyword(keyword)
    if tag is None or tag not in dataset:
        return ()
    value = dataset.get_item(tag, keep_deferred=True).value
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
    try:
        found = tuple(map(float, _parts(dataset, keyword)))
    except (TypeError, ValueError):
        return ()
    return found if all(map(math.isfinite, found)) else ()


def number(dataset: Dataset, keyword: str) -> float | None:
    """The first value of a numeric attribute, None where it is absent or broken."""
    found = numbers(dataset, keyword)
    return found[0] if found else None


def integer(dataset: Dataset, keyword: str) -> int | None:
    """The first value of a numeric attribute as a whole number, None where it is none."""
    found = number(dataset, keyword)
    return int(found) if found is not None and found == int(found) else None


def inner(dataset: Dataset, keyword: str, index: int = 0) -> Dataset | None:
    """Item `index` of a sequence, None where the sequence is absent, broken or shorter."""
    tag = tag_for_keyword(keyword)
    if tag is None or tag not in dataset:
        return None
    try:
        items = dataset[tag].value
        return items[index] if index < len(items) else None
    except Exception:  # whatever a broken sequence makes pydicom raise, it is no sequence
        return None


_BINARY = {"US", "SS", "UL", "SL", "FL", "FD", "UV", "SV"}


def _parts(dataset: Dataset, keyword: str) -> Iterable[Any]:
    tag = tag_for_keyword(keyword)
    if tag is None or tag not in dataset:
        return ()
    element = dataset.get_item(tag, keep_deferred=True)
    raw = isinstance(element, RawDataElement)
    if raw and element.VR not in _BINARY and not _is_binary(keyword):
        return strings(dataset, keyword)
    try:
        value = dataset[tag].value
    except Exception:  # a value of the wrong length for its VR
        return ()
    if value is None or value == "":
        return ()
    return value if isinstance(value, Iterable) and not isinstance(value, str) else (value,)


def _is_binary(keyword: str) -> bool:
    return dictionary_VR(keyword) in _BINARY


def _decoded(value: bytes) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("latin-1")
