"""Who looks after one worker: hands it calls, hears what it says, and holds it to its limits."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from blanklogo.engines.base import Message
from blanklogo.engines.call import LocalCall
from blanklogo.engines.desk import Badge, Closing, Desk
from blanklogo.engines.spec import EngineSpec
from blanklogo.errors import (
    BlankLogoError,
    BudgetError,
    CancelledError,
    CrashError,
    EngineError,
    LoadError,
    MemoryLimitError,
    OptionError,
    from_dict,
)

TICK_SECONDS = 0.05  # how soon a cancelled call, or one over a limit, is noticed
_LEAVING_SECONDS = 5.0  # for the workload's own closing, at least
_MAX_LOST_WORKERS = 3  # that a call may lose before it began: it is not to blame, but something is


@dataclass(frozen=True)
class Sample:
    """What a worker holds at a moment; None where it cannot be known."""

    rss_bytes: int | None = None
    gpu_utilisation: float | None = None
    gpu_memory_bytes: int | None = None


class Worker(Protocol):
    """A worker as its supervisor sees it."""

    def send(self, message: Message) -> None:
        """Raises OSError when the worker is gone."""

    def receive(self, timeout_seconds: float) -> Message | None:
        """What it says; None when it said nothing in time. Raises EOFError when it is gone and all was heard."""

    def is_alive(self) -> bool: ...

    def how_it_ended(self) -> str:
        """Such as "exit code 9"; asked when nothing more is heard of it."""
        ...

    def sample(self) -> Sample: ...

    def wait(self, timeout_seconds: float) -> bool:
        """Whether it has gone within this time."""
        ...

    def kill(self) -> None:
        """Ends it and its children at once; harmless when it is gone."""


@dataclass(frozen=True)
class Supervisor:
    """Runs in a thread of its own, from a worker's start to its end.

    Args:
        start: makes the worker; raises OSError when the system refuses.
        memory_limit_bytes: of the worker with its children; None: not held.
    """

    desk: Desk
    badge: Badge
    spec: EngineSpec
    start: Callable[[], Worker]
    memory_limit_bytes: int | None

    def run(self) -> None:
        worker: Worker | None = None
        try:
            started = time.monotonic()
            worker = self._started()
            self._await_ready(worker)
            self._serve(worker, _Start(started, time.monotonic()))
        except CrashError as error:
            self.desk.died_loading(self.badge, LoadError(error.came))
        except LoadError as error:
            self.desk.could_not_load(self.badge, error)
        finally:
            if worker is not None:
                worker.kill()
            self.desk.left(self.badge)

    def _started(self) -> Worker:
        try:
            return self.start()
        except OSError as error:
            raise LoadError(f"a worker could not be started: {error}") from error

    def _await_ready(self, worker: Worker) -> None:
        """Raises LoadError, also when nobody wants the worker any more; CrashError when it died."""
        end = time.monotonic() + self.spec.startup_timeout_seconds
        while time.monotonic() < end:
            message = self._heard_while_loading(worker)
            if message is not None and message["kind"] == "ready":
                self.desk.loaded(self.badge)
                return
            if message is not None:
                error = from_dict(message["error"])
                raise error if isinstance(error, LoadError) else LoadError(str(error))
            if self.desk.closing is not Closing.NO:
                raise LoadError("the engine was closed")
            self.desk.look_at_queue()
        raise LoadError(f"a worker did not load within {self.spec.startup_timeout_seconds:g} s")

    def _heard_while_loading(self, worker: Worker) -> Message | None:
        try:
            return worker.receive(TICK_SECONDS)
        except EOFError:
            raise CrashError(f"a worker died while it loaded ({worker.how_it_ended()})") from None

    def _serve(self, worker: Worker, start: _Start) -> None:
        is_first = True
        for _ in range(self.spec.max_calls):
            call = self.desk.next_call(self.badge, worker.is_alive)
            if call is None:
                break
            is_cold = is_first and call.submitted_at_seconds < start.ready_at_seconds
            call.note(worker=self.badge.name, is_cold=is_cold, cold_start_seconds=start.seconds if is_cold else 0.0)
            is_first = False
            try:
                if not _Turn(self, worker, call).run():
                    return
            except BaseException as error:  # a fault of ours: the call ends all the same, and the worker with it
                call.fail(EngineError(f"looking after a worker failed: {type(error).__name__}: {error}"))
                raise
        else:
            self.desk.spent(self.badge)
        self._let_go(worker)

    def _let_go(self, worker: Worker) -> None:
        """Asks the worker to leave, and gives it time to close what it loaded."""
        try:
            worker.send({"kind": "leave"})
        except OSError:
            return
        end = time.monotonic() + max(self.spec.grace_seconds, _LEAVING_SECONDS)
        while time.monotonic() < end and self.desk.closing is not Closing.AT_ONCE and not worker.wait(TICK_SECONDS):
            self.desk.look_at_queue()


@dataclass(frozen=True)
class _Start:
    started_at_seconds: float
    ready_at_seconds: float

    @property
    def seconds(self) -> float:
        return self.ready_at_seconds - self.started_at_seconds


@dataclass
class _Turn:
    """One call on one worker."""

    supervisor: Supervisor
    worker: Worker
    call: LocalCall
    begun_at_seconds: float | None = None
    asked_at_seconds: float | None = None  # to stop, because of
    reason: BlankLogoError | None = None
    sampled_at_seconds: float = 0.0
    gpu_samples: list[float] = field(default_factory=list)

    def run(self) -> bool:
        """Brings the call to its end, or back to the queue; whether the worker stays."""
        sent_at = self.sampled_at_seconds = time.monotonic()
        try:
            self.worker.send({"kind": "run", "order": self.call.order})
        except ValueError as error:
            self.call.fail(
                OptionError(f"an order that cannot travel: {error}", accepted="numbers, texts, bytes, lists")
            )
            return True
        except OSError:
            return self._died()
        try:
            return self._heard_out(sent_at)
        except (OSError, EOFError):
            return self._died()

    def _heard_out(self, sent_at: float) -> bool:
        while True:
            message = self.worker.receive(TICK_SECONDS)
            if message is not None and self._take(message):
                return True
            if fatal := self._look(time.monotonic(), self.begun_at_seconds or sent_at):
                self.worker.kill()
                self._note_run()
                self.call.fail(fatal)
                return False

    def _take(self, message: Message) -> bool:
        """Hears one message; whether it was the last."""
        if message["kind"] == "begun":
            self.begun_at_seconds = time.monotonic()
            if self.call.stats.queued_seconds is None:
                self.call.note(queued_seconds=self.begun_at_seconds - self.call.submitted_at_seconds)
            return False
        if message["kind"] == "event":
            self.call.tell(message["event"])
            return False
        self._note_run(message.get("peak_rss_bytes"))
        if message["kind"] == "done":
            self.call.finish(message["result"])  # though it was asked to stop: it was done before it heard
            return True
        error = from_dict(message["error"])
        self.call.fail(self.reason if self.reason and isinstance(error, CancelledError) else error)
        return True

    def _look(self, now: float, begun: float) -> BlankLogoError | None:
        """Holds the call to its limits; the error for which its worker must be killed."""
        supervisor = self.supervisor
        supervisor.desk.look_at_queue()
        if supervisor.desk.closing is Closing.AT_ONCE:
            return CancelledError("the engine was closed without waiting")
        if now - self.sampled_at_seconds >= TICK_SECONDS and (error := self._sample(now)):
            return error
        if self.reason is None:
            self._ask_to_stop(now, begun)
        elif self.asked_at_seconds is not None and now - self.asked_at_seconds > supervisor.spec.grace_seconds:
            return self.reason
        return None

    def _ask_to_stop(self, now: float, begun: float) -> None:
        limit = self.supervisor.spec.timeout_seconds
        if self.call.is_cancel_asked:
            self.reason = CancelledError("stopped by the caller")
        elif now - begun > limit:
            self.reason = BudgetError(f"the work took longer than {limit:g} s", hint="a larger timeout_seconds")
        else:
            return
        self.asked_at_seconds = now
        self.worker.send({"kind": "stop"})

    def _sample(self, now: float) -> MemoryLimitError | None:
        self.sampled_at_seconds = now
        sample, limit = self.worker.sample(), self.supervisor.memory_limit_bytes
        self._note_peaks(sample)
        if limit is None or sample.rss_bytes is None or sample.rss_bytes <= limit:
            return None
        held, allowed = sample.rss_bytes / 1e6, limit / 1e6
        return MemoryLimitError(
            f"the work took {held:.0f} MB of memory, over its limit of {allowed:.0f} MB", hint="a larger memory_bytes"
        )

    def _note_peaks(self, sample: Sample) -> None:
        stats = self.call.stats
        told: dict[str, float | int] = {}
        for name, value in (("peak_rss_bytes", sample.rss_bytes), ("gpu_memory_bytes", sample.gpu_memory_bytes)):
            if value is not None and value > (getattr(stats, name) or 0):
                told[name] = value
        if sample.gpu_utilisation is not None:
            self.gpu_samples.append(sample.gpu_utilisation)
            told["gpu_utilisation"] = sum(self.gpu_samples) / len(self.gpu_samples)
        if told:
            self.call.note(**told)

    def _note_run(self, peak_rss_bytes: int | None = None) -> None:
        if self.begun_at_seconds is not None:
            self.call.note(run_seconds=time.monotonic() - self.begun_at_seconds)
        self._note_peaks(Sample(peak_rss_bytes))

    def _died(self) -> bool:
        """The worker is gone: the call is ended, or tried again, or was never begun and waits for the next worker."""
        how = self.worker.how_it_ended()
        self.worker.kill()  # its children may be there still
        self._note_run()
        call, desk = self.call, self.supervisor.desk
        if self.reason is not None or call.is_cancel_asked:
            call.fail(self.reason or CancelledError("stopped by the caller"))
        elif self.begun_at_seconds is None and call.num_lost_workers < _MAX_LOST_WORKERS:
            call.num_lost_workers += 1
            desk.put_back(call)
        elif self.begun_at_seconds is None:
            call.fail(CrashError(f"one worker after the other died before it began ({how})"))
        elif call.stats.num_attempts <= self.supervisor.spec.retries:
            call.note(num_attempts=call.stats.num_attempts + 1)
            desk.put_back(call)
        else:
            call.fail(CrashError(f"the worker died while it had the work ({how})"))
        return False
