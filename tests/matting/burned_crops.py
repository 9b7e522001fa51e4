"""Crops with a drawn mark burned in at any size and sub-pixel place, as a user's picture of it is given."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from marked_stacks import FORMAT, texture

from blanklogo.matting.known import Placement
from blanklogo.matting.samples import CropSamples
from blanklogo.testbed import burn
from blanklogo.testbed.marks import UPSCALE, draw_mark, resized
from blanklogo.types import Box, Mark

NUM_FRAMES = 12


@dataclass(frozen=True, eq=False)
class BurnedCrops:
    """Samples of a mark, its picture, where it truly lies, and its true opacity [h, w]."""

    samples: CropSamples
    mark: Mark
    truth: Placement
    alpha: np.ndarray
    placed: burn.PlacedMark

    def again(self, strength: float, luma: np.ndarray) -> np.ndarray:
        """Other luma pictures with the mark at this strength, float32."""
        small = np.full((luma.shape[1] // 2, luma.shape[2] // 2), 128, np.uint8)
        whole = np.clip(np.rint(luma), 0, 255).astype(np.uint8)
        return np.stack([burn.burn((one, small, small), self.placed, strength)[0] for one in whole]).astype(np.float32)


def burned(kind: str, seed: int) -> BurnedCrops:
    """A mark at 0.7 to 1.4 of its size somewhere, over a texture that moves."""
    rng = np.random.default_rng(seed)
    drawn = draw_mark(kind)
    picture = resized(drawn, 1 / UPSCALE)
    scale, x, y = rng.uniform(0.7, 1.4), 28 + rng.random(), 28 + rng.random()
    height, width = (int(n * scale + 60) // 2 * 2 for n in picture.alpha.shape)
    placed = burn.place(drawn, burn.Placement(scale, x, y), width, height)
    luma = texture(NUM_FRAMES, (height, width), seed, speed_px=11)
    small = np.full((height // 2, width // 2), 128, np.uint8)
    frames = [
        burn.burn(
            (np.clip(np.rint(one + rng.normal(0, 1.5, one.shape)), 0, 255).astype(np.uint8), small, small), placed
        )
        for one in luma
    ]
    y_plane, u_plane, v_plane = (np.stack(planes) for planes in zip(*frames, strict=True))
    samples = CropSamples(
        Box(0, 0, width, height),
        np.arange(NUM_FRAMES) / 25,
        (y_plane, u_plane, v_plane),
        FORMAT,
        np.ones(NUM_FRAMES, np.float32),
    )
    alpha = np.zeros((height, width), np.float32)
    alpha[placed.box.slices] = placed.alphas[0]
    return BurnedCrops(samples, picture, Placement(x, y, scale), alpha, placed)
