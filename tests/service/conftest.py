"""What the service's tests share: its database, of each kind, a clock, and a user of the service that a module runs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from clocks import Clock
from postgres import database_url, postgres  # noqa: F401  # fixtures
from running import Running, User
from sqlalchemy import Engine

from blanklogo.service.database import create_tables, open_database


@pytest.fixture
def database(database_url: str) -> Iterator[Engine]:  # noqa: F811
    """An open database with its tables made."""
    opened = open_database(database_url)
    create_tables(opened)
    yield opened
    opened.dispose()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ann(service: Running) -> Iterator[User]:
    """Somebody with a token; `service` is the module's own."""
    with service.user() as user:
        yield user
