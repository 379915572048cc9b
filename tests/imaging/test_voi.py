"""What a viewer shows: windows, tables, and MONOCHROME1 the right way up."""

from __future__ import annotations

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.pixels.processing import apply_windowing
from pydicom.sequence import Sequence
from test_headers import enhanced

from lumbar.imaging import VoiFunction, VoiTable, Window, displayed, to_display, voi_of
from lumbar.imaging.dicomfile import read_dataset
from lumbar.imaging.headers import headers_of
from lumbar.phantom.syntaxes import file_bytes

RAMP = np.arange(600, dtype=np.uint16).reshape(20, 30)


def shown(dataset: Dataset, frame: int = 0) -> np.ndarray:
    """A data set written, read back and displayed."""
    read = read_dataset(file_bytes(dataset), "a.dcm")
    return displayed(read, headers_of(read, "a.dcm")[frame])


def test_the_window_of_a_header_maps_its_edges_to_black_and_white() -> None:
    picture = np.array([[0, 100, 200, 300]], np.float32)
    assert to_display(picture, Window(200.5, 201.0)).tolist() == [[0, 0, 128, 255]]


@pytest.mark.parametrize("function", list(VoiFunction))
@pytest.mark.parametrize(("centre", "width"), [(300, 200), (0.5, 1), (250.25, 33.5)])
def test_a_window_shows_what_pydicoms_own_does(make_dataset, function, centre, width) -> None:
    dataset = make_dataset(
        RAMP, WindowCenter=centre, WindowWidth=width, VOILUTFunction=function.value
    )
    theirs = apply_windowing(RAMP, dataset) * (255 / 4095)
    assert np.abs(shown(dataset) - theirs).max() <= 0.51


def test_the_first_of_several_windows_is_used_and_applies_after_the_rescale(make_dataset) -> None:
    dataset = make_dataset(RAMP, WindowCenter=[100.5, 7], WindowWidth=[101, 7], RescaleSlope=2)
    assert [int(v) for v in shown(dataset).reshape(-1)[[25, 50, 75]]] == [0, 128, 255]


def test_monochrome1_is_shown_the_right_way_up(make_dataset) -> None:
    window = {"WindowCenter": 300, "WindowWidth": 300}
    plain = shown(make_dataset(RAMP, **window))
    inverted = shown(make_dataset(RAMP, PhotometricInterpretation="MONOCHROME1", **window))
    assert np.array_equal(inverted, 255 - plain)


def test_a_file_without_a_window_is_shown_between_its_own_percentiles(make_dataset) -> None:
    picture = shown(make_dataset(RAMP))
    assert (picture.min(), picture.max()) == (0, 255)


def test_a_window_without_width_is_no_window(make_dataset) -> None:
    assert voi_of(make_dataset(RAMP, WindowCenter=40, WindowWidth=0)) is None


def test_a_table_goes_before_a_window(make_dataset) -> None:
    dataset = make_dataset(RAMP, WindowCenter=40, WindowWidth=10)
    item = Dataset()
    item.LUTDescriptor = [3, 100, 8]
    item.LUTData = [0, 51, 255]
    item["LUTDescriptor"].VR = item["LUTData"].VR = "US"
    dataset.VOILUTSequence = Sequence([item])
    assert isinstance(voi_of(dataset), VoiTable)
    picture = shown(dataset).reshape(-1)
    assert [int(v) for v in picture[[0, 100, 101, 102, 599]]] == [0, 0, 51, 255, 255]


def test_each_frame_is_shown_through_its_own_window(make_dataset) -> None:
    dataset = enhanced(make_dataset, 2)
    dataset.PixelData = np.full((2, 20, 30), 100, np.uint16).tobytes()
    for item, centre in zip(dataset.PerFrameFunctionalGroupsSequence, (50, 150), strict=True):
        window = Dataset()
        window.WindowCenter, window.WindowWidth = centre, 20
        item.FrameVOILUTSequence = Sequence([window])
    assert shown(dataset, 0).min() == 255
    assert shown(dataset, 1).max() == 0


def test_colour_is_shown_in_grey_of_its_full_range(make_dataset) -> None:
    dataset = make_dataset(
        RAMP,
        SamplesPerPixel=3,
        PhotometricInterpretation="RGB",
        PlanarConfiguration=0,
        BitsAllocated=8,
        BitsStored=8,
        HighBit=7,
    )
    dataset.PixelData = np.full((20, 30, 3), 255, np.uint8).tobytes()
    assert shown(dataset).min() == 255
