"""What real archives do to files, each a switch: the same study with one thing wrong or unusual.

A trap is applied while a study is written and never touches what was rendered, so a trapped study
has a clean twin (same seed and index). Several may be given at once. Here are their names;
`trap_series`, `trap_headers`, `write` and `trap_files` do what they say.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from difflib import get_close_matches
from types import MappingProxyType
from zlib import crc32

import numpy as np

from lumbar.errors import ConfigError
from lumbar.phantom.study import LabelPoint

__all__ = ["TRAPS", "check_traps", "trap_points", "trap_stream"]

TRAPS: Mapping[str, str] = MappingProxyType(
    {
        "rsna_uids": "UIDs of the challenge's files: illegal root, repeated between series",
        "spelled_uids": "StudyInstanceUID with a leading zero in the axial series",
        "reversed_instances": "InstanceNumber runs the other way through every series",
        "shuffled_instances": "InstanceNumber in no order at all",
        "no_instance_numbers": "InstanceNumber removed",
        "no_descriptions": "SeriesDescription removed",
        "vendor_words": "SeriesDescription in the words of one of seven vendors and languages",
        "times_only": "SeriesDescription removed; EchoTime, RepetitionTime, ScanningSequence",
        "misnamed": "T1 and T2 swapped in SeriesDescription; EchoTime, RepetitionTime tell",
        "full_headers": "Modality, SOPClassUID, ImageType, BodyPartExamined, times are there",
        "filtered": "every file says ImageType DERIVED, as filtered originals do",
        "uncompressed": "no series is RLE compressed",
        "implicit_vr": "Implicit VR Little Endian transfer syntax (uncompressed)",
        "big_endian": "Explicit VR Big Endian transfer syntax (uncompressed)",
        "deflated": "Deflated Explicit VR Little Endian transfer syntax",
        "jpeg_ls": "JPEG-LS Lossless transfer syntax",
        "jpeg_2000": "JPEG 2000 Lossless transfer syntax",
        "monochrome1": "MONOCHROME1: stored values inverted, low = bright",
        "rescale": "16 bits stored with RescaleSlope 0.5 and RescaleIntercept -100",
        "signed": "16 bits stored, signed, with RescaleIntercept 1024",
        "enhanced": "one Enhanced MR file a series, its frames in no order",
        "flipped_storage": "pictures stored from other corners, orientations accordingly",
        "coarse_decimals": "positions to a hundredth of a mm, orientations to 4 decimals",
        "turned_patient": "the patient lies turned by 12, 7 and 5 degrees about the three axes",
        "duplicate_slices": "two slices of each series are there twice",
        "copied_files": "two files of each series are there under a second name",
        "missing_slices": "two inner slices of each series are missing",
        "second_echo": "each sagittal T2 slice has an early echo in the same series",
        "extra_localizer": "a further series of three coarse planes, in no table",
        "sagittal_localizers": "two further coarse sagittal T2 series of few slices, unnamed",
        "extra_contrast_t1": "a further sagittal T1 after a contrast agent",
        "extra_fat_saturated": "a further sagittal T2 with its fat saturated",
        "extra_mpr": "a further sagittal T2 reconstructed from others (DERIVED, MPR)",
        "split_axial": "the axial slices come in two series",
        "mixed_matrix": "three slices of the sagittal T2 have a quarter of the pixels",
        "no_spacing_between": "SpacingBetweenSlices removed",
        "no_spacing": "PixelSpacing removed",
        "no_geometry": "ImagePositionPatient, ImageOrientationPatient, SliceLocation removed",
        "no_orientation": "ImageOrientationPatient removed",
        "lost_orientation": "no ImageOrientationPatient in a sagittal series' outermost file",
        "truncated_files": "the outermost file of each sagittal series ends in its pixels",
        "wrong_rows": "the outermost file of each sagittal series claims more Rows",
        "foreign_files": "a CT, a knee MR, a report, a PDF, a DICOMDIR, a text among the files",
        "two_patients": "the axial series has another PatientID",
        "blank_labels": "three grades of each study left blank",
        "duplicate_points": "two label points of each study there twice, one moved by a pixel",
        "missing_t1": "no sagittal T1 series",
        "missing_axial": "no axial series",
        "single_block_axial": "axial slices in one parallel block (without it: as drawn)",
        "nested_names": "as a hospital exports: files without extension, nested below export/",
        "flat_names": "all files in one folder under names that say nothing",
    }
)
"""Name of every trap and what it does."""


def check_traps(names: Iterable[str]) -> frozenset[str]:
    """The names as a set; ConfigError for an unknown one, naming the nearest."""
    for name in names:
        if name not in TRAPS:
            near = get_close_matches(name, TRAPS, n=1)
            hint = f"did you mean {near[0]!r}?" if near else "--list-traps shows them all"
            raise ConfigError(f"unknown trap {name!r}: {hint}")
    return frozenset(names)


def trap_stream(seed: int, study_id: str, name: str) -> np.random.Generator:
    """The random stream of one trap in one study: traps do not disturb each other."""
    return np.random.default_rng([seed, int(study_id), crc32(name.encode())])


def trap_points(
    points: list[LabelPoint], traps: frozenset[str], seed: int, study_id: str
) -> list[LabelPoint]:
    """The label points after the traps that concern them."""
    if "duplicate_points" not in traps or len(points) < 2:
        return points
    rng = trap_stream(seed, study_id, "duplicate_points")
    first, second = rng.choice(len(points), 2, replace=False)
    return [*points, points[first], replace(points[second], x=points[second].x + 1.0)]
