"""What the service's tests share: its database, of each kind, and a clock."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from clocks import Clock
from postgres import database_url, postgres  # noqa: F401  # fixtures
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
