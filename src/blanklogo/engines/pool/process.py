"""A worker process from outside: started, spoken with, watched, ended with all its children."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from blanklogo.engines.base import Message
from blanklogo.engines.memory import FEW_HEAPS, group_rss_bytes
from blanklogo.engines.pool.gpu import Gpu
from blanklogo.engines.pool.scratch import Scratch
from blanklogo.engines.pool.wire import wire_pair
from blanklogo.engines.supervisor import Sample

# Not multiprocessing's spawn, which imports the caller's script again and asks every caller for a `__main__` guard.
_BOOT = """
import json, sys
descriptor, workload, parent, sys.path[:] = json.loads(sys.argv[1])
from blanklogo.engines.pool.worker import main
main(descriptor, workload, parent)
"""
# As the command does: matrices here are small, and more threads for them only spin, the more the busier the machine.
_USUAL = {"OPENBLAS_NUM_THREADS": "1", **FEW_HEAPS}
_STDERR = 2
_ENDING_SECONDS = 2.0  # from its end of the wire closing to its exit code being there, at most


class WorkerProcess:
    """A `supervisor.Worker`. The head of a session of its own, so that its children can be ended with it, and a
    Ctrl-C on the terminal reaches only whoever started the pool. What it prints goes to stderr.

    Raises:
        OSError: the system does not let us start a process.
    """

    def __init__(self, workload: str, gpu: Gpu | None) -> None:
        self._gpu = gpu
        self._scratch = Scratch()
        self._wire, theirs = wire_pair()
        with theirs, self._closed_on_failure():
            told = json.dumps([theirs.fileno(), workload, os.getpid(), sys.path])
            self._process = subprocess.Popen(
                [sys.executable, "-c", _BOOT, told],
                stdin=subprocess.DEVNULL,
                stdout=_STDERR,
                env=_USUAL | os.environ | {"TMPDIR": self._scratch.path} | (gpu.environment if gpu else {}),
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )

    @contextmanager
    def _closed_on_failure(self) -> Iterator[None]:
        try:
            yield
        except OSError:
            self._clean_up()
            raise

    def send(self, message: Message) -> None:
        self._wire.send(message)

    def receive(self, timeout_seconds: float) -> Message | None:
        message = self._wire.receive(timeout_seconds)
        if message is None and not self.is_alive():
            # Its end of the wire may live on in a child of its own.
            message = self._wire.receive(0)
            if message is None:
                raise EOFError
        return message

    def is_alive(self) -> bool:
        return self._process.poll() is None

    def how_it_ended(self) -> str:
        self.wait(_ENDING_SECONDS)
        code = self._process.poll()
        if code is None:
            return "it hung up"
        if code >= 0:
            return f"exit code {code}"
        return f"killed by {signal.Signals(-code).name}"

    def sample(self) -> Sample:
        rss_bytes = group_rss_bytes(self._process.pid)
        return Sample(rss_bytes) if self._gpu is None else Sample(rss_bytes, *self._gpu.sample())

    def wait(self, timeout_seconds: float) -> bool:
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout_seconds)
        return not self.is_alive()

    def kill(self) -> None:
        with suppress(ProcessLookupError, PermissionError):  # macOS says the latter of a group of zombies
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._clean_up()

    def _clean_up(self) -> None:
        self._wire.close()
        self._scratch.remove()
