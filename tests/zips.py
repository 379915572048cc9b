"""A zip archive in memory."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping

Members = Mapping[str, bytes] | Mapping[zipfile.ZipInfo, bytes]


def zipped(members: Members, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """An archive of files by name, or by all that a member's entry says."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, data, method)
    return buffer.getvalue()
