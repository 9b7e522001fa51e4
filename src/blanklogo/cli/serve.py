"""`blanklogo serve`."""

from __future__ import annotations

import logging
import os
import socket
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from blanklogo.cli.output import print_lines
from blanklogo.engines.memory import use_few_heaps
from blanklogo.errors import UnavailableError

if TYPE_CHECKING:
    from types import FrameType

    from blanklogo.service.settings import Settings

_BACKLOG = 2048  # as uvicorn has it

EPILOG = """\b
Examples:
  blanklogo serve
  blanklogo serve --port 9000 --data /srv/blanklogo
  BLANKLOGO_SERVICE_DATABASE=postgresql://blanklogo@db/blanklogo blanklogo serve --no-jobs --host 0.0.0.0

Further settings are variables, see docs/service.md."""


def serve(
    host: Annotated[
        str | None, typer.Option(help="The address to listen on; default: 127.0.0.1.", show_default=False)
    ] = None,
    port: Annotated[
        int | None, typer.Option(help="The port to listen on, 0 for any; default: 8000.", show_default=False)
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(help="A folder for files, and for the SQLite database if no other is named.", show_default=False),
    ] = None,
    engine: Annotated[str | None, typer.Option(help="Where removals run; default: pool.", show_default=False)] = None,
    no_jobs: Annotated[
        bool, typer.Option("--no-jobs", help="Take jobs, and leave doing them to `blanklogo worker`.")
    ] = False,
) -> int:
    """Serve removals over HTTP: jobs that outlive this process, tokens, progress, signed downloads.

    On its first start it makes a token and prints it, once.
    """
    settings = read_serving_settings(data, host=host, port=port, engine=engine, jobs=False if no_jobs else None)
    from blanklogo.service.alone import alone

    with alone(settings.database):  # said here in words, before anything else is
        pass
    with _listening(settings) as listener:
        number = listener.getsockname()[1]
        _tell_first_token(settings)
        _run(settings.model_copy(update={"port": number}), listener)
    return 0


def read_serving_settings(data: Path | None, **given: object) -> Settings:
    """The settings of a process of the service; with a data folder, the SQLite file is in it unless another is named.

    Raises:
        UnavailableError: the extra `service` is not installed.
        OptionError: a setting does not fit.
    """
    from blanklogo.service.extra import need_extra

    need_extra()
    from blanklogo.service.database import VARIABLE as DATABASE_VARIABLE
    from blanklogo.service.settings import read_settings

    is_named = bool(os.environ.get(DATABASE_VARIABLE))
    database = f"sqlite:///{data.absolute() / 'service.db'}" if data is not None and not is_named else None
    return read_settings(data=data, database=database, **given)


def become_service() -> None:
    """From now on, what the service notes goes to the standard error, and its many threads share their heaps."""
    use_few_heaps()
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s %(message)s")


def _listening(settings: Settings) -> socket.socket:
    """Raises UnavailableError: the port is taken, or not allowed."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
        listener.listen(_BACKLOG)  # at once: who comes while the service is starting waits, and is not turned away
    except OSError as error:
        listener.close()
        where = f"{settings.host} port {settings.port}"
        raise UnavailableError(f"{where} cannot be listened on: {error.strerror}", hint="--port 0") from error
    return listener


def _tell_first_token(settings: Settings) -> None:
    """To the standard error, for people: scripts make their own with `blanklogo token new`."""
    from blanklogo.service.database import create_tables, open_database
    from blanklogo.service.tokens.store import TokenStore

    database = open_database(settings.database)
    try:
        create_tables(database)
        made = TokenStore(database).first_run()
    finally:
        database.dispose()
    if made is not None:
        token, secret = made
        lines = ["The first token, shown this once:", f"  {token.id}:{secret.reveal()}"]
        print_lines(lines, is_data=False)


def _run(settings: Settings, listener: socket.socket) -> None:
    import uvicorn

    from blanklogo.service.app import create_app, leave

    become_service()
    app = create_app(settings)
    print_lines([f"listening on {settings.base_url} (API: {settings.base_url}/docs)"], is_data=False)
    told: dict[str, Any] = {"log_config": None, "access_log": False, "timeout_graceful_shutdown": 5}

    class Server(uvicorn.Server):
        def handle_exit(self, sig: int, frame: FrameType | None) -> None:
            leave(app)  # so that requests that wait for a job end in good order, before they are cut off
            super().handle_exit(sig, frame)

    server = Server(uvicorn.Config(app, lifespan="on", server_header=False, **told))
    with suppress(KeyboardInterrupt):  # which uvicorn raises again once it has shut down in good order
        server.run(sockets=[listener])
