"""A series that was acquired twice under one UID: one acquisition is kept whole."""

from __future__ import annotations

from dataclasses import replace

import pytest
from directions import AXIAL, SAGITTAL
from pydicom.dataset import Dataset

from lumbar.imaging import Header, read_headers, read_uploaded
from lumbar.imaging.assemble import arrange
from lumbar.imaging.headers import headers_of

PLACES = range(12)


@pytest.fixture
def run(make_header):
    """A function: a name, places and fields to the headers of one run, numbers from `start` on.

    UIDs of two runs alternate in the order of letters, as those that count up by one do.
    """

    def make(name: str, places=PLACES, start: int = 1, **fields) -> list[Header]:
        return [
            make_header(
                (4.0 * place, 0.0, 0.0),
                source=f"{name}/{place}",
                instance_id=f"1.2.{place + (place % 2 if name == 'first' else 1 - place % 2)}",
                number=start + k,
                **fields,
            )
            for k, place in enumerate(places)
        ]

    return make


def used(headers: list[Header]) -> set[str]:
    """The runs from which slices are used."""
    return {header.source.split("/")[0] for header in arrange(headers)[0]}


@pytest.mark.parametrize(
    ("one", "other", "name"),
    [
        ({"acquisition": 1}, {"acquisition": 2}, "AcquisitionNumber"),
        ({"acquisition": 9}, {"acquisition": 10}, "AcquisitionNumber"),
        ({"acquired": "101500.5"}, {"acquired": "102130"}, "AcquisitionTime"),
        ({"series_time": "20260102235900"}, {"series_time": "20260103000400"}, "SeriesTime"),
        ({}, {"start": 13}, "InstanceNumber"),
        (
            {"acquisition": 1, "acquired": "10"},
            {"acquisition": 1, "acquired": "11"},
            "AcquisitionT",
        ),
    ],
)
def test_of_two_acquisitions_the_last_is_kept_whole_and_the_other_listed(
    run, one, other, name
) -> None:
    first, last = run("first", **one), run("last", **other)
    ordered, blocks, aside = arrange([*first, *last])
    assert [header.source for header in ordered] == [header.source for header in last]
    assert blocks == (0,) * len(PLACES)
    assert sorted(a.file for a in aside) == sorted(header.source for header in first)
    assert all("the other is used whole" in a.reason and name in a.reason for a in aside)


def test_an_acquisition_that_was_broken_off_gives_way_to_the_complete_one(run) -> None:
    short, whole = {"places": range(5), "acquisition": 2}, {"acquisition": 1}
    assert used([*run("last", **short), *run("first", **whole)]) == {"first"}
    short, whole = {"places": range(5)}, {"start": 6}
    assert used([*run("first", **short), *run("last", **whole)]) == {"last"}


def test_times_of_every_slice_tell_two_acquisitions(run) -> None:
    first, last = (
        [replace(h, acquired=f"10{minute}{k:02d}") for k, h in enumerate(run(name))]
        for name, minute in (("first", "15"), ("last", "25"))
    )
    assert used([*first, *last]) == {"last"}


def test_even_and_odd_slices_of_one_acquisition_stay_together(run) -> None:
    parts = [
        run(name, range(start, 12, 2), acquisition=number + start)
        for name, number in (("first", 1), ("last", 3))
        for start in (0, 1)
    ]
    assert arrange([h for part in parts[:2] for h in part])[2] == ()
    assert used([h for part in parts for h in part]) == {"last"}
    assert len(arrange([h for part in parts for h in part])[0]) == 12


def test_two_parts_of_a_stack_that_overlap_by_a_slice_are_both_used(make_header) -> None:
    upper, lower = (
        [
            make_header((0.0, 0.0, -4.0 * n), AXIAL, source=f"{part} {n}", acquisition=part)
            for n in places
        ]
        for part, places in ((1, range(8)), (2, range(7, 15)))
    )
    ordered, _, aside = arrange([*upper, *lower])
    assert len(ordered) == 15
    assert [(a.file, a.reason) for a in aside] == [("1 7", "shows the same place as 2 7")]


def test_a_run_before_the_contrast_agent_goes_before_one_after_it(run) -> None:
    plain, enhanced = run("first", acquisition=1), run("last", acquisition=2, agent=True)
    assert used([*plain, *enhanced]) == {"first"}


def test_two_filtered_copies_of_an_original_are_no_acquisitions_to_choose_from(run) -> None:
    copies = [run(f"copy{n}", acquisition=n, image_type=("DERIVED", "PRIMARY")) for n in (2, 3)]
    assert used([*run("first", acquisition=1), *copies[0], *copies[1]]) == {"first"}


def test_where_nothing_tells_acquisitions_apart_their_slices_do_not_alternate(run) -> None:
    by_uid = [
        replace(header, instance_id=f"1.2.{start + k}", source=f"{name}/{k}")
        for name, start in (("first", 7), ("last", 19))
        for k, header in enumerate(run(name))
    ]
    assert used(by_uid) == {"first"}
    by_phase = [
        replace(header, number=2 * k + late)
        for name, late in (("first", 0), ("last", 1))
        for k, header in enumerate(run(name))
    ]
    assert used(by_phase) == {"first"}


def test_files_tell_their_acquisition_and_a_series_is_read_from_one(make_dicom) -> None:
    files = {
        f"{name}{n}": make_dicom(
            SOPInstanceUID=f"1.2.3.{n + (n % 2 if name == 'a' else 1 - n % 2)}.{name == 'b':d}",
            ImagePositionPatient=[4 * n, 0, 0],
            InstanceNumber=n,
            AcquisitionDate="20260103",
            AcquisitionTime=time,
        )
        for name, time in (("a", "101500.25"), ("b", "101500.3"))
        for n in range(6)
    }
    (study,) = read_uploaded(files)
    (series,) = study.series
    assert {instance.source[0] for instance in series} == {"b"}
    assert len(series) == 6
    assert {aside.file[0] for aside in study.set_aside} == {"a"}


def test_when_and_as_which_acquisition_a_picture_was_made_is_read_from_plain_files(
    make_dicom,
) -> None:
    told = {
        "AcquisitionNumber": 4,
        "AcquisitionDate": "20260103",
        "AcquisitionTime": "101500.25",
        "SeriesDate": "20260102",
        "SeriesTime": "235959",
    }
    (header,) = read_headers(make_dicom(**told))
    assert header.acquisition == 4
    assert (header.acquired, header.series_time) == ("20260103101500.25", "20260102235959")
    assert "101500" not in repr(header)
    (header,) = read_headers(make_dicom(SeriesDate="20260102"))
    assert (header.acquisition, header.acquired, header.series_time) == (None, "", "")


def test_and_from_the_frames_of_enhanced_ones(make_dataset) -> None:
    dataset = make_dataset()
    dataset.NumberOfFrames = 2
    dataset.PerFrameFunctionalGroupsSequence = [frame(n) for n in (1, 2)]
    found = [(header.acquisition, header.acquired) for header in headers_of(dataset, "a")]
    assert found == [(1, "20260103101501.5"), (2, "20260103101502.5")]


def frame(number: int) -> Dataset:
    content, item = Dataset(), Dataset()
    content.FrameAcquisitionNumber = number
    content.FrameAcquisitionDateTime = f"2026010310150{number}.5+0100"
    item.FrameContentSequence = [content]
    place, turned = Dataset(), Dataset()
    place.ImagePositionPatient = [4 * number, 0, 0]
    turned.ImageOrientationPatient = list(SAGITTAL)
    item.PlanePositionSequence, item.PlaneOrientationSequence = [place], [turned]
    return item
