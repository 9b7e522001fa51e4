"""Two ways to put work into a thread of its own behind a bounded queue. No thread outlives its block."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

T = TypeVar("T")


class _Abandoned(BaseException):
    """Raised inside a worker whose other side has gone; a BaseException, so that no `except Exception` eats it."""


class _Channel(Generic[T]):
    """A bounded queue with an end: `finish` from the sender, `abandon` from either side."""

    def __init__(self, depth: int) -> None:
        self._items: deque[T] = deque()
        self._depth = depth
        self._changed = threading.Condition()
        self._is_finished = False
        self._is_abandoned = False

    def put(self, item: T) -> None:
        """Waits for room.

        Raises:
            _Abandoned: nobody will take it.
        """
        with self._changed:
            self._changed.wait_for(lambda: len(self._items) < self._depth or self._is_abandoned)
            if self._is_abandoned:
                raise _Abandoned
            self._items.append(item)
            self._changed.notify_all()

    def __iter__(self) -> Iterator[T]:
        """Items until the sender has finished.

        Raises:
            _Abandoned: the sender gave up.
        """
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._items or self._is_finished or self._is_abandoned)
                if self._is_abandoned:
                    raise _Abandoned
                if not self._items:
                    return
                item = self._items.popleft()
                self._changed.notify_all()
            yield item

    def finish(self) -> None:
        with self._changed:
            self._is_finished = True
            self._changed.notify_all()

    def abandon(self) -> None:
        with self._changed:
            self._is_abandoned = True
            self._items.clear()
            self._changed.notify_all()


class _Worker(threading.Thread):
    """A thread that keeps what its work raised."""

    def __init__(self, work: Callable[[], None], name: str) -> None:
        super().__init__(name=f"blanklogo-{name}", daemon=True)
        self._work = work
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            self._work()
        except _Abandoned:
            pass
        except BaseException as error:  # whatever it is, it is raised again in the caller's thread
            self.error = error

    def take_error(self) -> BaseException | None:
        """What was raised, once."""
        error, self.error = self.error, None
        return error


def prefetched(source: Iterable[T], depth: int, name: str = "prefetch") -> Generator[T]:
    """The items of `source`, produced ahead by a thread that holds at most `depth` of them.

    What `source` raises is raised here, once. Closing the generator, or any exception in the loop over it, stops
    the thread, closes `source` inside it (when it has a `close`), and waits until the thread is gone.
    """
    channel: _Channel[T] = _Channel(depth)
    worker = _Worker(lambda: _produce(source, channel), name)
    worker.start()
    try:
        yield from channel
        worker.join()
    finally:
        channel.abandon()
        worker.join()
    if error := worker.take_error():
        raise error


def _produce(source: Iterable[T], channel: _Channel[T]) -> None:
    try:
        for item in source:
            channel.put(item)
    finally:
        close = getattr(source, "close", None)
        if close is not None:
            close()
        channel.finish()


@contextmanager
def consuming(work: Callable[[Iterator[T]], None], depth: int, name: str = "consume") -> Iterator[Callable[[T], None]]:
    """A thread that runs `work` over what the block puts in; at most `depth` items wait.

    Leaving the block normally waits for the work to end. Leaving it by an exception abandons the work: its iterator
    raises inside it, its own `finally` blocks run, and the thread is waited for. What `work` raises is raised
    here, once: by the next put, or at the end of the block.
    """
    channel: _Channel[T] = _Channel(depth)
    worker = _Worker(lambda: _consume(work, channel), name)

    def put(item: T) -> None:
        try:
            channel.put(item)
        except _Abandoned:
            worker.join()
            raise worker.take_error() or RuntimeError("put into a stage that has ended") from None

    worker.start()
    try:
        yield put
        channel.finish()
        worker.join()
    finally:
        channel.abandon()
        worker.join()
    if error := worker.take_error():
        raise error


def _consume(work: Callable[[Iterator[T]], None], channel: _Channel[T]) -> None:
    try:
        work(iter(channel))
    finally:
        channel.abandon()
