"""One worker seen from here: an actor that is started, given calls one at a time, asked to stop, and killed."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from blanklogo.engines.base import Message
from blanklogo.engines.ray.border import foreign_errors
from blanklogo.engines.ray.calls import RayCall
from blanklogo.engines.spec import EngineSpec
from blanklogo.errors import (
    BlankLogoError,
    BudgetError,
    CancelledError,
    CrashError,
    LoadError,
    MemoryLimitError,
    ProcessingError,
    from_dict,
)

_TICK_SECONDS = 0.05  # how soon a cancelled call, or one over its budget, is noticed
_GONE_SECONDS = 10.0  # for the cluster to agree that a killed worker is dead

Reason = Callable[[], BlankLogoError | None]
"""Why something under way should be given up now; None: it should not."""


class RayWorker:
    """Used by one thread.

    Args:
        spec: its means and limits.
        workload: "module:Class".

    Attributes:
        name: its process and its node, once it has started.
        start_seconds: how long that took, loading included.
        is_ready: to be given a call; a worker that is not, after a call, is of no more use and to be killed.
    """

    def __init__(self, spec: EngineSpec, workload: str) -> None:
        from blanklogo.engines.ray.actor import REMOTE_ACTOR

        self._spec = spec
        with foreign_errors("ask for a worker"):
            self._actor: Any = REMOTE_ACTOR.options(num_cpus=spec.cpu_cores, num_gpus=1 if spec.gpu else 0).remote(
                workload, spec.memory_bytes
            )
        self.name = "ray"
        self.start_seconds = 0.0
        self.is_ready = False

    def start(self, unwanted: Reason) -> None:
        """Waits for a node that has room, for as long as the worker is wanted, and then for loading.

        Raises:
            LoadError: the workload could not load, or not within `startup_timeout_seconds`.
            CrashError, MemoryLimitError, UnavailableError: see `border`.
            BlankLogoError: what `unwanted` said.
        """
        started = time.monotonic()
        with foreign_errors("start a worker", broken=LoadError):
            self.name = self._got(self._actor.whereabouts.remote(), unwanted)
            end = time.monotonic() + self._spec.startup_timeout_seconds
            failure = self._got(self._actor.load.remote(), lambda: unwanted() or self._too_slow(end))
        if failure:
            raise from_dict(failure)
        self.start_seconds = time.monotonic() - started
        self.is_ready = True

    def run(self, call: RayCall, order: Message, closing: Reason) -> Message:
        """Runs a call to its end, telling it its events; what it ended with.

        Raises:
            BudgetError, CancelledError: it was asked to stop.
            MemoryLimitError, CrashError: the worker is of no more use.
            BlankLogoError: what the work raised, or `closing` said.
        """
        import ray

        self.is_ready = False
        with foreign_errors("finish a call"):
            stream = self._actor.run.remote(ray.put(order), call.id)
        stopping = _Stopping(self._spec, call, closing)
        last: Message | None = None
        while True:
            kind, value = self._heard(stream)
            if kind == "event" and value["type"] != "result":
                call.tell(value)
            elif kind == "event":
                last = value
            elif kind == "over":
                raise _over(value, self._spec.memory_bytes)
            elif kind == "ended":
                self.is_ready = True
                call.note(run_seconds=value["run_seconds"], peak_rss_bytes=value["peak_rss_bytes"])
                return _outcome(last, value["error"], stopping.reason)
            if stopping.begins():
                self._actor.stop.remote(call.id)
            stopping.raise_if_over()

    def close(self) -> None:
        """Lets the workload close, within the grace, and ends the worker."""
        import ray

        with foreign_errors("close a worker"):
            ray.wait([self._actor.close.remote()], timeout=self._spec.grace_seconds)
        self.kill()

    def kill(self) -> None:
        """Ends the worker, and waits until the cluster knows."""
        import ray

        with foreign_errors("end a worker"):
            ray.kill(self._actor)
            ray.wait([self._actor.whereabouts.remote()], timeout=_GONE_SECONDS)

    def _heard(self, stream: Any) -> tuple[str, Any]:
        """What the actor says next; ("nothing", None) within a tick."""
        import ray

        with foreign_errors("finish a call"):
            ready, _ = ray.wait([stream], timeout=_TICK_SECONDS)
            if not ready:
                return "nothing", None
            said: Any = next(stream, None)
            if said is None:
                raise CrashError("the worker stopped speaking in the middle of a call")
            kind, value = ray.get(said)
            return kind, value

    def _got(self, reference: Any, unwanted: Reason) -> Any:
        """A value from the actor, unless it is not wanted any more."""
        import ray

        while not ray.wait([reference], timeout=_TICK_SECONDS)[0]:
            if (reason := unwanted()) is not None:
                raise reason
        return ray.get(reference)

    def _too_slow(self, end: float) -> LoadError | None:
        if time.monotonic() < end:
            return None
        return LoadError(
            f"the worker did not load within {self._spec.startup_timeout_seconds:g} s",
            hint="a longer startup_timeout_seconds",
        )


class _Stopping:
    """Whether and why a running call is to stop, and when patience with it ends."""

    def __init__(self, spec: EngineSpec, call: RayCall, closing: Reason) -> None:
        self.reason: BlankLogoError | None = None
        self._spec = spec
        self._call = call
        self._closing = closing
        self._budget_end = time.monotonic() + spec.timeout_seconds
        self._grace_end = float("inf")

    def begins(self) -> bool:
        """True once: when the call is to be asked to stop."""
        if self.reason is not None:
            return False
        if self._call.is_cancelled:
            self.reason = CancelledError("the call was cancelled")
        elif time.monotonic() > self._budget_end:
            self.reason = BudgetError(
                f"the call took longer than its {self._spec.timeout_seconds:g} s", hint="a longer timeout_seconds"
            )
        else:
            return False
        self._grace_end = time.monotonic() + self._spec.grace_seconds
        return True

    def raise_if_over(self) -> None:
        """Raises the reason when the grace is over too, or what the engine's closing says at once."""
        if (reason := self._closing()) is not None:
            raise reason
        if self.reason is not None and time.monotonic() >= self._grace_end:
            raise self.reason


def _outcome(last: Message | None, failure: dict[str, Any] | None, stopped: BlankLogoError | None) -> Message:
    """The result, or raises what the work raised; if that is that it was stopped, then why."""
    if failure is not None:
        error = from_dict(failure)
        raise stopped if stopped is not None and isinstance(error, CancelledError) else error
    if last is None:
        raise ProcessingError("the work ended without a result", hint="report it; the fault is not yours")
    return last


def _over(held_bytes: int, limit_bytes: int) -> MemoryLimitError:
    return MemoryLimitError(
        f"the worker held {held_bytes / 1e6:.0f} MB, over its limit of {limit_bytes / 1e6:.0f} MB",
        hint="a larger memory_bytes",
    )
