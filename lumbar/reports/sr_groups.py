"""The structured report's measurement groups: one a finding, at its landmark if it has one."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import highdicom.sr as hd
import numpy as np
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes

from lumbar.domain import (
    Basis,
    Evidence,
    Family,
    Finding,
    Level,
    Severity,
    Side,
    Status,
    StudyGrades,
)
from lumbar.reports import sr_codes as our
from lumbar.reports.provenance import Provenance
from lumbar.reports.source_headers import SourceHeaders, is_uid

__all__ = ["Group", "Item", "Stamp", "append_texts", "group_of", "items_of", "region_of"]


@dataclass(frozen=True, slots=True)
class Item:
    """A finding or a lone slice's grade, told alike."""

    name: str
    family: Family
    level: Level | None
    side: Side | None
    severity: Severity | None
    probabilities: tuple[float, float, float] | None
    basis: Basis | None
    reason: str
    evidence: Evidence | None


@dataclass(frozen=True, slots=True)
class Stamp:
    """UIDs that follow from what is reported (2.25, PS3.5 B.2): asked twice, sent once."""

    of: str

    def uid(self, part: str) -> str:
        """The UID of a part of the report."""
        return f"2.25.{uuid.uuid5(uuid.NAMESPACE_OID, f'{self.of} {part}').int}"


def items_of(grades: StudyGrades) -> Iterator[Item]:
    """The 25 findings in their order, then the grades of `unsided`."""
    for f in grades.findings:
        condition = f.cell.condition
        yield Item(
            f.cell.column, condition.family, f.cell.level, condition.side, *_grade(f), f.evidence
        )
    for number, lone in enumerate(grades.unsided, 1):
        yield Item(
            f"unsided_{number}",
            *(lone.family, lone.level, lone.side, lone.severity, lone.probabilities),
            *(lone.basis, lone.reason, lone.evidence),
        )


def _grade(
    finding: Finding,
) -> tuple[Severity | None, tuple[float, float, float] | None, Basis | None, str]:
    return finding.severity, finding.probabilities, finding.basis, finding.reason


Group = hd.MeasurementsAndQualitativeEvaluations | hd.PlanarROIMeasurementsAndQualitativeEvaluations
"""A measurement group of TID 1501, or of TID 1410 where a picture is pointed at."""


def group_of(item: Item, source: SourceHeaders, provenance: Provenance, stamp: Stamp) -> Group:
    """TID 1410 at the landmark where there is a picture to point at, else TID 1501."""
    region = region_of(item.evidence, source)
    status = Status.NOT_ASSESSED if item.severity is None else Status.GRADED
    told = [hd.QualitativeEvaluation(our.STATUS, our.STATUSES[status])]
    if item.severity is not None:
        told.append(hd.QualitativeEvaluation(our.SEVERITY, our.SEVERITIES[item.severity]))
    if item.basis is not None:
        told.append(hd.QualitativeEvaluation(our.BASIS, our.BASES[item.basis]))
    parts: dict[str, Any] = {
        "tracking_identifier": hd.TrackingIdentifier(stamp.uid(item.name), item.name),
        "finding_type": our.FAMILIES[item.family],
        "algorithm_id": _algorithm(provenance) if item.severity is not None else None,
        "finding_sites": [_site(item)],
        "measurements": _probabilities(item) or None,
        "qualitative_evaluations": told,
    }
    group: Group
    if region is None:
        group = hd.MeasurementsAndQualitativeEvaluations(**parts)
    else:
        group = hd.PlanarROIMeasurementsAndQualitativeEvaluations(referenced_region=region, **parts)
    append_texts(group[0], [(our.REASON, item.reason)])
    if region is not None and item.evidence is not None:
        series = source.series[item.evidence.series_id].uid
        group[0].ContentSequence.append(
            hd.UIDRefContentItem(
                codes.DCM.SeriesInstanceUID, series, hd.RelationshipTypeValues.CONTAINS
            )
        )
    return group


def _algorithm(provenance: Provenance) -> hd.AlgorithmIdentification:
    return hd.AlgorithmIdentification(
        name=provenance.name,
        version=provenance.digest or "not told",
        family=codes.cid7162.ArtificialIntelligence,
        parameters=[f"trained on: {provenance.trained_on}"],
    )


def _site(item: Item) -> hd.FindingSite:
    place = our.LUMBAR_SPINE if item.level is None else our.DISCS[item.level]
    return hd.FindingSite(place, None if item.side is None else our.SIDES[item.side])


def _probabilities(item: Item) -> list[hd.Measurement]:
    return [
        hd.Measurement(our.PROBABILITIES[severity], round(share, 6), codes.UCUM.NoUnits)
        for severity, share in zip(Severity, item.probabilities or (), strict=False)
    ]


def region_of(evidence: Evidence | None, source: SourceHeaders) -> hd.ImageRegion | None:
    """The landmark as a point of its picture; None where no DICOM picture is named."""
    if evidence is None or evidence.series_id not in source.series:
        return None
    uid, _, frame = evidence.instance.partition("#")
    if not is_uid(uid):
        return None
    # DICOM counts from the corner of the first pixel (PS3.3 C.18.6.1.1), we from its centre.
    point = np.array([evidence.point_px], dtype=np.float64) + 0.5
    return hd.ImageRegion(
        hd.GraphicTypeValues.POINT,
        point,
        hd.SourceImageForRegion(
            source.series[evidence.series_id].sop_class, uid, [int(frame)] if frame else None
        ),
    )


def append_texts(container: Dataset, lines: Iterable[tuple[hd.CodedConcept, str]]) -> None:
    """Put texts, each under the name of its code, into a container."""
    for name, text in lines:
        container.ContentSequence.append(
            hd.TextContentItem(name, text, hd.RelationshipTypeValues.CONTAINS)
        )
