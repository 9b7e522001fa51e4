"""`blanklogo worker`."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from blanklogo.cli.output import print_lines
from blanklogo.cli.serve import become_service, read_serving_settings
from blanklogo.cli.stop import SIGNALS

if TYPE_CHECKING:
    from blanklogo.service.settings import Settings

EPILOG = """\b
Examples:
  BLANKLOGO_SERVICE_DATABASE=postgresql://blanklogo@db/blanklogo blanklogo worker
  blanklogo worker --engine modal --data /srv/blanklogo

As many as you like on one PostgreSQL, see docs/service/scaling.md."""


def worker(
    data: Annotated[Path | None, typer.Option(help="The folder for files, as of `serve`.", show_default=False)] = None,
    engine: Annotated[str | None, typer.Option(help="Where removals run; default: pool.", show_default=False)] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Do nothing but say whether one on this machine was heard of lately.")
    ] = False,
) -> int:
    """Do the service's jobs in a process of their own, beside `blanklogo serve --no-jobs` or other workers.

    It says when it takes up jobs. On SIGTERM or Ctrl-C it gives up what it does, and others go on with it.
    With --check the exit code is 0 where one is alive, else 1.
    """
    settings = read_serving_settings(data, engine=engine, jobs=True)
    if check:
        return _checked(settings)
    become_service()
    with _told_to_stop() as stop:
        _work(settings, stop)
    return 0


def _checked(settings: Settings) -> int:
    """For whoever restarts what is not well; it asks the database, in which every such process says that it lives."""
    from blanklogo.service.database import create_tables, open_database
    from blanklogo.service.jobs.crew import Crew

    database = open_database(settings.database)
    try:
        create_tables(database)
        num_here = Crew(database, settings.lease_seconds).num_living(is_here=True)
    finally:
        database.dispose()
    print_lines([f"processes that do jobs on this machine: {num_here}"], is_data=True)
    return 0 if num_here else 1


def _work(settings: Settings, stop: threading.Event) -> None:
    """Raises BlankLogoError: something it needs cannot be opened."""
    from blanklogo.engines.open import open_engine
    from blanklogo.engines.spec import EngineSpec
    from blanklogo.service.parts import Parts
    from blanklogo.transfer.guard.policy import Policy

    spec = EngineSpec.from_environment(os.environ, timeout_seconds=settings.run_seconds)
    engine = open_engine(settings.engine, spec)
    try:
        parts = Parts(settings, engine, Policy.from_environment(os.environ))
        try:
            parts.start()
            if parts.storage.is_local:
                print_lines([f"files go over {settings.base_url}"], is_data=False)
            stop.wait()
        finally:
            parts.close()
    finally:
        engine.close(is_patient=False)


@contextmanager
def _told_to_stop() -> Iterator[threading.Event]:
    """Set by the first signal; one that whoever started us wants ignored stays ignored."""
    stop = threading.Event()
    before = {number: signal.getsignal(number) for number in SIGNALS}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:
            signal.signal(number, lambda *_: stop.set())
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
