"""The manifest: a row a study, and back to the study's files."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lumbar.errors import FormatError
from lumbar.imaging.find import find_studies
from lumbar.imaging.read import describe_study
from lumbar.pipelines.manifest import (
    MANIFEST_SCHEMA,
    list_studies,
    manifest_row,
    read_manifest,
    studies_of,
    write_manifest,
)


def test_studies_come_back_from_the_manifest_as_they_went_in(cohort: Path, tmp_path: Path) -> None:
    studies = sorted(find_studies(cohort), key=lambda study: study.study_id)
    path = tmp_path / "manifest.parquet"
    write_manifest((manifest_row(s, describe_study(s)) for s in reversed(studies)), path)
    assert studies_of(read_manifest(path)) == studies
    assert list_studies(path) == studies


def test_a_row_names_every_series_with_its_role_and_the_reason(cohort: Path) -> None:
    study = next(iter(find_studies(cohort)))
    row = manifest_row(study, describe_study(study))
    assert {series["role"] for series in row["series"]} == {
        "sagittal_t1",
        "sagittal_t2",
        "axial_t2",
    }
    assert all(series["reason"] and series["slices"] > 0 for series in row["series"])
    assert len(row["files"]) == sum(series["slices"] for series in row["series"])


def test_the_contracts_columns_come_first() -> None:
    assert MANIFEST_SCHEMA.names[:6] == [
        "schema_version",
        "study_id",
        "uri",
        "files",
        "series",
        "set_aside",
    ]


def test_a_manifest_of_another_version_is_refused_with_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "manifest.parquet"
    schema = MANIFEST_SCHEMA.with_metadata({"schema_version": "99"})
    pq.write_table(pa.Table.from_pylist([], schema=schema), path)
    with pytest.raises(FormatError, match=r"schema_version .*99.*index"):
        read_manifest(path)


def test_two_studies_of_one_id_are_refused_by_both_places(cohort: Path, tmp_path: Path) -> None:
    study = next(iter(find_studies(cohort)))
    row = manifest_row(study, describe_study(study))
    path = tmp_path / "manifest.parquet"
    write_manifest([row, row], path)
    with pytest.raises(FormatError, match="is there twice"):
        list_studies(path)
