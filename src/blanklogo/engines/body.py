"""What a worker does, be it a process or a thread: load once, then call after call.

To a worker go `{"kind": "run", "order": …}`, `{"kind": "stop"}` and `{"kind": "leave"}`; from it come

    ready       loaded
    unloadable  error            it could not load; the last message
    begun                        the call's workload is being run
    event       event            progress or a notice
    done        result           the call's end
    failed      error            the call's end

Errors travel as `BlankLogoError.as_dict` gives them. Nothing but plain values is in a message, so that the two ends
need not know each other's classes.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from importlib import import_module
from typing import Any

from blanklogo.engines import memory
from blanklogo.engines.base import Message, Workload
from blanklogo.engines.failures import load_error, run_error
from blanklogo.errors import LoadError, ProcessingError

Tell = Callable[[Message], None]


class Inbox:
    """Messages to a worker: orders wait for their turn; a stop is for the last of them and is heard at once."""

    def __init__(self) -> None:
        self._orders: queue.SimpleQueue[tuple[Message, threading.Event] | None] = queue.SimpleQueue()
        self._stop = threading.Event()

    def take(self, message: Message) -> None:
        if message["kind"] == "run":
            self._stop = threading.Event()  # a stop that came too late for the call before is forgotten with it
            self._orders.put((message["order"], self._stop))
        elif message["kind"] == "stop":
            self._stop.set()
        else:
            self._orders.put(None)

    def __iter__(self) -> Iterator[tuple[Message, threading.Event]]:
        return iter(self._orders.get, None)


def serve(workload: str, inbox: Inbox, tell: Tell) -> None:
    """A worker's life, from loading to leaving.

    Args:
        workload: "module:Class".
        tell: takes messages for the supervisor; raises ValueError for what is not made of plain values.
    """
    try:
        work = find_workload(workload)()
        work.load()
    except BaseException as error:  # whatever it is, callers wait for it
        tell({"kind": "unloadable", "error": load_error(error).as_dict()})
        return
    tell({"kind": "ready"})
    for order, stop in inbox:
        tell({"kind": "begun"})
        try:
            tell({"kind": "done", "result": _run(work, order, stop.is_set, tell)})
        except BaseException as error:  # the workload's, or a result that cannot travel; the worker stays
            tell({"kind": "failed", "error": run_error(error).as_dict()})
        memory.give_back()
    work.close()


def find_workload(name: str) -> Callable[[], Workload]:
    """The class that "module:Class" names.

    Raises:
        LoadError: the name has another form, or there is no such class. What importing raises comes as it is.
    """
    module, colon, kind = name.partition(":")
    if not colon:
        raise LoadError(f"workload {name!r}", accepted="module:Class")
    found = getattr(import_module(module), kind, None)
    if found is None:
        raise LoadError(f"workload {name!r}: {module} has no {kind}", accepted="module:Class")
    return found


def _run(work: Workload, order: Message, stopped: Callable[[], bool], tell: Tell) -> Message:
    last: Any = None
    with closing(work.run(order, stopped)) as messages:  # type: ignore[type-var] (every generator can be closed)
        for last in messages:
            if last.get("type") != "result":
                tell({"kind": "event", "event": last})
    if last is None or last.get("type") != "result":
        raise ProcessingError("the work ended without a result")
    return last
