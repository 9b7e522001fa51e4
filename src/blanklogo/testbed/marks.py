"""Marks as their makers draw them, for clips with known truth.

Every mark is drawn at `UPSCALE` times its nominal size, so that `burn` can place it at any scale and sub-pixel
position without ringing. Seven kinds, each with what makes it hard:

======== ========== ==========================================================
kind     nominal px what it is
======== ========== ==========================================================
wordmark 216 x 72   icon, name and handle in white with a soft shadow
ring     120 x 120  a ring, a diamond and letters in three colours
letters  230 x 52   opaque white letters with a black outline
bug      56 x 40    small white corner letters
stamp    230 x 34   a camera's yellow date and time with a thin outline
badge    96 x 96    a dark disc with light letters
outline  240 x 60   faint letters with a brighter contour and a dark rim
======== ========== ==========================================================
"""

from __future__ import annotations

import math
from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from blanklogo.errors import OptionError
from blanklogo.types import Mark

UPSCALE = 4

Coverage = NDArray[np.float32]  # [H, W] in [0, 1]
Colour = tuple[float, float, float]
Layer = tuple[Coverage, Colour]

WHITE: Colour = (1.0, 1.0, 1.0)
BLACK: Colour = (0.0, 0.0, 0.0)


def draw_mark(kind: str, opacity: float | None = None, text: str | None = None) -> Mark:
    """Draw a mark of this kind at `UPSCALE` times its nominal size.

    Args:
        kind: one of `KINDS`.
        opacity: the mark's own opacity in (0, 1]; None: the kind's usual one.
        text: other words than the kind's usual ones.

    Raises:
        OptionError: no such kind, or an opacity out of range.
    """
    if kind not in KINDS:
        raise OptionError(f"mark kind {kind!r}", accepted=", ".join(KINDS))
    paint, usual_opacity, usual_text = KINDS[kind]
    opacity = usual_opacity if opacity is None else opacity
    if not 0 < opacity <= 1:
        raise OptionError(f"mark opacity {opacity}", accepted="more than 0, at most 1")
    return _flatten(paint(opacity, text or usual_text), kind)


def resized(mark: Mark, factor: float) -> Mark:
    """The same mark at another size, e.g. `scale / UPSCALE` for the picture that a user would hold."""
    premultiplied = mark.colour * mark.alpha[..., None]
    alpha, colour = (
        np.asarray(cv2.resize(z, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA), np.float32)
        for z in (mark.alpha, premultiplied)
    )
    straight = colour / np.maximum(alpha, 1e-6)[..., None]
    return Mark(np.clip(alpha, 0, 1), np.clip(straight, 0, 1).astype(np.float32), mark.name)


def rgba_bytes(mark: Mark) -> NDArray[np.uint8]:
    """Straight B, G, R, A, uint8 [H, W, 4]: what `cv2.imwrite` takes for a PNG with alpha."""
    bgra = np.dstack([mark.colour[..., ::-1], mark.alpha])
    return np.rint(bgra * 255).astype(np.uint8)


def _flatten(layers: list[Layer], name: str) -> Mark:
    """Composite layers, bottom first: `a = 1 - (1 - a)(1 - b)`, premultiplied colour likewise."""
    alpha = np.zeros_like(layers[0][0])
    premultiplied = np.zeros((*alpha.shape, 3), np.float32)
    for coverage, colour in layers:
        premultiplied = premultiplied * (1 - coverage[..., None]) + coverage[..., None] * np.asarray(colour, np.float32)
        alpha = 1 - (1 - alpha) * (1 - coverage)
    straight = premultiplied / np.maximum(alpha, 1e-6)[..., None]
    return Mark(alpha, np.clip(straight, 0, 1).astype(np.float32), name)


def _canvas(width_px: int, height_px: int) -> NDArray[np.uint8]:
    return np.zeros((height_px * UPSCALE, width_px * UPSCALE), np.uint8)


def _coverage(canvas: NDArray[np.uint8]) -> Coverage:
    return (canvas / 255).astype(np.float32)


def _glyphs(words: str) -> NDArray[np.uint8]:
    """Words drawn large and cut tight, uint8 [H, W]."""
    scale, thickness = 8.0, 20
    (width, height), baseline = cv2.getTextSize(words, cv2.FONT_HERSHEY_DUPLEX, scale, thickness)
    margin = height
    picture = np.zeros((height * 3 + baseline, width + 2 * margin), np.uint8)
    cv2.putText(picture, words, (margin, height * 2), cv2.FONT_HERSHEY_DUPLEX, scale, 255, thickness, cv2.LINE_AA)
    x, y, width, height = cv2.boundingRect(picture)
    return picture[y : y + height, x : x + width]


def _write(canvas: NDArray[np.uint8], words: str, place: tuple[float, float, float, float]) -> None:
    """Put words, as large as they fit, in the middle of a place (x, y, width, height in nominal px)."""
    x, y, width, height = (round(v * UPSCALE) for v in place)
    glyphs = _glyphs(words)
    factor = min(width / glyphs.shape[1], height / glyphs.shape[0])
    small = cv2.resize(glyphs, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)[:height, :width]
    top, left = y + (height - small.shape[0]) // 2, x + (width - small.shape[1]) // 2
    view = canvas[top : top + small.shape[0], left : left + small.shape[1]]
    np.maximum(view, small[: view.shape[0], : view.shape[1]], out=view)


def _disc(canvas: NDArray[np.uint8], centre: tuple[float, float], radius_px: float, value: int) -> None:
    x, y = (round(v * UPSCALE) for v in centre)
    cv2.circle(canvas, (x, y), round(radius_px * UPSCALE), value, -1, cv2.LINE_AA)


def _grown(coverage: Coverage, radius_px: float) -> Coverage:
    """The coverage with a rim of this radius around it."""
    size = 2 * round(radius_px * UPSCALE) + 1
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    return np.asarray(cv2.dilate(coverage, disc), np.float32)


def _petals(canvas: NDArray[np.uint8], centre: tuple[float, float], size_px: float) -> None:
    """A flower of seven petals around an open heart, with a play triangle in it."""
    for k in range(7):
        angle = 2 * math.pi * k / 7 - math.pi / 2
        at = (centre[0] + 0.34 * size_px * math.cos(angle), centre[1] + 0.34 * size_px * math.sin(angle))
        _disc(canvas, at, 0.155 * size_px, 255)
    _disc(canvas, centre, 0.30 * size_px, 0)
    corners = [(-0.09, -0.15), (-0.09, 0.15), (0.17, 0.0)]
    points = [[round((c + d * size_px) * UPSCALE) for c, d in zip(centre, corner, strict=True)] for corner in corners]
    cv2.fillPoly(canvas, [np.array(points, np.int32)], 255, cv2.LINE_AA)


def _wordmark(opacity: float, text: str) -> list[Layer]:
    canvas = _canvas(216, 72)
    name, _, handle = text.partition("\n")
    _petals(canvas, (36, 36), 54)
    _write(canvas, name, (70, 10, 132, 30))
    _write(canvas, handle, (70, 46, 132, 15))
    glyphs = _coverage(canvas)
    blurred = np.asarray(cv2.GaussianBlur(glyphs, (0, 0), 2.5 * UPSCALE), np.float32)
    shadow = np.roll(blurred, UPSCALE, axis=0) * 0.5
    return [(shadow * opacity, BLACK), (glyphs * opacity, WHITE)]


def _ring(opacity: float, text: str) -> list[Layer]:
    ring, diamond, words = _canvas(120, 120), _canvas(120, 120), _canvas(120, 120)
    _disc(ring, (60, 60), 55, 255)
    _disc(ring, (60, 60), 43, 0)
    corners = np.array([(60, 12), (108, 60), (60, 108), (12, 60)], np.int32) * UPSCALE
    cv2.fillPoly(diamond, [corners], 255, cv2.LINE_AA)
    _write(words, text, (34, 42, 52, 36))
    colours: list[Colour] = [(0.05, 0.5, 0.48), (0.95, 0.5, 0.12), (0.98, 0.96, 0.9)]
    strengths = (opacity, opacity, min(1.0, 1.1 * opacity))
    drawn = zip((ring, diamond, words), strengths, colours, strict=True)
    return [(_coverage(canvas) * strength, colour) for canvas, strength, colour in drawn]


def _letters(opacity: float, text: str) -> list[Layer]:
    canvas = _canvas(230, 52)
    _write(canvas, text, (8, 9, 214, 34))
    glyphs = _coverage(canvas)
    return [(_grown(glyphs, 2) * opacity, BLACK), (glyphs * opacity, WHITE)]


def _bug(opacity: float, text: str) -> list[Layer]:
    canvas = _canvas(56, 40)
    _write(canvas, text, (5, 8, 46, 24))
    return [(_coverage(canvas) * opacity, WHITE)]


def _stamp(opacity: float, text: str) -> list[Layer]:
    canvas = _canvas(230, 34)
    _write(canvas, text, (5, 8, 220, 18))
    glyphs = _coverage(canvas)
    return [(_grown(glyphs, 1) * opacity, (0.1, 0.1, 0.1)), (glyphs * opacity, (1.0, 0.85, 0.2))]


def _badge(opacity: float, text: str) -> list[Layer]:
    disc, words = _canvas(96, 96), _canvas(96, 96)
    _disc(disc, (48, 48), 45, 255)
    _write(words, text, (20, 28, 56, 40))
    return [(_coverage(disc) * opacity * 0.7, (0.05, 0.05, 0.08)), (_coverage(words) * opacity, (0.85, 0.95, 1.0))]


def _outline(opacity: float, text: str) -> list[Layer]:
    canvas = _canvas(240, 60)
    _write(canvas, text, (10, 12, 220, 36))
    glyphs = _coverage(canvas)
    contour = np.clip(glyphs - cv2.erode(glyphs, np.ones((5, 5), np.uint8)), 0, 1)
    rim = _grown(glyphs, 1.5) - glyphs
    return [(rim * opacity * 0.5, BLACK), (glyphs * opacity * 0.55, WHITE), (contour * opacity * 0.8, WHITE)]


KINDS: dict[str, tuple[Callable[[float, str], list[Layer]], float, str]] = {
    "wordmark": (_wordmark, 0.6, "Meadow\n@river_and_reed"),
    "ring": (_ring, 0.7, "K7"),
    "letters": (_letters, 1.0, "Northlight Film"),
    "bug": (_bug, 0.6, "lyr"),
    "stamp": (_stamp, 0.85, "2023-09-14 17:42:05"),
    "badge": (_badge, 0.75, "Fn"),
    "outline": (_outline, 0.7, "Trial Copy"),
}
"""How each kind is painted, its usual opacity and its usual words."""
