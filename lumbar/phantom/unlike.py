"""Pictures that are no lumbar MRI, drawn from nothing: what people send by mistake.

Noise, textures, pages, charts, scenes, screens, and other parts of the body as cartoons. For
teaching a network to refuse; whether it does is tested on pictures of other kinds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from lumbar.phantom import bodyparts
from lumbar.phantom.bodyparts import Picture, cloud, grey_of, white, words

__all__ = ["KINDS", "draw_unlike"]

Draw = Callable[[np.random.Generator, int, int], Picture]


def draw_unlike(rng: np.random.Generator) -> tuple[str, Picture]:
    """A random kind and a picture `[rows, columns]` of it, grey values 0..255."""
    kind = str(rng.choice(list(KINDS)))
    rows, columns = (int(v) for v in rng.integers(96, 260, 2))
    picture = KINDS[kind](rng, rows, columns)
    if rng.random() < 0.3:
        picture = picture + np.float32(rng.uniform(2, 25)) * white(rng, rows, columns)
    return kind, np.clip(picture, 0, 255).astype(np.float32)


def _noise(rng: np.random.Generator, rows: int, columns: int) -> Picture:
    if rng.random() < 0.3:
        return (255 * (rng.random((rows, columns)) < rng.uniform(0.02, 0.5))).astype(np.float32)
    return 128 + 50 * white(rng, rows, columns)


def _texture(rng: np.random.Generator, rows: int, columns: int) -> Picture:
    field = cloud(rng, rows, columns, rng.uniform(0.5, 2.2))
    if rng.random() < 0.5:
        field = np.abs(np.sin(field * rng.uniform(3, 40)))
    return 255 * field


def _gradient(rng: np.random.Generator, rows: int, columns: int) -> Picture:
    y, x = np.mgrid[0 : 1 : rows * 1j, 0 : 1 : columns * 1j]
    angle = rng.uniform(0, 2 * np.pi)
    field = x * np.cos(angle) + y * np.sin(angle)
    if rng.random() < 0.5:
        field = np.hypot(x - rng.random(), y - rng.random())
    steps = rng.integers(3, 40)
    field = np.floor(field * steps) / steps if rng.random() < 0.4 else field
    low, high = field.min(), field.max()
    return np.asarray(255 * (field - low) / max(high - low, 1e-9), np.float32)


def _pattern(rng: np.random.Generator, rows: int, columns: int) -> Picture:
    """Stripes, checks, bars of grey."""
    edge = int(rng.integers(4, 60))
    y, x = np.mgrid[0:rows, 0:columns] // edge
    which = rng.integers(3)
    cells = (x, y, x + y)[which] if rng.random() < 0.5 else x * 31 + y * 17
    greys = rng.integers(0, 256, 97)
    return np.asarray(greys[cells % rng.integers(2, 97)], np.float32)


def _canvas(
    rng: np.random.Generator, rows: int, columns: int
) -> tuple[Image.Image, ImageDraw.ImageDraw, int]:
    """A page light or dark, its pen and the pen's grey."""
    paper, ink = (255, 0) if rng.random() < 0.6 else (0, 255)
    page = Image.new("L", (columns, rows), paper)
    return page, ImageDraw.Draw(page), ink


def _text(rng: np.random.Generator, rows: int, columns: int) -> Picture:
    page, pen, ink = _canvas(rng, rows, columns)
    size = float(rng.uniform(8, 40))
    for top in np.arange(4, rows, size * rng.uniform(1.1, 1.8)):
        if rng.random() < 0.85:
            line = words(rng, int(columns / size * 2))
            pen.text((rng.uniform(2, 20), float(top)), line, ink, font_size=size)
    return grey_of(page)


def _chart(rng: np.random.Generator, rows: int, columns: int) -> Picture:
    page, pen, ink = _canvas(rng, rows, columns)
    left, bottom = 18, rows - 16
    pen.line([(left, 8), (left, bottom), (columns - 6, bottom)], ink, 1)
    x = np.linspace(left, columns - 8, int(rng.integers(6, 40)))
    for _ in range(int(rng.integers(1, 5))):
        y = bottom - (bottom - 14) * cloud(rng, 1, len(x), 1.0)[0]
        grey = int(rng.integers(0, 256))
        style = rng.integers(4)
        if style == 0:
            pen.line(list(zip(x, y, strict=True)), grey, int(rng.integers(1, 4)))
        elif style == 1:
            for at, top in zip(x, y, strict=True):
                pen.rectangle([at, min(top, bottom), at + 4, bottom], grey)
        elif style == 2:
            for at, top in zip(x, y, strict=True):
                pen.ellipse([at - 2, top - 2, at + 2, top + 2], grey)
        else:
            middle, radius = (columns / 2, rows / 2), min(rows, columns) / 3
            start = float(rng.uniform(0, 360))
            box = [middle[0] - radius, middle[1] - radius, middle[0] + radius, middle[1] + radius]
            pen.pieslice(box, start, start + float(rng.uniform(30, 300)), grey)
    for top in np.linspace(8, bottom, 5):
        pen.text((1, top - 4), str(rng.integers(100)), ink, font_size=8)
    pen.text((columns / 3, 1), words(rng, 14), ink, font_size=10)
    return grey_of(page)


def _shapes(rng: np.random.Generator, rows: int, columns: int) -> Picture:
    page, pen, _ = _canvas(rng, rows, columns)
    for _ in range(int(rng.integers(1, 25))):
        x, y = rng.uniform(0, columns), rng.uniform(0, rows)
        width, height = rng.uniform(4, columns / 2), rng.uniform(4, rows / 2)
        grey = int(rng.integers(0, 256))
        box = [x, y, x + width, y + height]
        which = rng.integers(4)
        if which == 0:
            pen.ellipse(box, grey)
        elif which == 1:
            pen.rectangle(box, grey)
        elif which == 2:
            corners = rng.uniform((x, y), (x + width, y + height), (int(rng.integers(3, 7)), 2))
            pen.polygon([(float(a), float(b)) for a, b in corners], grey)
        else:
            pen.line([(x, y), (x + width, y + height)], grey, int(rng.integers(1, 9)))
    if rng.random() < 0.4:
        page = page.filter(ImageFilter.GaussianBlur(float(rng.uniform(0.5, 5))))
    return grey_of(page)


def _screen(rng: np.random.Generator, rows: int, columns: int) -> Picture:
    """Windows with bars, buttons and lines of text."""
    page, pen, _ = _canvas(rng, rows, columns)
    for _ in range(int(rng.integers(1, 5))):
        x, y = rng.uniform(0, columns * 0.6), rng.uniform(0, rows * 0.6)
        width, height = rng.uniform(40, columns), rng.uniform(30, rows)
        pen.rectangle([x, y, x + width, y + height], int(rng.integers(120, 256)), 90)
        pen.rectangle([x, y, x + width, y + 9], int(rng.integers(0, 120)))
        for top in np.arange(y + 14, y + height, 11):
            pen.text((x + 4, top), words(rng, int(width / 8)), 20, font_size=9)
    return grey_of(page)


def _scene(rng: np.random.Generator, rows: int, columns: int) -> Picture:
    """Sky, hills, a sun or a house, trees: a photograph's large shapes and fine textures."""
    ridge = rows * (rng.uniform(0.3, 0.7) + 0.25 * (cloud(rng, 1, columns, 1.5)[0] - 0.5))
    y = np.arange(rows)[:, None]
    sky = rng.uniform(120, 250) - y * rng.uniform(-0.4, 0.4)
    sky = sky + 50 * rng.random() * cloud(rng, rows, columns, 1.6)
    ground = rng.uniform(20, 200) * (0.5 + 0.8 * cloud(rng, rows, columns, rng.uniform(0.6, 1.6)))
    page = Image.fromarray(np.where(y < ridge[None, :], sky, ground).clip(0, 255).astype(np.uint8))
    pen = ImageDraw.Draw(page)
    for _ in range(int(rng.integers(0, 8))):
        x, size, grey = rng.uniform(0, columns), rng.uniform(8, rows / 2), int(rng.integers(256))
        foot = float(ridge[min(int(x), columns - 1)] + rng.uniform(0, rows / 4))
        if rng.random() < 0.5:
            pen.rectangle([x, foot - size, x + size * 0.7, foot], grey)
        else:
            pen.rectangle([x - 2, foot - size, x + 2, foot], grey // 2)
            pen.ellipse([x - size / 3, foot - size * 1.3, x + size / 3, foot - size * 0.4], grey)
    return grey_of(page.filter(ImageFilter.GaussianBlur(0.7)))


def _portrait(rng: np.random.Generator, rows: int, columns: int) -> Picture:
    """A head on shoulders, of a person or an animal, before a background."""
    back = 255 * rng.random() * cloud(rng, rows, columns, 1.8)
    page = Image.fromarray(back.astype(np.uint8))
    pen = ImageDraw.Draw(page)
    x, y, r = (
        columns * rng.uniform(0.3, 0.7),
        rows * rng.uniform(0.3, 0.5),
        rows * rng.uniform(0.12, 0.3),
    )
    skin, cloth, hair = (int(v) for v in rng.integers(20, 250, 3))
    pen.ellipse([x - 2.2 * r, y + 1.1 * r, x + 2.2 * r, y + 5 * r], cloth)
    pen.ellipse([x - r, y - 1.5 * r, x + r, y + r], hair)
    pen.ellipse([x - 0.8 * r, y - r, x + 0.8 * r, y + 1.2 * r], skin)
    for side in (-1, 1):
        eye = x + side * 0.35 * r
        pen.ellipse([eye - 0.12 * r, y - 0.2 * r, eye + 0.12 * r, y], 10)
    pen.line([(x - 0.3 * r, y + 0.6 * r), (x + 0.3 * r, y + 0.6 * r)], 40, 2)
    rough = 1 + 0.4 * (cloud(rng, rows, columns, 0.8) - 0.5)
    return grey_of(page.filter(ImageFilter.GaussianBlur(1.0))) * rough


KINDS: Mapping[str, Draw] = MappingProxyType(
    {
        "noise": _noise,
        "texture": _texture,
        "gradient": _gradient,
        "pattern": _pattern,
        "text": _text,
        "chart": _chart,
        "shapes": _shapes,
        "screen": _screen,
        "scene": _scene,
        "portrait": _portrait,
        "head": bodyparts.head,
        "abdomen": bodyparts.abdomen,
        "limb": bodyparts.limb,
        "joint": bodyparts.joint,
        "chest": bodyparts.chest,
        "ultrasound": bodyparts.ultrasound,
    }
)
"""What can be drawn, by name."""
