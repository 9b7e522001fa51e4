"""A finder that says what a test tells it to."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from blanklogo.detection.glances import Scored

Script = Callable[[int], list[Scored]]


class ScriptedFinder:
    """Answers each window by its number; keeps what it was shown."""

    def __init__(self, script: Script, *, wants_colour: bool = False) -> None:
        self._script = script
        self.wants_colour = wants_colour
        self.is_general = not wants_colour
        self.shown: list[NDArray[np.uint8]] = []

    def __call__(self, pictures: Sequence[NDArray[np.uint8]]) -> list[list[Scored]]:
        self.shown += pictures
        return [self._script(index) for index in range(len(pictures))]
