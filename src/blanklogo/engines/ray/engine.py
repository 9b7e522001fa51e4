"""The engine: a queue of calls, and as many workers on the cluster as it asks for."""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass, field

from blanklogo.engines.base import REMOVER, Engine, EngineStats, Message
from blanklogo.engines.failures import run_error
from blanklogo.engines.ray import cluster
from blanklogo.engines.ray.calls import RayCall
from blanklogo.engines.ray.parcel import packed, unpacked
from blanklogo.engines.ray.worker import RayWorker
from blanklogo.engines.spec import EngineSpec
from blanklogo.errors import BlankLogoError, CancelledError, CrashError, UnavailableError
from blanklogo.types import Order


@dataclass(eq=False)
class _Lane:
    """One worker, and the thread that looks after it."""

    thread: threading.Thread = field(init=False)
    is_starting: bool = True
    is_idle: bool = False
    ready_seconds: float = 0.0  # when it had loaded, on the monotonic clock
    num_calls: int = 0


class RayEngine(Engine):
    """Runs orders on Ray.

    Args:
        spec: a worker's means and limits. `gpu` asks for one GPU a worker, of whichever kind the cluster has.
        workload: "module:Class" of a `Workload`; every node must be able to import it.
        address: of a cluster that this machine is a node of ("HOST:6379", "auto"): local files of an order then travel
            as bytes. None: the Ray that this process has, or one started for it on this machine; paths are then used
            as they are.

    Raises:
        OptionError: an address that cannot do.
        UnavailableError: Ray is not installed, or does not answer.
    """

    name = "ray"

    def __init__(self, spec: EngineSpec, workload: str = REMOVER, address: str | None = None) -> None:
        super().__init__(spec, workload)
        self._sees_our_disk = address is None
        self._changed = threading.Condition()
        self._queue: deque[RayCall] = deque()
        self._lanes: set[_Lane] = set()
        self._num_started = 0
        self._is_closed = False
        self._is_patient = True
        cluster.join(address)
        with self._changed:
            self._start_lanes()
        if spec.max_queue_seconds is not None:
            threading.Thread(target=self._end_overdue, args=(spec.max_queue_seconds,), daemon=True).start()

    def submit(self, order: Order | Message) -> RayCall:
        call = RayCall(order, self._drop)
        with self._changed:
            if self._is_closed:
                raise UnavailableError("the engine is closed", hint="a new one")
            self._queue.append(call)
            self._start_lanes()
            self._changed.notify_all()
        return call

    @property
    def stats(self) -> EngineStats:
        with self._changed:
            return EngineStats(
                num_workers=len(self._lanes),
                num_idle=sum(lane.is_idle for lane in self._lanes),
                num_queued=len(self._queue),
                oldest_queued_seconds=self._queue[0].age_seconds if self._queue else 0.0,
                num_started=self._num_started,
            )

    def close(self, *, is_patient: bool = True) -> None:
        with self._changed:
            is_first = not self._is_closed
            self._is_closed = True
            self._is_patient = self._is_patient and is_patient
            waiting = list(self._queue)
            self._queue.clear()
            lanes = list(self._lanes)
            self._changed.notify_all()
        for call in waiting:
            call.fail(CancelledError("the engine was closed before the call began"))
        for lane in lanes:
            lane.thread.join()
        if is_first:
            cluster.leave()

    # Workers come and go

    def _start_lanes(self) -> None:
        """As many workers as waiting calls and `min_workers` want. With the lock held."""
        coming = sum(lane.is_starting or lane.is_idle for lane in self._lanes)
        wanted = max(len(self._queue) - coming, self.spec.min_workers - len(self._lanes))
        for _ in range(min(wanted, self.spec.max_workers - len(self._lanes))):
            lane = _Lane()
            lane.thread = threading.Thread(target=self._look_after, args=(lane,), name="ray-worker", daemon=True)
            self._lanes.add(lane)
            self._num_started += 1
            lane.thread.start()

    def _look_after(self, lane: _Lane) -> None:
        """One worker's life."""
        has_started = False
        try:
            worker = RayWorker(self.spec, self.workload)
            try:
                worker.start(lambda: self._unwanted(lane))
                has_started, lane.ready_seconds = True, time.monotonic()
                while worker.is_ready and (call := self._next_call(lane)) is not None:
                    self._run(worker, call, lane)
            finally:
                worker.close() if worker.is_ready else worker.kill()
        except BlankLogoError as error:
            if not has_started:
                self._could_not_start(error)
        finally:
            with self._changed:
                self._lanes.discard(lane)
                if not self._is_closed and (has_started or self._queue):
                    self._start_lanes()
                self._changed.notify_all()

    def _next_call(self, lane: _Lane) -> RayCall | None:
        """The next call, when there is one; None when the worker is to leave."""
        idle_since = time.monotonic()
        with self._changed:
            lane.is_starting, lane.is_idle = False, True
            try:
                while not self._queue:
                    left = self.spec.scaledown_window_seconds - (time.monotonic() - idle_since)
                    is_spare = len(self._lanes) > self.spec.min_workers
                    if self._is_closed or (is_spare and left <= 0):
                        return None
                    self._changed.wait(left if is_spare else None)
                return self._queue.popleft()
            finally:
                lane.is_idle = False

    def _unwanted(self, lane: _Lane) -> BlankLogoError | None:
        """Why a worker that is still starting need not go on."""
        with self._changed:
            if self._is_closed:
                return CancelledError("the engine is closing")
            if self._queue or len(self._lanes) <= self.spec.min_workers:
                return None
            return CancelledError("the calls that it was started for are gone")

    # Calls begin and end

    def _run(self, worker: RayWorker, call: RayCall, lane: _Lane) -> None:
        """One attempt at a call."""
        lane.num_calls += 1
        is_cold = lane.num_calls == 1 and call.submitted_seconds < lane.ready_seconds
        call.note(
            worker=worker.name,
            queued_seconds=call.age_seconds,
            is_cold=is_cold,
            cold_start_seconds=worker.start_seconds if is_cold else 0.0,
        )
        try:
            call.finish(self._done(worker, call))
        except Exception as error:  # whatever it is, a call ends
            self._failed(call, run_error(error))

    def _done(self, worker: RayWorker, call: RayCall) -> Message:
        order = call.order
        if not isinstance(order, Order):
            return worker.run(call, order, self._killing)
        if self._sees_our_disk:
            return worker.run(call, order.as_dict(), self._killing)
        return unpacked(worker.run(call, packed(order).as_dict(), self._killing), order)

    def _failed(self, call: RayCall, error: BlankLogoError) -> None:
        """The end of a call, unless its worker was lost and it may be tried again: then it goes to the queue's head."""
        attempts = call.stats.num_attempts
        with self._changed:
            if isinstance(error, CrashError) and attempts <= self.spec.retries and not self._is_closed:
                call.note(num_attempts=attempts + 1)
                self._queue.appendleft(call)
                self._changed.notify_all()
                return
        call.fail(error)

    def _could_not_start(self, error: BlankLogoError) -> None:
        """The call that a worker was started for ends as its start did."""
        with self._changed:
            call = self._queue.popleft() if self._queue else None
        if call is not None:
            self._failed(call, error)

    def _drop(self, call: RayCall) -> None:
        """A cancelled call that has not begun ends at once."""
        with self._changed:
            if call not in self._queue:
                return
            self._queue.remove(call)
            self._changed.notify_all()
        call.fail(CancelledError("the call was cancelled before it began"))

    def _end_overdue(self, limit_seconds: float) -> None:
        """Ends calls that waited too long, until the engine closes."""
        with self._changed:
            while not self._is_closed:
                left = limit_seconds - self._queue[0].age_seconds if self._queue else None
                if left is None or left > 0:
                    self._changed.wait(left)
                    continue
                call = self._queue.popleft()
                call.fail(
                    UnavailableError(
                        f"the call waited {call.age_seconds:.1f} s for a worker, longer than {limit_seconds:g} s",
                        hint="more workers (max_workers), or another engine",
                    )
                )

    def _killing(self) -> BlankLogoError | None:
        """Why running calls are to end at once."""
        return None if self._is_patient else CancelledError("the engine was closed")
