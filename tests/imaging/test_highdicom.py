"""What another toolkit says of the same slices, and what it makes of them is read as they were."""

from __future__ import annotations

import io
from collections import defaultdict

import highdicom
import numpy as np
import pydicom
import pytest
from highdicom.legacy import LegacyConvertedEnhancedMRImage
from highdicom.spatial import PixelToReferenceTransformer

from lumbar.domain import View
from lumbar.imaging import Plane, read_uploaded
from lumbar.phantom import make_study
from lumbar.phantom.write import study_files

REQUIRED = {
    "SOPClassUID": "1.2.840.10008.5.1.4.1.1.4",
    "FrameOfReferenceUID": "1.2.3.9",
    "Modality": "MR",
    "PatientName": "",
    "PatientBirthDate": "",
    "PatientSex": "",
    "StudyID": "",
    "AccessionNumber": "",
    "ReferringPhysicianName": "",
    "Manufacturer": "",
    "PatientPosition": "HFS",
    "ImageType": ["ORIGINAL", "PRIMARY", "M", "SE"],
    **{f"{of}Date": "20240101" for of in ("Study", "Series", "Acquisition", "Content")},
    **{f"{of}Time": "101500" for of in ("Study", "Series", "Acquisition", "Content")},
}
"""What the converter asks for and the phantom's files, like the challenge's, leave out."""


def test_pixels_lie_where_highdicom_puts_them() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
        place, orientation = rng.normal(scale=100, size=3), (*turn[0], *turn[1])
        spacing = rng.uniform(0.2, 2, 2)
        theirs = PixelToReferenceTransformer(place, orientation, spacing)
        points = rng.integers(0, 500, (10, 2))
        ours = Plane.from_dicom(place, orientation, spacing).to_world(points)
        assert np.allclose(theirs(points), ours, atol=1e-6)


@pytest.mark.filterwarnings("ignore")
def test_series_that_highdicom_made_one_file_of_are_read_as_they_were() -> None:
    """Its Legacy Converted Enhanced MR: TE and TR stand in groups of their own."""
    traps = frozenset({"uncompressed", "times_only"})
    files = list(study_files(make_study(seed=4, index=0), traps))
    (plain,) = read_uploaded({f.path.as_posix(): f.content for f in files}, trusted=True)
    (converted,) = read_uploaded(as_one_file_each([f.content for f in files]), trusted=True)
    for view in View:
        (before,), (after,) = plain.of_view(view), converted.of_view(view)
        assert len(after) == len(before)
        assert after.reason == before.reason
        for one, other in zip(before, after, strict=True):
            assert np.array_equal(one.pixels, other.pixels)
            assert np.allclose(one.plane.origin_mm, other.plane.origin_mm, atol=1e-6)


def as_one_file_each(contents: list[bytes]) -> dict[str, bytes]:
    """A Legacy Converted file of each series; what is no DICOM is left out."""
    series = defaultdict(list)
    for content in contents:
        if content[128:132] == b"DICM":
            dataset = pydicom.dcmread(io.BytesIO(content))
            for keyword, value in REQUIRED.items():
                if keyword not in dataset:
                    setattr(dataset, keyword, value)
            dataset.SOPClassUID = REQUIRED["SOPClassUID"]
            series[dataset.SeriesInstanceUID].append(dataset)
    made = {}
    for number, datasets in enumerate(series.values(), 1):
        whole = LegacyConvertedEnhancedMRImage(
            datasets, highdicom.UID(), number, highdicom.UID(), number
        )
        stream = io.BytesIO()
        whole.save_as(stream)
        made[f"{number}.dcm"] = stream.getvalue()
    return made
