"""Removers for which something takes too long. Named to an engine as "hurried:Class"."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

from blanklogo.errors import BudgetError, CancelledError
from blanklogo.remover import Remover

NUM_FRAMES = 120


class SlowInOne(Remover):
    """Comes to a standstill half-way when it is to do a whole video, until it is stopped."""

    def run(self, order: Any, cancelled: Callable[[], bool] | None = None) -> Iterator[dict[str, Any]]:
        if order["learn_only"] or order["chunk"]:
            yield from super().run(order, cancelled)
            return
        for stage, done in (("look", NUM_FRAMES), ("learn", NUM_FRAMES), ("restore", NUM_FRAMES // 2)):
            yield {"type": "progress", "stage": stage, "done": done, "total": NUM_FRAMES}
        while cancelled and not cancelled():
            time.sleep(0.01)
        raise CancelledError("stopped")


class Slow(Remover):
    """Takes a second before each chunk."""

    def run(self, order: Any, cancelled: Callable[[], bool] | None = None) -> Iterator[dict[str, Any]]:
        if order["chunk"]:
            time.sleep(1)
        yield from super().run(order, cancelled)


class SlowInLong(Remover):
    """Has no time for more than this many frames at once, and does not learn in vain."""

    max_frames = 36

    def run(self, order: Any, cancelled: Callable[[], bool] | None = None) -> Iterator[dict[str, Any]]:
        chunk = order["chunk"]
        if chunk and chunk["stop_index"] - chunk["start_index"] > self.max_frames:
            raise BudgetError(f"no time for {chunk['stop_index'] - chunk['start_index']} frames")
        yield from super().run(order, cancelled)


class SlowInShort(SlowInLong):
    """Not even for a half."""

    max_frames = 12
