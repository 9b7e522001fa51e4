"""A marked clip whose truth is known: what a removal is scored against.

A case is a folder::

    marked.mp4    what a user has: the mark burned in, then compressed (marked.mov where the sound is PCM)
    truth.mkv     the same frames without the mark, lossless
    mark.png      the mark's picture, straight alpha, at the burned scale: what a maker of the mark has
    alpha0.png …  for each place the mark's opacity on the whole frame, 16 bit
    case.json     everything else: see `Case`
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from blanklogo.errors import SourceError
from blanklogo.media.errors import Stage, foreign_errors
from blanklogo.testbed.burn import PlacedMark, Placement, burn, place, strengths
from blanklogo.testbed.clips import Clip, Planes, write_clip
from blanklogo.testbed.marks import UPSCALE, resized, rgba_bytes
from blanklogo.types import Box, Mark

HOP_PLACES = ((0.04, 0.94), (0.96, 0.45), (0.05, 0.06))
_LOSSLESS = {"qp": "0", "preset": "ultrafast"}


@dataclass(frozen=True)
class Burning:
    """How a mark is burned in and the result compressed.

    Attributes:
        motion: "static", "hop" or "fade"; see `burn.strengths`.
        scale: the mark's size against its nominal one; None: fitting the frame (1 at 720 lines, at least 0.55).
        where: for each place, the mark's position as shares (x, y) of the free room; empty: bottom right, or
            three places when it hops.
        crf: x264's constant rate factor of the marked clip; its preset is `fast`.
        audio: a tone beside the video: "aac", "pcm" or None.
        seed: for the sub-pixel part of the position.
    """

    motion: str = "static"
    scale: float | None = None
    where: tuple[tuple[float, float], ...] = ()
    crf: int = 23
    audio: str | None = "aac"
    seed: int = 1

    @property
    def places(self) -> tuple[tuple[float, float], ...]:
        return self.where or (HOP_PLACES if self.motion == "hop" else ((0.96, 0.94),))


@dataclass(frozen=True, eq=False)
class Place:
    """One place of the mark: its box, its opacity on the whole frame [H, W] and its strength in each frame."""

    box: Box
    alpha: NDArray[np.float32]
    strength: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Case:
    """A case on disk."""

    folder: Path
    name: str
    kind: str
    motion: str
    width_px: int
    height_px: int
    num_frames: int
    places: tuple[Place, ...] = field(repr=False)
    marked_name: str = "marked.mp4"

    @property
    def marked(self) -> Path:
        return self.folder / self.marked_name

    @property
    def truth(self) -> Path:
        return self.folder / "truth.mkv"

    @property
    def mark_picture(self) -> Path:
        return self.folder / "mark.png"


def make_case(clip: Clip, mark: Mark, folder: Path, burning: Burning | None = None) -> Case:
    """Burn a mark onto a clip and write the case; frames stream, so a clip may be of any length.

    Args:
        clip: a `scenes.Scene`, a `clips.FileClip`, or anything like them.
        mark: at `UPSCALE` times its nominal size, as `marks.draw_mark` gives it.
        folder: made if it is missing; files of a case already there are replaced.
        burning: how; None: static, crf 23, with an AAC tone.

    Raises:
        OptionError: the motion, the sound or the place does not fit.
        WriteError: the folder cannot be made.
    """
    burning = burning or Burning()
    with foreign_errors(Stage.WRITE, folder):
        folder.mkdir(parents=True, exist_ok=True)
    scale = burning.scale or max(0.55, min(clip.width_px, clip.height_px) / 720)
    placed = _placed_marks(clip, mark, scale, burning)
    motions = [strengths(burning.motion, clip.num_frames, k, len(placed)) for k in range(len(placed))]
    marked_name = "marked.mov" if burning.audio == "pcm" else "marked.mp4"
    options = {"crf": str(burning.crf), "preset": "fast"}
    write_clip(folder / marked_name, _burned(clip, placed, motions), clip.rate, "libx264", options, burning.audio)
    write_clip(folder / "truth.mkv", clip.frames(), clip.rate, "libx264", _LOSSLESS)
    cv2.imwrite(str(folder / "mark.png"), rgba_bytes(resized(mark, scale / UPSCALE)))
    entries = [_write_place(folder, clip, index, pair) for index, pair in enumerate(zip(placed, motions, strict=True))]
    about = {
        "name": clip.name,
        "kind": mark.name,
        "motion": burning.motion,
        "crf": burning.crf,
        "seed": burning.seed,
        "scale": scale,
        "num_frames": clip.num_frames,
        "size": [clip.width_px, clip.height_px],
        "marked": marked_name,
        "places": entries,
    }
    (folder / "case.json").write_text(json.dumps(about))
    return load_case(folder)


def load_case(folder: Path) -> Case:
    """Read a case that `make_case` wrote.

    Raises:
        SourceError: the folder holds no case.
    """
    try:
        about = json.loads((folder / "case.json").read_text())
        places = tuple(_read_place(folder, entry) for entry in about["places"])
    except (OSError, ValueError, KeyError) as error:
        raise SourceError(f"{folder} holds no case: {error}", accepted="a folder that make_case wrote") from error
    return Case(
        folder=folder,
        name=about["name"],
        kind=about["kind"],
        motion=about["motion"],
        width_px=about["size"][0],
        height_px=about["size"][1],
        num_frames=about["num_frames"],
        places=places,
        marked_name=about["marked"],
    )


def _placed_marks(clip: Clip, mark: Mark, scale: float, burning: Burning) -> list[PlacedMark]:
    rng = np.random.default_rng(burning.seed)
    room_x = clip.width_px - mark.alpha.shape[1] * scale / UPSCALE - 1
    room_y = clip.height_px - mark.alpha.shape[0] * scale / UPSCALE - 1
    placed = []
    for share_x, share_y in burning.places:
        placement = Placement(scale, share_x * room_x + rng.random(), share_y * room_y + rng.random())
        placed.append(place(mark, placement, clip.width_px, clip.height_px))
    return placed


def _burned(clip: Clip, placed: list[PlacedMark], motions: list[NDArray[np.float64]]) -> Iterator[Planes]:
    for index, planes in enumerate(clip.frames()):
        for one, strength in zip(placed, motions, strict=True):
            if strength[index] > 0:
                planes = burn(planes, one, float(strength[index]))
        yield planes


def _write_place(folder: Path, clip: Clip, index: int, pair: tuple[PlacedMark, NDArray]) -> dict[str, Any]:
    placed, strength = pair
    whole = np.zeros((clip.height_px, clip.width_px), np.uint16)
    whole[placed.box.slices] = np.rint(placed.alphas[0] * 65535)
    name = f"alpha{index}.png"
    cv2.imwrite(str(folder / name), whole)
    visible = cv2.boundingRect((whole > 0.02 * 65535).astype(np.uint8))
    box = [visible[0], visible[1], visible[0] + visible[2], visible[1] + visible[3]]
    return {"box": box, "alpha": name, "strength": [round(float(g), 4) for g in strength]}


def _read_place(folder: Path, entry: dict[str, Any]) -> Place:
    picture = cv2.imread(str(folder / entry["alpha"]), cv2.IMREAD_UNCHANGED)
    if picture is None:
        raise ValueError(f"{entry['alpha']} is missing or broken")
    return Place(Box(*entry["box"]), (picture / 65535).astype(np.float32), np.array(entry["strength"]))
