"""The service's database: a SQLite file, or PostgreSQL, by one URL; and the one border where its errors become ours.

Moments are UTC, in seconds since 1970 (a float), everywhere. Transactions are short: `reading` and `writing` are the
only ways in.

SQLite runs in WAL mode, in which readers and the one writer do not wait for each other (https://sqlite.org/wal.html).
A transaction that writes says so from its beginning (BEGIN IMMEDIATE): one that first reads and then wants to write
would be refused, without waiting, if another had written in between.
"""

from __future__ import annotations

import os
import sqlite3
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import (
    CheckConstraint,
    Column,
    Connection,
    Engine,
    Integer,
    MetaData,
    Table,
    create_engine,
    event,
    exc,
    insert,
    make_url,
    select,
    text,
)
from sqlalchemy.engine import URL

from blanklogo.errors import OptionError, UnavailableError, WriteError
from blanklogo.home import home_folder

SCHEMA_VERSION = 1
VARIABLE = "BLANKLOGO_SERVICE_DATABASE"

metadata = MetaData()
schema = Table(
    "blanklogo_schema",
    metadata,
    Column("one", Integer, CheckConstraint("one = 1"), primary_key=True, autoincrement=False),  # one row, no more
    Column("version", Integer, nullable=False),
)

_ACCEPTED = "sqlite:///PATH or postgresql://USER:PASSWORD@HOST/NAME"
_BUSY_SECONDS = 10.0  # how long a writer waits for another; each holds the file for milliseconds
_CACHE_KIB = 256
_CONNECT_SECONDS = 10
_SCHEMA_LOCK = 0x626C6F67  # "blog": any number will do, if all who create our tables take the same
_BEGIN = "blanklogo_begin"  # the execution option that says how SQLite's transaction begins


def usual_url(environ: Mapping[str, str], platform: str = sys.platform) -> str:
    """The variable BLANKLOGO_SERVICE_DATABASE, or else a SQLite file in the platform's folder for a user's data.

    `$XDG_DATA_HOME/blanklogo/service.db`, `~/.local/share/blanklogo/service.db`;
    `~/Library/Application Support/blanklogo/service.db` on a Mac; `%LOCALAPPDATA%\\blanklogo\\service.db` on Windows.
    """
    if said := environ.get(VARIABLE):
        return said
    home = home_folder(environ)
    if platform == "win32":
        data = Path(environ.get("LOCALAPPDATA") or home / "AppData" / "Local")
    elif platform == "darwin":
        data = home / "Library" / "Application Support"
    else:
        data = Path(environ.get("XDG_DATA_HOME") or home / ".local" / "share")
    return f"sqlite:///{data / 'blanklogo' / 'service.db'}"


def open_database(url: str) -> Engine:
    """The database at a URL; a SQLite file, and its folder, are made where they are missing, for their owner's eyes.

    Raises:
        OptionError: the URL is of another kind; a password in it is not repeated.
        UnavailableError: it cannot be opened.
        WriteError: the disk is full.
    """
    parsed = _parsed(url)
    if parsed.get_backend_name() == "sqlite":
        return _open_sqlite(parsed)
    return create_engine(
        parsed.set(drivername="postgresql+psycopg"),
        pool_pre_ping=True,  # a connection that died while it waited is replaced, not handed out
        hide_parameters=True,
        connect_args={"connect_timeout": _CONNECT_SECONDS},
    )


def create_tables(database: Engine) -> None:
    """Makes the tables of all modules loaded so far that are not there yet; any number of processes may do so at once.

    Raises:
        UnavailableError: the tables are of another version of BlankLogo.
    """
    with writing(database) as connection:
        if database.dialect.name == "postgresql":  # there, two at once would trip over each other
            connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": _SCHEMA_LOCK})
        metadata.create_all(connection)
        found = connection.scalar(select(schema.c.version))
        if found is None:
            connection.execute(insert(schema).values(one=1, version=SCHEMA_VERSION))
        elif found != SCHEMA_VERSION:
            raise UnavailableError(
                f"the database's tables are of version {found}",
                accepted=f"version {SCHEMA_VERSION}, that of this BlankLogo",
                hint="the BlankLogo that made them, or a new database",
            )


def lock_schema(connection: Connection) -> None:
    """Inside `writing`: until it ends, whoever else calls this waits. For what must happen once among processes.

    The schema's one row is locked on PostgreSQL; on SQLite a writing transaction is alone anyway.
    """
    connection.execute(select(schema.c.version).with_for_update())


@contextmanager
def reading(database: Engine) -> Iterator[Connection]:
    """A transaction that only reads. Raises as `writing`."""
    with _border(database), database.begin() as connection:
        yield connection


@contextmanager
def writing(database: Engine) -> Iterator[Connection]:
    """A transaction that writes: committed at the block's end, undone if it raises.

    Raises:
        UnavailableError: the database is gone, locked for too long, or damaged.
        WriteError: the disk is full.
    """
    with _border(database), database.execution_options(**{_BEGIN: "BEGIN IMMEDIATE"}).begin() as connection:
        yield connection


def hold_little(connection: sqlite3.Connection) -> None:
    """That a connection to SQLite keeps few pages: a service has dozens, and the system keeps the file's once for all
    (https://sqlite.org/pragma.html#pragma_cache_size; the default is 2 MB each)."""
    connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")


def shown_url(database: Engine) -> str:
    """Where it is, for people: without the password."""
    return database.url.render_as_string(hide_password=True)


def _parsed(url: str) -> URL:
    try:
        parsed = make_url(url.replace("postgres://", "postgresql://", 1) if url.startswith("postgres://") else url)
    except exc.ArgumentError:
        raise OptionError("a database URL that is none", accepted=_ACCEPTED) from None
    if parsed.drivername not in ("sqlite", "postgresql", "postgresql+psycopg"):
        raise OptionError(f"a database of kind {parsed.drivername}", accepted=_ACCEPTED)
    if parsed.drivername == "sqlite" and parsed.database in (None, "", ":memory:"):
        raise OptionError("a SQLite database in memory, which no two connections share", accepted=_ACCEPTED)
    return parsed


def _open_sqlite(url: URL) -> Engine:
    path = Path(str(url.database))
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))  # SQLite gives the files beside it the same rights
    except OSError as error:
        raise UnavailableError(f"the database {path} cannot be opened: {error.strerror}") from error
    database = create_engine(url, hide_parameters=True, connect_args={"timeout": _BUSY_SECONDS})
    event.listen(database, "connect", _prepare_sqlite)
    event.listen(database, "begin", _begin_sqlite)
    with _border(database):
        _enter_wal(database)
    return database


def _prepare_sqlite(connection, _record) -> None:
    connection.isolation_level = None  # Python's sqlite3 would otherwise begin transactions of its own, late
    connection.execute("PRAGMA foreign_keys = ON")
    hold_little(connection)


def _begin_sqlite(connection: Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options().get(_BEGIN, "BEGIN"))


def _enter_wal(database: Engine) -> None:
    """The mode stays in the file. To change it one needs the file to oneself, and SQLite does not wait for that."""
    deadline = time.monotonic() + _BUSY_SECONDS
    while True:
        connection = database.raw_connection()
        try:
            connection.cursor().execute("PRAGMA journal_mode = WAL")
            return
        except Exception as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise exc.DatabaseError("PRAGMA journal_mode = WAL", None, error) from error
        finally:
            connection.close()
        time.sleep(0.01)


@contextmanager
def _border(database: Engine) -> Iterator[None]:
    """Broken constraints and faults of ours pass; what the database itself suffers becomes an error of the tree."""
    try:
        yield
    except (exc.IntegrityError, exc.ProgrammingError, exc.DataError):
        raise
    except (exc.DBAPIError, exc.TimeoutError, sqlite3.Error) as error:  # the last while it is being connected
        words = " ".join(str(getattr(error, "orig", None) or error).split())
        if "disk is full" in words or "No space left" in words:
            raise WriteError(f"the database {shown_url(database)} could not be written: {words}") from error
        raise UnavailableError(f"the database {shown_url(database)} let us down: {words}") from error
