"""Stages in threads: bounded, in order, errors once, and no thread outlives its block."""

import threading
import time

import pytest

from blanklogo.media.threads import consuming, prefetched


def alive() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("blanklogo-")]


def test_order_and_end():
    assert list(prefetched(range(100), 3)) == list(range(100))
    assert not alive()


def test_bounded():
    produced = []

    def source():
        for number in range(50):
            produced.append(number)
            yield number

    items = prefetched(source(), 4)
    next(items)
    time.sleep(0.05)
    # One was taken, four wait, one is in the worker's hand.
    assert len(produced) <= 6
    items.close()
    assert not alive()


def test_source_is_closed_when_abandoned():
    closed = threading.Event()

    def source():
        try:
            while True:
                yield 1
        finally:
            closed.set()

    items = prefetched(source(), 2)
    next(items)
    items.close()
    assert closed.is_set()


def test_error_of_the_source_comes_once():
    def source():
        yield 1
        raise ValueError("broken")

    items = prefetched(source(), 2)
    assert next(items) == 1
    with pytest.raises(ValueError, match="broken"):
        next(items)
    assert next(items, None) is None


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_error_in_the_loop_stops_the_worker(error):
    items = prefetched(iter(lambda: 1, 2), 2)

    def loop():
        for _ in items:
            raise error

    with pytest.raises(error):
        loop()
    items.close()
    assert not alive()


def test_consumer_gets_all():
    got = []
    with consuming(got.extend, 2) as put:
        for number in range(50):
            put(number)
    assert got == list(range(50))


def test_consumer_error_comes_once_at_put():
    def work(items):
        next(items)
        raise ValueError("full")

    def feed():
        with consuming(work, 2) as put:
            for number in range(1000):
                put(number)

    with pytest.raises(ValueError, match="full"):
        feed()
    assert not alive()


def test_consumer_error_comes_at_the_end():
    def work(items):
        list(items)
        raise ValueError("late")

    with pytest.raises(ValueError, match="late"), consuming(work, 2) as put:
        put(1)


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_abandoned_consumer_cleans_up(error):
    cleaned = threading.Event()

    def work(items):
        try:
            list(items)
        finally:
            cleaned.set()

    def feed():
        with consuming(work, 2) as put:
            put(1)
            raise error

    with pytest.raises(error):
        feed()
    assert cleaned.is_set()
    assert not alive()


def test_two_stages_fail_together():
    def source():
        yield from range(10)
        raise ValueError("source")

    def work(items):
        for _ in items:
            time.sleep(0.001)

    def run():
        with consuming(work, 2) as put:
            for item in prefetched(source(), 2):
                put(item)

    with pytest.raises(ValueError, match="source"):
        run()
    assert not alive()
