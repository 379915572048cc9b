"""The manifest: one row a study, where its bytes are, its series' roles and the reasons for them.

Columns of the contract: schema_version, study_id, uri, files, series, set_aside. `found` holds
what `find_studies` knew before any header was read, so that a row becomes a `StudyFiles` again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from lumbar.errors import FormatError
from lumbar.imaging.find import find_studies
from lumbar.imaging.read import StudyDescription
from lumbar.imaging.studyfiles import StudyFiles
from lumbar.pipelines.output import whole_file

__all__ = [
    "MANIFEST_SCHEMA",
    "SCHEMA_VERSION",
    "list_studies",
    "manifest_row",
    "read_manifest",
    "studies_of",
    "write_manifest",
]

SCHEMA_VERSION = "1"

_STRING, _COUNT = pa.string(), pa.int32()
_ASIDE = [("file", _STRING), ("reason", _STRING)]
_SHOWN = pa.struct(
    [
        ("study_id", _STRING),
        ("series_id", _STRING),
        ("number", _COUNT),
        ("rows", _COUNT),
        ("columns", _COUNT),
        ("side", _STRING),
    ]
)
_SERIES_FILES = pa.struct(
    [
        ("series_id", _STRING),
        ("files", pa.list_(_STRING)),
        ("description", _STRING),
        ("named_by", _STRING),
    ]
)
FOUND_TYPE = pa.struct(
    [
        ("study_id", _STRING),
        ("uri", _STRING),
        ("series", pa.list_(_SERIES_FILES)),
        ("rsna_layout", pa.bool_()),
        ("shown", pa.list_(_SHOWN)),
        ("set_aside", pa.list_(pa.struct([*_ASIDE, ("damaged", pa.bool_())]))),
    ]
)
"""`StudyFiles.to_row`."""

MANIFEST_SCHEMA = pa.schema(
    [
        pa.field("schema_version", _STRING, nullable=False),
        pa.field("study_id", _STRING, nullable=False),
        pa.field("uri", _STRING, nullable=False),
        pa.field("files", pa.list_(_STRING), nullable=False),
        pa.field(
            "series",
            pa.list_(
                pa.struct(
                    [
                        ("series_id", _STRING),
                        ("role", _STRING),  # domain.View, null for a series of no use
                        ("reason", _STRING),
                        ("slices", _COUNT),
                    ]
                )
            ),
            nullable=False,
        ),
        pa.field("set_aside", pa.list_(pa.struct(_ASIDE)), nullable=False),
        pa.field("found", FOUND_TYPE, nullable=False),
    ],
    metadata={"schema_version": SCHEMA_VERSION},
)


def manifest_row(study: StudyFiles, description: StudyDescription) -> dict[str, Any]:
    """A study's row; file names are relative to `uri`."""
    return {
        "schema_version": SCHEMA_VERSION,
        "study_id": study.study_id,
        "uri": study.uri,
        "files": list(study.files),
        "series": [
            {
                "series_id": series.series_id,
                "role": None if series.role is None else series.role.value,
                "reason": series.reason,
                "slices": series.slices,
            }
            for series in description.series
        ],
        "set_aside": [
            {"file": aside.file, "reason": aside.reason} for aside in description.set_aside
        ],
        "found": study.to_row(),
    }


def write_manifest(rows: Iterable[Mapping[str, Any]], path: Path) -> None:
    """Write rows, sorted by study, as one Parquet file, whole or not at all."""
    ordered = sorted(rows, key=lambda row: str(row["study_id"]))
    table = pa.Table.from_pylist(ordered, schema=MANIFEST_SCHEMA)
    with whole_file(path) as draft:
        pq.write_table(table, draft, compression="zstd")


def read_manifest(path: Path) -> pa.Table:
    """The table of a manifest; FormatError for another file or an unknown schema version."""
    try:
        schema = pq.read_schema(path)
    except (OSError, pa.ArrowInvalid) as error:
        raise FormatError(f"{path}: not a Parquet file that can be read ({error})") from error
    version = (schema.metadata or {}).get(b"schema_version", b"none").decode()
    if version != SCHEMA_VERSION or "found" not in schema.names:
        raise FormatError(
            f"{path}: not a manifest of schema_version {SCHEMA_VERSION} (it says {version}); "
            "write it again with this version's jobs/index.py"
        )
    table: pa.Table = pq.read_table(path, schema=MANIFEST_SCHEMA)
    return table


def studies_of(manifest: pa.Table) -> list[StudyFiles]:
    """The studies of a manifest's rows, ready to be read."""
    return [StudyFiles.from_row(row) for row in manifest["found"].to_pylist()]


def list_studies(source: str | Path, *, trusted: bool = False) -> list[StudyFiles]:
    """The studies of a root, folder or archive, or of a manifest (`.parquet`), by study id.

    Headers that have to be looked at for this are parsed in a child process unless the files are
    `trusted`. Raises FormatError where there is none, and where two have the same id.
    """
    path = Path(source)
    if path.suffix == ".parquet":
        found: Iterable[StudyFiles] = studies_of(read_manifest(path))
    else:
        found = find_studies(path, trusted=trusted)
    studies = sorted(found, key=lambda study: study.study_id)
    if not studies:
        raise FormatError(f"{path}: no study in it")
    for one, other in pairwise(studies):
        if one.study_id == other.study_id:
            raise FormatError(
                f"study {one.study_id} is there twice, in {one.uri} and in {other.uri}: "
                "remove one or give the two folders apart"
            )
    return studies
