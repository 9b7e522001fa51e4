"""The object stores that tests can have on this machine, each skipped where its server is not installed."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager
from importlib.util import find_spec
from typing import Protocol

import pytest
from azure_server import PROGRAM, azure_server
from s3_server import s3_server


class Cloud(Protocol):
    """A store with one bucket, asked as its operator would."""

    @property
    def url(self) -> str:
        """By which the storage names the bucket."""
        ...

    @property
    def container(self) -> str:
        """Below which its signed URLs are."""
        ...

    def keys_under(self, prefix: str) -> list[str]: ...

    def num_begun(self) -> int: ...

    def settings(self, patch: pytest.MonkeyPatch) -> None: ...


Server = Callable[[], AbstractContextManager[Cloud]]

_NO_S3 = pytest.mark.skipif(find_spec("moto") is None, reason="needs an S3 server: pip install 'moto[server]'")
_NO_AZURE = pytest.mark.skipif(
    shutil.which(PROGRAM) is None, reason=f"needs an Azure server: npm install azurite, and {PROGRAM} on the PATH"
)
CLOUDS = [pytest.param(s3_server, marks=_NO_S3, id="s3"), pytest.param(azure_server, marks=_NO_AZURE, id="azure")]
