"""One suite for every engine: what `engines.base` promises, tried with the drill.

An engine's test file makes a class of it and a fixture::

    @pytest.fixture
    def make_engine():
        made = []

        def make(spec_overrides, workload=DRILL):
            made.append(PoolEngine(quick_spec(spec_overrides), workload))
            return made[-1]

        yield make
        for engine in made:
            engine.close(is_patient=False)

    class TestPool(EngineContract):
        parent_script = "…"

What an engine cannot do it says by a class attribute, and the cases about that are skipped with their reason.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from blanklogo.engines.base import Call, Engine, Message
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
    PendingError,
    ProcessingError,
    UnavailableError,
)

DRILL = "blanklogo.engines.drill:Drill"
UNLOADABLE = "blanklogo.engines.drill:Unloadable"

MakeEngine = Callable[..., Engine]


def quick_spec(overrides: dict[str, Any]) -> EngineSpec:
    """A spec for small workers that stay during a test, but for what the test says."""
    usual = {"memory_bytes": 4 << 30, "timeout_seconds": 60, "grace_seconds": 1, "startup_timeout_seconds": 60}
    usual |= {"scaledown_window_seconds": 60, "max_workers": 1, "cpu_cores": 0.25}
    return EngineSpec(**usual | overrides)


class EngineContract:
    """The cases. The class attributes are what an engine may say of itself.

    Attributes:
        startup_allowance_seconds: within which a worker is there on a slow machine.
        patience_seconds: for whatever else should come soon.
        short_seconds: the shortest budget and the shortest scaledown window that the engine can hold.
        can_kill: it ends work that does not ask whether to stop.
        has_workers: workers are processes apart from this one.
        sees_memory: it knows how much a worker holds, and stops one over its limit.
        sees_queue: it knows how long a call has waited, and ends one that waited too long.
        scales_to_zero: idle workers leave.
        can_renew: a worker that has done as many calls as it may is followed by a fresh one.
        can_retry: a call whose worker crashed is tried again where the spec says so.
        parent_script: Python that makes `engine` with the drill, to be killed with -9; None: others own the workers.
    """

    startup_allowance_seconds = 30.0
    patience_seconds = 15.0
    short_seconds = 1.0
    can_kill = True
    has_workers = True
    sees_memory = True
    sees_queue = True
    scales_to_zero = True
    can_renew = True
    can_retry = True
    parent_script: str | None = None

    @pytest.fixture
    def closed_log(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        """The file to which the drill's close hook writes; for engines whose workers have this environment."""
        path = tmp_path / "closed"
        monkeypatch.setenv("BLANKLOGO_DRILL_CLOSED", str(path))
        return path

    # The life of a worker

    def test_first_cold_then_warm_and_loaded_once(self, make_engine: MakeEngine) -> None:
        engine = make_engine({})
        first, cold = self.done(engine.submit({"do": "work", "seconds": 0}))
        assert cold.is_cold is True
        assert cold.cold_start_seconds > 0.1, "the drill pretends that loading takes 0.2 s"
        for number in (2, 3):
            answer, warm = self.done(engine.submit({"do": "work", "seconds": 0}))
            assert (answer["pid"], answer["loads"], answer["runs"]) == (first["pid"], 1, number)
            assert (warm.is_cold, warm.cold_start_seconds, warm.worker) == (False, 0, cold.worker)
        assert (engine.stats.num_workers, engine.stats.num_started) == (1, 1)
        if self.has_workers:
            assert first["pid"] != os.getpid()

    def test_an_idle_worker_leaves_and_closes_what_it_loaded(self, make_engine: MakeEngine, closed_log: Path) -> None:
        self.needs("scales_to_zero")
        engine = make_engine({"scaledown_window_seconds": self.short_seconds})
        answer, _ = self.done(engine.submit({"do": "work", "seconds": 0}))
        self.until(lambda: engine.stats.num_workers == 0, "no worker left")
        self.until(closed_log.exists, "the close hook run")
        assert closed_log.read_text().split() == [str(answer["pid"])]
        again, stats = self.done(engine.submit({"do": "work", "seconds": 0}))
        assert (stats.is_cold, again["runs"]) == (True, 1)

    def test_a_worker_that_has_done_its_calls_is_followed_by_a_fresh_one(
        self, make_engine: MakeEngine, closed_log: Path
    ) -> None:
        self.needs("can_renew")
        engine = make_engine({"max_calls": 2, "min_workers": 1})
        calls = [engine.submit({"do": "work", "seconds": 0}) for _ in range(5)]
        answers = [self.done(call)[0] for call in calls]
        assert sorted(answer["runs"] for answer in answers) == [1, 1, 1, 2, 2]
        assert sorted(Counter(call.stats.worker for call in calls).values()) == [1, 2, 2]
        assert (engine.stats.num_started, engine.stats.num_renewed) == (3, 2)
        self.until(closed_log.exists, "the close hook run")
        assert len(closed_log.read_text().split()) == 2, "each closed what it had loaded"
        if self.has_workers:
            assert len({answer["pid"] for answer in answers}) == 3

    def test_a_fresh_worker_is_kept_loaded_though_nothing_waits(self, make_engine: MakeEngine) -> None:
        self.needs("can_renew")
        engine = make_engine({"max_calls": 2, "min_workers": 1, "max_workers": 2})
        for _ in range(2):
            self.done(engine.submit({"do": "work", "seconds": 0}))
        self.until(lambda: (engine.stats.num_idle, engine.stats.num_renewed) == (1, 1), "a fresh worker")
        assert (engine.stats.num_workers, engine.stats.num_started) == (1, 2)
        _, stats = self.done(engine.submit({"do": "work", "seconds": 0}))
        assert stats.is_cold is False

    def test_min_workers_are_kept_loaded(self, make_engine: MakeEngine) -> None:
        self.needs("scales_to_zero")
        engine = make_engine({"min_workers": 1, "scaledown_window_seconds": self.short_seconds})
        self.until(lambda: engine.stats.num_idle == 1, "a worker ready before there is work")
        time.sleep(2 * self.short_seconds)
        assert engine.stats.num_idle == 1
        _, stats = self.done(engine.submit({"do": "work", "seconds": 0}))
        assert stats.is_cold is False

    def test_never_more_workers_than_max(self, make_engine: MakeEngine) -> None:
        self.needs("has_workers")
        engine = make_engine({"max_workers": 2})
        calls = [engine.submit({"do": "work", "seconds": 0.2}) for _ in range(6)]
        seen = []
        self.until(lambda: seen.append(engine.stats.num_workers) or all(map(_is_over, calls)), "all calls over")
        assert max(seen) <= 2
        by_worker: dict[int, list[int]] = {}
        for call in calls:
            answer, _ = self.done(call)
            by_worker.setdefault(answer["pid"], []).append(answer["runs"])
        assert len(by_worker) <= 2
        assert all(sorted(runs) == list(range(1, len(runs) + 1)) for runs in by_worker.values())

    def test_a_workload_that_cannot_load_says_so_to_all_who_wait(self, make_engine: MakeEngine) -> None:
        engine = make_engine({}, UNLOADABLE)
        for call in [engine.submit({"do": "work"}) for _ in range(2)]:
            error = self.failure(call, LoadError)
            assert "the drill's weights are missing" in str(error)
            assert error.hint == "another workload"

    # What a call tells

    def test_events_stream_in_order_while_the_work_runs(self, make_engine: MakeEngine) -> None:
        engine = make_engine({})
        call = engine.submit({"do": "work", "seconds": 1.5, "num_events": 5})
        heard = []
        for event in call.events():
            if not heard:
                with pytest.raises(PendingError):
                    call.result(timeout_seconds=0)
            heard.append(event)
        assert [event.get("done") for event in heard] == [1, 2, 3, 4, 5, None]
        assert heard[-1] == call.result(timeout_seconds=self.patience_seconds)
        assert heard[-1]["type"] == "result"
        assert list(call.events()) == heard, "whoever comes later hears all of it too"

    def test_a_result_that_is_not_there_yet_is_pending(self, make_engine: MakeEngine) -> None:
        engine = make_engine({})
        self.warm(engine)
        call = engine.submit({"do": "work", "seconds": 1})
        with pytest.raises(PendingError):
            call.result(timeout_seconds=0.05)
        assert self.done(call)[0]["type"] == "result"
        assert call.result(timeout_seconds=0)["type"] == "result", "it can be asked for again"

    def test_a_call_has_its_figures(self, make_engine: MakeEngine) -> None:
        engine = make_engine({})
        self.warm(engine)
        _, stats = self.done(engine.submit({"do": "take", "megabytes": 100, "seconds": 1}))
        assert 0 <= stats.queued_seconds < self.patience_seconds
        assert 0.9 < stats.run_seconds < self.patience_seconds
        assert stats.worker
        assert stats.num_attempts == 1
        if self.sees_memory:
            assert stats.peak_rss_bytes > 100 << 20

    def test_the_callers_own_error_arrives_whole(self, make_engine: MakeEngine) -> None:
        engine = make_engine({})
        call = engine.submit({"do": "fail", "message": "box 9"})
        error = self.failure(call, OptionError)
        assert (error.came, error.accepted, error.hint) == ("box 9", "anything else", "do: work")
        assert [event["type"] for event in call.events()] == ["notice"]
        assert self.done(engine.submit({"do": "work", "seconds": 0}))[0]["runs"] == 2, "the worker stays"

    def test_a_foreign_error_arrives_as_one_that_names_it(self, make_engine: MakeEngine) -> None:
        engine = make_engine({})
        error = self.failure(engine.submit({"do": "break", "message": "by zero"}), BlankLogoError)
        assert isinstance(error, EngineError | ProcessingError)
        assert "ZeroDivisionError" in str(error)
        assert "by zero" in str(error)
        self.warm(engine)

    # Limits

    def test_a_call_over_its_budget_is_asked_to_stop_and_the_worker_stays(self, make_engine: MakeEngine) -> None:
        engine = make_engine({"timeout_seconds": self.short_seconds, "grace_seconds": 5})
        before = self.warm(engine)
        call = engine.submit({"do": "work", "seconds": 60, "num_events": 600})
        assert f"{self.short_seconds:g} s" in str(self.failure(call, BudgetError))
        assert self.warm(engine) == before

    def test_a_call_that_does_not_stop_loses_its_worker(self, make_engine: MakeEngine) -> None:
        self.needs("can_kill")
        engine = make_engine({"timeout_seconds": self.short_seconds, "grace_seconds": 0.5})
        before = self.warm(engine)
        self.failure(engine.submit({"do": "hang"}), BudgetError)
        assert self.warm(engine) != before

    def test_a_crash_is_one_calls_own_affair(self, make_engine: MakeEngine) -> None:
        self.needs("has_workers")
        engine = make_engine({"max_workers": 2})
        other = engine.submit({"do": "work", "seconds": 4, "num_events": 80})
        next(other.events())
        self.failure(engine.submit({"do": "crash"}), CrashError)
        assert self.done(other)[1].num_attempts == 1
        self.warm(engine)

    def test_a_crashed_call_is_tried_again_where_the_spec_says_so(self, make_engine: MakeEngine) -> None:
        self.needs("can_retry")
        engine = make_engine({"retries": 1})
        call = engine.submit({"do": "crash"})
        self.failure(call, CrashError)
        assert call.stats.num_attempts == 2
        self.warm(engine)

    def test_a_call_over_its_memory_is_stopped(self, make_engine: MakeEngine) -> None:
        self.needs("sees_memory")
        engine = make_engine({"memory_bytes": 600 << 20})
        self.failure(engine.submit({"do": "take", "megabytes": 1200, "seconds": 30}), MemoryLimitError)
        self.warm(engine)

    # Stopping

    def test_a_running_call_is_cancelled_and_the_worker_stays(self, make_engine: MakeEngine) -> None:
        engine = make_engine({"grace_seconds": 5})
        before = self.warm(engine)
        call = engine.submit({"do": "work", "seconds": 60, "num_events": 600})
        next(call.events())
        call.cancel()
        self.failure(call, CancelledError)
        call.cancel()  # too late, and harmless
        assert self.warm(engine) == before

    def test_a_queued_call_is_cancelled_without_having_begun(self, make_engine: MakeEngine) -> None:
        engine = make_engine({})
        running = engine.submit({"do": "work", "seconds": 2, "num_events": 20})
        next(running.events())
        queued = engine.submit({"do": "work"})
        if self.sees_queue:
            assert engine.stats.num_queued == 1
        queued.cancel()
        self.failure(queued, CancelledError)
        assert list(queued.events()) == []
        assert self.done(running)[0]["runs"] == 1
        assert self.done(engine.submit({"do": "work", "seconds": 0}))[0]["runs"] == 2

    def test_a_call_that_waits_too_long_ends_with_its_age(self, make_engine: MakeEngine) -> None:
        self.needs("sees_queue")
        engine = make_engine({"max_queue_seconds": 1.0, "min_workers": 1})
        self.until(lambda: engine.stats.num_idle == 1, "a worker ready")
        running = engine.submit({"do": "work", "seconds": 4, "num_events": 40})
        next(running.events())
        queued = engine.submit({"do": "work"})
        assert "1." in str(self.failure(queued, UnavailableError))
        self.done(running)

    def test_closing_waits_for_what_runs_and_ends_what_does_not(
        self, make_engine: MakeEngine, closed_log: Path
    ) -> None:
        engine = make_engine({})
        running = engine.submit({"do": "work", "seconds": 1})
        next(running.events())
        queued = engine.submit({"do": "work"})
        engine.close()
        answer = running.result(timeout_seconds=0)
        assert isinstance(_ending(queued), CancelledError)
        assert engine.stats.num_workers == 0
        assert closed_log.read_text().split() == [str(answer["pid"])]
        with pytest.raises(UnavailableError):
            engine.submit({"do": "work"})
        engine.close()  # again is harmless

    def test_closing_without_patience_kills(self, make_engine: MakeEngine) -> None:
        self.needs("can_kill")
        engine = make_engine({"grace_seconds": 60})
        call = engine.submit({"do": "hang"})
        next(call.events())
        started = time.monotonic()
        engine.close(is_patient=False)
        assert time.monotonic() - started < self.patience_seconds
        assert isinstance(_ending(call), CancelledError)
        assert engine.stats.num_workers == 0

    def test_a_killed_parent_leaves_no_worker(self, tmp_path: Path) -> None:
        self.needs("has_workers")
        if self.parent_script is None:
            pytest.skip("the workers belong to a service, not to whoever calls it")
        command = [sys.executable, "-c", self.parent_script + _PARENT]
        environment = os.environ | {"TMPDIR": str(tmp_path)}  # what is killed cannot clear up
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as parent:
            try:
                worker = int(parent.stdout.readline())
                assert parent.stdout.readline() == "hanging\n"
                assert is_alive(worker)
            finally:
                parent.send_signal(signal.SIGKILL)
        self.until(lambda: not is_alive(worker), "the worker gone")

    # What the cases share

    def needs(self, ability: str) -> None:
        """Skips a case about something that this engine cannot do."""
        if not getattr(self, ability):
            pytest.skip(f"this engine says {ability} = False")

    def done(self, call: Call) -> tuple[Message, Any]:
        """The result and the figures of a call that does well, its worker's start allowed for."""
        return call.result(self.startup_allowance_seconds + self.patience_seconds), call.stats

    def failure(self, call: Call, kind: type[BlankLogoError]) -> BlankLogoError:
        """The error with which a call ends."""
        with pytest.raises(kind) as caught:
            self.done(call)
        assert not isinstance(caught.value, PendingError), "the call did not end"
        return caught.value

    def warm(self, engine: Engine) -> int:
        """The process that answers now."""
        return self.done(engine.submit({"do": "work", "seconds": 0}))[0]["pid"]

    def until(self, is_so: Callable[[], Any], what: str) -> None:
        """Waits for something that should come."""
        for _ in _ticks(self.startup_allowance_seconds + self.patience_seconds):
            if is_so():
                return
        pytest.fail(f"not within the time allowed: {what}")


_PARENT = """
print(engine.submit({"do": "work", "seconds": 0}).result(60)["pid"], flush=True)
for event in engine.submit({"do": "hang"}).events():
    print("hanging", flush=True)
"""


def _ticks(seconds: float) -> Iterator[None]:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        yield
        time.sleep(0.05)


def _ending(call: Call) -> BlankLogoError | None:
    """The error with which a call has ended; None after a result."""
    try:
        call.result(timeout_seconds=0)
    except BlankLogoError as error:
        return error
    return None


def _is_over(call: Call) -> bool:
    return not isinstance(_ending(call), PendingError)


def is_alive(pid: int) -> bool:
    """Whether the process runs; one that ended and is not yet collected does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"
