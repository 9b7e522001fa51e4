"""The container's end of a call, without a container: what is told, how it ends, how it is stopped."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from engine_contract import DRILL, UNLOADABLE
from modal.exception import InputCancellation

from blanklogo.engines.modal.worker import MIN_PAUSE_SECONDS, PAUSE_SHARE, ModalWorker
from blanklogo.errors import LoadError, OptionError

QUEUE_ITEMS = 5000  # in a partition of a modal.Queue
LONGEST_CALL_SECONDS = 24 * 3600


@pytest.fixture
def worker() -> Iterator[ModalWorker]:
    worker = ModalWorker(DRILL)
    worker.load()
    yield worker
    worker.close()


def told_by(worker: ModalWorker, order: dict[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """How it ended, and every event."""
    events: list[dict[str, Any]] = []
    return worker.run_to_end(order, events.extend), events


def test_a_run_tells_who_does_it_then_its_events_and_ends_with_the_result(worker: ModalWorker) -> None:
    end, (started, *events) = told_by(worker, {"do": "work", "num_events": 3})
    assert (started["type"], started["run"], started["worker"]) == ("started", 1, f"process-{os.getpid()}")
    assert [event["done"] for event in events] == [1, 2, 3]
    assert (end["type"], end["result"]["runs"], end["error"], end["lost"]) == ("end", 1, None, None)
    assert end["figures"]["run_seconds"] >= 0.2
    assert end["figures"]["peak_rss_bytes"] > 10 << 20
    assert told_by(worker, {"do": "work"})[1][0]["run"] == 2


@pytest.mark.parametrize(
    ("verb", "kind"), [("fail", "OptionError"), ("break", "ProcessingError"), ("gpu_oom", "MemoryLimitError")]
)
def test_an_error_is_told_and_not_raised(worker: ModalWorker, verb: str, kind: str) -> None:
    end, events = told_by(worker, {"do": verb})
    assert (end["result"], end["error"]["error"]) == (None, kind)
    assert [event["type"] for event in events] == ["started", "notice"]


def test_an_interruption_waits_until_the_workload_has_stopped(worker: ModalWorker) -> None:
    def interrupt(number: int, frame: object) -> None:
        raise InputCancellation("as Modal does in the main thread")

    before = signal.signal(signal.SIGUSR1, interrupt)
    timer = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGUSR1))
    timer.start()
    try:
        started = time.monotonic()
        with pytest.raises(InputCancellation):
            told_by(worker, {"do": "work", "seconds": 60, "num_events": 600})
    finally:
        timer.cancel()
        signal.signal(signal.SIGUSR1, before)
    assert time.monotonic() - started < 30, "it did not work on"
    assert "workload" not in {thread.name for thread in threading.enumerate()}
    assert told_by(worker, {"do": "work"})[0]["result"]["loads"] == 1, "and stays loaded"


def test_work_goes_on_when_nobody_can_be_told(worker: ModalWorker) -> None:
    def publish(batch: list[dict[str, Any]]) -> None:
        raise ConnectionError("the queue is gone")

    end = worker.run_to_end({"do": "work"}, publish)
    assert end["result"]["type"] == "result"
    assert end["lost"] == "ConnectionError: the queue is gone"


def test_a_days_events_fit_into_a_queue() -> None:
    age_seconds, num_batches = 0.0, 0
    while age_seconds < LONGEST_CALL_SECONDS:
        age_seconds += max(MIN_PAUSE_SECONDS, PAUSE_SHARE * age_seconds)
        num_batches += 1
    assert num_batches < QUEUE_ITEMS / 4


def test_the_streaming_form_raises_the_workloads_own_error(worker: ModalWorker) -> None:
    assert [message["type"] for message in worker.run({"do": "work"})][-1] == "result"
    with pytest.raises(OptionError, match="told to fail"):
        list(worker.run({"do": "fail"}))


@pytest.mark.parametrize("workload", [UNLOADABLE, "blanklogo.engines.drill:Nobody", "nowhere.at_all:Drill"])
def test_what_cannot_load_is_a_load_error(workload: str) -> None:
    with pytest.raises(LoadError):
        ModalWorker(workload).load()
