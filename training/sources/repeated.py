"""Small alike things in rows: a board's chips and their pins, a house's windows, a keyboard's keys.

Each of them, cut out, has a mark's sharp edges and even tones. What tells them apart is that there are many.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from blanklogo.testbed import scenery
from training.sources.marks import pick_font, text_coverage
from training.sources.paint import Coverage

Picture = NDArray[np.float32]  # R'G'B' [H, W, 3] in [0, 1]
Colour = tuple[float, float, float]

TURN = 12.0  # degrees, at most, and one in three stands straight
LEAN = 0.12  # of the sides: how far corners are drawn in perspective
MARGIN = 0.25  # of the sides: drawn around, so that nothing is empty when it is turned
PART_NAMES = "RCLUDQJK"
KEYS = "QWERTYUIOPASDFGHJKLZXCVBNM1234567890"


def repeated(height_px: int, width_px: int, rng: np.random.Generator, *, held_out: bool = False) -> Picture:
    """A picture full of alike things, seen from somewhere.

    Args:
        held_out: with letters in the fonts that are kept for evaluation.
    """
    makers: list[Callable[[Picture, np.random.Generator, bool], None]] = [_board, _facade, _keyboard]
    draw = makers[int(rng.choice(len(makers), p=[0.5, 0.3, 0.2]))]
    margin_y, margin_x = int(MARGIN * height_px), int(MARGIN * width_px)
    canvas = np.empty((height_px + 2 * margin_y, width_px + 2 * margin_x, 3), np.float32)
    draw(canvas, rng, held_out)
    seen = _from_somewhere(canvas, rng)[margin_y : margin_y + height_px, margin_x : margin_x + width_px]
    grain = scenery.octave_noise(height_px, width_px, rng, 64)[..., None]
    return np.asarray(seen * (1 + 0.04 * grain), np.float32)


def _from_somewhere(canvas: Picture, rng: np.random.Generator) -> Picture:
    height, width = canvas.shape[:2]
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    turn = 0.0 if rng.random() < 1 / 3 else float(rng.uniform(-TURN, TURN))
    matrix = np.vstack([cv2.getRotationMatrix2D((width / 2, height / 2), turn, 1.0), [0, 0, 1]])
    leaning = corners + rng.uniform(-LEAN, LEAN, (4, 2)) * (width, height) * (rng.random() < 0.6)
    matrix = cv2.getPerspectiveTransform(corners, leaning.astype(np.float32)) @ matrix
    return np.asarray(cv2.warpPerspective(canvas, matrix, (width, height), borderMode=cv2.BORDER_REFLECT), np.float32)


def _board(canvas: Picture, rng: np.random.Generator, held_out: bool) -> None:
    """A circuit board: tracks, chips of many sizes with their pins, small parts, and what is printed beside them."""
    height, width = canvas.shape[:2]
    base = np.array(rng.choice([[0.1, 0.35, 0.15], [0.1, 0.2, 0.4], [0.45, 0.12, 0.1], [0.12, 0.12, 0.12]]))
    canvas[:] = np.clip(base * rng.uniform(0.6, 1.6) + rng.uniform(-0.05, 0.1, 3), 0, 1)
    side = min(height, width)
    for _ in range(int(rng.integers(15, 60))):
        _track(canvas, rng, max(1, round(side * 0.004)))
    for _ in range(int(rng.integers(20, 90))):
        _small_part(canvas, rng, side)
    for _ in range(int(rng.integers(2, 12))):
        _chip(canvas, rng, side, held_out)
    for _ in range(int(rng.integers(5, 30))):
        _print(canvas, rng, side * rng.uniform(0.012, 0.03), held_out)


def _track(canvas: Picture, rng: np.random.Generator, thick_px: int) -> None:
    height, width = canvas.shape[:2]
    steps = np.array([[1, 0], [0, 1], [1, 1], [1, -1], [-1, 0], [0, -1]])[rng.integers(0, 6, 4)]
    points = np.cumsum(np.vstack([rng.uniform(0, (width, height)), steps * rng.uniform(5, 0.2 * width, (4, 1))]), 0)
    tone = canvas[0, 0] * rng.uniform(1.15, 1.6)
    cv2.polylines(canvas, [np.rint(points).astype(np.int32)], False, _colour(tone), thick_px, cv2.LINE_AA)
    end = tuple(int(v) for v in points[-1])
    cv2.circle(canvas, end, 3 * thick_px, (0.75, 0.72, 0.6), -1, cv2.LINE_AA)
    cv2.circle(canvas, end, thick_px, (0.1, 0.1, 0.1), -1, cv2.LINE_AA)


def _small_part(canvas: Picture, rng: np.random.Generator, side_px: int) -> None:
    """A resistor or a capacitor with its two bright ends, or a round one."""
    x, y = (int(v) for v in rng.uniform(0, canvas.shape[1::-1]))
    long = max(4, round(side_px * rng.uniform(0.012, 0.05)))
    body, ends = _colour(rng.uniform(0.05, 0.7, 3)), _colour(np.full(3, rng.uniform(0.6, 0.95)))
    if rng.random() < 0.15:
        cv2.circle(canvas, (x, y), long, ends, -1, cv2.LINE_AA)
        cv2.circle(canvas, (x, y), round(0.8 * long), body, -1, cv2.LINE_AA)
        return
    wide, tall = (long, long // 2) if rng.random() < 0.5 else (long // 2, long)
    cv2.rectangle(canvas, (x, y), (x + wide, y + tall), ends, -1)
    inner_x, inner_y = (wide // 4, 0) if wide > tall else (0, tall // 4)
    cv2.rectangle(canvas, (x + inner_x, y + inner_y), (x + wide - inner_x, y + tall - inner_y), body, -1)


def _chip(canvas: Picture, rng: np.random.Generator, side_px: int, held_out: bool) -> None:
    """A dark body with rows of bright pins along two of its sides or all four, and its name on it."""
    wide, tall = (int(v) for v in side_px * rng.uniform(0.05, 0.3, 2))
    left, top = (int(v) for v in rng.uniform(0, canvas.shape[1::-1]))
    pitch = max(3, round(side_px * rng.uniform(0.01, 0.03)))
    pin, metal = max(2, round(pitch * rng.uniform(0.4, 1.4))), _colour(np.full(3, rng.uniform(0.55, 0.98)))
    across = max(1, round(pitch * rng.uniform(0.35, 0.6)))
    for y in range(top + pitch // 2, top + tall - across, pitch):
        cv2.rectangle(canvas, (left - pin, y), (left + wide + pin, y + across), metal, -1)
    if rng.random() < 0.4:
        for x in range(left + pitch // 2, left + wide - across, pitch):
            cv2.rectangle(canvas, (x, top - pin), (x + across, top + tall + pin), metal, -1)
    cv2.rectangle(canvas, (left, top), (left + wide, top + tall), _colour(np.full(3, rng.uniform(0.04, 0.2))), -1)
    if rng.random() < 0.7:
        name = f"{''.join(rng.choice(list('ABDLMNSTX'), 2))}{rng.integers(10, 9999)}"
        drawn = text_coverage(name, pick_font(rng, held_out), 32)
        _write(canvas, drawn, (left + wide // 8, top + tall // 3), min(tall / 4, wide / 6), rng)


def _print(canvas: Picture, rng: np.random.Generator, high_px: float, held_out: bool) -> None:
    x, y = (int(v) for v in rng.uniform(0, canvas.shape[1::-1]))
    drawn = text_coverage(f"{rng.choice(list(PART_NAMES))}{rng.integers(1, 99)}", pick_font(rng, held_out), 32)
    _write(canvas, drawn, (x, y), high_px, rng)


def _facade(canvas: Picture, rng: np.random.Generator, held_out: bool) -> None:
    """A house's windows in rows, each with its frame and bars."""
    del held_out  # nothing is written on it
    height, width = canvas.shape[:2]
    canvas[:] = rng.uniform(0.25, 0.85, 3)
    step_x, step_y = (max(12, int(v)) for v in rng.uniform(0.04, 0.2, 2) * min(height, width))
    wide, tall = int(step_x * rng.uniform(0.35, 0.8)), int(step_y * rng.uniform(0.35, 0.85))
    frame, glass = _colour(rng.uniform(0.2, 1, 3)), rng.uniform(0.02, 0.4, 3)
    has_bars, has_ledge = rng.random() < 0.6, rng.random() < 0.5
    thick = max(1, round(wide * 0.06))
    for y in range(0, height, step_y):
        if has_ledge:
            cv2.line(canvas, (0, y - 3), (width, y - 3), frame, thick)
        for x in range(0, width, step_x):
            pane = np.clip(glass * rng.uniform(0.5, 1.6), 0, 1) if rng.random() > 0.06 else np.array([0.95, 0.85, 0.5])
            cv2.rectangle(canvas, (x, y), (x + wide, y + tall), _colour(pane), -1)
            cv2.rectangle(canvas, (x, y), (x + wide, y + tall), frame, thick)
            if has_bars:
                cv2.line(canvas, (x + wide // 2, y), (x + wide // 2, y + tall), frame, thick)
                cv2.line(canvas, (x, y + tall // 2), (x + wide, y + tall // 2), frame, thick)


def _keyboard(canvas: Picture, rng: np.random.Generator, held_out: bool) -> None:
    """Keys in shifted rows, a letter on each."""
    height, width = canvas.shape[:2]
    canvas[:] = rng.uniform(0.02, 0.5)
    pitch = max(14, int(min(height, width) * rng.uniform(0.08, 0.22)))
    gap, key = max(2, pitch // 9), _colour(np.clip(canvas[0, 0] + rng.uniform(0.1, 0.5), 0, 1))
    font = pick_font(rng, held_out)
    for row, y in enumerate(range(0, height, pitch)):
        for x in range(-pitch + row * pitch // 3, width, pitch):
            cv2.rectangle(canvas, (x + gap, y + gap), (x + pitch - gap, y + pitch - gap), key, -1)
            letter = str(rng.choice(list(KEYS)))
            _write(canvas, text_coverage(letter, font, 32), (x + pitch // 4, y + pitch // 4), pitch * 0.32, rng)


def _write(canvas: Picture, drawn: Coverage, corner: tuple[int, int], high_px: float, rng: np.random.Generator) -> None:
    """A few letters, light on dark or dark on light; what lies outside is cut off."""
    high = max(4, round(high_px))
    wide = max(2, round(drawn.shape[1] * high / drawn.shape[0]))
    x, y = max(0, corner[0]), max(0, corner[1])
    view = canvas[y : y + high, x : x + wide]
    if view.size:
        share = cv2.resize(drawn, (wide, high), interpolation=cv2.INTER_AREA)[: view.shape[0], : view.shape[1], None]
        ink = rng.uniform(0.65, 1.0) if view.mean() < 0.5 else rng.uniform(0.0, 0.25)
        view[:] = view * (1 - share) + ink * share


def _colour(tone: NDArray) -> Colour:
    r, g, b = (float(v) for v in np.clip(tone, 0, 1))
    return r, g, b
