"""What every engine promises.

- A call ends once: with a result, or with one error of the tree in `blanklogo.errors`.
- Workers start when there is work, load once, do one call at a time, and leave when idle for the scaledown window.
- A call over its budget is asked to stop (the worker stays loaded), and its worker is killed if it does not.
- Whatever a call does to its worker (crash, memory, hang), other calls do not suffer.
- Events stream while the work runs, in order, none lost.

    submit ─ queued ─ running ─ result
                │        ├──── the call's own error (CallerError, ProcessingError)
                │        ├──── BudgetError, MemoryLimitError, CrashError, CancelledError
                └─────── LoadError, UnavailableError, CancelledError
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from types import TracebackType
from typing import Any, Protocol, Self

from blanklogo.engines.spec import EngineSpec
from blanklogo.types import Order

Message = dict[str, Any]
"""JSON-like, but for a result's `output` given as bytes. `type` is "progress", "notice" or, last of all, "result"."""

REMOVER = "blanklogo.remover:Remover"
GUARDED_REMOVER = "blanklogo.remover:GuardedRemover"  # where others than the operator can send orders


class Workload(Protocol):
    """What a worker runs. Named to an engine as "module:Class", so that no code crosses a border."""

    def load(self) -> None:
        """Once for each worker, before its first call. Whatever it raises becomes the caller's LoadError."""

    def run(self, order: Message, cancelled: Callable[[], bool]) -> Iterator[Message]:
        """Events, the last of which is the result. Stops with CancelledError soon after `cancelled` says so."""
        ...

    def close(self) -> None:
        """When the worker leaves of its own accord."""


@dataclass(frozen=True)
class CallStats:
    """What a call cost; a figure that is not known (yet, or on this engine) is None.

    Attributes:
        worker: which worker ran it; the same name, the same loaded models.
        queued_seconds: from submission until a worker began, its start included.
        is_cold: whether the worker was started for this call.
        cold_start_seconds: how long that took, loading included; 0 for a warm call.
        run_seconds: the work itself.
        peak_rss_bytes: the most memory the worker (with its children) held during the call.
        gpu_utilisation: mean over the call, in [0, 1].
        gpu_memory_bytes: peak on the GPU.
        num_attempts: more than 1 when the call was tried again, after a crash or elsewhere.
    """

    worker: str | None = None
    queued_seconds: float | None = None
    is_cold: bool | None = None
    cold_start_seconds: float | None = None
    run_seconds: float | None = None
    peak_rss_bytes: int | None = None
    gpu_utilisation: float | None = None
    gpu_memory_bytes: int | None = None
    num_attempts: int = 1

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class EngineStats:
    """What an engine has at this moment.

    Attributes:
        num_workers: alive, loading ones included.
        num_idle: of them, loaded and waiting.
        num_queued: calls that wait for a worker.
        oldest_queued_seconds: how long the first of them has waited; 0 when none does.
        num_started: workers started since the engine was made.
        num_renewed: of them, gone because they had done their `max_calls`.
        num_busy: of those alive, at work on a call; 0 where the engine does not know.
    """

    num_workers: int
    num_idle: int
    num_queued: int
    oldest_queued_seconds: float
    num_started: int
    num_renewed: int = 0
    num_busy: int = 0


class Call(ABC):
    """One piece of work on an engine. Safe to use from several threads."""

    id: str

    @abstractmethod
    def events(self) -> Iterator[Message]:
        """Every event from the first on, as they come; ends when the call does, whatever its end. Never raises."""

    @abstractmethod
    def result(self, timeout_seconds: float | None = None) -> Message:
        """The last event.

        Raises:
            PendingError: not within the time given; ask again.
            BlankLogoError: as the call ended.
        """

    @abstractmethod
    def cancel(self) -> None:
        """Asks for a stop and returns at once; the call ends with CancelledError, unless it was done before."""

    @property
    @abstractmethod
    def stats(self) -> CallStats:
        """Its figures so far."""


class Engine(ABC):
    """Runs orders. Used as a context, or closed by hand.

    Args:
        spec: a worker's means and limits.
        workload: "module:Class" of a `Workload`.
    """

    name: str

    def __init__(self, spec: EngineSpec, workload: str = REMOVER) -> None:
        self.spec = spec
        self.workload = workload

    @abstractmethod
    def submit(self, order: Order | Message) -> Call:
        """Queues an order; returns at once.

        Args:
            order: an `Order`, or whatever JSON-like message another workload takes.

        Raises:
            UnavailableError: the engine is closed or cannot be reached.
        """

    @property
    @abstractmethod
    def stats(self) -> EngineStats:
        """At this moment."""

    @abstractmethod
    def close(self, *, is_patient: bool = True) -> None:
        """Takes no more work. Patient: waits for calls under way and lets workers close; else kills them.

        Calls that had not begun end with CancelledError. Nothing of the engine is left running afterwards.
        """

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close(is_patient=kind is None)
