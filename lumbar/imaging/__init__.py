"""Bytes to Study: a radiology library of its own, without torch and without Ray."""

from lumbar.imaging.decode import decode_instance, decode_instances
from lumbar.imaging.find import find_studies
from lumbar.imaging.geometry import Plane
from lumbar.imaging.headers import Header, read_headers
from lumbar.imaging.look import Look, Recognise
from lumbar.imaging.nearby import nearest_slice, neighbours
from lumbar.imaging.read import (
    DescribedSeries,
    StudyDescription,
    describe_study,
    read_study,
)
from lumbar.imaging.resample import (
    Frame,
    Square,
    frame_of,
    sample,
    sample_plane,
    square_on,
    to_uint8,
)
from lumbar.imaging.roles import Orientation, orientation_of
from lumbar.imaging.study import Instance, Series, SetAside, Study
from lumbar.imaging.studyfiles import SeriesFiles, StudyFiles
from lumbar.imaging.tables import (
    LabelPoint,
    ShownSlice,
    read_descriptions,
    read_label_points,
    read_labels,
    read_shown_slices,
)
from lumbar.imaging.uploads import (
    RefusedStudy,
    UploadedStudies,
    find_uploaded,
    read_uploaded,
)
from lumbar.imaging.voi import VoiFunction, VoiTable, Window, displayed, to_display, voi_of

__all__ = [
    "DescribedSeries",
    "Frame",
    "Header",
    "Instance",
    "LabelPoint",
    "Look",
    "Orientation",
    "Plane",
    "Recognise",
    "RefusedStudy",
    "Series",
    "SeriesFiles",
    "SetAside",
    "ShownSlice",
    "Square",
    "Study",
    "StudyDescription",
    "StudyFiles",
    "UploadedStudies",
    "VoiFunction",
    "VoiTable",
    "Window",
    "decode_instance",
    "decode_instances",
    "describe_study",
    "displayed",
    "find_studies",
    "find_uploaded",
    "frame_of",
    "nearest_slice",
    "neighbours",
    "orientation_of",
    "read_descriptions",
    "read_headers",
    "read_label_points",
    "read_labels",
    "read_shown_slices",
    "read_study",
    "read_uploaded",
    "sample",
    "sample_plane",
    "square_on",
    "to_display",
    "to_uint8",
    "voi_of",
]
