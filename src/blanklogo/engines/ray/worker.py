"""A worker from outside: an actor somewhere on the cluster."""

from __future__ import annotations

import marshal
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from types import ModuleType
from typing import Any

from blanklogo.engines.base import Message
from blanklogo.engines.ray import border
from blanklogo.engines.ray.cluster import joined_ray
from blanklogo.engines.spec import EngineSpec
from blanklogo.engines.supervisor import Sample
from blanklogo.errors import CrashError, MemoryLimitError

_TICK_SECONDS = 0.05
_GONE_SECONDS = 10.0  # for the cluster to agree that a killed worker is dead


class RayWorker:
    """A `supervisor.Worker`. Making one waits until a node has room for it, for as long as it is wanted.

    What it says is one stream for all of its life; what it holds it says by itself while it has a call.

    Raises:
        LoadError: the cluster cannot be reached, or the worker's process could not import what it is made of.
        CrashError: it is wanted no more, or was lost while it started.
    """

    def __init__(self, spec: EngineSpec, workload: str, is_wanted: Callable[[], bool]) -> None:
        from blanklogo.engines.ray.actor import REMOTE_ACTOR

        self._heard: deque[Message] = deque()
        self._sample = Sample()
        self._ending: str | None = None
        self._is_killed = False
        self._home: tuple[str, str] | None = None
        with border.starting():
            joined_ray()
            options = {"num_cpus": spec.cpu_cores, "num_gpus": 1 if spec.gpu else 0}
            self._actor: Any = REMOTE_ACTOR.options(**options).remote(workload)
        try:
            self._wait_for_room(is_wanted)
            with border.starting():
                self._stream: Any = self._actor.live.remote()
        except BaseException:
            self.kill()
            raise

    def send(self, message: Message) -> None:
        data = marshal.dumps(message)
        try:
            joined_ray()
            self._actor.take.remote(data)
        except Exception as error:  # Ray itself is gone; a lost actor is heard of in `receive`
            raise OSError(border.gist(error)) from error

    def receive(self, timeout_seconds: float) -> Message | None:
        if self._heard:
            return self._heard.popleft()
        end = time.monotonic() + timeout_seconds
        while (message := self._next(max(end - time.monotonic(), 0))) is not None:
            if message["kind"] == "sample":
                self._sample = Sample(*message["sample"])
                continue
            if message["kind"] == "begun":
                self._sample = Sample()  # the last one was of the call before
            return message
        return None

    def is_alive(self) -> bool:
        if not self._heard:
            try:
                message = self.receive(0)
            except EOFError:
                return False
            if message is not None:
                self._heard.append(message)
        return True

    def how_it_ended(self) -> str:
        return self._ending or "it hung up"

    def sample(self) -> Sample:
        return self._sample

    def wait(self, timeout_seconds: float) -> bool:
        try:
            self.receive(timeout_seconds)
        except EOFError:
            return True
        return False

    def kill(self) -> None:
        """Ray ends an actor's children with it; its temporary files are ours to remove."""
        if self._is_killed:
            return
        self._is_killed = True
        with suppress(Exception):  # Ray itself is gone, and so are its workers
            ray = joined_ray()
            ray.kill(self._actor)
            ray.wait([self._actor.home.remote()], timeout=_GONE_SECONDS)
            if self._home is not None:
                self._sweep(ray, *self._home)

    def _sweep(self, ray: ModuleType, node: str, folder: str) -> None:
        from blanklogo.engines.ray.actor import REMOTE_SWEEP

        there = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(node, soft=False)
        ray.get(REMOTE_SWEEP.options(scheduling_strategy=there).remote(folder), timeout=_GONE_SECONDS)

    def _wait_for_room(self, is_wanted: Callable[[], bool]) -> None:
        with border.starting():
            ray = joined_ray()
            home = self._actor.home.remote()
            while not ray.wait([home], timeout=_TICK_SECONDS)[0]:
                if not is_wanted():
                    raise CrashError("the calls that a worker was started for are gone")
            self._home = ray.get(home)

    def _next(self, timeout_seconds: float) -> Message | None:
        """What the actor says next. Raises EOFError when it is gone."""
        if self._ending is not None:
            raise EOFError(self._ending)
        try:
            ray = joined_ray()
            if not ray.wait([self._stream], timeout=timeout_seconds)[0]:
                return None
            said: Any = next(self._stream, None)
            if said is not None:
                return marshal.loads(ray.get(said))
            self._ending = "it left"
        except Exception as error:
            self._ending = border.gist(error)
            if border.is_out_of_memory(error):
                hint = "nodes with more memory, or fewer workers on each"
                return {"kind": "failed", "error": MemoryLimitError(self._ending, hint=hint).as_dict()}
        raise EOFError(self._ending)
