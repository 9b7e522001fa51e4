"""The proof, read back from the written file.

Residue is the mark's strength (`matting.strength`) measured in the result, as a share of full strength. Texture
correlates with any pattern by chance: how much is told by the measure itself, over as many backgrounds as the video
shows, and by the same matte moved to places beside the mark. The limit stands above both.

Where a still scene was made up (`Matte.is_made_up`), the residue is measured against what was made up: it proves that
this is what the file shows, not that it is true, and the report says that it was invented.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

import cv2
import numpy as np

from blanklogo.errors import CancelledError, VerificationError
from blanklogo.matting.strength import StrengthMeter
from blanklogo.media.compare import StreamComparison, compare_streams
from blanklogo.media.frames import Frame
from blanklogo.media.reader import VideoReader
from blanklogo.media.threads import prefetched
from blanklogo.media.transcode import TranscodeStats
from blanklogo.pipeline.look import Cancelled, OnEvent, luma8
from blanklogo.pipeline.restore import Removal
from blanklogo.types import Box, Progress, Verification
from blanklogo.types.arrays import Mask

_OUTSIDE_PX = 24
_RESIDUE_LIMIT = 0.08
_CHANCE_FACTOR = 2.0
_MEASURED_FRAMES = 60  # residue is measured in about so many frames, spread evenly


@dataclass(frozen=True)
class Pair:
    """A source, its result, and what was seen while the one became the other."""

    source: Path
    result: Path
    stats: TranscodeStats


@dataclass(frozen=True)
class Residue:
    """What is left of one mark: mean and 95th percentile over frames, and the limit that chance allows."""

    mean: float
    worst: float
    limit: float

    @property
    def is_gone(self) -> bool:
        return self.mean <= self.limit


@dataclass(frozen=True)
class Proof:
    """A verification, and each removal's residue in order (None: never measured)."""

    verification: Verification
    residues: tuple[Residue | None, ...]


class _Place:
    """Gathers one removal's residue, and what chance gives beside it."""

    def __init__(self, removal: Removal, width: int, height: int) -> None:
        self._removal = removal
        matte = removal.matte
        self._meter = StrengthMeter(matte.planes[0]) if matte.planes[0].alpha.any() else None
        self._beside = _places_beside(matte.box, width, height)
        self._left: list[float] = []
        self._doubt: list[float] = []
        self._chance: list[list[float]] = []

    def measure(self, frame: Frame) -> None:
        if self._meter is None or not self._removal.track.is_present(frame.seconds):
            return
        luma = luma8(frame)
        crops = [luma[box.slices] for box in (self._removal.matte.box, *self._beside)]
        measured = self._meter(np.stack(crops).astype(np.float32))
        self._left.append(float(measured.values[0]))
        self._doubt.append(float(measured.doubt[0]))
        self._chance.append([float(value) for value in measured.values[1:]])

    def residue(self) -> Residue | None:
        if not self._left:
            return None
        left = np.array(self._left)
        beside = float(np.abs(np.mean(self._chance, axis=0)).max()) if self._beside else 0.0
        doubt = float(np.mean(self._doubt)) / np.sqrt(self._removal.matte.effective_backgrounds)
        # Texture that moves is as often for as against the mark: the mean tells, single frames do not.
        mean = abs(float(left.mean()))
        worst = float(np.percentile(np.abs(left), 95))
        return Residue(mean, worst, max(_RESIDUE_LIMIT, _CHANCE_FACTOR * max(beside, doubt)))


def verify(pair: Pair, removals: tuple[Removal, ...], on_event: OnEvent, cancelled: Cancelled) -> Proof:
    """Decodes source and result side by side.

    Raises:
        VerificationError: frames, time stamps or other streams are not the source's.
        CancelledError: asked to stop.
    """
    comparison = _same_film(pair.source, pair.result, pair.stats)
    with VideoReader(pair.source) as reader, VideoReader(pair.result) as again:
        video = reader.info.video
        places = tuple(_Place(removal, video.width, video.height) for removal in removals)
        outside = _outside(removals, video.height, video.width)
        total = comparison.num_frames_source
        every = max(1, total // _MEASURED_FRAMES)
        squares, num_frames = 0.0, 0
        for before, after in _pairs(reader, again):
            if cancelled():
                raise CancelledError("cancelled while verifying")
            squares += _mean_square(before, after, outside)
            num_frames += 1
            if before.index % every == 0:
                for place in places:
                    place.measure(after)
            if num_frames % 8 == 0:
                on_event(Progress("verify", num_frames, max(total, num_frames)))
        on_event(Progress("verify", num_frames, num_frames))
        psnr = _psnr_db(squares / max(num_frames, 1), (1 << video.format.bit_depth) - 1) if outside.any() else None
        damaged = reader.num_damaged_frames
    residues = tuple(place.residue() for place in places)
    return Proof(_verification(residues, psnr, damaged), residues)


def verify_streams(source: Path, result: Path, stats: TranscodeStats) -> Verification:
    """For results of another picture size: frames, time stamps and other streams only.

    Raises:
        VerificationError: they are not the source's.
    """
    _same_film(source, result, stats)
    return Verification("clean", num_damaged_frames=stats.num_damaged_frames)


def _same_film(source: Path, result: Path, stats: TranscodeStats) -> StreamComparison:
    comparison = compare_streams(source, result, num_lost_frames=stats.num_lost_frames, left_out=stats.left_out)
    if not (comparison.pts_match and comparison.others_identical):
        raise VerificationError(f"the result is not the same film: {'; '.join(comparison.details)}")
    return comparison


def _verification(residues: tuple[Residue | None, ...], psnr: float | None, num_damaged_frames: int) -> Verification:
    measured = [residue for residue in residues if residue is not None]
    is_clean = all(residue.is_gone for residue in measured)
    return Verification(
        status="clean" if is_clean else "needs_review",
        residue=round(max((residue.mean for residue in measured), default=0.0), 4),
        residue_worst=round(max((residue.worst for residue in measured), default=0.0), 4),
        psnr_outside_db=None if psnr is None else round(psnr, 2),
        num_damaged_frames=num_damaged_frames,
    )


def _pairs(reader: VideoReader, again: VideoReader) -> Iterator[tuple[Frame, Frame]]:
    with (
        closing(prefetched(reader, 3, "verify-source")) as before,
        closing(prefetched(again, 3, "verify-result")) as after,
    ):
        for one, other in zip_longest(before, after):
            if one is None or other is None:
                fewer = "source" if one is None else "result"
                raise VerificationError(f"the result is not the same film: fewer frames of the {fewer} can be decoded")
            yield one, other


def _outside(removals: tuple[Removal, ...], height: int, width: int) -> Mask:
    outside = np.ones((height, width), bool)
    for removal in removals:
        outside[removal.track.box.dilated(_OUTSIDE_PX, width, height).slices] = False
    return outside


def _mean_square(before: Frame, after: Frame, outside: Mask) -> float:
    """Of luma, over the pixels outside."""
    count = int(np.count_nonzero(outside))
    if not count:
        return 0.0
    squares = cv2.norm(before.planes[0], after.planes[0], cv2.NORM_L2SQR, outside.view(np.uint8))
    return float(squares) / count


def _psnr_db(mean_square: float, peak: int) -> float:
    return float(10 * np.log10(peak**2 / max(mean_square, 1e-6)))


def _places_beside(box: Box, width: int, height: int) -> tuple[Box, ...]:
    shifts = ((-box.width, 0), (box.width, 0), (0, -box.height), (0, box.height))
    moved = (
        (box.x0 + dx, box.y0 + dy)
        for dx, dy in shifts
        if 0 <= box.x0 + dx <= width - box.width and 0 <= box.y0 + dy <= height - box.height
    )
    return tuple(Box(x, y, x + box.width, y + box.height) for x, y in moved)
