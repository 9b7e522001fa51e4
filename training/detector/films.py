"""Made films of ten seconds with held-out fonts, icons and pictures: what the detector and the search are measured on.

====== ======================================== ==========================================
kind   what is seen                             what is asked
====== ======================================== ==========================================
tripod a camera that stands still               a mark that nothing tells but its looks
moving hand-held, panning or zooming            a mark that stays while the scene does not
cut    four shots, of any camera                the same
hop    any camera                               a mark at three places in turn, twice each
====== ======================================== ==========================================
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from blanklogo.types import Box, TimeRange
from training.detector.shots import Corners, Shot, make_shot
from training.detector.windows import burn, compressed, contrast, fitting_mark, luma, place_for, support_of
from training.sources.marks import DrawnMark

KINDS = ("tripod", "moving", "cut", "hop")
RATE = Fraction(10)
NUM_FRAMES = 100
STEP_SECONDS = 0.5  # of `shots.make_shot`
LEAST_CONTRAST = 10.0  # code values of luma, mean over the mark: what a viewer sees at a glance
SIZES_PX = ((360, 640), (360, 640), (540, 960), (640, 360), (360, 480))
HOP_SHARES = ((0.04, 0.93), (0.96, 0.45), (0.05, 0.06))  # of the free room, (x, y)
NUM_SHOTS = 4
CRF = (18, 32)
PLAIN = 1.0  # what a mark changes, over the ground's own deviation (its RMS contrast; Peli, 1990)


@dataclass(frozen=True)
class TruePlace:
    """Attributes:
    box, ranges: where the mark is, and when.
    is_plain: it lies in plain sight: it changes the picture by as much as the ground itself varies there, or more, and
        no lettering is under it.
    """

    box: Box
    ranges: tuple[TimeRange, ...]
    is_plain: bool


@dataclass(frozen=True, eq=False)
class Film:
    """Attributes:
    lumas: the frames as compressed, uint8 [H, W] each, at `RATE`.
    places: where the mark truly is; empty in a clean film.
    """

    kind: str
    lumas: list[NDArray[np.uint8]]
    places: tuple[TruePlace, ...]


def make_film(kind: str, rng: np.random.Generator, *, is_marked: bool = True) -> Film:
    """A film of one of `KINDS`, with a mark or without."""
    height, width = SIZES_PX[int(rng.integers(len(SIZES_PX)))]
    shot = _shot(kind, (height, width), rng)
    places = _burned(shot, kind, rng) if is_marked else ()
    return Film(kind, compressed(shot.frames, int(rng.integers(CRF[0], CRF[1] + 1))), places)


def _shot(kind: str, size_px: tuple[int, int], rng: np.random.Generator) -> Shot:
    if kind == "cut":
        takes = [_take(None, size_px, NUM_FRAMES // NUM_SHOTS, rng) for _ in range(NUM_SHOTS)]
        return Shot(
            [frame for take in takes for frame in take.frames], tuple(c for take in takes for c in take.lettering)
        )
    camera = {"tripod": "tripod", "moving": str(rng.choice(["hand", "pan", "zoom"]))}.get(kind)
    return _take(camera, size_px, NUM_FRAMES, rng)


def _take(camera: str | None, size_px: tuple[int, int], num_frames: int, rng: np.random.Generator) -> Shot:
    steps = np.arange(num_frames) / (float(RATE) * STEP_SECONDS)
    return make_shot(size_px, rng, held_out=True, camera=camera, steps=steps.tolist())


def _burned(shot: Shot, kind: str, rng: np.random.Generator) -> tuple[TruePlace, ...]:
    """The mark burned in, and where it is; drawn anew until it can be seen everywhere."""
    frames = shot.frames
    height, width = frames[0].shape[:2]
    while True:
        mark = fitting_mark(rng, height, width, held_out=True)
        corners = _hop_corners(mark, height, width) if kind == "hop" else [place_for(mark, height, width, rng)]
        cuts = [_cut(mark, corner) for corner in corners]
        if min(contrast(frames[0][cut], mark) for cut in cuts) >= LEAST_CONTRAST:
            break
    plain = [_is_plain(shot, mark, corner) for corner in corners]
    stay = NUM_FRAMES // (2 * len(cuts))
    at_place = [index // stay % len(cuts) for index in range(NUM_FRAMES)]
    for frame, place in zip(frames, at_place, strict=True):
        burn(frame[cuts[place]], mark)
    return tuple(
        TruePlace(_box(mark, corner), _ranges(at_place, index), plain[index]) for index, corner in enumerate(corners)
    )


def _is_plain(shot: Shot, mark: DrawnMark, corner: tuple[int, int]) -> bool:
    """See `TruePlace`; the ground is that of frames spread over the film, some in each shot."""
    frames, cut, box = shot.frames, _cut(mark, corner), _box(mark, corner)
    if any(_meets(box, corners) for corners in shot.lettering):
        return False
    views = [frame[cut] for frame in frames[:: NUM_FRAMES // (2 * NUM_SHOTS)]]
    return all(contrast(view, mark) >= PLAIN * float(luma(view).std()) for view in views)


def _meets(box: Box, corners: Corners) -> bool:
    x0, y0, x1, y1 = corners
    return box.x0 < x1 and x0 < box.x1 and box.y0 < y1 and y0 < box.y1


def _hop_corners(mark: DrawnMark, height: int, width: int) -> list[tuple[int, int]]:
    room_x, room_y = width - mark.size_px[1], height - mark.size_px[0]
    return [(round(x * room_x), round(y * room_y)) for x, y in HOP_SHARES]


def _cut(mark: DrawnMark, corner: tuple[int, int]) -> tuple[slice, slice]:
    left, top = corner
    return slice(top, top + mark.size_px[0]), slice(left, left + mark.size_px[1])


def _box(mark: DrawnMark, corner: tuple[int, int]) -> Box:
    x0, y0, x1, y1 = support_of(mark, corner)
    return Box(int(x0), int(y0), int(x1), int(y1))


def _ranges(at_place: list[int], place: int) -> tuple[TimeRange, ...]:
    """The runs of frames at which the mark is at this place."""
    on = np.array([where == place for where in at_place])
    edges = np.flatnonzero(np.diff(on.astype(int), prepend=0, append=0))
    pairs = zip(edges[::2], edges[1::2], strict=True)
    return tuple(TimeRange(float(start / RATE), float(stop / RATE)) for start, stop in pairs)
