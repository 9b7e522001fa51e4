"""A picture for each trial: the mark's place before, in truth, from BlankLogo and from the best peer."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks.runner import Entry, Outcome
from blanklogo.testbed import pictures
from blanklogo.types import Box

_SURROUND_PX = 20
_LEAST_WIDTH_PX = 360  # of one crop; smaller ones are enlarged by whole factors


def draw_strip(outcome: Outcome, folder: Path) -> Path:
    """Writes NAME.png: four crops of the same frame; the frame is one where the mark is strongest near the middle."""
    case = outcome.case
    index, box = _moment(outcome)
    crops = [("before", case.marked), ("truth", case.truth)]
    labelled = [_crop(path, index, box, words) for words, path in crops]
    for entry in (outcome.ours, outcome.best_peer):
        if entry is not None and entry.result is not None and entry.score is not None:
            labelled.append(
                _crop(entry.result, index, box, f"{_shown_name(entry)} {entry.score.psnr_inside_db:.1f} dB")
            )
    if len(labelled) % 2:
        labelled.append(np.zeros_like(labelled[0]))
    rows = [pictures.beside(labelled[k : k + 2]) for k in range(0, len(labelled), 2)]
    return pictures.save_picture(pictures.above(rows), folder / f"{outcome.trial.name}.png")


def _shown_name(entry: Entry) -> str:
    names = {"blanklogo": "BlankLogo", "ns": "OpenCV NS", "telea": "OpenCV Telea", "harmonic": "harmonic fill"}
    return names.get(entry.name, f"FFmpeg {entry.name}")


def _moment(outcome: Outcome) -> tuple[int, Box]:
    """The frame nearest the middle where a place is at full strength, and that place with its surround."""
    case = outcome.case
    middle = case.num_frames // 2
    candidates = []
    for place in case.places:
        strong = np.flatnonzero(place.strength >= 0.98 * place.strength.max())
        nearest = int(strong[np.argmin(np.abs(strong - middle))])
        candidates.append((abs(nearest - middle), nearest, place.box))
    _, index, box = min(candidates)
    return index, box.dilated(_SURROUND_PX, case.width_px, case.height_px)


def _crop(path: Path, index: int, box: Box, words: str) -> pictures.Picture:
    crop = pictures.frame_picture(path, index)[box.slices]
    return pictures.captioned(pictures.enlarged(crop, max(1, -(-_LEAST_WIDTH_PX // box.width))), words)
