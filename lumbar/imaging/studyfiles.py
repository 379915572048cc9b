"""Where one study's bytes are, as plain values that travel in a manifest or between workers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from lumbar.domain import Side
from lumbar.errors import FormatError
from lumbar.imaging.study import SetAside
from lumbar.imaging.tables import ShownSlice

__all__ = ["SeriesFiles", "StudyFiles"]


@dataclass(frozen=True, slots=True)
class SeriesFiles:
    """The files of one series, by name, and what a table says that the series shows."""

    series_id: str
    files: tuple[str, ...]
    description: str = ""
    named_by: str = ""


@dataclass(frozen=True, slots=True)
class StudyFiles:
    """Where one study's bytes are: plain values, so that it travels in a manifest or a pickle.

    File names are relative to `uri` (a folder or a zip archive). With `rsna_layout` the study,
    series and slice numbers are those of the folders and file names; else those of the headers.
    """

    study_id: str
    uri: str
    series: tuple[SeriesFiles, ...]
    rsna_layout: bool
    shown: tuple[ShownSlice, ...] = ()
    set_aside: tuple[SetAside, ...] = ()

    @property
    def files(self) -> tuple[str, ...]:
        """Every file's name, series by series."""
        return tuple(name for series in self.series for name in series.files)

    def to_row(self) -> dict[str, Any]:
        """Plain lists, dicts, strings and numbers that Arrow and JSON hold as they are."""
        row = asdict(self)
        for name in ("series", "shown", "set_aside"):
            row[name] = list(row[name])
        for series in row["series"]:
            series["files"] = list(series["files"])
        return row

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> StudyFiles:
        """The study of `to_row`'s values; FormatError where one is missing."""
        try:
            return cls(
                str(row["study_id"]),
                str(row["uri"]),
                tuple(
                    SeriesFiles(s["series_id"], tuple(s["files"]), s["description"], s["named_by"])
                    for s in row["series"]
                ),
                bool(row["rsna_layout"]),
                tuple(_shown_from_row(shown) for shown in row["shown"]),
                tuple(
                    SetAside(aside["file"], aside["reason"], bool(aside.get("damaged")))
                    for aside in row["set_aside"]
                ),
            )
        except KeyError as error:
            raise FormatError(f"a study's row has no {error}; index the input again") from None


def _shown_from_row(row: Mapping[str, Any]) -> ShownSlice:
    side = Side(row["side"]) if row["side"] else None
    return ShownSlice(
        row["study_id"], row["series_id"], row["number"], row["rows"], row["columns"], side
    )
