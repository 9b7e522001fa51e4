"""The storage's routes in an application of their own, served by uvicorn: in a thread, or in a process of its own
(`python storage_app.py FOLDER`, which says its port on stdout) that can be measured and killed.
"""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from fastapi import FastAPI, Header, Request
from fastapi.responses import JSONResponse
from storages import KEYS, local_storage

from blanklogo.errors import BlankLogoError, WriteError
from blanklogo.service.storage import ServiceUrls, Storage
from blanklogo.service.storage.arriving import Gate
from blanklogo.service.storage.places import FreePlaces
from blanklogo.service.storage.routes import router
from blanklogo.service.storage.tus import Tus, tus_router
from blanklogo.service.storage.uploads import Uploads
from blanklogo.wire import http_status


def owner(x_owner: str = Header()) -> str:
    return x_owner


def application(storage: Storage, urls: ServiceUrls, tus: Tus | None = None) -> FastAPI:
    app = FastAPI()
    gate = Gate()
    app.state.storage, app.state.urls, app.state.gate = storage, urls, gate
    app.state.results = Gate()
    app.state.tus = tus or Tus(Uploads(storage), FreePlaces(), gate)
    app.include_router(router)
    app.include_router(tus_router("/uploads", owner))

    @app.exception_handler(BlankLogoError)
    async def on_error(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, BlankLogoError)
        return JSONResponse(error.as_dict(), 507 if isinstance(error, WriteError) else http_status(error))

    return app


@dataclass(frozen=True)
class Served:
    folder: Path
    storage: Storage
    urls: ServiceUrls
    address: str


@contextmanager
def in_thread(folder: Path, tus: Tus | None = None, storage: Storage | None = None) -> Iterator[Served]:
    """A server in this process, for the length of the block."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        address = f"http://127.0.0.1:{listening.getsockname()[1]}"
        storage = storage or local_storage(folder, address)
        urls = ServiceUrls(KEYS, address)
        server = uvicorn.Server(uvicorn.Config(application(storage, urls, tus), log_level="warning"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            yield Served(folder, storage, urls, address)
        finally:
            server.should_exit = True
            thread.join()


@contextmanager
def in_process(folder: Path) -> Iterator[tuple[Served, subprocess.Popen[str]]]:
    """A server in a process of its own, killed at the end of the block."""
    command = [sys.executable, __file__, str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        address = f"http://127.0.0.1:{int(server.stdout.readline())}"
        try:
            yield Served(folder, local_storage(folder, address), ServiceUrls(KEYS, address), address), server
        finally:
            server.kill()


def main(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        print(port, flush=True)
        address = f"http://127.0.0.1:{port}"
        app = application(local_storage(folder, address), ServiceUrls(KEYS, address))
        uvicorn.Server(uvicorn.Config(app, log_level="warning")).run(sockets=[listening])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
