"""The control plane put together, in a thread of its own."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import shutil
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Self

from aiohttp import web
from grpclib import GRPCError, Status
from grpclib.events import RecvRequest

from blanklogo.errors import UnavailableError
from blanklogo.rehearsal.calling import Calls, Queues
from blanklogo.rehearsal.containers import ContainerRunner
from blanklogo.rehearsal.deployment import Apps, Uploads
from blanklogo.rehearsal.functions import Functions
from blanklogo.rehearsal.gateway import Gateway
from blanklogo.rehearsal.protocol import check_version, serve, servicer
from blanklogo.rehearsal.scheduler import Scheduler
from blanklogo.rehearsal.state import State

HOST = "127.0.0.1"
WEB_CUTOFF_SECONDS = 150.0  # after which the real proxy answers 303


class Rehearsal:
    """Modal on loopback, for as long as the context lasts.

    Attributes:
        environment: variables with which `modal` and its SDK find it.
        http_url: under which web functions are.
        state: what was deployed and called; to be read only.

    Raises:
        UnavailableError: another version of `modal` is installed than the one whose protocol is spoken.
    """

    def __init__(self, *, web_cutoff_seconds: float = WEB_CUTOFF_SECONDS) -> None:
        check_version()
        self.state = State()
        self.http_url = ""
        self.environment: dict[str, str] = {}
        self._web_cutoff_seconds = web_cutoff_seconds
        self._token = (f"ak-{secrets.token_hex(8)}", f"as-{secrets.token_hex(16)}")
        self._thread = threading.Thread(target=self._body, name="rehearsal", daemon=True)
        self._ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._leave: asyncio.Event | None = None
        self._scheduler: Scheduler | None = None
        self._failure: BaseException | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait()
        if self._failure is not None:
            self._thread.join()
            raise UnavailableError(f"the rehearsal could not start: {self._failure}") from self._failure
        return self

    def __exit__(self, *error: object) -> None:
        if self._loop and self._leave:
            self._loop.call_soon_threadsafe(self._leave.set)
        self._thread.join()

    @contextlib.contextmanager
    def as_the_environment(self) -> Iterator[None]:
        """Has the SDK in this process speak to the rehearsal, and to whom it spoke before afterwards."""
        import modal

        before = {name: value for name, value in os.environ.items() if name.startswith("MODAL_")}
        modal.Client._set_env_client(None)  # the SDK keeps one client for each process
        for name in before:
            del os.environ[name]
        os.environ.update(self.environment)
        try:
            yield
        finally:
            modal.Client.from_env().close()
            modal.Client._set_env_client(None)
            for name in self.environment:
                os.environ.pop(name, None)
            os.environ.update(before)

    def lose_containers(self) -> None:
        """Kills every container, as if their machines were lost; what they were doing ends, or is tried again."""
        assert self._loop is not None
        asyncio.run_coroutine_threadsafe(self._lose_containers(), self._loop).result()

    async def _lose_containers(self) -> None:
        assert self._scheduler is not None
        for container in [one for one in self.state.containers if one.is_alive]:
            self._scheduler.kill(container, "its machine was lost")
            await container.gone.wait()

    def _body(self) -> None:
        folder = Path(tempfile.mkdtemp(prefix="bl-"))
        try:
            asyncio.run(self._serve(folder))
        except BaseException as error:  # told by whoever waits for the start
            self._failure = error
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            self._ready.set()

    async def _serve(self, folder: Path) -> None:
        self._loop, self._leave = asyncio.get_running_loop(), asyncio.Event()
        runner = ContainerRunner(self.state, folder)
        scheduler = self._scheduler = Scheduler(self.state, runner.run)
        gateway = Gateway(self.state, self._web_cutoff_seconds)
        runner.scheduler = gateway.scheduler = scheduler
        site_runner = web.AppRunner(gateway.application())
        await site_runner.setup()
        await web.TCPSite(site_runner, HOST, 0).start()
        self.http_url = f"http://{HOST}:{site_runner.addresses[0][1]}"
        parts = self._parts(scheduler)
        runner.parts = parts
        server = await serve(
            servicer(*parts, on_unknown=self.state.unknown_calls.append), self._admit, host=HOST, port=0
        )
        self.environment = self._environment(folder, _port(server))
        watch = asyncio.ensure_future(scheduler.watch())
        self._ready.set()
        try:
            await self._leave.wait()
        finally:
            watch.cancel()
            await scheduler.close()
            server.close()
            await site_runner.cleanup()

    def _parts(self, scheduler: Scheduler) -> tuple[object, ...]:
        return (
            Apps(self.state, scheduler),
            Uploads(self.state, self.http_url),
            Functions(self.state, scheduler, self.http_url),
            Calls(self.state, scheduler),
            Queues(self.state),
        )

    def _environment(self, folder: Path, port: int) -> dict[str, str]:
        return {
            "MODAL_SERVER_URL": f"http://{HOST}:{port}",
            "MODAL_TOKEN_ID": self._token[0],
            "MODAL_TOKEN_SECRET": self._token[1],
            "MODAL_CONFIG_PATH": str(folder / "modal.toml"),  # which is not there: a user's own is not read
        }

    async def _admit(self, event: RecvRequest) -> None:
        shown = (event.metadata.get("x-modal-token-id"), event.metadata.get("x-modal-token-secret"))
        if shown != self._token:
            raise GRPCError(Status.UNAUTHENTICATED, "Token ID or secret is wrong")


def _port(server: object) -> int:
    return server._server.sockets[0].getsockname()[1]  # type: ignore[attr-defined]
