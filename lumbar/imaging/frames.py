"""Where a frame of a multi-frame file keeps its attributes (PS3.3 C.7.6.16, functional groups)."""

from __future__ import annotations

from pydicom.dataset import Dataset

from lumbar.imaging import attributes

__all__ = ["frame_count", "group"]


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
