"""A worker process from inside. Started by `pool.process`; not to be run by hand."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
from typing import NoReturn

from blanklogo.engines import memory
from blanklogo.engines.base import Message
from blanklogo.engines.body import Inbox, serve
from blanklogo.engines.pool.wire import Wire

_PR_SET_PDEATHSIG = 1  # man 2 prctl


def main(descriptor: int, workload: str, parent: int) -> None:
    """Serves until told to leave.

    Args:
        descriptor: the inherited end of the wire.
        workload: "module:Class".
        parent: the pool's process.
    """
    os.set_inheritable(descriptor, False)  # else a child of the workload would keep the pool from seeing our end
    _die_with(parent)
    wire, inbox = Wire(descriptor), Inbox()
    threading.Thread(target=_listen, args=(wire, inbox), name="wire", daemon=True).start()
    serve(workload, inbox, _Teller(wire).tell)


class _Teller:
    """Sends what the worker says, with the most memory that a call held."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._knows_peak = False

    def tell(self, message: Message) -> None:
        if message["kind"] == "begun":
            self._knows_peak = memory.forget_own_peak()
        elif message["kind"] in ("done", "failed") and self._knows_peak:
            message = message | {"peak_rss_bytes": memory.own_peak_rss_bytes()}
        self._wire.send(message)


def _listen(wire: Wire, inbox: Inbox) -> None:
    while True:
        try:
            message = wire.receive()
        except (EOFError, OSError):
            _end()  # the pool is gone, and nobody waits for what we do
        if message is not None:
            inbox.take(message)


def _end() -> NoReturn:
    """This process and its children, at once."""
    os.killpg(0, signal.SIGKILL)
    sys.exit()  # not reached: we are of that group


def _die_with(parent: int) -> None:
    """Linux ends us with the thread that started us, even while we hold the interpreter in native code."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it went before we could ask for that
        _end()
