"""A texture that slides behind letters whose matte is known exactly."""

from __future__ import annotations

import cv2
import numpy as np

from blanklogo.ops.compositing import over
from blanklogo.ops.morphology import dilated
from blanklogo.types import PlaneMatte

SHAPE = (64, 96)
NUM_FRAMES = 10
WHITE = 235.0


def backgrounds(num_frames: int = NUM_FRAMES, seed: int = 1, speed_px: int = 5) -> np.ndarray:
    """Luma float32 [T, h, w] in 40 to 200."""
    width = SHAPE[1] + speed_px * num_frames
    noise = np.random.default_rng(seed).normal(0, 1, (2, SHAPE[0], width)).astype(np.float32)
    rough = cv2.GaussianBlur(noise[0], (0, 0), 1.5) * 1.5 + cv2.GaussianBlur(noise[1], (0, 0), 6) * 9
    picture = np.clip(120 + 35 * rough / rough.std(), 40, 200)
    return np.stack([picture[:, k * speed_px : k * speed_px + SHAPE[1]] for k in range(num_frames)])


def letters() -> np.ndarray:
    """Coverage, float32 [h, w] in [0, 1]."""
    large = np.zeros((SHAPE[0] * 4, SHAPE[1] * 4), np.uint8)
    cv2.putText(large, "MARK", (90, 150), cv2.FONT_HERSHEY_DUPLEX, 2.0, 255, 12, cv2.LINE_AA)
    return np.asarray(cv2.resize(large, SHAPE[::-1], interpolation=cv2.INTER_AREA), np.float32) / 255


def exact_matte(opacity: float) -> PlaneMatte:
    """White letters, nothing in doubt."""
    alpha, nothing = opacity * letters(), np.zeros(SHAPE, np.float32)
    return PlaneMatte(alpha, alpha * WHITE, nothing, nothing, nothing, dilated(alpha > 0.005, 2))


def marked(truth: np.ndarray, matte: PlaneMatte, strength: np.ndarray | float = 1.0) -> np.ndarray:
    """The mark laid over, with the codec's noise, in whole code values."""
    gain = np.reshape(np.broadcast_to(strength, len(truth)), (-1, 1, 1))
    noise = np.random.default_rng(9).normal(0, 1, truth.shape)
    shown = over(truth, matte.alpha, matte.premultiplied, gain) + noise
    return np.clip(np.rint(shown), 0, 255).astype(np.float32)


def psnr(one: np.ndarray, other: np.ndarray, where: np.ndarray) -> float:
    """dB over the pixels of a mask [h, w]."""
    return float(10 * np.log10(255**2 / np.mean((one - other)[:, where] ** 2)))
