"""What BlankLogo is held against, each given the mark's true place.

OpenCV's two inpaintings and the smoothest fill there is (Laplace's equation in the hole, `ops.harmonic`) get the true
mask, tight (alpha > 0.02, grown by 2 px), which no user has; they work on each plane of each frame. FFmpeg's delogo
gets the true box and the true times. All store their result without loss.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from blanklogo.media.frames import Frame, Patch
from blanklogo.ops.harmonic import HarmonicFill
from blanklogo.testbed.cases import Case, Place
from blanklogo.types import Box

Fill = Callable[[NDArray[np.uint8], NDArray[np.uint8], int], NDArray[np.uint8]]
"""A plane's part [h, w] and its hole (1 is unknown), with a radius to look around: the part, filled."""


def _opencv(flag: int) -> Fill:
    def fill(part: NDArray[np.uint8], mask: NDArray[np.uint8], radius_px: int) -> NDArray[np.uint8]:
        return np.asarray(cv2.inpaint(part, mask, radius_px, flag), np.uint8)

    return fill


def _harmonic(part: NDArray[np.uint8], mask: NDArray[np.uint8], radius_px: int) -> NDArray[np.uint8]:
    del radius_px  # all of the rim counts
    return np.clip(np.rint(_solver(mask.tobytes(), mask.shape)(part)), 0, 255).astype(np.uint8)


@lru_cache(maxsize=8)
def _solver(mask: bytes, shape: tuple[int, int]) -> HarmonicFill:
    """One a hole, as every frame has the same ones."""
    return HarmonicFill(np.frombuffer(mask, np.uint8).reshape(shape) > 0)


INPAINTINGS: dict[str, Fill] = {
    "telea": _opencv(cv2.INPAINT_TELEA),
    "ns": _opencv(cv2.INPAINT_NS),
    "harmonic": _harmonic,
}
PEERS = (*INPAINTINGS, "delogo")
MASK_MARGIN_PX = 2
_PRESENT = 0.02
_SURROUND_PX = 24  # what an inpainting may look at around the mask
_RADIUS_PX = (5, 2, 2)  # of inpainting, for Y, U, V


@dataclass(frozen=True, eq=False)
class Hole:
    """The part of one plane around a mark, and what is to be invented in it (uint8 [h, w], 1 is a hole)."""

    box: Box
    mask: NDArray[np.uint8]


def inpainting(case: Case, name: str) -> Callable[[Iterator[Frame]], Iterable[Frame]]:
    """A transform for `media.transcode` that inpaints the mark's true mask wherever it is present."""
    holes = [holes_of(place, case) for place in case.places]

    def transform(frames: Iterator[Frame]) -> Iterator[Frame]:
        for frame in frames:
            patches = []
            for place, planes in zip(case.places, holes, strict=True):
                if place.strength[frame.index] > _PRESENT:
                    patches += [_inpainted(frame, index, hole, INPAINTINGS[name]) for index, hole in enumerate(planes)]
            yield frame.patched(patches)

    return transform


def delogo_command(case: Case, target: Path) -> list[str] | None:
    """The command line, or None where this machine has no ffmpeg."""
    ffmpeg = shutil.which("ffmpeg")
    if ffmpeg is None:
        return None
    filters = ",".join(_delogo_filter(place, case) for place in case.places)
    lossless = ["-c:v", "libx264", "-qp", "0", "-preset", "ultrafast", "-fps_mode", "passthrough"]
    return [ffmpeg, "-v", "error", "-y", "-i", str(case.marked), "-vf", filters, *lossless, "-c:a", "copy", str(target)]


def holes_of(place: Place, case: Case) -> list[Hole]:
    """The true, tight mask of one place on Y, U and V, with the surround that an inpainting looks at."""
    size = 2 * MASK_MARGIN_PX + 1
    square = np.ones((size, size), np.uint8)
    mask = np.asarray(cv2.dilate((place.alpha > _PRESENT).astype(np.uint8), square), np.uint8)
    box = place.box.dilated(_SURROUND_PX, case.width_px, case.height_px).aligned(2, 2, case.width_px, case.height_px)
    luma = mask[box.slices]
    chroma = luma.reshape(box.height // 2, 2, box.width // 2, 2).max((1, 3))
    half = Hole(box.subsampled(2, 2), np.ascontiguousarray(chroma))
    return [Hole(box, np.ascontiguousarray(luma)), half, half]


def _inpainted(frame: Frame, index: int, hole: Hole, fill: Fill) -> Patch:
    part = np.ascontiguousarray(frame.planes[index][hole.box.slices])
    return Patch(index, hole.box.y0, hole.box.x0, fill(part, hole.mask, _RADIUS_PX[index]))


def _delogo_filter(place: Place, case: Case) -> str:
    """Delogo needs a px of picture on every side of its box."""
    box = place.box
    x0, y0 = max(1, box.x0 - MASK_MARGIN_PX), max(1, box.y0 - MASK_MARGIN_PX)
    x1 = min(case.width_px - 2, box.x1 + MASK_MARGIN_PX)
    y1 = min(case.height_px - 2, box.y1 + MASK_MARGIN_PX)
    return f"delogo=x={x0}:y={y0}:w={x1 - x0}:h={y1 - y0}:enable='{_presence(place)}'"


def _presence(place: Place) -> str:
    """FFmpeg's expression for the frames (n, from 0) in which the mark is there."""
    present = np.concatenate([[0], (place.strength > _PRESENT).astype(int), [0]])
    edges = np.diff(present)
    spans = zip(np.flatnonzero(edges == 1), np.flatnonzero(edges == -1) - 1, strict=True)
    return "+".join(f"between(n,{first},{last})" for first, last in spans) or "0"
