"""How well a removal did, against the truth; frame by frame, so that memory does not grow with the clip.

Inside a mark is where its alpha is over 0.02, grown by 4 px, while its strength is over 0.02. Outside is farther than
24 px from every place of it. PSNR is `10 log10(255² / MSE)`; over the planes it is weighted 6 : 1 : 1 (Y : U : V),
as codec comparisons do.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from blanklogo.errors import VerificationError
from blanklogo.testbed.cases import Case
from blanklogo.testbed.clips import Planes, read_planes
from blanklogo.types import Box

INSIDE_MARGIN_PX = 4
OUTSIDE_MARGIN_PX = 24
_PRESENT = 0.02  # alpha, and strength, from which a mark counts
_RESIDUE_EVERY_FRAMES = 4
_LEAST_MSE = 1e-6  # identical planes then score 108 dB rather than infinity


@dataclass(frozen=True)
class Score:
    """Figures of one result; PSNR in dB, more is better.

    Attributes:
        psnr_inside_db: inside the mark, Y, U and V weighted 6 : 1 : 1; None: the mark was never there.
        psnr_inside_luma_db: the same, luma alone.
        psnr_worst_frame_db: luma, of the frame worse than 95 of 100.
        psnr_temporal_db: luma, of the error's change from frame to frame: flicker.
        residue: share of the mark's own gradient that is left, in [0, …]; 0 is gone, 1 untouched.
        psnr_outside_db: luma, against the truth, where there is no mark; None: no such place.
        psnr_unchanged_db: luma, against the marked clip, at the same place: what the second encoding costs.
    """

    psnr_inside_db: float | None
    psnr_inside_luma_db: float | None
    psnr_worst_frame_db: float | None
    psnr_temporal_db: float | None
    residue: float | None
    psnr_outside_db: float | None
    psnr_unchanged_db: float | None
    num_frames: int

    def as_dict(self) -> dict[str, float | int | None]:
        return asdict(self)


def score(case: Case, result_path: Path) -> Score:
    """Score a result against the case's truth.

    Raises:
        VerificationError: the result has another size or another number of frames.
        SourceError: a file cannot be read.
    """
    regions = _Regions(case)
    sums = _Sums()
    for index, (truth, marked, result) in enumerate(_in_step(case, result_path)):
        sums.add(index, regions.inside(index), regions, (truth, marked, result))
    return sums.score(case.num_frames)


def psnr_db(mean_squared_error: float) -> float:
    """`10 log10(255² / MSE)`, at most 108 dB."""
    return float(10 * np.log10(255**2 / max(mean_squared_error, _LEAST_MSE)))


def _in_step(case: Case, result_path: Path) -> Iterator[tuple[Planes, Planes, Planes]]:
    """Truth, marked and result, frame by frame."""
    result = read_planes(result_path)
    accepted = f"{case.width_px}x{case.height_px}, {case.num_frames} frames, as the source"
    num_frames = 0
    for truth, marked in zip(read_planes(case.truth), read_planes(case.marked), strict=True):
        planes = next(result, None)
        if planes is None:
            raise VerificationError(f"{result_path} has {num_frames} frames", accepted=accepted)
        if planes[0].shape != truth[0].shape:
            size = f"{planes[0].shape[1]}x{planes[0].shape[0]}"
            raise VerificationError(f"{result_path} is {size}", accepted=accepted)
        num_frames += 1
        yield truth, marked, planes
    if next(result, None) is not None:
        raise VerificationError(f"{result_path} has over {num_frames} frames", accepted=accepted)


@dataclass(frozen=True, eq=False)
class _Inside:
    """Where the mark is in some frame: masks within one box of even place and size."""

    box: Box
    luma: NDArray[np.bool_]
    chroma: NDArray[np.bool_]


class _Regions:
    """Inside and outside of a case; the inside is kept for each set of places that are present together."""

    def __init__(self, case: Case) -> None:
        cores = [(place.alpha > _PRESENT).astype(np.uint8) for place in case.places]
        self.grown = [cv2.dilate(core, _square(INSIDE_MARGIN_PX)) > 0 for core in cores]
        near = np.zeros((case.height_px, case.width_px), np.uint8)
        for core in cores:
            near = np.maximum(near, cv2.dilate(core, _square(OUTSIDE_MARGIN_PX)))
        self.outside = near == 0
        self.strengths = [place.strength for place in case.places]
        self.known: dict[tuple[int, ...], _Inside | None] = {}

    def inside(self, frame_index: int) -> _Inside | None:
        present = tuple(k for k, strength in enumerate(self.strengths) if strength[frame_index] > _PRESENT)
        if present not in self.known:
            self.known[present] = self._union(present)
        return self.known[present]

    def _union(self, present: tuple[int, ...]) -> _Inside | None:
        if not present:
            return None
        whole = np.logical_or.reduce([self.grown[k] for k in present])
        x, y, width, height = cv2.boundingRect(whole.astype(np.uint8))
        box = Box(x, y, x + width, y + height).aligned(2, 2, whole.shape[1], whole.shape[0])
        luma = whole[box.slices]
        chroma = luma.reshape(box.height // 2, 2, box.width // 2, 2).any((1, 3))
        return _Inside(box, luma, chroma)


@dataclass
class _Sums:
    """A few numbers for each frame, and the last error to tell flicker."""

    luma: list[float] = field(default_factory=list)
    chroma: list[float] = field(default_factory=list)
    temporal: list[float] = field(default_factory=list)
    residue: list[float] = field(default_factory=list)
    outside: list[float] = field(default_factory=list)
    unchanged: list[float] = field(default_factory=list)
    last_error: NDArray[np.float32] | None = None

    def add(self, index: int, inside: _Inside | None, regions: _Regions, planes: tuple[Planes, Planes, Planes]) -> None:
        truth, marked, result = planes
        error = result[0].astype(np.float32) - truth[0]
        if regions.outside.any():
            self.outside.append(float(np.mean(error[regions.outside] ** 2)))
            change = result[0][regions.outside].astype(np.float32) - marked[0][regions.outside]
            self.unchanged.append(float(np.mean(change**2)))
        if inside is not None:
            here = error[inside.box.slices]
            self.luma.append(float(np.mean(here[inside.luma] ** 2)))
            self.chroma.append(_chroma_error(truth, result, inside))
            if self.last_error is not None:
                self.temporal.append(float(np.mean((error - self.last_error)[inside.box.slices][inside.luma] ** 2)))
            if index % _RESIDUE_EVERY_FRAMES == 0:
                self.residue.append(_residue(marked[0], truth[0], here, inside))
        self.last_error = error

    def score(self, num_frames: int) -> Score:
        outside, unchanged = (psnr_db(float(np.mean(z))) if z else None for z in (self.outside, self.unchanged))
        if not self.luma:
            return Score(None, None, None, None, None, outside, unchanged, num_frames)
        luma, chroma = float(np.mean(self.luma)), float(np.mean(self.chroma))
        return Score(
            psnr_inside_db=psnr_db((6 * luma + 2 * chroma) / 8),
            psnr_inside_luma_db=psnr_db(luma),
            psnr_worst_frame_db=psnr_db(float(np.percentile(self.luma, 95))),
            psnr_temporal_db=psnr_db(float(np.mean(self.temporal))) if self.temporal else None,
            residue=float(np.mean(self.residue)) if self.residue else None,
            psnr_outside_db=outside,
            psnr_unchanged_db=unchanged,
            num_frames=num_frames,
        )


def _square(margin_px: int) -> NDArray[np.uint8]:
    return np.ones((2 * margin_px + 1, 2 * margin_px + 1), np.uint8)


def _chroma_error(truth: Planes, result: Planes, inside: _Inside) -> float:
    cut = inside.box.subsampled(2, 2).slices
    errors = [(result[k][cut].astype(np.float32) - truth[k][cut])[inside.chroma] for k in (1, 2)]
    return float(np.mean([np.mean(error**2) for error in errors]))


def _residue(marked: NDArray, truth: NDArray, error: NDArray[np.float32], inside: _Inside) -> float:
    """`|<grad(marked - truth), grad(result - truth)>| / |grad(marked - truth)|²` inside the mark."""
    cut = inside.box.slices
    mark = _gradient(marked[cut].astype(np.float32) - truth[cut])[:, inside.luma]
    left = _gradient(error)[:, inside.luma]
    return abs(float((mark * left).sum() / max(float((mark * mark).sum()), 1e-6)))


def _gradient(picture: NDArray[np.float32]) -> NDArray[np.float32]:
    sides = [cv2.Sobel(picture, cv2.CV_32F, 1, 0), cv2.Sobel(picture, cv2.CV_32F, 0, 1)]
    return np.stack(sides).astype(np.float32, copy=False)
