"""Each trap changes what it says and leaves the rest of the study as its clean twin has it."""

from __future__ import annotations

from functools import cache
from io import BytesIO
from pathlib import Path

import numpy as np
import pydicom
import pytest

from lumbar.domain import View
from lumbar.errors import ConfigError
from lumbar.phantom import TRAPS, PhantomSeries, PhantomStudy, make_study
from lumbar.phantom.trap_series import TURN, trap_study
from lumbar.phantom.traps import check_traps, trap_points
from lumbar.phantom.write import data_set, study_files

HEADER_TRAPS = (
    "no_descriptions",
    "no_instance_numbers",
    "no_spacing_between",
    "no_spacing",
    "no_geometry",
    "no_orientation",
)
PIXEL_TRAPS = (
    *("monochrome1", "rescale", "signed", "uncompressed", "implicit_vr"),
    *("big_endian", "deflated", "jpeg_ls", "jpeg_2000"),
)


RENDERED_ANEW = {"single_block_axial", "extra_localizer"}


@cache
def rendered(*names: str) -> PhantomStudy:
    return make_study(seed=4, index=0, traps=names)


@pytest.fixture
def clean() -> PhantomStudy:
    return rendered()


def trapped(*names: str) -> PhantomStudy:
    """What make_study gives, which renders first and traps then; rendered once where it may be."""
    if set(names) & RENDERED_ANEW:
        return rendered(*names)
    return trap_study(rendered(), check_traps(names), seed=4)


def test_a_trap_is_applied_to_what_was_rendered() -> None:
    made, applied = make_study(seed=4, index=0, traps=["missing_slices"]), trapped("missing_slices")
    assert [positions(s) for s in made.series] == [positions(s) for s in applied.series]
    for one, other in zip(made.series, applied.series, strict=True):
        assert np.array_equal(one.slices[2].pixels, other.slices[2].pixels)


def positions(series: PhantomSeries) -> list[tuple[float, ...]]:
    return sorted(tuple(piece.plane.origin_mm) for piece in series.slices)


def test_an_unknown_trap_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(ConfigError, match="did you mean 'missing_t1'"):
        check_traps(["mising_t1"])


@pytest.mark.parametrize("name", ["reversed_instances", "shuffled_instances"])
def test_renumbering_moves_numbers_only(clean: PhantomStudy, name: str) -> None:
    for before, after in zip(clean.series, trapped(name).series, strict=True):
        assert positions(before) == positions(after)
        assert [p.number for p in after.slices] == list(range(1, len(after.slices) + 1))
        first = {tuple(p.plane.origin_mm): p.number for p in before.slices}
        assert any(first[tuple(p.plane.origin_mm)] != p.number for p in after.slices)
        pixels = {tuple(p.plane.origin_mm): p.pixels for p in before.slices}
        for piece in after.slices:
            assert np.array_equal(pixels[tuple(piece.plane.origin_mm)], piece.pixels)


def test_duplicates_repeat_positions(clean: PhantomStudy) -> None:
    for before, after in zip(clean.series, trapped("duplicate_slices").series, strict=True):
        assert len(after.slices) == len(before.slices) + 2
        assert set(positions(after)) == set(positions(before))


def test_missing_slices_leave_gaps_inside(clean: PhantomStudy) -> None:
    for before, after in zip(clean.series, trapped("missing_slices").series, strict=True):
        assert len(after.slices) == len(before.slices) - 2
        assert after.slices[0].number == before.slices[0].number
        assert after.slices[-1].number == before.slices[-1].number


@pytest.mark.parametrize(
    ("name", "view"), [("missing_t1", View.SAGITTAL_T1), ("missing_axial", View.AXIAL_T2)]
)
def test_a_missing_view_takes_its_points_along(name: str, view: View) -> None:
    study = trapped(name)
    assert study.of_view(view) == ()
    assert all(point.cell.condition.family.view is not view for point in study.points())
    assert len(list(study.points())) > 0


def test_the_localizer_is_in_no_view(clean: PhantomStudy) -> None:
    study = trapped("extra_localizer")
    assert len(study.series) == len(clean.series) + 1
    assert study.series[-1].view is None
    normals = np.array([piece.plane.normal for piece in study.series[-1].slices])
    assert np.allclose(np.abs(normals @ normals.T), np.eye(3), atol=1e-9)


def test_a_split_axial_series_keeps_every_slice(clean: PhantomStudy) -> None:
    before, after = clean.of_view(View.AXIAL_T2), trapped("split_axial").of_view(View.AXIAL_T2)
    assert len(after) == 2
    assert after[0].series_id != after[1].series_id
    assert positions(before[0]) == sorted(positions(after[0]) + positions(after[1]))


def test_mixed_matrices_show_the_same_place(clean: PhantomStudy) -> None:
    (series,) = trapped("mixed_matrix").of_view(View.SAGITTAL_T2)
    assert len({piece.shape for piece in series.slices}) == 2
    (before,) = clean.of_view(View.SAGITTAL_T2)
    for full, piece in zip(before.slices, series.slices, strict=True):
        if piece.shape != full.shape:
            assert piece.pixels[5, 7] == full.pixels[10, 14]
            assert np.allclose(piece.plane.to_world((7, 5)), full.plane.to_world((14, 10)))


def test_a_single_block_leaves_the_sagittal_series_alone(clean: PhantomStudy) -> None:
    study = trapped("single_block_axial")
    (axial,) = study.of_view(View.AXIAL_T2)
    normals = {tuple(np.round(piece.plane.normal, 9)) for piece in axial.slices}
    assert len(normals) == 1
    assert positions(study.series[0]) == positions(clean.series[0])
    assert np.array_equal(study.series[0].slices[3].pixels, clean.series[0].slices[3].pixels)


def test_three_labels_are_blanked(clean: PhantomStudy) -> None:
    grades = trapped("blank_labels").grades
    assert [grade is None for grade in grades.values()].count(True) == 3
    assert all(grade in (None, clean.grades[cell]) for cell, grade in grades.items())


def test_points_are_doubled(clean: PhantomStudy) -> None:
    points = list(clean.points())
    doubled = trap_points(points, frozenset({"duplicate_points"}), 4, clean.study_id)
    assert len(doubled) == len(points) + 2
    assert {point.cell for point in doubled} == {point.cell for point in points}


@pytest.mark.parametrize("name", HEADER_TRAPS)
def test_a_header_trap_removes_what_it_says(clean: PhantomStudy, name: str) -> None:
    series = clean.series[0]
    before = data_set(clean, series, series.slices[0], frozenset())
    after = data_set(clean, series, series.slices[0], frozenset({name}))
    gone = {element.keyword for element in before} - {element.keyword for element in after}
    assert gone
    assert all(keyword in TRAPS[name] for keyword in gone)


@pytest.mark.parametrize("names", [*((n,) for n in PIXEL_TRAPS), ("rescale", "signed")])
def test_encodings_decode_to_the_clean_twin(
    clean: PhantomStudy, tmp_path: Path, names: tuple[str, ...]
) -> None:
    series, piece = clean.series[1], clean.series[1].slices[6]
    data_set(clean, series, piece, frozenset(names)).save_as(
        tmp_path / "x", enforce_file_format=True
    )
    read = pydicom.dcmread(tmp_path / "x")
    values = read.pixel_array * float(read.get("RescaleSlope", 1)) + float(
        read.get("RescaleIntercept", 0)
    )
    if read.PhotometricInterpretation == "MONOCHROME1":
        values = 4095 - values
    assert np.array_equal(values, piece.pixels)
    syntaxes = {
        "implicit_vr": "Implicit VR Little Endian",
        "big_endian": "Explicit VR Big Endian",
        "deflated": "Deflated Explicit VR Little Endian",
        "jpeg_ls": "JPEG-LS Lossless Image Compression",
        "jpeg_2000": "JPEG 2000 Image Compression (Lossless Only)",
    }
    if names[0] in syntaxes:
        assert read.file_meta.TransferSyntaxUID.name.startswith(syntaxes[names[0]])


def test_rsna_uids_repeat_between_series_and_have_an_illegal_root(clean: PhantomStudy) -> None:
    chosen = frozenset({"rsna_uids"})
    uids = [data_set(clean, s, s.slices[0], chosen).SOPInstanceUID for s in clean.series]
    assert set(uids) == {f"{clean.study_id}.1.1"}


def test_a_turned_patient_keeps_every_distance(clean: PhantomStudy) -> None:
    after = trapped("turned_patient")
    before_points = np.array(list(clean.landmarks.values()))
    points = np.array(list(after.landmarks.values()))
    assert np.allclose(points, before_points @ TURN.T)
    for one, other in zip(clean.series, after.series, strict=True):
        for still, turned in zip(one.slices, other.slices, strict=True):
            assert np.allclose(turned.plane.normal, TURN @ still.plane.normal)
            assert np.allclose(
                turned.plane.to_pixel(points), still.plane.to_pixel(before_points), atol=1e-6
            )


def test_pictures_stored_from_another_corner_show_the_same_place(clean: PhantomStudy) -> None:
    for one, other in zip(clean.series, trapped("flipped_storage").series, strict=True):
        still, flipped = one.slices[3], other.slices[3]
        place = still.plane.to_world((11, 17))
        column, row = np.rint(flipped.plane.to_pixel(place)).astype(int)
        assert flipped.pixels[row, column] == still.pixels[17, 11]
        assert abs(float(flipped.plane.distance(place))) < 1e-6
        assert (column, row) != (11, 17)


@pytest.mark.parametrize(
    ("name", "further", "keyword"),
    [
        ("extra_contrast_t1", 1, "ContrastBolusAgent"),
        ("extra_fat_saturated", 1, "ScanOptions"),
        ("extra_mpr", 1, "ImageType"),
        ("sagittal_localizers", 2, None),
    ],
)
def test_further_series_are_in_no_table_and_say_what_they_are(
    clean: PhantomStudy, name: str, further: int, keyword: str | None
) -> None:
    study = trapped(name)
    added = study.series[len(clean.series) :]
    assert [series.view for series in added] == [None] * further
    assert len({series.series_id for series in study.series}) == len(study.series)
    for series in added:
        header = data_set(study, series, series.slices[0], frozenset())
        assert keyword is None or keyword in header
    for before, after in zip(clean.series, study.series[: len(clean.series)], strict=True):
        assert before is after


def test_a_second_echo_shows_each_place_twice(clean: PhantomStudy) -> None:
    before, after = (s.of_view(View.SAGITTAL_T2)[0] for s in (clean, trapped("second_echo")))
    assert positions(after) == sorted(positions(before) * 2)
    assert {piece.header["EchoTime"] for piece in after.slices} == {"15", "100"}


def written(clean: PhantomStudy, *names: str) -> dict[str, bytes]:
    chosen = frozenset({"uncompressed", *names})
    files = study_files(trap_study(clean, chosen, seed=4), chosen)
    return {file.path.as_posix(): file.content for file in files}


def test_an_enhanced_file_holds_a_series_in_no_order(clean: PhantomStudy) -> None:
    files = written(clean, "enhanced")
    assert len(files) == len(clean.series)
    for content, series in zip(files.values(), clean.series, strict=True):
        dataset = pydicom.dcmread(BytesIO(content))
        groups = dataset.PerFrameFunctionalGroupsSequence
        found = [g.PlanePositionSequence[0].ImagePositionPatient for g in groups]
        order = [tuple(np.round(piece.plane.origin_mm, 6)) for piece in series.slices]
        assert [tuple(map(float, place)) for place in found] != order
        assert {tuple(map(float, place)) for place in found} == set(order)
        pictures = {tuple(np.round(p.plane.origin_mm, 6)): p.pixels for p in series.slices}
        for place, pixels in zip(found, dataset.pixel_array, strict=True):
            assert np.array_equal(pixels, pictures[tuple(map(float, place))])


@pytest.mark.parametrize(
    ("name", "more"), [("foreign_files", 8), ("copied_files", 6), ("flat_names", 0)]
)
def test_files_beside_the_pictures_leave_these_as_they_are(
    clean: PhantomStudy, name: str, more: int
) -> None:
    plain, files = written(clean), written(clean, name)
    assert len(files) == len(plain) + more
    assert set(plain.values()) <= set(files.values())
    if name == "copied_files":
        assert set(files.values()) == set(plain.values())


@pytest.mark.parametrize("name", ["truncated_files", "lost_orientation", "wrong_rows"])
def test_the_outermost_sagittal_files_are_damaged_and_no_others(
    clean: PhantomStudy, name: str
) -> None:
    plain, files = written(clean), written(clean, name)
    changed = {path for path in plain if files[path] != plain[path]}
    assert {path.split("/")[1] for path in changed} == {s.series_id for s in clean.series[:2]}
    assert len(changed) == 2
    for path in changed:
        origin = pydicom.dcmread(BytesIO(plain[path])).ImagePositionPatient
        series = next(s for s in clean.series if s.series_id in path)
        assert float(origin[0]) == pytest.approx(min(x for x, _, _ in positions(series)), abs=1e-5)


def test_names_of_vendors_and_times_tell_the_series_apart(clean: PhantomStudy) -> None:
    for name in ("vendor_words", "times_only", "misnamed"):
        said = set()
        for series in clean.series[:2]:
            header = data_set(clean, series, series.slices[0], frozenset({name}))
            said.add((header.get("SeriesDescription", ""), header.get("EchoTime")))
        assert len(said) == 2, name


def test_full_headers_have_what_they_say(clean: PhantomStudy) -> None:
    series = clean.series[0]
    header = data_set(clean, series, series.slices[0], frozenset({"full_headers"}))
    told = header.Modality, header.SOPClassUID.name, header.BodyPartExamined, header.ImageType[0]
    assert told == ("MR", "MR Image Storage", "LSPINE", "ORIGINAL")
    assert 0 < header.EchoTime < header.RepetitionTime


def test_coarse_decimals_are_the_clean_ones_rounded() -> None:
    study = rendered("turned_patient")
    series = study.series[0]
    clean, coarse = (
        data_set(study, series, series.slices[0], frozenset(names))
        for names in ((), ("coarse_decimals",))
    )
    for keyword, digits in (("ImagePositionPatient", 2), ("ImageOrientationPatient", 4)):
        fine = [float(value) for value in clean[keyword].value]
        assert [float(value) for value in coarse[keyword].value] == [round(v, digits) for v in fine]
        assert any(value != round(value, digits) for value in fine)


def test_every_trap_is_named_by_a_test() -> None:
    tests = Path(__file__).parents[1].rglob("test_*.py")
    text = "".join(path.read_text(encoding="utf-8") for path in tests)
    assert [name for name in TRAPS if f'"{name}"' not in text] == []
