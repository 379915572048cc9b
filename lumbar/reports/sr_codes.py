"""The codes of the structured report: SNOMED CT and DICOM where they have one, else our own.

`99LUMBAR` is a private scheme (PS3.3 8.2: private designators start with 99); docs/dicom.md lists
its codes. DICOM's list of discs is CID 7604.
"""

from __future__ import annotations

from highdicom.coding_schemes import CodingSchemeIdentificationItem
from highdicom.sr import CodedConcept
from pydicom.sr.codedict import codes

from lumbar.domain import Basis, Family, Level, LevelNumbering, Severity, Side, Status

__all__ = [
    "BASES",
    "BASIS",
    "DISCS",
    "FAMILIES",
    "HEADLINE",
    "LUMBAR_SPINE",
    "NOTICE",
    "NUMBERING",
    "NUMBERINGS",
    "OWN",
    "PROBABILITIES",
    "QUALITATIVE",
    "REASON",
    "SCHEME",
    "SEVERITIES",
    "SEVERITY",
    "SIDES",
    "STATUS",
    "STATUSES",
    "TRAINED_ON",
]

SCHEME = "99LUMBAR"


def own(value: str, meaning: str) -> CodedConcept:
    """A code of the private scheme."""
    return CodedConcept(value, SCHEME, meaning)


FAMILIES = {
    Family.CANAL: own("SCS", "Spinal canal stenosis"),
    Family.FORAMINAL: own("NFN", "Neural foraminal narrowing"),
    Family.SUBARTICULAR: own("SAS", "Subarticular stenosis"),
}
SEVERITIES = {
    Severity.NORMAL_MILD: own("NORMAL_MILD", "Normal/Mild"),
    Severity.MODERATE: CodedConcept("6736007", "SCT", "Moderate"),
    Severity.SEVERE: CodedConcept("24484000", "SCT", "Severe"),
}
PROBABILITIES = {
    Severity.NORMAL_MILD: own("P_NORMAL_MILD", "Probability of Normal/Mild"),
    Severity.MODERATE: own("P_MODERATE", "Probability of Moderate"),
    Severity.SEVERE: own("P_SEVERE", "Probability of Severe"),
}
STATUSES = {
    Status.GRADED: own("GRADED", "Graded"),
    Status.NOT_ASSESSED: own("NOT_ASSESSED", "Not assessed"),
}
BASES = {
    Basis.REAL: own("REAL", "Tested on real patients"),
    Basis.SYNTHETIC: own("SYNTHETIC", "Never tested on patients"),
}
NUMBERINGS = {
    LevelNumbering.CERTAIN: own("CERTAIN", "Level numbering as located"),
    LevelNumbering.UNCERTAIN: own("UNCERTAIN", "Level numbering uncertain"),
}
SEVERITY = CodedConcept("246112005", "SCT", "Severity")
STATUS = own("STATUS", "Status of the finding")
BASIS = own("BASIS", "Basis of the model")
NUMBERING = own("NUMBERING", "Level numbering")
REASON = own("REASON", "Reason")
HEADLINE = own("HEADLINE", "Headline")
NOTICE = own("NOTICE", "Notice")
TRAINED_ON = own("TRAINED_ON", "Data that the model was trained on")
QUALITATIVE = CodedConcept("C0034375", "UMLS", "Qualitative Evaluations")

DISCS = {
    level: CodedConcept(value, "SCT", f"{level.words} disc")
    for level, value in zip(
        Level, ("80064006", "67459009", "62551000", "84020006", "715056000"), strict=True
    )
}
SIDES = {Side.LEFT: codes.cid244.Left, Side.RIGHT: codes.cid244.Right}
LUMBAR_SPINE = codes.SCT.LumbarSpine

OWN = CodingSchemeIdentificationItem(
    designator=SCHEME,
    name="Codes of lumbar, a research tool that grades lumbar spine MRI",
    version="1",
    responsible_organization="lumbar",
)
"""How a document says what the private scheme is (PS3.3 C.12.1.1.3)."""
