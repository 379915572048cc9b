"""A synthetic study to try the endpoint with: a zip, one DICOM slice, one PNG of the same slice."""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from pathlib import Path

from lumbar.domain import View
from lumbar.imaging import read_uploaded, to_uint8
from lumbar.imaging.png import encode_png
from lumbar.phantom import make_study, zip_study

__all__ = ["Example", "write_example"]

SEED = 2_026
VIEW = View.SAGITTAL_T2


@dataclass(frozen=True, slots=True)
class Example:
    """Files of one phantom; the two slices are its middle one of `VIEW`."""

    archive: Path
    dicom: Path
    png: Path

    def commands(self, address: str) -> tuple[str, str, str]:
        """A curl command for each file."""
        grade = f"{address}/api/v1/grade"
        return (
            f"curl -F file=@{self.archive} {grade}",
            f"curl -F file=@{self.dicom} {grade}",
            f"curl -F file=@{self.png} '{grade}?view={VIEW.value}'",
        )


def write_example(folder: Path) -> Example:
    """Write the example into `folder`, which is made where it is missing."""
    folder.mkdir(parents=True, exist_ok=True)
    example = Example(folder / "example.zip", folder / "example.dcm", folder / "example.png")
    packed = zip_study(make_study(SEED, 0))
    slices = read_uploaded({"example.zip": packed}, trusted=True)[0].of_view(VIEW)[0].instances
    middle = slices[len(slices) // 2]
    example.archive.write_bytes(packed)
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        example.dicom.write_bytes(archive.read(middle.source))
    example.png.write_bytes(encode_png(to_uint8(middle.pixels)))
    return example
