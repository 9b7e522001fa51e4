"""How long a peer may keep us waiting: in all, and for how little."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from blanklogo.transfer.guard.policy import Policy
from blanklogo.transfer.guard.refusal import TooSlow


class Pace:
    """One file's: over all its connections and attempts, from when this is made.

    Only time spent waiting for the peer counts for the rate, so that our own disk may be slow.
    """

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._end = time.monotonic() + policy.max_seconds
        self._waited_seconds = 0.0
        self._num_bytes = 0

    @contextmanager
    def waiting(self, timeout_seconds: float | None) -> Iterator[float]:
        """Around one wait; gives for how long it may last. Raises TooSlow, before it or after it."""
        started = time.monotonic()
        self._check_end(started)
        left_seconds = self._end - started
        try:
            yield min(left_seconds, timeout_seconds or left_seconds)
        finally:
            ended = time.monotonic()
            self._waited_seconds += ended - started
            self._check_end(ended)
        self._check_rate()

    def moved(self, num_bytes: int) -> None:
        """Notes what came or went during a wait."""
        self._num_bytes += num_bytes

    def _check_end(self, now: float) -> None:
        if now >= self._end:
            raise TooSlow(f"took longer than {self._policy.max_seconds:g} s", "a faster host, or a smaller file")

    def _check_rate(self) -> None:
        policy = self._policy
        if self._waited_seconds < policy.window_seconds:
            return
        if self._num_bytes < policy.min_bytes_per_second * self._waited_seconds:
            rate = f"{policy.min_bytes_per_second / 1e3:.1f} kB/s over {policy.window_seconds:g} s"
            raise TooSlow(f"is slower than {rate}", "a faster host")
        self._waited_seconds, self._num_bytes = 0.0, 0
