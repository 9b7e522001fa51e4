"""A worker from inside: the process on the cluster that holds the loaded workload."""

from __future__ import annotations

import marshal
import os
import queue
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from typing import Any

import ray

from blanklogo.engines import memory
from blanklogo.engines.base import Message
from blanklogo.engines.body import Inbox, serve
from blanklogo.engines.pool.gpu import Gpu, gpus
from blanklogo.errors import UnavailableError

_SAMPLE_SECONDS = 0.1


class Actor:
    """What goes in and out is as for any worker (`engines.body`), as bytes of `marshal`: plain values and nothing else.

    Args:
        workload: "module:Class".
    """

    def __init__(self, workload: str) -> None:
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as in the pool's workers; NumPy is not loaded yet
        self._scratch = tempfile.tempdir = os.environ["TMPDIR"] = tempfile.mkdtemp(prefix="blanklogo-ray-")
        self._workload = workload
        self._inbox = Inbox()

    def home(self) -> tuple[str, str]:
        """Its node, and the folder there for all its temporary files; answers as soon as there is a process."""
        return ray.get_runtime_context().get_node_id(), self._scratch

    @ray.method(num_returns="streaming")
    def live(self) -> Iterator[bytes]:
        """All that the worker says, from loading to leaving, and what it holds while it has a call."""
        speaker = _Speaker()

        def body() -> None:
            try:
                serve(self._workload, self._inbox, speaker.tell)
            finally:
                speaker.fall_silent()

        threading.Thread(target=body, name="work", daemon=True).start()
        for message in speaker:  # noqa: UP028 (Ray drives this generator by `send`, which a queue's iterator lacks)
            yield message

    @ray.method(concurrency_group="mail")
    def take(self, message: bytes) -> None:
        """Gets through whatever the worker does."""
        self._inbox.take(marshal.loads(message))


_remote: Any = ray.remote
REMOTE_ACTOR = _remote(concurrency_groups={"mail": 1}, max_restarts=0, max_task_retries=0)(Actor)


def _sweep(folder: str) -> None:
    shutil.rmtree(folder, ignore_errors=True)


REMOTE_SWEEP = _remote(num_cpus=0)(_sweep)  # of what a killed actor left


class _Speaker:
    """Messages on their way out, and between a call's beginning and its end a sample every now and then."""

    def __init__(self) -> None:
        self._said: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._has_call = threading.Event()
        self._knows_peak = False
        self._gpu = _own_gpu()
        threading.Thread(target=self._watch, name="watch", daemon=True).start()

    def tell(self, message: Message) -> None:
        """Raises ValueError for what is not made of plain values."""
        if message["kind"] in ("done", "failed"):
            self._has_call.clear()
            if self._knows_peak:
                message = message | {"peak_rss_bytes": memory.own_peak_rss_bytes()}
        self._said.put(marshal.dumps(message))
        if message["kind"] == "begun":
            self._knows_peak = memory.forget_own_peak()
            self._has_call.set()

    def fall_silent(self) -> None:
        self._said.put(None)

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._said.get, None)

    def _watch(self) -> None:
        while self._has_call.wait():
            sample = (_held_bytes(), *(self._gpu.sample() if self._gpu else (None, None)))
            self._said.put(marshal.dumps({"kind": "sample", "sample": sample}))
            time.sleep(_SAMPLE_SECONDS)


def _held_bytes() -> int | None:
    """What this process holds, and its children where Ray gives each worker a process group of its own."""
    pid = os.getpid()
    return memory.group_rss_bytes(pid) if os.getpgrp() == pid else memory.process_rss_bytes(pid)


def _own_gpu() -> Gpu | None:
    """The GPU that Ray gave this worker; None if it gave none, or the node has no nvidia-ml-py to ask about it."""
    try:
        return gpus()[0] if ray.get_gpu_ids() else None
    except UnavailableError:
        return None
