"""What the control plane remembers: apps, functions, calls, containers, and what was uploaded."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import deque
from dataclasses import dataclass, field

from modal_proto import api_pb2

MAX_CONTAINERS_UNSAID = 100
SCALEDOWN_UNSAID_SECONDS = 60
TIMEOUT_UNSAID_SECONDS = 300
LOG_LINES = 2000  # of each container


class Signal:
    """Wakes everyone who waits; whoever waits looks again for what they wait for."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def fire(self) -> None:
        self._event.set()
        self._event = asyncio.Event()

    async def wait(self, timeout_seconds: float) -> None:
        """Until the next `fire`, or so long."""
        try:
            await asyncio.wait_for(self._event.wait(), timeout_seconds)
        except TimeoutError:
            return


@dataclass
class FunctionCall:
    """One call as its caller sees it: unary, a map of many inputs, a generator, or a web request."""

    id: str
    function: Function
    num_inputs: int = 0
    outputs: dict[int, api_pb2.FunctionGetOutputsItem] = field(default_factory=dict)
    finished: list[int] = field(default_factory=list)  # indices of inputs, in the order in which they ended
    data_out: list[api_pb2.DataChunk] = field(default_factory=list)
    data_in: asyncio.Queue[api_pb2.DataChunk] = field(default_factory=asyncio.Queue)
    changed: Signal = field(default_factory=Signal)


@dataclass
class Input:
    """One input of a call, on its way to a container."""

    id: str
    index: int
    call: FunctionCall
    proto: api_pb2.FunctionInput
    invocation: int
    container: Container | None = None
    started: float = 0.0
    num_retries: int = 0
    is_timed_out: bool = False

    @property
    def is_over(self) -> bool:
        return self.index in self.call.outputs


@dataclass
class Container:
    """One process that runs a function's inputs."""

    id: str
    function: Function
    process: asyncio.subprocess.Process | None = None
    is_ready: bool = False  # it has asked for work
    is_leaving: bool = False
    exit_code: int | None = None
    killed_for: str | None = None
    failure: api_pb2.GenericResult | None = None  # of importing or entering
    inputs: dict[str, Input] = field(default_factory=dict)
    born: float = field(default_factory=time.monotonic)
    idle_since: float = field(default_factory=time.monotonic)
    cancels: asyncio.Queue[str] = field(default_factory=asyncio.Queue)
    lines: deque[tuple[float, str]] = field(default_factory=lambda: deque(maxlen=LOG_LINES))
    gone: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def is_alive(self) -> bool:
        return self.exit_code is None

    @property
    def num_free(self) -> int:
        """Inputs that it could take now, or could once it has started."""
        if not self.is_alive or self.is_leaving:
            return 0
        return max(0, self.function.concurrency - len(self.inputs))


@dataclass
class Function:
    """A deployed function, or a class's service function, or a variant of it with options of its own."""

    id: str
    app_id: str
    proto: api_pb2.Function
    data: api_pb2.FunctionData | None = None  # what was sent, where GPUs are ranked
    serialized_params: bytes = b""
    base: Function | None = None
    waiting: deque[Input] = field(default_factory=deque)
    containers: list[Container] = field(default_factory=list)
    changed: Signal = field(default_factory=Signal)

    @property
    def definition(self) -> Function:
        """The function as deployed, which a variant's containers import."""
        return self.base or self

    @property
    def alive(self) -> list[Container]:
        return [container for container in self.containers if container.is_alive]

    @property
    def concurrency(self) -> int:
        return self.proto.target_concurrent_inputs or self.proto.max_concurrent_inputs or 1

    @property
    def min_containers(self) -> int:
        return self.proto.autoscaler_settings.min_containers

    @property
    def max_containers(self) -> int:
        return self.proto.autoscaler_settings.max_containers or MAX_CONTAINERS_UNSAID

    @property
    def scaledown_seconds(self) -> int:
        settings = self.proto.autoscaler_settings
        return settings.scaledown_window if settings.HasField("scaledown_window") else SCALEDOWN_UNSAID_SECONDS

    @property
    def timeout_seconds(self) -> int:
        return self.proto.timeout_secs or TIMEOUT_UNSAID_SECONDS

    @property
    def startup_timeout_seconds(self) -> int:
        return self.proto.startup_timeout_secs or self.timeout_seconds


@dataclass
class App:
    """A deployed app and what is in it by name."""

    id: str
    name: str
    objects: dict[str, str] = field(default_factory=dict)  # names of functions and classes, to their ids
    tags: dict[str, str] = field(default_factory=dict)


@dataclass
class State:
    """Everything, by id."""

    apps: dict[str, App] = field(default_factory=dict)
    deployed: dict[str, str] = field(default_factory=dict)  # app name to app id
    functions: dict[str, Function] = field(default_factory=dict)
    variants: dict[tuple[str, bytes, bytes], str] = field(default_factory=dict)
    calls: dict[str, FunctionCall] = field(default_factory=dict)
    inputs: dict[str, Input] = field(default_factory=dict)
    images: dict[str, api_pb2.Image] = field(default_factory=dict)
    mounts: dict[str, dict[str, str]] = field(default_factory=dict)  # id to path to SHA-256
    files: dict[str, bytes] = field(default_factory=dict)  # by SHA-256
    blobs: dict[str, bytes] = field(default_factory=dict)
    secrets: dict[str, dict[str, str]] = field(default_factory=dict)
    secret_names: dict[str, str] = field(default_factory=dict)
    web: dict[str, tuple[Function, str, api_pb2.WebhookConfig]] = field(default_factory=dict)  # by label
    unknown_calls: list[str] = field(default_factory=list)  # of the protocol, asked for and not known here
    _numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def new_id(self, prefix: str) -> str:
        return f"{prefix}-{next(self._numbers):06d}"

    @property
    def containers(self) -> list[Container]:
        return [one for function in self.functions.values() for one in function.containers]
