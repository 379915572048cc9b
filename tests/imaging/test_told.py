"""One view that a caller tells is of the only series that leaves it open, or of none."""

from __future__ import annotations

import numpy as np
import pytest

from lumbar.domain import View
from lumbar.errors import ViewError
from lumbar.imaging import find_uploaded, read_study, read_uploaded
from lumbar.imaging.png import encode_png


def picture(n: int) -> bytes:
    """One of several pictures: a copy of another would be left out."""
    return encode_png(np.eye(99, 99, n, dtype=np.uint8))


def views_of(files: dict[str, bytes], told: View) -> dict[str, View | None]:
    (study,) = read_uploaded(files, views=told)
    return {series.series_id: series.view for series in study.series}


@pytest.fixture
def open_files(stack_of_files) -> dict[str, bytes]:
    """A study whose first series does not say in its headers whether it is T1 or T2."""
    bare = stack_of_files(SeriesDescription="LUMBAR")
    rest = {name: data for name, data in stack_of_files().items() if name[0] != "1"}
    return {name: data for name, data in bare.items() if name[0] == "1"} | rest


def test_it_is_of_the_one_series_that_leaves_it_open(open_files, stack_of_files) -> None:
    (plain,) = read_uploaded(stack_of_files())
    said = {series.series_id: series.view for series in plain.series}
    (open_id,) = (s for s, view in said.items() if view is View.SAGITTAL_T1)
    assert views_of(open_files, View.SAGITTAL_T2) == said | {open_id: View.SAGITTAL_T2}


def test_pictures_of_one_folder_are_one_series() -> None:
    files = {"a/1.png": picture(1), "a/2.png": picture(2)}
    assert views_of(files, View.AXIAL_T2) == {"a": View.AXIAL_T2}


def test_it_is_of_none_where_several_leave_it_open() -> None:
    """Else a T1 that lies beside a T2 would be graded as what was said of the other."""
    files = {f"study/{name}/1.png": picture(n) for n, name in enumerate("abcde")}
    with pytest.raises(ViewError) as error:
        read_uploaded(files, views=View.SAGITTAL_T2)
    told = str(error.value)
    assert "the files of 5 leave their view open" in told
    assert "study/a/1.png, study/b/1.png, study/c/1.png and 2 more" in told
    assert told.endswith("send that series alone, or leave `view` out")
    assert len(read_uploaded(files, all_series=True)[0].series) == 5


def test_it_is_of_none_where_all_files_say_it(stack_of_files) -> None:
    with pytest.raises(ViewError, match=r"none does; .* leave `view` out"):
        read_uploaded(stack_of_files(), views=View.SAGITTAL_T1)


def test_it_is_of_none_of_several_studies(stack_of_files) -> None:
    files = stack_of_files() | {"upload/1.png": picture(1)}
    with pytest.raises(ViewError, match="2 studies came; send that series alone"):
        read_uploaded(files, views=View.SAGITTAL_T1)


def test_what_geometry_rules_out_is_refused(open_files) -> None:
    with pytest.raises(ViewError, match=r"Axial T2, .* only be Sagittal T1 or Sagittal T2/STIR"):
        read_uploaded(open_files, views=View.AXIAL_T2)


def test_views_a_series_id_are_believed_of_each(open_files) -> None:
    ((study, files),) = find_uploaded(open_files)
    told = {series.series_id: View.AXIAL_T2 for series in study.series}
    read = read_study(study, files=files, views=told)
    assert {series.view for series in read.series} == {View.AXIAL_T2}
