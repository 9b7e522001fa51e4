"""How a mark's form is painted: colours, an outline, a shadow or a plate, at its own size.

A mark is drawn large as opacity and premultiplied colour and brought to its size by area, so that its edges are as soft
as those of a real one.
"""

from __future__ import annotations

import colorsys
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

SHARE_PLATED, SHARE_TWO_TONE, SHARE_SHADED = 0.15, 0.1, 0.07  # of marks
LEAST_APART = 0.35  # of a plate's and its letters' luma
ROUND_ASPECT = 1.7  # up to which width for height a plate may be a disc
LUMA = np.array([0.299, 0.587, 0.114])

Coverage = NDArray[np.float32]  # [h, w] in [0, 1]
Colour = NDArray[np.float32]  # [3], or [h, w, 3] where it changes over the mark
Layer = tuple[Coverage, Colour]


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


def painted(
    coverage: Coverage, factor: float, opacity: float, rng: np.random.Generator, *, may_have_plate: bool = True
) -> DrawnMark:
    """A form drawn large, in its colours and at its own size.

    Args:
        factor: from the form's size to the mark's.
        opacity: of its strongest part.
    """
    colour = _colour(rng)
    if may_have_plate and rng.random() < SHARE_PLATED:
        return _flattened(_on_plate(coverage, colour, opacity, rng), factor)
    unit = max(1.0, coverage.shape[0] / 40)
    rim = int(rng.uniform(1, 5) * unit) + 2
    return _flattened(_set_off(np.pad(coverage, rim), rim, colour, opacity, rng), factor)


def extent(coverage: Coverage, least: float = 0.0) -> tuple[slice, slice]:
    """(rows, columns) of what is over `least`; both empty where nothing is."""
    rows, columns = np.flatnonzero(coverage.max(1) > least), np.flatnonzero(coverage.max(0) > least)
    if not len(rows):
        return slice(0, 0), slice(0, 0)
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def rounded(height: int, width: int, radius: int) -> Coverage:
    """A plate with round corners that fills its array; a radius of at most half of the shorter side."""
    plate = np.zeros((height, width), np.uint8)
    cv2.rectangle(plate, (radius, 0), (width - 1 - radius, height - 1), 255, -1)
    cv2.rectangle(plate, (0, radius), (width - 1, height - 1 - radius), 255, -1)
    for x in (radius, width - 1 - radius):
        for y in (radius, height - 1 - radius):
            cv2.circle(plate, (x, y), radius, 255, -1, cv2.LINE_AA)
    return plate.astype(np.float32) / 255


def _set_off(
    padded: Coverage, rim: int, colour: NDArray[np.float32], opacity: float, rng: np.random.Generator
) -> list[Layer]:
    """The form with an outline or a shadow perhaps, or hollow."""
    layers: list[Layer] = []
    style = rng.random()
    if style < 0.28:  # an outline that sets it off
        grown = cv2.dilate(padded, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * (rim // 2) + 1,) * 2))
        layers.append((grown * np.float32(opacity), _grey(0.0 if colour.mean() > 0.5 else 1.0)))
    elif style < 0.48:  # a soft shadow
        moved = np.roll(padded, (rim // 3, rim // 3), (0, 1))
        soft = cv2.GaussianBlur(moved, (0, 0), max(0.6, rim / 4))
        layers.append((soft * np.float32(opacity * rng.uniform(0.3, 0.8)), _grey(0.0)))
    elif style < 0.56:  # letters hollow but for their contour
        inner = cv2.erode(padded, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * (rim // 3) + 1,) * 2))
        padded = np.clip(padded - inner * np.float32(rng.uniform(0.5, 0.95)), 0, 1)
    layers.append((padded * np.float32(opacity), _spread(colour, padded, rng)))
    return layers


def _on_plate(coverage: Coverage, colour: NDArray[np.float32], opacity: float, rng: np.random.Generator) -> list[Layer]:
    """Letters or an icon in one colour on a disc, a tile or a pill in another, or within its contour."""
    height, width = coverage.shape
    rim = int(min(height, width) * rng.uniform(0.2, 0.6)) + 2
    if width < ROUND_ASPECT * height and height < ROUND_ASPECT * width and rng.random() < 0.7:
        side = int(np.hypot(height, width)) + rim
        plate = rounded(side, side, (side - 1) // 2)
    else:
        plate = rounded(height + 2 * rim, width + 2 * rim, int(rng.uniform(0, 0.5) * min(height, width)))
    top, left = (plate.shape[0] - height) // 2, (plate.shape[1] - width) // 2
    letters = np.zeros_like(plate)
    letters[top : top + height, left : left + width] = coverage
    if rng.random() < 0.3:
        thick = max(3, int(rim * rng.uniform(0.15, 0.5)))
        framed = np.pad(plate, 1)  # the array's rim is no edge to erode from
        plate = (
            plate - cv2.erode(framed, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * thick + 1,) * 2))[1:-1, 1:-1]
        )
    return [
        (np.asarray(plate * opacity * rng.uniform(0.45, 1), np.float32), _apart_from(colour, rng)),
        (letters * np.float32(opacity), colour),
    ]


def _apart_from(colour: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    while True:
        other = _colour(rng) if rng.random() < 0.5 else _grey(rng.uniform(0, 0.25))
        if abs(float((other - colour) @ LUMA)) >= LEAST_APART:
            return other


def _spread(colour: NDArray[np.float32], form: Coverage, rng: np.random.Generator) -> Colour:
    """One colour mostly; or two, on either side of a line; or passing from one to another."""
    kind = rng.random()
    if kind > SHARE_TWO_TONE + SHARE_SHADED:
        return colour
    other, across = _colour(rng), int(rng.integers(2))
    place = np.linspace(0, 1, form.shape[across], dtype=np.float32)
    share = place if kind < SHARE_SHADED else (place > rng.uniform(0.25, 0.75)).astype(np.float32)
    share = np.broadcast_to(share[:, None] if across == 0 else share[None], form.shape)[..., None]
    return np.asarray(colour + share * (other - colour), np.float32)


def _flattened(layers: list[Layer], factor: float) -> DrawnMark:
    alpha = np.zeros_like(layers[0][0])
    premultiplied = np.zeros((*alpha.shape, 3), np.float32)
    for coverage, colour in layers:
        premultiplied = premultiplied * (1 - coverage[..., None]) + coverage[..., None] * colour
        alpha = 1 - (1 - alpha) * (1 - coverage)
    size = (max(2, round(alpha.shape[1] * factor)), max(2, round(alpha.shape[0] * factor)))
    small, colours = (cv2.resize(z, size, interpolation=cv2.INTER_AREA) for z in (alpha, premultiplied))
    return DrawnMark(np.asarray(small, np.float32), np.asarray(colours, np.float32).reshape(*small.shape, 3))


def _grey(value: float) -> NDArray[np.float32]:
    return np.full(3, value, np.float32)


def _colour(rng: np.random.Generator) -> NDArray[np.float32]:
    kind = rng.random()
    if kind < 0.6:
        return _grey(rng.uniform(0.88, 1.0))
    if kind < 0.7:
        return _grey(rng.uniform(0, 0.15))
    if kind < 0.78:
        return _grey(rng.uniform(0.3, 0.88))
    return np.array(colorsys.hsv_to_rgb(rng.random(), rng.uniform(0.4, 1), rng.uniform(0.6, 1)), np.float32)
