"""What a file of unknown origin may ask for. Each limit has its reason and an error of its own."""

from __future__ import annotations

__all__ = [
    "DECODE_SECONDS",
    "MAX_FILE_BYTES",
    "MAX_SIDE",
    "MAX_STUDY_PIXELS",
    "MEMORY_BYTES",
    "PATIENCE_SECONDS",
]

DECODE_SECONDS = 20.0
"""For one call of a child, some 6 million pixels: a hundred times what a slow codec needs."""
PATIENCE_SECONDS = 60.0
"""Once the files of one study have cost this much by ending children, the rest is not decoded:
three files that hang, or some hundred that abort at once."""
MEMORY_BYTES = 3 * 2**30
"""Of a child, on top of what it starts with: the largest member of an archive (512 MiB) with its
data set, its pictures, and their copies on the way."""
MAX_FILE_BYTES = MEMORY_BYTES // 4
"""Of a file that goes to a child, which holds it, its data set and its pictures at once."""
MAX_SIDE = 8192
"""Rows or columns beyond this are refused before anything is allocated."""
MAX_STUDY_PIXELS = 2**30
"""4 GiB as float32, twice the largest studies: well packed pictures could otherwise fill any memory
from few bytes."""
