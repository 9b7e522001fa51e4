"""Marks of every kind that people burn in: words, handles, icons, shapes, time stamps, and their combinations.

A mark is drawn large (`UPSCALE` times) as opacity and premultiplied colour and brought to its size by area, so that its
edges are as soft as those of a real one.
"""

from __future__ import annotations

import colorsys
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from training.sources.fonts import Font, icon_fonts, word_fonts

UPSCALE = 3
SYLLABLES = (
    "al an ber bo ca clip da del ed el fa fi ga go hi in ja ka lo lu ma me mo na neo nor on pa pix ra ri sa so ta "
    "ti tok um ve vi vid wa xo yo za zen"
).split()
ICON_RANGES = {
    "fontawesome-webfont": (0xF000, 0xF2E0),
    "materialdesignicons-webfont": (0xF101, 0xF700),
    "Symbola": (0x25A0, 0x26C3),
}
KINDS = (
    *("word",) * 4,
    *("icon_word",) * 4,
    "icon",
    "icon",
    "two_lines",
    "two_lines",
    "stamp",
    "stamp",
    "badge",
    "shapes",
)

Coverage = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class DrawnMark:
    """Attributes:
    alpha: opacity, float32 [h, w] in [0, 1].
    premultiplied: opacity times colour, float32 [h, w, 3] in [0, 1].
    """

    alpha: Coverage
    premultiplied: NDArray[np.float32]

    @property
    def size_px(self) -> tuple[int, int]:
        """(height, width)."""
        return self.alpha.shape[0], self.alpha.shape[1]


def draw_mark(
    rng: np.random.Generator, height_px: float, *, opacity: tuple[float, float] = (0.25, 1.0), held_out: bool = False
) -> DrawnMark:
    """A mark whose words or icon are about `height_px` high, drawn anew.

    Args:
        opacity: the range that its opacity is drawn from.
        held_out: with the fonts that are kept for evaluation, or with the others.
    """
    coverage = _drawn(str(rng.choice(KINDS)), rng, held_out)
    factor = height_px / coverage.shape[0]
    return _painted(coverage, factor, float(rng.uniform(*opacity)), rng)


def words(rng: np.random.Generator, least: int = 2, most: int = 4) -> str:
    """A made-up word."""
    word = "".join(rng.choice(SYLLABLES, int(rng.integers(least, most + 1))))
    return str(rng.choice([word, word.upper(), word.capitalize()]))


def text_coverage(text: str, font: Font, height_px: int = 96) -> Coverage:
    """Words in a font, cut tight, float32 [h, w] in [0, 1]; at least one pixel."""
    drawn = font.at(height_px)
    left, top, right, bottom = (round(v) for v in drawn.getbbox(text))
    picture = Image.new("L", (max(1, right - left), max(1, bottom - top)))
    ImageDraw.Draw(picture).text((-left, -top), text, fill=255, font=drawn)
    return _tight(np.asarray(picture, np.float32) / 255)


def pick_font(rng: np.random.Generator, held_out: bool) -> Font:
    fonts = [font for font in word_fonts() if font.is_held_out == held_out] or list(word_fonts())
    families = sorted({font.family for font in fonts})
    family = families[int(rng.integers(len(families)))]
    mine = [font for font in fonts if font.family == family]
    return mine[int(rng.integers(len(mine)))]


def _drawn(kind: str, rng: np.random.Generator, held_out: bool) -> Coverage:
    if kind == "icon":
        return _icon(rng, held_out)
    if kind == "shapes":
        return _shapes(rng)
    if kind == "stamp":
        return text_coverage(_stamp_text(rng), pick_font(rng, held_out))
    if kind == "badge":
        return _badge(rng, held_out)
    first = text_coverage(_mark_text(rng), pick_font(rng, held_out))
    if kind == "two_lines":
        second = text_coverage("@" + words(rng).lower(), pick_font(rng, held_out))
        return _below(first, _scaled_to_height(second, first.shape[0] * rng.uniform(0.45, 0.8)), rng)
    if kind == "icon_word":
        icon = _icon(rng, held_out) if rng.random() < 0.7 else _shapes(rng)
        icon = _scaled_to_height(icon, first.shape[0] * rng.uniform(0.9, 1.8))
        return _beside(icon, first, rng) if rng.random() < 0.75 else _below(icon, first, rng)
    return first


def _mark_text(rng: np.random.Generator) -> str:
    text = words(rng)
    kind = rng.random()
    if kind < 0.2:
        return "@" + text.lower()
    if kind < 0.3:
        return f"{text} {words(rng, 1, 2)}"
    if kind < 0.38:
        return f"{text}.{rng.choice(['com', 'tv', 'net', 'io', 'ai'])}".lower()
    if kind < 0.45:
        return f"{text[:3].upper()} {rng.integers(1, 99)}"
    if kind < 0.5:
        return f"\N{COPYRIGHT SIGN} {text}"
    return text


def _stamp_text(rng: np.random.Generator) -> str:
    day, month, year = rng.integers(1, 29), rng.integers(1, 13), rng.integers(1995, 2030)
    hour, minute, second = rng.integers(24), rng.integers(60), rng.integers(60)
    date = str(
        rng.choice([f"{year}-{month:02d}-{day:02d}", f"{day:02d}.{month:02d}.{year}", f"{month:02d}/{day:02d}/{year}"])
    )
    time = str(rng.choice([f"{hour:02d}:{minute:02d}:{second:02d}", f"{hour % 12 + 1}:{minute:02d} PM"]))
    return str(rng.choice([date, time, f"{date} {time}"], p=[0.25, 0.25, 0.5]))


def _icon(rng: np.random.Generator, held_out: bool) -> Coverage:
    fonts = icon_fonts()
    for _ in range(8):
        if not fonts:
            break
        font = fonts[int(rng.integers(len(fonts)))]
        low, high = ICON_RANGES[font.path.stem]
        code = int(rng.integers(low, high))
        if (code % 5 == 0) != held_out:  # every fifth icon is kept for evaluation
            continue
        coverage = text_coverage(chr(code), font)
        height, width = coverage.shape
        if 0.05 < coverage.mean() < 0.97 and 0.4 < width / height < 2.5 and height > 20:
            return coverage
    return _shapes(rng)


def _shapes(rng: np.random.Generator) -> Coverage:
    """A few rings, discs, bars and polygons, added and cut out."""
    size = 120
    canvas = np.zeros((size, size), np.uint8)
    for index in range(int(rng.integers(2, 6))):
        value = 255 if index == 0 or rng.random() < 0.6 else 0
        centre = tuple(int(v) for v in rng.integers(size // 4, 3 * size // 4, 2))
        radius = int(rng.integers(size // 10, size // 3))
        match int(rng.integers(4)):
            case 0:
                cv2.circle(canvas, centre, radius, value, -1, cv2.LINE_AA)
            case 1:
                cv2.circle(canvas, centre, radius, value, int(rng.integers(5, 14)), cv2.LINE_AA)
            case 2:
                angles = np.sort(rng.uniform(0, 2 * np.pi, int(rng.integers(3, 7))))
                corners = np.stack([np.cos(angles), np.sin(angles)], 1) * radius + centre
                cv2.fillPoly(canvas, [np.rint(corners).astype(np.int32)], value, cv2.LINE_AA)
            case _:
                other = tuple(int(v) for v in rng.integers(size // 8, 7 * size // 8, 2))
                cv2.line(canvas, centre, other, value, int(rng.integers(6, 18)), cv2.LINE_AA)
    return _tight(canvas.astype(np.float32) / 255)


def _badge(rng: np.random.Generator, held_out: bool) -> Coverage:
    """A plate with words cut out of it."""
    text = text_coverage(_mark_text(rng), pick_font(rng, held_out))
    rim = int(text.shape[0] * rng.uniform(0.25, 0.6))
    plate = np.zeros((text.shape[0] + 2 * rim, text.shape[1] + 2 * rim), np.uint8)
    radius = int(rng.integers(0, plate.shape[0] // 2))
    height, width = plate.shape
    cv2.rectangle(plate, (radius, 0), (width - 1 - radius, height - 1), 255, -1)
    cv2.rectangle(plate, (0, radius), (width - 1, height - 1 - radius), 255, -1)
    for x in (radius, width - 1 - radius):
        for y in (radius, height - 1 - radius):
            cv2.circle(plate, (x, y), radius, 255, -1, cv2.LINE_AA)
    coverage = plate.astype(np.float32) / 255
    coverage[rim : rim + text.shape[0], rim : rim + text.shape[1]] *= 1 - text
    return coverage


def _beside(left: Coverage, right: Coverage, rng: np.random.Generator) -> Coverage:
    return _below(left.T, right.T, rng).T


def _below(above: Coverage, below: Coverage, rng: np.random.Generator) -> Coverage:
    """One over the other, middles in line."""
    gap = int(min(above.shape[0], below.shape[0]) * rng.uniform(0.1, 0.45)) + 1
    width = max(above.shape[1], below.shape[1])
    canvas = np.zeros((above.shape[0] + gap + below.shape[0], width), np.float32)
    for part, top in ((above, 0), (below, above.shape[0] + gap)):
        left = (width - part.shape[1]) // 2
        canvas[top : top + part.shape[0], left : left + part.shape[1]] = part
    return canvas


def _scaled_to_height(coverage: Coverage, height_px: float) -> Coverage:
    factor = max(1.0, height_px) / coverage.shape[0]
    size = (max(1, round(coverage.shape[1] * factor)), max(1, round(coverage.shape[0] * factor)))
    return np.asarray(cv2.resize(coverage, size, interpolation=cv2.INTER_AREA), np.float32)


def _tight(coverage: Coverage) -> Coverage:
    rows, columns = np.flatnonzero(coverage.max(1) > 0.02), np.flatnonzero(coverage.max(0) > 0.02)
    if not len(rows) or not len(columns):
        return np.ones((8, 8), np.float32)
    return coverage[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _painted(coverage: Coverage, factor: float, opacity: float, rng: np.random.Generator) -> DrawnMark:
    """The mark in its colours, with an outline or a shadow perhaps, at its own size."""
    layers: list[tuple[Coverage, NDArray[Any]]] = []
    unit = max(1.0, coverage.shape[0] / 40)
    rim = int(rng.uniform(1, 5) * unit) + 2
    padded = np.pad(coverage, rim)
    colour = _colour(rng)
    style = rng.random()
    if style < 0.22:  # an outline that sets it off
        grown = cv2.dilate(padded, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * (rim // 2) + 1,) * 2))
        layers.append((grown * opacity, np.full(3, 0.0 if colour.mean() > 0.5 else 1.0)))
    elif style < 0.45:  # a soft shadow
        moved = np.roll(padded, (rim // 3, rim // 3), (0, 1))
        layers.append(
            (cv2.GaussianBlur(moved, (0, 0), max(0.6, rim / 4)) * opacity * rng.uniform(0.3, 0.8), np.zeros(3))
        )
    elif style < 0.55:  # letters hollow but for their contour
        inner = cv2.erode(padded, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * (rim // 3) + 1,) * 2))
        padded = np.clip(padded - inner * rng.uniform(0.5, 0.95), 0, 1)
    layers.append((padded * opacity, colour))
    return _flattened(layers, factor)


def _flattened(layers: list[tuple[Coverage, NDArray[Any]]], factor: float) -> DrawnMark:
    alpha = np.zeros_like(layers[0][0])
    premultiplied = np.zeros((*alpha.shape, 3), np.float32)
    for coverage, colour in layers:
        premultiplied = premultiplied * (1 - coverage[..., None]) + coverage[..., None] * colour
        alpha = 1 - (1 - alpha) * (1 - coverage)
    size = (max(2, round(alpha.shape[1] * factor)), max(2, round(alpha.shape[0] * factor)))
    small, colours = (cv2.resize(z, size, interpolation=cv2.INTER_AREA) for z in (alpha, premultiplied))
    return DrawnMark(np.asarray(small, np.float32), np.asarray(colours, np.float32).reshape(*small.shape, 3))


def _colour(rng: np.random.Generator) -> NDArray[np.float32]:
    kind = rng.random()
    if kind < 0.6:
        return np.full(3, rng.uniform(0.88, 1.0), np.float32)
    if kind < 0.7:
        return np.full(3, rng.uniform(0, 0.15), np.float32)
    if kind < 0.78:
        return np.full(3, rng.uniform(0.3, 0.88), np.float32)
    return np.array(colorsys.hsv_to_rgb(rng.random(), rng.uniform(0.4, 1), rng.uniform(0.6, 1)), np.float32)
