"""Where a frame of a multi-frame file keeps its attributes (PS3.3 C.7.6.16, functional groups)."""

from __future__ import annotations

from pydicom.dataset import Dataset

from lumbar.imaging import attributes

__all__ = ["frame_count", "group", "holder"]


def frame_count(dataset: Dataset) -> int:
    """NumberOfFrames; 1 where it is absent, as in a plain MR image."""
    return max(attributes.integer(dataset, "NumberOfFrames") or 1, 1)


def group(dataset: Dataset, keyword: str, frame: int | None) -> Dataset:
    """The item that holds a group's attributes for one frame.

    The frame's own functional group goes before the shared one, the shared one before the data
    set itself, which is also where a plain file (`frame` None) keeps everything.
    """
    if frame is None:
        return dataset
    own = attributes.inner(dataset, "PerFrameFunctionalGroupsSequence", frame)
    shared = attributes.inner(dataset, "SharedFunctionalGroupsSequence")
    for holder in (own, shared):
        item = attributes.inner(holder, keyword) if holder is not None else None
        if item is not None:
            return item
    return dataset


_CONVERTED = (
    "UnassignedPerFrameConvertedAttributesSequence",
    "UnassignedSharedConvertedAttributesSequence",
)


def holder(dataset: Dataset, keyword: str, frame: int | None) -> Dataset:
    """The data set or item that holds an attribute of plain files for one frame.

    A Legacy Converted Enhanced MR file keeps what its plain files said, and Enhanced ones have no
    place for, in groups of their own (C.7.6.16.2.25.1 and .2). Where nothing holds it: the data
    set.
    """
    if frame is not None and not attributes.has(dataset, keyword):
        for converted in _CONVERTED:
            item = group(dataset, converted, frame)
            if attributes.has(item, keyword):
                return item
    return dataset
