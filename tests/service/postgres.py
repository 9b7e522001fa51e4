"""A PostgreSQL server of the tests' own: on a Unix socket in a folder that goes away with it.

`database_url` runs a test on SQLite and, where Debian's package postgresql is installed, on PostgreSQL. There, a test
has a schema of its own in one database, which takes a hundredth of the files of a database of its own.
"""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

START_SECONDS = 60  # generous: it takes one second on a machine that has nothing else to do
SETTINGS = {
    "listen_addresses": "",
    "fsync": "off",  # what is lost in a power cut may be lost: the folder goes away anyway
    "max_connections": "100",
    "shared_buffers": "16MB",
}


class Cluster:
    """A running server."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder  # its data is in `data`, its socket beside it
        self._numbers = itertools.count(1)

    def url(self, name: str = "postgres") -> str:
        return f"postgresql://{owner()}@/{name}?host={self.folder}"

    def new_schema(self) -> str:
        """The URL of a schema with nothing in it: enough for whoever names none."""
        name = f"test_{next(self._numbers)}"
        self.administer(f"CREATE SCHEMA {name}")
        return f"{self.url()}&options=-csearch_path%3D{name}"

    def new_database(self) -> str:
        """The URL of a database with nothing in it: for whoever makes schemas of its own."""
        name = f"test_{next(self._numbers)}"
        self.administer(f"CREATE DATABASE {name}")
        return self.url(name)

    def administer(self, command: str) -> None:
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(command)  # type: ignore[arg-type]  # psycopg wants literals only


def binaries() -> Path | None:
    """Where Debian keeps the newest server's programs; None: there is none."""
    found = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    return max(found, key=lambda path: float(path.parent.name), default=None)


def owner() -> str:
    """Who the server runs as: it refuses to be root."""
    return "postgres" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name


@contextmanager
def running(programs: Path) -> Iterator[Cluster]:
    """The server, from its files' making to their end."""
    folder = Path(tempfile.mkdtemp(prefix="blanklogo-pg-"))
    try:
        user = {"user": owner(), "group": pwd.getpwnam(owner()).pw_gid, "extra_groups": []} if os.geteuid() == 0 else {}
        if user:
            shutil.chown(folder, owner())
        data = folder / "data"
        initdb = [programs / "initdb", "-D", data, "-A", "trust", "-E", "UTF8", "--no-sync", "--locale=C"]
        subprocess.run(initdb, cwd=folder, stdout=subprocess.DEVNULL, check=True, **user)
        settings = [f"--{name}={value}" for name, value in SETTINGS.items()]
        command = [programs / "postgres", "-D", data, f"--unix_socket_directories={folder}", *settings]
        with (folder / "log").open("wb") as log:
            # A session of its own: Ctrl-C at the terminal is the test run's, which then stops the server itself.
            server = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log, start_new_session=True, **user)
        try:
            cluster = Cluster(folder)
            _wait_until_up(cluster, server)
            yield cluster
        finally:
            server.send_signal(signal.SIGQUIT)  # at once: nobody needs what is in it
            server.wait()
    finally:
        shutil.rmtree(folder)


def _wait_until_up(cluster: Cluster, server: subprocess.Popen) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            cluster.administer("SELECT 1")
            return
        except psycopg.OperationalError:
            if server.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError((cluster.folder / "log").read_text()) from None
        time.sleep(0.05)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Cluster]:
    """One server for the whole run."""
    programs = binaries()
    if programs is None:
        pytest.skip("PostgreSQL's server is not installed here (Debian: apt-get install postgresql)")
    with running(programs) as cluster:
        yield cluster


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database with nothing in it; the test runs once on each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'service.db'}"
    return request.getfixturevalue("postgres").new_schema()
