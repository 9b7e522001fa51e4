"""Crops of a texture that moves behind a mark, with the truth kept."""

from __future__ import annotations

import cv2
import numpy as np

from blanklogo.matting.samples import CropSamples
from blanklogo.media.planes import PlaneFormat
from blanklogo.types import Box

FORMAT = PlaneFormat.from_name("yuv420p")
SHAPE = (72, 104)
BOX = Box(28, 28, 76, 44)
"""Where the mark of `words` lies."""


def texture(num_frames: int, shape: tuple[int, int] = SHAPE, seed: int = 1, speed_px: int = 7) -> np.ndarray:
    """Luma float32 [T, h, w]: a wide rough picture that slides by, in 30 to 220."""
    rng = np.random.default_rng(seed)
    width = shape[1] + speed_px * num_frames
    rough = sum(
        weight * cv2.GaussianBlur(rng.normal(0, 1, (shape[0], width)).astype(np.float32), (0, 0), sigma) * sigma
        for sigma, weight in ((1.2, 1.0), (4.0, 1.6), (12.0, 2.0))
    )
    picture = np.clip(125 + 35 * rough / rough.std(), 30, 220)
    return np.stack([picture[:, k * speed_px : k * speed_px + shape[1]] for k in range(num_frames)])


def words(shape: tuple[int, int] = SHAPE) -> np.ndarray:
    """Coverage of four thick letters inside `BOX`, float32 [h, w] in [0, 1]."""
    large = np.zeros((shape[0] * 4, shape[1] * 4), np.uint8)
    cv2.putText(large, "MARK", (116, 172), cv2.FONT_HERSHEY_DUPLEX, 2.0, 255, 12, cv2.LINE_AA)
    return np.asarray(cv2.resize(large, shape[::-1], interpolation=cv2.INTER_AREA), np.float32) / 255


def outlined_words(shape: tuple[int, int] = SHAPE) -> tuple[np.ndarray, np.ndarray]:
    """(alpha, premultiplied) of white letters at 0.55 with a dark rim at 0.5."""
    cover = words(shape)
    rim = cv2.dilate(cover, np.ones((3, 3), np.uint8)) - cover
    return 0.55 * cover + 0.5 * rim, 0.55 * cover * 235 + 0.5 * rim * 16


def samples_of(luma: np.ndarray, strength: np.ndarray | None = None, chroma: np.ndarray | None = None) -> CropSamples:
    """What a pass over a video would have kept: whole code values, grey unless chroma is given."""
    num_frames, height, width = luma.shape
    grey = np.full((num_frames, height // 2, width // 2), 128, np.uint8) if chroma is None else chroma
    planes = (np.clip(np.rint(luma), 0, 255).astype(np.uint8), grey, grey)
    gain = np.ones(num_frames, np.float32) if strength is None else strength.astype(np.float32)
    return CropSamples(Box(0, 0, width, height), np.arange(num_frames) / 25, planes, FORMAT, gain)


def rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(values))))
