"""How a picture was taken: what its contrast is known by, from plain and from Enhanced MR files.

Plain files keep these attributes in the data set (PS3.3 C.8.3.1, MR Image), Enhanced MR ones in
functional groups a frame (C.8.13.5) and the MR Pulse Sequence module (C.8.13.4), Legacy Converted
ones as plain files do, in groups for the purpose (`frames.holder`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from pydicom.dataset import Dataset

from lumbar.imaging import attributes
from lumbar.imaging.frames import group, holder

__all__ = [
    "acquired",
    "acquisition_number",
    "echo_ms",
    "fat_is_saturated",
    "has_agent",
    "image_type",
    "inversion_ms",
    "is_gradient_echo",
    "joined",
    "no_anatomy",
    "repetition_ms",
    "series_time",
    "weighting",
]


def echo_ms(dataset: Dataset, frame: int | None) -> float | None:
    """TE; of an Enhanced MR frame the effective one."""
    effective = attributes.number(group(dataset, "MREchoSequence", frame), "EffectiveEchoTime")
    return effective if effective is not None else _number(dataset, "EchoTime", frame)


def repetition_ms(dataset: Dataset, frame: int | None) -> float | None:
    """TR."""
    timing = group(dataset, "MRTimingAndRelatedParametersSequence", frame)
    told = attributes.number(timing, "RepetitionTime")
    return told if told is not None else _number(dataset, "RepetitionTime", frame)


def inversion_ms(dataset: Dataset, frame: int | None) -> float | None:
    """TI, None without an inversion pulse."""
    modifier = group(dataset, "MRModifierSequence", frame)
    times = attributes.number(modifier, "InversionTimes") if frame is not None else None
    return times if times is not None else _number(dataset, "InversionTime", frame)


def image_type(dataset: Dataset, frame: int | None) -> tuple[str, ...]:
    """ImageType, or an Enhanced MR frame's FrameType, in capitals."""
    own = attributes.strings(group(dataset, "MRImageFrameTypeSequence", frame), "FrameType")
    return tuple(v.upper() for v in own or attributes.strings(dataset, "ImageType"))


def weighting(dataset: Dataset, frame: int | None) -> str:
    """AcquisitionContrast (PS3.3 C.8.13.3.1.1): `T1`, `T2`, `STIR` ..., "" where not told."""
    own = group(dataset, "MRImageFrameTypeSequence", frame)
    told = attributes.text(own, "AcquisitionContrast")
    return (told or attributes.text(dataset, "AcquisitionContrast")).upper()


def is_gradient_echo(dataset: Dataset, frame: int | None) -> bool:
    """Whether a gradient alone makes the echo, by ScanningSequence or EchoPulseSequence."""
    kinds = _words(dataset, "ScanningSequence", frame)
    pulse = attributes.text(dataset, "EchoPulseSequence").upper()
    return pulse == "GRADIENT" or ("GR" in kinds and "SE" not in kinds)


_NO_ANATOMY = frozenset({"DIFFUSION", "PERFUSION", "FLOW_ENCODED", "TAGGING"})


def no_anatomy(dataset: Dataset, frame: int | None) -> str:
    """By which attribute a picture is of another purpose than anatomy, "" where none says so.

    Diffusion-weighted pictures have the times of a T2.
    """
    if "EP" in _words(dataset, "ScanningSequence", frame):
        return "echo-planar by its ScanningSequence"
    if attributes.text(dataset, "EchoPlanarPulseSequence").upper() == "YES":
        return "echo-planar by its EchoPlanarPulseSequence"
    diffusion = group(dataset, "MRDiffusionSequence", frame)
    weight = attributes.number(diffusion, "DiffusionBValue")
    if (weight or 0) > 0:
        return "diffusion-weighted by its DiffusionBValue"
    told = weighting(dataset, frame)
    return f"{told.lower()} by its AcquisitionContrast" if told in _NO_ANATOMY else ""


def has_agent(dataset: Dataset) -> bool:
    """Whether a contrast agent was given, by its name or its module."""
    named = attributes.text(dataset, "ContrastBolusAgent").upper().strip(" .-")
    return named not in ("", "NO", "NONE", "N/A", "WITHOUT") or bool(
        dataset.get("ContrastBolusAgentSequence")
    )


def fat_is_saturated(dataset: Dataset, frame: int | None) -> bool:
    """Whether ScanOptions or SpectrallySelectedSuppression say that fat is saturated."""
    if "FS" in _words(dataset, "ScanOptions", frame):
        return True
    modifier = group(dataset, "MRModifierSequence", frame)
    return "FAT" in attributes.text(modifier, "SpectrallySelectedSuppression").upper()


def acquisition_number(dataset: Dataset, frame: int | None) -> int | None:
    """AcquisitionNumber; of an Enhanced MR frame FrameAcquisitionNumber (C.7.6.16.2.2)."""
    content = group(dataset, "FrameContentSequence", frame)
    own = attributes.integer(content, "FrameAcquisitionNumber")
    told = holder(dataset, "AcquisitionNumber", frame)
    return own if own is not None else attributes.integer(told, "AcquisitionNumber")


def acquired(dataset: Dataset, frame: int | None) -> str:
    """When a picture's acquisition began, digits that sort by time; "" where it is not told."""
    content = group(dataset, "FrameContentSequence", frame)
    own = _time(content, "FrameAcquisitionDateTime") or _time(dataset, "AcquisitionDateTime")
    day = holder(dataset, "AcquisitionDate", frame)
    return own or _moment(day, holder(dataset, "AcquisitionTime", frame), "Acquisition")


def series_time(dataset: Dataset) -> str:
    """When the series began, digits that sort by time; "" where it is not told."""
    return _moment(dataset, dataset, "Series")


def joined(dataset: Dataset, keywords: Iterable[str], frame: int | None = None) -> str:
    """The values of several text attributes with a blank between."""
    told = (attributes.text(holder(dataset, keyword, frame), keyword) for keyword in keywords)
    return " ".join(filter(None, told))


def _number(dataset: Dataset, keyword: str, frame: int | None) -> float | None:
    return attributes.number(holder(dataset, keyword, frame), keyword)


def _moment(day: Dataset, time: Dataset, of: str) -> str:
    """Date, where there is one, and time of something; "" without a time."""
    told = _time(time, f"{of}Time")
    return re.sub("[^0-9]", "", attributes.text(day, f"{of}Date")) + told if told else ""


def _time(dataset: Dataset, keyword: str) -> str:
    """A TM or DT (PS3.5 6.2) without marks and without its offset from UTC."""
    return re.sub(r"[+-][0-9]{4}$|[^0-9.]", "", attributes.text(dataset, keyword))


def _words(dataset: Dataset, keyword: str, frame: int | None) -> set[str]:
    """The values of an attribute in capitals."""
    return {v.upper() for v in attributes.strings(holder(dataset, keyword, frame), keyword)}
