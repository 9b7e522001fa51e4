"""Whether what the service stands on is installed."""

from __future__ import annotations

from importlib.util import find_spec

from blanklogo.errors import UnavailableError

PACKAGES = ("dbos", "fastapi", "obstore", "psycopg", "sqlalchemy", "uvicorn")


def need_extra() -> None:
    """Looks for the packages without importing them.

    Raises:
        UnavailableError: one is missing; all that are, are named.
    """
    if missing := [name for name in PACKAGES if find_spec(name) is None]:
        raise UnavailableError(
            f"the service needs {', '.join(missing)}, not installed here", hint="pip install 'blanklogo[service]'"
        )
