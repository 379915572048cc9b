"""Which slice of its series an instance is, also where several of them have one id.

Ids come from the files: two pictures of a folder may be called alike (`1.png`, `1.PNG`), and some
archives give several slices of a series one SOPInstanceUID.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from lumbar.imaging.study import Series, Study

__all__ = ["Place", "places_of", "told_apart"]


@dataclass(frozen=True, slots=True)
class Place:
    """The slice's number in its series, from 0, and the id that its file gives it."""

    number: int
    instance: str


def told_apart(study: Study) -> Study:
    """The study with ids that do not repeat within a series, so that grades say which they mean."""
    return replace(study, series=tuple(map(_renamed, study.series)))


def places_of(study: Study) -> dict[tuple[str, str], Place]:
    """(series id, instance id) of a study and of `told_apart` of it -> where that is."""
    return {
        (series.series_id, name): Place(number, instance.instance_id)
        for series in study.series
        for number, (name, instance) in enumerate(zip(_names(series), series, strict=True))
    }


def _renamed(series: Series) -> Series:
    named = zip(_names(series), series, strict=True)
    return replace(series, instances=tuple(replace(one, instance_id=name) for name, one in named))


def _names(series: Series) -> Iterator[str]:
    """Each slice's id; with its number behind a NUL, which no id has, where it came before."""
    seen: set[str] = set()
    for number, instance in enumerate(series):
        told = instance.instance_id
        yield f"{told}\0{number}" if told in seen else told
        seen.add(told)
