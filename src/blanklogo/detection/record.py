"""One pass over the samples, and what is kept of it: bounded memory whatever the length.

Kept are the mean gradient fields of short windows inside shots (at most `MAX_WINDOWS`), the sampled pictures as JPEG
(at most `MAX_PICTURES_BYTES`). What grows too large is thinned evenly: every second entry goes, and from then on only
every second one comes in.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from blanklogo.detection.samples import LumaSample, gradient_field, shrink
from blanklogo.detection.shots import ShotCutter
from blanklogo.types import TimeRange

WINDOW_SAMPLES = 3  # short enough for a mark that stays half a second, long enough to average noise out
MAX_WINDOWS = 48
MAX_PICTURES_BYTES = 30_000_000  # about 1200 pictures of 640x360, or four minutes at five samples a second
JPEG_QUALITY = 90
ALL = slice(None)


@dataclass(frozen=True, eq=False)
class Window:
    """A few consecutive samples of one shot.

    Attributes:
        field: mean gradient field times 127, int8 [2, h, w].
        start_seconds: of its first sample.
        shot_index: the shot it lies in.
    """

    field: NDArray[np.int8]
    start_seconds: float
    shot_index: int


@dataclass(frozen=True, eq=False)
class Picture:
    """A sampled frame, shrunk and compressed. Both JPEGs are uint8 [n]; that in colour is there where asked for."""

    seconds: float
    jpeg: NDArray[np.uint8]
    colour_jpeg: NDArray[np.uint8] | None = None

    @property
    def num_bytes(self) -> int:
        return self.jpeg.size + (0 if self.colour_jpeg is None else self.colour_jpeg.size)

    def decoded(self) -> NDArray[np.uint8]:
        """Luma, uint8 [h, w]."""
        return cv2.imdecode(self.jpeg, cv2.IMREAD_GRAYSCALE)  # pyright: ignore[reportReturnType]

    def in_colour(self) -> NDArray[np.uint8]:
        """R'G'B', uint8 [h, w, 3]; grey where no colour was kept."""
        if self.colour_jpeg is None:
            return np.repeat(self.decoded()[..., None], 3, axis=2)
        return np.ascontiguousarray(np.asarray(cv2.imdecode(self.colour_jpeg, cv2.IMREAD_COLOR), np.uint8)[..., ::-1])


@dataclass(frozen=True, eq=False)
class Record:
    """What one pass over the samples left.

    Attributes:
        windows: in order.
        pictures: in order.
        size_px: (height, width) of the video.
        shots: in order, without gaps.
    """

    windows: tuple[Window, ...]
    pictures: tuple[Picture, ...]
    size_px: tuple[int, int]
    shots: tuple[TimeRange, ...]

    def fields(self, indices: NDArray[np.int64], rows: slice = ALL, columns: slice = ALL) -> NDArray[np.float32]:
        """Mean gradient fields of some windows in a part of the frame, float32 [n, 2, h, w]."""
        fields = np.stack([self.windows[index].field[:, rows, columns] for index in indices]).astype(np.float32)
        return np.multiply(fields, np.float32(1 / 127), out=fields)

    def in_windows(self, on: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """For each window, what holds in the picture nearest to its start; of bool [num_pictures]."""
        starts = np.array([window.start_seconds for window in self.windows])
        return on[np.abs(self.seconds[None] - starts[:, None]).argmin(1)]

    @property
    def small_size_px(self) -> tuple[int, int]:
        """(height, width) of the shrunk pictures."""
        return self.windows[0].field.shape[1], self.windows[0].field.shape[2]

    @property
    def seconds(self) -> NDArray[np.float64]:
        """Times of the pictures."""
        return np.array([picture.seconds for picture in self.pictures])

    @property
    def shot_indices(self) -> NDArray[np.int64]:
        return np.array([window.shot_index for window in self.windows])


class _WindowKeeper:
    def __init__(self) -> None:
        self.windows: list[Window] = []
        self._step, self._num_seen = 1, 0
        self._sum: NDArray[np.float32] | None = None
        self._num_samples, self._start_seconds, self._shot_index = 0, 0.0, 0

    def add(self, picture: NDArray[np.uint8], seconds: float, shot_index: int) -> None:
        if self._num_samples == WINDOW_SAMPLES or (self._num_samples and shot_index != self._shot_index):
            self.close()
        field = gradient_field(picture)
        if self._sum is None:
            self._sum, self._start_seconds, self._shot_index = field, seconds, shot_index
        else:
            self._sum += field
        self._num_samples += 1

    def close(self) -> None:
        if self._sum is None:
            return
        if self._num_seen % self._step == 0:
            field = np.rint(self._sum * (127 / self._num_samples)).astype(np.int8)
            self.windows.append(Window(field, self._start_seconds, self._shot_index))
        self._num_seen += 1
        self._sum, self._num_samples = None, 0
        if len(self.windows) > MAX_WINDOWS:
            del self.windows[1::2]
            self._step *= 2


class _PictureKeeper:
    def __init__(self) -> None:
        self.pictures: list[Picture] = []
        self._step, self._num_seen, self._num_bytes = 1, 0, 0

    def add(self, picture: NDArray[np.uint8], sample: LumaSample) -> None:
        if self._num_seen % self._step == 0:
            colour = None if sample.colour is None else _jpeg(_resized(sample.colour, picture)[..., ::-1])
            self.pictures.append(Picture(sample.seconds, _jpeg(picture), colour))
            self._num_bytes += self.pictures[-1].num_bytes
        self._num_seen += 1
        if self._num_bytes > MAX_PICTURES_BYTES:
            del self.pictures[1::2]
            self._step *= 2
            self._num_bytes = sum(kept.num_bytes for kept in self.pictures)


def _jpeg(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1]  # pyright: ignore[reportReturnType]


def _resized(colour: NDArray[np.uint8], like: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A picture in colour at another one's size."""
    height, width = like.shape
    return np.asarray(cv2.resize(colour, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def record(samples: Iterable[LumaSample]) -> Record | None:
    """Look at every sample once; None when there is none."""
    cutter, windows, pictures = ShotCutter(), _WindowKeeper(), _PictureKeeper()
    size_px = None
    for sample in samples:
        size_px = sample.luma.shape[0], sample.luma.shape[1]
        picture = shrink(sample.luma)
        cutter.add(picture, sample.seconds)
        windows.add(picture, sample.seconds, cutter.num_shots - 1)
        pictures.add(picture, sample)
    if size_px is None:
        return None
    windows.close()
    return Record(tuple(windows.windows), tuple(pictures.pictures), size_px, cutter.shots())
