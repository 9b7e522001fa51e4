"""Training windows: made shots with marks on them, compressed, shrunk to statistics, with the marks' true boxes."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from blanklogo.detection.finders import LETTERING
from blanklogo.detection.statistics import NUM_CHANNELS, window_statistics
from blanklogo.media import x264
from blanklogo.media.x264 import reproducible
from training.detector.shots import NUM_FRAMES, Corners, Picture, Shot, make_shot
from training.sources.marks import draw_mark
from training.sources.paint import DrawnMark, extent

MARK = 0  # what a box holds that does not hold `LETTERING`
STRIDE_PX = 8
WIDE, TALL = (384, 640), (640, 384)  # (height, width) that the network is trained on; frames are padded to it
WIDE_FRAMES = ((360, 640), (360, 640), (360, 640), (272, 640), (360, 480), (360, 360), (360, 600))
TALL_FRAMES = ((640, 360), (640, 360), (480, 360))
MOST_MARKS = 3
SUPPORT = 0.06  # opacity from which a pixel belongs to a mark
SMALLEST, LARGEST = 0.03, 0.17  # of the frame's shorter side: how high a mark is
PER_SHOT = 2  # windows, each with its own marks: shots cost more than marks, and differ by marks alone
LEAST_CONTRAST = 6.0  # code values of luma, mean over the mark: fainter marks cannot be asked for
CRF = (16, 30)  # at this size; as far as crf 18 to 32 shows after shrinking


@dataclass(frozen=True, eq=False)
class Window:
    """Attributes:
    statistics: uint8 [3, H, W] of `WIDE` or `TALL` size, zero beyond the frame.
    boxes: x0, y0, x1, y1 of marks and lettering, float32 [n, 4], in px.
    kinds: of each box: `MARK` or `LETTERING`, uint8 [n].
    coverage: the strongest opacity of a mark in each cell of `STRIDE_PX`, uint8 [H / 8, W / 8].
    """

    statistics: NDArray[np.uint8]
    boxes: NDArray[np.float32]
    kinds: NDArray[np.uint8]
    coverage: NDArray[np.uint8]


def make_windows(rng: np.random.Generator, *, is_tall: bool = False, held_out: bool = False) -> list[Window]:
    """`PER_SHOT` windows of one shot; the same generator's state gives the same ones."""
    sizes = TALL_FRAMES if is_tall else WIDE_FRAMES
    size_px = sizes[int(rng.integers(len(sizes)))]
    shot = make_shot(size_px, rng, held_out=held_out)
    return [_window(shot, TALL if is_tall else WIDE, rng, held_out) for _ in range(PER_SHOT)]


def _window(shot: Shot, full: tuple[int, int], rng: np.random.Generator, held_out: bool) -> Window:
    frames = [frame.copy() for frame in shot.frames]
    height, width = frames[0].shape[:2]
    marks, alpha = _burn_marks(frames, rng, held_out)
    lumas = compressed(frames, int(rng.integers(CRF[0], CRF[1] + 1)))
    statistics = np.zeros((NUM_CHANNELS, *full), np.uint8)
    statistics[:, :height, :width] = window_statistics(lumas)
    padded = np.zeros(full, np.float32)
    padded[:height, :width] = alpha
    cells = padded.reshape(full[0] // STRIDE_PX, STRIDE_PX, full[1] // STRIDE_PX, STRIDE_PX).max((1, 3))
    boxes = np.array([*marks, *shot.lettering], np.float32).reshape(-1, 4)
    kinds = np.array([MARK] * len(marks) + [LETTERING] * len(shot.lettering), np.uint8)
    return Window(statistics, boxes, kinds, np.rint(cells * 255).astype(np.uint8))


def compressed(frames: list[Picture], crf: int) -> list[NDArray[np.uint8]]:
    """Luma of the frames after x264, uint8 [H, W] each."""
    height, width = frames[0].shape[:2]
    encoder = av.CodecContext.create(x264.NAME, "w")
    encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuv420p"
    encoder.time_base = Fraction(1, 5)
    encoder.options = reproducible(x264.NAME, {"crf": str(crf), "preset": "veryfast", "threads": "1"})
    decoder = av.CodecContext.create("h264", "r")
    packets = []
    for index, frame in enumerate(frames):
        planes = cv2.cvtColor(frame, cv2.COLOR_RGB2YUV_I420)
        picture = av.VideoFrame.from_ndarray(planes, format="yuv420p")
        picture.pts = index
        packets += encoder.encode(picture)
    packets += encoder.encode(None)
    pictures = [frame for packet in packets for frame in decoder.decode(packet)] + decoder.decode(None)
    return [np.ascontiguousarray(picture.to_ndarray()[:height, :width]) for picture in pictures]


def _burn_marks(
    frames: list[Picture], rng: np.random.Generator, held_out: bool
) -> tuple[list[Corners], NDArray[np.float32]]:
    """Boxes and the union of opacities [H, W]; the frames are written on."""
    height, width = frames[0].shape[:2]
    union, boxes = np.zeros((height, width), np.float32), []
    for _ in range(int(rng.choice(MOST_MARKS + 1, p=[0.25, 0.5, 0.18, 0.07]))):
        mark = fitting_mark(rng, height, width, held_out=held_out)
        left, top = place_for(mark, height, width, rng)
        cut = slice(top, top + mark.size_px[0]), slice(left, left + mark.size_px[1])
        if union[cut].max() > 0 or contrast(frames[0][cut], mark) < LEAST_CONTRAST:
            continue
        for frame in _present(frames, rng):
            burn(frame[cut], mark)
        union[cut] = mark.alpha
        boxes.append(support_of(mark, (left, top)))
    return boxes, union


def burn(view: Picture, mark: DrawnMark) -> None:
    """Lay a mark over a part of a frame of its size, in place."""
    view[:] = np.clip(np.rint(view * (1 - mark.alpha[..., None]) + 255 * mark.premultiplied), 0, 255)


def support_of(mark: DrawnMark, corner: tuple[int, int]) -> Corners:
    """The box around a mark's pixels when its own corner (left, top) lies there."""
    left, top = corner
    rows, columns = extent(mark.alpha, SUPPORT)
    return float(left + columns.start), float(top + rows.start), float(left + columns.stop), float(top + rows.stop)


def fitting_mark(rng: np.random.Generator, height: int, width: int, *, held_out: bool) -> DrawnMark:
    """A mark that takes at most half of the frame's width and a quarter of its height."""
    while True:
        tall = min(height, width) * float(np.exp(rng.uniform(np.log(SMALLEST), np.log(LARGEST))))
        mark = draw_mark(rng, tall, held_out=held_out)
        if 6 <= mark.size_px[0] <= height // 4 and 8 <= mark.size_px[1] <= width // 2:
            return mark


def place_for(mark: DrawnMark, height: int, width: int, rng: np.random.Generator) -> tuple[int, int]:
    """(left, top): mostly near the frame's rim, as marks are, and else anywhere."""
    room = np.array([width - mark.size_px[1], height - mark.size_px[0]])
    share = rng.random(2)
    if rng.random() < 0.7:
        margin = rng.uniform(0.01, 0.1, 2)
        share = np.where(rng.random(2) < 0.5, margin, 1 - margin)
        if rng.random() < 0.3:  # along an edge rather than in a corner
            share[int(rng.integers(2))] = rng.choice([0.5, rng.random()])
    left, top = np.rint(np.clip(share, 0, 1) * room).astype(int)
    return int(left), int(top)


def contrast(view: Picture, mark: DrawnMark) -> float:
    """How much the mark changes a part of a frame: mean over its pixels, code values of luma."""
    change = luma(np.abs(255 * mark.premultiplied - mark.alpha[..., None] * view))
    support = mark.alpha > SUPPORT
    return float(change[support].mean()) if support.any() else 0.0


def luma(colours: NDArray) -> NDArray[np.float64]:
    """Y' of R'G'B' [..., 3], in its code values (BT.601)."""
    return np.asarray(colours @ np.array([0.299, 0.587, 0.114]))


def _present(frames: list[Picture], rng: np.random.Generator) -> list[Picture]:
    """All frames, or now and then all but the first or last few: marks come, go and hop."""
    if rng.random() < 0.8:
        return frames
    cut = int(rng.integers(1, NUM_FRAMES // 2 + 1))
    return frames[cut:] if rng.random() < 0.5 else frames[:-cut]
