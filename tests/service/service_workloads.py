"""What the workers of a service under test do. Named to an engine as "service_workloads:Copier"."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from blanklogo.errors import CancelledError, CrashError, LoadError, SourceError
from blanklogo.transfer import deliver, fetch
from blanklogo.transfer.guard.policy import Policy
from blanklogo.types import Order, PixelShares, Report, Verification

STARTED: list[str] = []  # sources without their signature, in this process, of all calls
NUM_CRASHES: dict[str, int] = {}


class Unloadable:
    """Finds that what it needs does not load, as with a network that is damaged."""

    def load(self) -> None:
        raise LoadError("the network is damaged")

    def run(self, order: Any, cancelled: Callable[[], bool]) -> Iterator[dict[str, Any]]:
        raise NotImplementedError

    def close(self) -> None:
        pass


class Copier:
    """Brings the video to its target as it came, over the line that a real worker would use. What else it does, the
    order's platform says: "pika" is held until it is cancelled, "kling" is no video, "luma" dies at first and then
    does well, "runway" takes two seconds."""

    def load(self) -> None:
        pass

    def run(self, order: Any, cancelled: Callable[[], bool]) -> Iterator[dict[str, Any]]:
        order = Order.from_dict(order)
        if isinstance(order.source, bytes):
            raise SourceError("no video")
        name = order.source.partition("?")[0]
        STARTED.append(name)
        yield {"type": "progress", "stage": "look", "done": 1, "total": 2}
        self._act(str(order.platform), name, cancelled)
        yield {"type": "progress", "stage": "restore", "done": 1, "total": 2}
        with tempfile.TemporaryDirectory() as folder:
            place = fetch(order.source, Path(folder) / order.name, cancelled, Policy.TRUSTED)
            size_mb = round(place.stat().st_size / 1e6, 3)
            output = deliver(place, order.target, cancelled, Policy.TRUSTED)
        platform = order.platform and str(order.platform)
        proof = Verification("needs_review" if platform == "sora" else "clean")
        report = Report(str(order.mode), platform, size_mb, size_mb, 2, 1, 0.1, (), PixelShares(), proof)
        yield {"type": "result", "output": output, "report": report.as_dict()}

    def close(self) -> None:
        pass

    def _act(self, platform: str, name: str, cancelled: Callable[[], bool]) -> None:
        if platform == "kling":
            raise SourceError("a text and no video", hint="a video")
        if platform == "luma" and NUM_CRASHES.setdefault(name, 0) < 2:
            NUM_CRASHES[name] += 1
            raise CrashError("the worker died")
        end = time.monotonic() + {"pika": 120, "runway": 2}.get(platform, 0)
        while time.monotonic() < end:
            if cancelled():
                raise CancelledError("stopped")
            time.sleep(0.02)


class Brisk(Copier):
    """Copies whatever the platform."""

    def _act(self, platform: str, name: str, cancelled: Callable[[], bool]) -> None:
        pass


class Steady(Copier):
    """Takes its time, whatever the platform."""

    def _act(self, platform: str, name: str, cancelled: Callable[[], bool]) -> None:
        time.sleep(0.2)
