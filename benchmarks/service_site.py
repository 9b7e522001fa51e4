"""A service as its operator runs it: its processes started, killed with -9 and started again, and a client of it."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import IO, Any

import httpx2

from benchmarks.processes import children, everyone, read
from blanklogo.service.database import create_tables, open_database
from blanklogo.service.tokens.store import TokenStore
from blanklogo.service.tokens.token import Scope

START_SECONDS = 120.0  # generous: it takes two on a machine with nothing else to do
STOP_SECONDS = 60.0
SERVE, API, WORKER = "serve", "API", "worker"
_COMMANDS = {SERVE: ("serve",), API: ("serve", "--no-jobs"), WORKER: ("worker",)}
_POOL_WORKER = b"blanklogo.engines.pool.worker"
_PAUSE_SECONDS = 0.2
_PIECE_BYTES = 8192


@dataclass(frozen=True)
class Ground:
    """Where a service lives.

    Attributes:
        folder: its data, the temporary folder of all its processes, their logs.
        variables: settings beside those.
    """

    folder: Path
    database: str
    port: int
    token: str
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def temporary(self) -> Path:
        return self.folder / "tmp"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def client(self, token: str | None = None, timeout_seconds: float = 60.0) -> httpx2.Client:
        """One with this token, or with the ground's own, which may do everything."""
        headers = {"Authorization": f"Bearer {token or self.token}"}
        # The service closes a line that was idle for five seconds; one that is nearly that old is not used again.
        limits = httpx2.Limits(keepalive_expiry=2.0)
        return httpx2.Client(
            base_url=self.url, headers=headers, timeout=timeout_seconds, limits=limits, trust_env=False
        )

    @property
    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "BLANKLOGO_SERVICE_DATABASE": self.database,
            "BLANKLOGO_SERVICE_DATA": str(self.data),
            "BLANKLOGO_SERVICE_PUBLIC_URL": self.url,
            "BLANKLOGO_ALLOWED_HOSTS": "localhost",
            "TMPDIR": str(self.temporary),
            **self.variables,
        }


def new_ground(folder: Path, database: str | None, **variables: str) -> Ground:
    """An empty one with a token. No database: a SQLite file in the data folder."""
    for name in ("data", "tmp", "logs"):
        (folder / name).mkdir(parents=True)
    url = database or f"sqlite:///{folder / 'data' / 'service.db'}"
    opened = open_database(url)
    create_tables(opened)
    opened.dispose()
    token = new_token(url, "benchmark", *Scope)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    return Ground(folder, url, port, token, variables)


def new_token(database: str, name: str, *scopes: Scope) -> str:
    """`ID:SECRET` of another owner; by default one that may submit and read."""
    opened = open_database(database)
    token, secret = TokenStore(opened).new(name, scopes or (Scope.SUBMIT, Scope.READ))
    opened.dispose()
    return f"{token.id}:{secret.reveal()}"


class Process:
    """One start of the command.

    Args:
        kind: SERVE, API or WORKER.
    """

    def __init__(self, ground: Ground, kind: str) -> None:
        self.kind = kind
        self._ground = ground
        more = () if kind == WORKER else ("--port", str(ground.port))
        self.log = ground.folder / "logs" / f"{kind}-{time.monotonic_ns()}"
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "blanklogo", *_COMMANDS[kind], *more],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=ground.environment,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def name(self) -> str:
        """As which it does jobs."""
        _, _, rest = self.log.read_text().partition("orchestrator orch_")
        return f"orch_{rest[:12]}"

    def wait_until_up(self) -> None:
        sign = "Application startup complete" if self.kind != WORKER else "takes up jobs"
        end = time.monotonic() + START_SECONDS
        while sign not in self.log.read_text():
            if self._process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"{self.kind} did not start:\n{self.log.read_text()}")
            time.sleep(0.05)

    def workers(self) -> list[int]:
        """Its pool's processes."""
        return [pid for pid in children(self.pid) if _is_pool_worker(pid)]

    def kill(self) -> None:
        """This process alone, as the system does when memory is short; the kernel tells its workers."""
        self._process.kill()
        self._process.wait()

    def stop(self) -> int:
        """As an operator does; its exit code."""
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(STOP_SECONDS)


def end_cleanly() -> None:
    """A SIGTERM ends this program as Ctrl-C does, so that no process of a service is left behind."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


@contextmanager
def site(ground: Ground, kinds: tuple[str, ...]) -> Iterator[list[Process]]:
    """A service of these processes, whose places in the list are taken by those that follow them; none outlives it."""
    processes: list[Process] = []
    with ExitStack() as stack:
        stack.callback(lambda: [process.kill() for process in processes])
        for kind in kinds:
            processes.append(Process(ground, kind))
            processes[-1].wait_until_up()
        yield processes


@dataclass
class Client:
    """Asks again as long as the service is away."""

    ground: Ground
    num_broken: int = 0

    def ask(self, method: str, path: str, **more: Any) -> Any:
        """The answer's JSON. Raises RuntimeError for one that is no success."""
        headers = {"Authorization": f"Bearer {self.ground.token}", **more.pop("headers", {})}
        while True:
            try:
                answer = httpx2.request(method, self.ground.url + path, headers=headers, timeout=60, **more)
            except httpx2.TransportError:
                self.num_broken += 1
                time.sleep(_PAUSE_SECONDS)
                continue
            if answer.status_code == 503:
                time.sleep(_PAUSE_SECONDS)
                continue
            if not answer.is_success:
                raise RuntimeError(f"{method} {path}: {answer.status_code} {answer.text}")
            return answer.json()


def some_worker(processes: list[Process], chance: random.Random) -> int | None:
    """One of the pools' processes, if there are any."""
    found = sorted(pid for process in processes for pid in process.workers())
    return chance.choice(found) if found else None


def left_alive(ground: Ground) -> list[int]:
    """Pools' processes that work in the service's temporary folder."""
    mine = f"TMPDIR={ground.temporary}/".encode()
    return [pid for pid in everyone() if _is_pool_worker(pid) and mine in read(pid, "environ")]


class _Slow(SimpleHTTPRequestHandler):
    def copyfile(self, source: IO[bytes], outputfile: IO[bytes]) -> None:
        with suppress(ConnectionError):  # whoever fetched it was killed
            for piece in iter(lambda: source.read(_PIECE_BYTES), b""):
                outputfile.write(piece)
                time.sleep(0.1)

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def slow_server(folder: Path) -> Iterator[str]:
    """Serves a folder's files so slowly that who fetches one may be killed in the middle; its URL."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Slow, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://localhost:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def _is_pool_worker(pid: int) -> bool:
    return _POOL_WORKER in read(pid, "cmdline")


@contextmanager
def beside(work: Callable[[threading.Event], None]) -> Iterator[None]:
    """Work done in a thread for the length of the block, which then waits for it; the event tells it to end."""
    over = threading.Event()
    thread = threading.Thread(target=work, args=(over,))
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
