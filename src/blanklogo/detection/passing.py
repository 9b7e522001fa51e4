"""Whether something passes in front of a pattern, as it may before a thing of the scene and never before a mark.

A pattern is cut into strips. Each answers in each window that shows the pattern

    a = <F, T> / |T|²      F: the window's gradients in the strip, T: their median over these windows

with about 1 as usual and 0 where something hides it. What passes from one side to the other hides one strip after the
other; a mark that fades or hops goes as a whole. It is no proof: where something passes behind a faint mark, the
ground's share of T goes as well. What comes from above over the whole width at once is not told, nor anything before a
scene that moves.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from blanklogo.detection.places import Place
from blanklogo.detection.record import Record

MOST_STRIPS, LEAST_STRIPS, LEAST_STRIP_PX = 8, 3, 10
HIDDEN, AS_USUAL = 0.25, 0.75  # a strip's answers
LEAST_ENERGY = 0.25  # of the strongest strip's: others have nothing that could be hidden
LEAST_WINDOWS = 3  # that are partly hidden
LEAST_WHOLE = 0.75  # of the windows, where every strip answers as usual; less where marks stay before moving scenes


def is_passed_before(record: Record, place: Place) -> bool:
    """Whether something seems to pass in front of the place's pattern."""
    windows = np.flatnonzero(record.in_windows(place.on))
    if len(windows) < LEAST_WINDOWS:
        return False
    answers = _answers(record.fields(windows, *place.box.slices))
    is_partly = (answers < HIDDEN).any(0) & (answers > AS_USUAL).any(0)
    is_whole = (answers > AS_USUAL).all(0)
    return int(np.count_nonzero(is_partly)) >= LEAST_WINDOWS and float(is_whole.mean()) >= LEAST_WHOLE


def _answers(fields: NDArray[np.float32]) -> NDArray[np.float32]:
    """Of the strips that matter in fields [n, 2, h, w]: float32 [num_strips, n]."""
    num_strips = int(np.clip(fields.shape[3] // LEAST_STRIP_PX, LEAST_STRIPS, MOST_STRIPS))
    strips = np.array_split(fields, num_strips, axis=3)
    usual = [np.median(strip, axis=0) for strip in strips]
    energies = np.array([float(np.vdot(pattern, pattern)) for pattern in usual])
    answers = [
        np.einsum("nchw,chw->n", strip, pattern) / max(energy, 1e-6)
        for strip, pattern, energy in zip(strips, usual, energies, strict=True)
    ]
    return np.asarray(np.stack(answers)[energies >= LEAST_ENERGY * energies.max()], np.float32)
