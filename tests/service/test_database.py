"""The service's database: its URLs, its tables made by many at once, its transactions, its errors."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import pytest
from at_once import in_processes, in_threads
from sqlalchemy import Engine, exc, insert, select, text, update

from blanklogo.errors import OptionError, UnavailableError, WriteError
from blanklogo.service.database import (
    SCHEMA_VERSION,
    create_tables,
    open_database,
    reading,
    schema,
    shown_url,
    usual_url,
    writing,
)
from blanklogo.service.tokens.store import tokens

CREATE = """
import sys
from blanklogo.service.database import create_tables, open_database
print("ready", flush=True)
sys.stdin.readline()
database = open_database(sys.argv[1])
create_tables(database)
print("made")
"""


def a_row(token_id: str, **changes: Any) -> dict[str, Any]:
    return dict.fromkeys(("id", "owner", "name", "scopes", "digest"), token_id) | {"created_seconds": 0.0} | changes


@pytest.mark.parametrize(
    ("environ", "platform", "wanted"),
    [
        ({"HOME": "/u"}, "linux", "sqlite:////u/.local/share/blanklogo/service.db"),
        ({"HOME": "/u", "XDG_DATA_HOME": "/d"}, "linux", "sqlite:////d/blanklogo/service.db"),
        ({"HOME": "/u"}, "darwin", "sqlite:////u/Library/Application Support/blanklogo/service.db"),
        ({"HOME": "/u", "LOCALAPPDATA": "/l"}, "win32", "sqlite:////l/blanklogo/service.db"),
        ({"HOME": "/u", "BLANKLOGO_SERVICE_DATABASE": "postgresql://h/n"}, "linux", "postgresql://h/n"),
    ],
)
def test_it_is_where_the_platform_keeps_data_unless_one_says_otherwise(
    environ: dict[str, str], platform: str, wanted: str
) -> None:
    assert usual_url(environ, platform) == wanted


@pytest.mark.parametrize(
    "url",
    [
        "mysql://u:geheim@h/n",
        "postgresql+asyncpg://u:geheim@h/n",
        "u:geheim@h/n",
        "sqlite://",
        "sqlite:///:memory:",
        "",
    ],
)
def test_another_kind_of_url_is_refused_and_a_password_in_it_not_repeated(url: str) -> None:
    with pytest.raises(OptionError, match="accepted: sqlite:///PATH or postgresql://") as caught:
        open_database(url)
    assert "geheim" not in str(caught.value)


def test_a_server_that_is_not_there_is_named_without_the_password() -> None:
    database = open_database("postgres://me:geheim@127.0.0.1:9/blanklogo")  # Render's and Heroku's way to write it
    assert shown_url(database) == "postgresql+psycopg://me:***@127.0.0.1:9/blanklogo"
    with pytest.raises(UnavailableError, match=r"127\.0\.0\.1:9/blanklogo let us down") as caught, reading(database):
        pass
    assert "geheim" not in str(caught.value)


def test_a_sqlite_file_is_made_for_its_owners_eyes_in_wal_mode(tmp_path: Path) -> None:
    path = tmp_path / "new" / "service.db"
    database = open_database(f"sqlite:///{path}")
    create_tables(database)
    with writing(database) as connection:
        connection.execute(update(schema).values(version=SCHEMA_VERSION))
        assert connection.scalar(text("PRAGMA journal_mode")) == "wal"
        assert connection.scalar(text("PRAGMA foreign_keys")) == 1
        assert {stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()} == {0o600}
        assert len(list(path.parent.iterdir())) == 3, "the file, its log, and the log's index"
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    database.dispose()


def test_a_file_in_the_folders_place_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UnavailableError, match=r"file/service\.db cannot be opened"):
        open_database(f"sqlite:///{tmp_path / 'file' / 'service.db'}")


def test_a_file_that_is_no_database_is_told(tmp_path: Path) -> None:
    (tmp_path / "service.db").write_bytes(b"not a database at all" * 100)
    with pytest.raises(UnavailableError, match="file is not a database"):
        open_database(f"sqlite:///{tmp_path / 'service.db'}")


def test_tables_are_made_once_though_many_processes_start_at_once(database_url: str) -> None:
    assert in_processes(CREATE, [database_url], 4) == ["made"] * 4
    database = open_database(database_url)
    with reading(database) as connection:
        assert connection.execute(select(schema)).all() == [(1, SCHEMA_VERSION)]
    database.dispose()


def test_tables_of_another_version_are_refused_and_left_as_they_are(database: Engine) -> None:
    with writing(database) as connection:
        connection.execute(update(schema).values(version=SCHEMA_VERSION + 1))
    with pytest.raises(UnavailableError, match=f"of version {SCHEMA_VERSION + 1}; accepted: version {SCHEMA_VERSION}"):
        create_tables(database)


def test_the_schema_has_one_row(database: Engine) -> None:
    with pytest.raises(exc.IntegrityError), writing(database) as connection:
        connection.execute(insert(schema).values(one=2, version=SCHEMA_VERSION))


def test_what_raises_is_undone(database: Engine) -> None:
    def break_off() -> None:
        with writing(database) as connection:
            connection.execute(update(schema).values(version=0))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        break_off()
    with reading(database) as connection:
        assert connection.scalar(select(schema.c.version)) == SCHEMA_VERSION


def test_who_reads_and_then_writes_is_not_refused_and_loses_nothing(database: Engine) -> None:
    def add_one(_index: int) -> None:
        for _ in range(10):
            with writing(database) as connection:
                version = connection.scalar(select(schema.c.version).with_for_update())
                connection.execute(update(schema).values(version=version + 1))

    assert in_threads(add_one, 4) == [None] * 4
    with reading(database) as connection:
        assert connection.scalar(select(schema.c.version)) == SCHEMA_VERSION + 40


def test_readers_do_not_wait_for_a_writer(database: Engine) -> None:
    with writing(database) as writer:
        writer.execute(update(schema).values(version=99))
        with reading(database) as reader:
            assert reader.scalar(select(schema.c.version)) == SCHEMA_VERSION


def test_a_full_disk_is_told(tmp_path: Path) -> None:
    database = open_database(f"sqlite:///{tmp_path / 'service.db'}")
    create_tables(database)

    def fill() -> None:
        with writing(database) as connection:
            connection.execute(text("PRAGMA max_page_count = 1"))  # SQLite then says what it says of a full disk
            connection.execute(insert(tokens), [a_row("x", name="x" * 100_000)])

    with pytest.raises(WriteError, match="full"):
        fill()
    database.dispose()


def test_a_broken_constraint_passes_the_border_without_its_values(database: Engine) -> None:
    with writing(database) as connection:
        connection.execute(insert(tokens), [a_row("x", digest="geheim")])
    with pytest.raises(exc.IntegrityError) as caught, writing(database) as connection:
        connection.execute(insert(tokens), [a_row("x", digest="geheim")])
    assert "SQL parameters hidden" in str(caught.value)
    assert "geheim" not in str(caught.value)
