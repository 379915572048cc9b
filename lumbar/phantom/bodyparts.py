"""Other parts of the body as cartoons, and the noise and words that pictures are made of.

What `unlike.py` draws from: outlines, bones and organs with the greys and textures of MR, CT,
radiographs and ultrasound, none of them a lumbar spine.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

__all__ = [
    "Picture",
    "abdomen",
    "chest",
    "cloud",
    "grey_of",
    "head",
    "joint",
    "limb",
    "ultrasound",
    "white",
    "words",
]

Picture = NDArray[np.float32]


def white(rng: np.random.Generator, rows: int, columns: int) -> Picture:
    """Unit Gaussian noise."""
    return rng.standard_normal((rows, columns), dtype=np.float32)


def cloud(rng: np.random.Generator, rows: int, columns: int, power: float) -> Picture:
    """Noise whose amplitude falls with frequency to a power, scaled to 0..1."""
    y, x = np.fft.fftfreq(rows)[:, None], np.fft.rfftfreq(columns)[None, :]
    radius = np.hypot(y * rng.uniform(0.4, 2.5), x)
    radius[0, 0] = 1.0
    field = np.fft.irfft2(np.fft.rfft2(white(rng, rows, columns)) / radius**power, (rows, columns))
    low, high = np.quantile(field, (0.01, 0.99))
    return np.asarray(np.clip((field - low) / max(high - low, 1e-9), 0, 1), np.float32)


def grey_of(page: Image.Image) -> Picture:
    """A page's grey values."""
    return np.asarray(page, np.float32)


def words(rng: np.random.Generator, letters: int) -> str:
    """Letters and blanks that say nothing."""
    drawn = rng.choice(list("aeioubcdfglmnprst   "), letters)
    return "".join(map(str, drawn))


def _organ(
    rng: np.random.Generator, rows: int, columns: int, outline: Picture, parts: int
) -> Picture:
    """An outline with fat, muscle and roundish organs in it, textured as MR or CT is."""
    body = outline < 1
    grey = np.where(body, rng.uniform(30, 150), 0).astype(np.float32)
    rind = (outline > rng.uniform(0.8, 0.95)) & body
    grey[rind] = rng.uniform(120, 250)
    y, x = np.mgrid[-1 : 1 : rows * 1j, -1 : 1 : columns * 1j]
    for _ in range(parts):
        cx, cy = rng.uniform(-0.6, 0.6, 2)
        a, b = rng.uniform(0.04, 0.35, 2)
        turn = rng.uniform(0, np.pi)
        u = (x - cx) * np.cos(turn) + (y - cy) * np.sin(turn)
        v = (y - cy) * np.cos(turn) - (x - cx) * np.sin(turn)
        grey[((u / a) ** 2 + (v / b) ** 2 < 1) & body] = rng.uniform(0, 255)
    shade = 0.75 + 0.5 * cloud(rng, rows, columns, rng.uniform(1, 2))
    page = Image.fromarray((grey * shade).clip(0, 255).astype(np.uint8))
    return grey_of(page.filter(ImageFilter.GaussianBlur(float(rng.uniform(0.5, 2)))))


def _ellipse(rng: np.random.Generator, rows: int, columns: int, low: float, high: float) -> Picture:
    """Squared distance from the middle of an ellipse in units of its radii; 1 on its edge."""
    y, x = np.mgrid[-1 : 1 : rows * 1j, -1 : 1 : columns * 1j]
    a, b = rng.uniform(low, high, 2)
    wave = 1 + 0.06 * np.sin(np.arctan2(y, x) * rng.integers(2, 6) + rng.uniform(0, 6))
    return np.asarray((x / a) ** 2 + (y / b) ** 2 * wave, np.float32)


def head(rng: np.random.Generator, rows: int, columns: int) -> Picture:
    """A skull's ring round folded grey matter and two ventricles."""
    outline = _ellipse(rng, rows, columns, 0.6, 0.95)
    folds = np.sin(cloud(rng, rows, columns, 1.7) * rng.uniform(20, 50))
    brain = rng.uniform(90, 170) + rng.uniform(15, 45) * folds
    grey = np.where(
        outline < 0.72, brain, np.where(outline < 0.84, rng.uniform(0, 60), rng.uniform(90, 255))
    )
    grey[outline > 1] = 0
    y, x = np.mgrid[-1 : 1 : rows * 1j, -1 : 1 : columns * 1j]
    for side in (-1, 1):
        grey[((x - side * 0.1) / 0.08) ** 2 + ((y + 0.05) / 0.25) ** 2 < 1] = rng.choice(
            [10.0, 240.0]
        )
    return grey.astype(np.float32)


def abdomen(rng: np.random.Generator, rows: int, columns: int) -> Picture:
    """A whole trunk across: all the skin is in the picture, organs fill it."""
    return _organ(
        rng, rows, columns, _ellipse(rng, rows, columns, 0.6, 0.95), int(rng.integers(6, 20))
    )


def limb(rng: np.random.Generator, rows: int, columns: int) -> Picture:
    """One or two limbs across, each with its bones."""
    count = int(rng.integers(1, 3))
    parts = [
        _organ(
            rng,
            rows,
            max(columns // count, 8),
            _ellipse(rng, rows, max(columns // count, 8), 0.4, 0.9),
            3,
        )
        for _ in range(count)
    ]
    joined = np.concatenate(parts, axis=1)
    return np.pad(joined, ((0, 0), (0, columns - joined.shape[1])))


def joint(rng: np.random.Generator, rows: int, columns: int) -> Picture:
    """Two long bones that meet, as in a knee, an ankle or an elbow."""
    y, x = np.mgrid[-1 : 1 : rows * 1j, -1 : 1 : columns * 1j]
    turn = rng.uniform(-0.5, 0.5)
    u, v = x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)
    grey = np.where(np.abs(u) < rng.uniform(0.5, 0.9), rng.uniform(40, 130), 0.0)
    shaft, head = rng.uniform(0.12, 0.25), rng.uniform(0.3, 0.5)
    width = shaft + (head - shaft) * np.exp(-((v / 0.35) ** 2))
    bone = (np.abs(u) < width) & (np.abs(v) > rng.uniform(0.02, 0.06))
    grey[bone] = rng.uniform(110, 240)
    grey[bone & (np.abs(u) > 0.85 * width)] = rng.uniform(0, 40)
    shade = 0.7 + 0.6 * cloud(rng, rows, columns, 1.5)
    return np.asarray(grey * shade, np.float32)


def chest(rng: np.random.Generator, rows: int, columns: int) -> Picture:
    """A radiograph: two lungs, ribs, a heart."""
    y, x = np.mgrid[-1 : 1 : rows * 1j, -1 : 1 : columns * 1j]
    grey = 160 + 60 * cloud(rng, rows, columns, 2.0) - 30 * np.abs(x)
    for side in (-1, 1):
        lung = ((x - side * 0.45) / 0.33) ** 2 + ((y - 0.05) / 0.7) ** 2 < 1
        grey = np.where(lung, grey * rng.uniform(0.25, 0.5), grey)
    grey += 25 * (np.sin((y + 0.5 * x**2) * rng.uniform(18, 28)) > 0.3)
    grey = np.where(((x - 0.12) / 0.3) ** 2 + ((y - 0.35) / 0.35) ** 2 < 1, 200, grey)
    return grey.astype(np.float32)


def ultrasound(rng: np.random.Generator, rows: int, columns: int) -> Picture:
    """A fan of speckle on black, with words beside it."""
    y, x = np.mgrid[0 : 1 : rows * 1j, -0.5 : 0.5 : columns * 1j]
    radius, angle = np.hypot(x, y), np.arctan2(x, y + 1e-3)
    inside = (
        (radius > rng.uniform(0.05, 0.2))
        & (radius < 0.95)
        & (np.abs(angle) < rng.uniform(0.3, 0.8))
    )
    speckle = np.abs(white(rng, rows, columns)) * cloud(rng, rows, columns, 1.7) * 160
    page = Image.fromarray(np.where(inside, speckle, 0).clip(0, 255).astype(np.uint8))
    ImageDraw.Draw(page).text((3, 3), words(rng, 12), 230, font_size=9)
    return grey_of(page)
