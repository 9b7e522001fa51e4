"""Crops with known truth: a picture, a cover burned on it, and what a codec makes of both.

Crops are laid side by side on a sheet that x264 codes as one frame, at a quality drawn for each sheet, because what
surrounds a mark in footage has been through a codec, and the mark's edges were smeared over their surroundings there.

A set is three arrays on disk (`.npy`, so that a training reads what it needs): `smooth` uint8 [N, 3, H, W] (Y, U, V at
luma's size, the hole filled harmonically), `truth` likewise, and `hole`, uint8 [N, H, W / 8], eight pixels a byte.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Protocol

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from blanklogo.media import x264
from blanklogo.media.x264 import reproducible
from blanklogo.ops.harmonic import HarmonicFill
from blanklogo.testbed.scenery import to_float_planes
from blanklogo.types.arrays import Mask, Values
from training.inpainter.holes import Cover, Draw, cover

HEIGHT_PX, WIDTH_PX = 128, 192
_SHEET_ROWS, _SHEET_COLUMNS = 4, 4
SHEET_CROPS = _SHEET_ROWS * _SHEET_COLUMNS
_CRF = (16, 29)
_GRAIN_SIGMA = 1.5  # code values, at most, of what is left of a sensor's noise in the mean of some frames
_NAMES = ("smooth", "truth", "hole")

Planes = tuple[Values, Values, Values]


class Frames(Protocol):
    """Where pictures come from: R'G'B' float32 [h, w, 3] in [0, 1], of at least this (height, width)."""

    def __call__(self, rng: np.random.Generator, least_px: tuple[int, int]) -> Values: ...


@dataclass(frozen=True, eq=False)
class Crop:
    """One crop: uint8 [3, H, W] twice, and bool [H, W]."""

    smooth: NDArray[np.uint8]
    truth: NDArray[np.uint8]
    hole: Mask


@dataclass(frozen=True, eq=False)
class CropSet:
    """Crops on disk."""

    smooth: NDArray[np.uint8]
    truth: NDArray[np.uint8]
    hole: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.hole)

    def batch(self, index: NDArray[np.int64]) -> tuple[Values, Values, Values]:
        """(smooth, truth [N, 3, H, W], hole [N, 1, H, W]), float32, in code values."""
        order = np.sort(index)  # a memory map is read forwards
        hole = np.unpackbits(self.hole[order], axis=2)[:, None]
        smooth, truth = (np.asarray(part[order], np.float32) for part in (self.smooth, self.truth))
        return smooth, truth, hole.astype(np.float32)


@dataclass(frozen=True)
class Sheets:
    """Sheets of crops without end; the same seed gives the same, and each can be made without those before it."""

    frames: Frames
    draw: Draw
    seed: int

    def at(self, number: int) -> list[Crop]:
        """The sheet of this number, from 0."""
        return _sheet(self.frames, self.draw, np.random.default_rng([self.seed, number]))


def write_crops(folder: Path, sheets: Sheets, num_crops: int, told=lambda done, total: None) -> None:
    """A set of this many crops; what is in the folder is replaced when all of it is there.

    A composing that was killed goes on after its last whole sheet, if it was of the same seed and size.
    """
    folder.mkdir(parents=True, exist_ok=True)
    progress = _Progress(folder / "progress.part", f"{sheets.seed} {num_crops}")
    shapes = ((num_crops, 3, HEIGHT_PX, WIDTH_PX),) * 2 + ((num_crops, HEIGHT_PX, WIDTH_PX // 8),)
    parts = [folder / f"{name}.part.npy" for name in _NAMES]
    first = progress.num_sheets() if all(part.exists() for part in parts) else 0
    mode = "r+" if first else "w+"
    kept = [np.lib.format.open_memmap(p, mode, np.uint8, s) for p, s in zip(parts, shapes, strict=True)]
    for number in range(first, -(-num_crops // SHEET_CROPS)):
        start = number * SHEET_CROPS
        for place, crop in enumerate(sheets.at(number)[: num_crops - start], start):
            kept[0][place], kept[1][place], kept[2][place] = crop.smooth, crop.truth, np.packbits(crop.hole, axis=1)
        for array in kept:
            array.flush()
        progress.keep(number + 1)
        told(min(start + SHEET_CROPS, num_crops), num_crops)
    for name, part in zip(_NAMES, parts, strict=True):
        part.rename(folder / f"{name}.npy")
    progress.path.unlink()


@dataclass(frozen=True)
class _Progress:
    """How many sheets of a set are on disk.

    Attributes:
        of: what the set is made from; a file that says otherwise is of another one.
    """

    path: Path
    of: str

    def num_sheets(self) -> int:
        told = self.path.read_text().rsplit(maxsplit=1) if self.path.exists() else []
        return int(told[1]) if told and told[0] == self.of else 0

    def keep(self, num_sheets: int) -> None:
        self.path.with_suffix(".new").write_text(f"{self.of} {num_sheets}")
        self.path.with_suffix(".new").replace(self.path)


def read_crops(folder: Path) -> CropSet:
    return CropSet(*(np.load(folder / f"{name}.npy", mmap_mode="r") for name in _NAMES))


def fingerprint(crops: CropSet) -> str:
    """A short hash by which a training knows its set again."""
    some = np.linspace(0, len(crops) - 1, min(64, len(crops))).astype(int)
    return hashlib.sha256(b"".join(crops.truth[k].tobytes() for k in some)).hexdigest()[:16]


def _sheet(frames: Frames, draw: Draw, rng: np.random.Generator) -> list[Crop]:
    truths: list[Planes] = []
    for _ in range(_SHEET_ROWS):
        picture = frames(rng, (HEIGHT_PX, WIDTH_PX))
        truths += [_grained(to_float_planes(_part(picture, rng)), rng) for _ in range(_SHEET_COLUMNS)]
    covers = [cover(HEIGHT_PX, WIDTH_PX, draw, rng) for _ in truths]
    marked = [_burned(truth, over) for truth, over in zip(truths, covers, strict=True)]
    coded = _tiles(_coded(_laid_out(marked), int(rng.integers(*_CRF))))
    triples = zip(truths, covers, coded, strict=True)
    return [Crop(_smooth(seen, over.hole), _whole(truth), over.hole) for truth, over, seen in triples]


def _part(picture: Values, rng: np.random.Generator) -> Values:
    top, left = int(rng.integers(picture.shape[0] - HEIGHT_PX + 1)), int(rng.integers(picture.shape[1] - WIDTH_PX + 1))
    return np.ascontiguousarray(picture[top : top + HEIGHT_PX, left : left + WIDTH_PX])


def _grained(planes: Planes, rng: np.random.Generator) -> Planes:
    """With what is left of a sensor's noise."""
    sigma = max(0.0, rng.uniform(-_GRAIN_SIGMA, _GRAIN_SIGMA))
    y, u, v = (plane + rng.normal(0, sigma, plane.shape).astype(np.float32) for plane in planes)
    return y, u, v


def _burned(truth: Planes, over: Cover) -> Planes:
    paint = to_float_planes(np.ascontiguousarray(over.colour))
    half = cv2.resize(over.alpha, (WIDTH_PX // 2, HEIGHT_PX // 2), interpolation=cv2.INTER_AREA)
    alphas = (over.alpha, half, half)
    y, u, v = (b * (1 - a) + w * a for b, a, w in zip(truth, alphas, paint, strict=True))
    return y, u, v


def _laid_out(crops: list[Planes]) -> Planes:
    rows = [crops[k : k + _SHEET_COLUMNS] for k in range(0, len(crops), _SHEET_COLUMNS)]
    y, u, v = (np.block([[crop[k] for crop in row] for row in rows]) for k in range(3))
    return y, u, v


def _tiles(sheet: Planes) -> list[Planes]:
    """The crops of a sheet, as they were laid out."""
    planes = []
    for plane in sheet:
        height, width = plane.shape[0] // _SHEET_ROWS, plane.shape[1] // _SHEET_COLUMNS
        places = [(row * height, column * width) for row in range(_SHEET_ROWS) for column in range(_SHEET_COLUMNS)]
        planes.append([plane[y : y + height, x : x + width] for y, x in places])
    return list(zip(*planes, strict=True))


def _coded(sheet: Planes, crf: int) -> Planes:
    """What x264 makes of it."""
    height, width = sheet[0].shape
    flat = [np.clip(np.rint(plane), 0, 255).astype(np.uint8).reshape(-1) for plane in sheet]
    frame = av.VideoFrame.from_ndarray(np.concatenate(flat).reshape(height * 3 // 2, width), format="yuv420p")
    encoder = av.CodecContext.create(x264.NAME, "w")
    encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuv420p"
    encoder.time_base = Fraction(1, 25)
    encoder.options = reproducible(x264.NAME, {"crf": str(crf), "preset": "fast", "threads": "1"})
    packets = [*encoder.encode(frame), *encoder.encode(None)]
    decoder = av.CodecContext.create("h264", "r")
    frames = [out for packet in packets for out in decoder.decode(packet)] + list(decoder.decode(None))
    shown = frames[0].to_ndarray(format="yuv420p").astype(np.float32)
    chroma = shown[height:].reshape(2, height // 2, width // 2)
    return shown[:height], chroma[0], chroma[1]


def at_luma_size(planes: Planes) -> Values:
    """[3, H, W], chroma interpolated."""
    size = planes[0].shape[::-1]
    return np.stack([planes[0], *(cv2.resize(p, size, interpolation=cv2.INTER_LINEAR) for p in planes[1:])])


def _smooth(seen: Planes, hole: Mask) -> NDArray[np.uint8]:
    return _rounded(HarmonicFill(hole)(at_luma_size(seen)))


def _whole(truth: Planes) -> NDArray[np.uint8]:
    return _rounded(at_luma_size(truth))


def _rounded(values: Values) -> NDArray[np.uint8]:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)
