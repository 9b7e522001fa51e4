"""An Azure Blob Storage that speaks over a real line: Azurite, Microsoft's emulator, in a process of its own."""

from __future__ import annotations

import base64
import hmac
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx2
import pytest

CONTAINER, ACCOUNT = "media", "devstoreaccount1"
PUBLIC_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="  # in its manual
PROGRAM = "azurite-blob"
API = "2023-11-03"


@dataclass(frozen=True)
class Azure:
    """A server with one container, asked as its operator would.

    Attributes:
        address: of the account there.
    """

    address: str
    url: str = f"az://{CONTAINER}"

    @property
    def container(self) -> str:
        """Below which its signed URLs are."""
        return f"{self.address}/{CONTAINER}"

    def keys_under(self, prefix: str) -> list[str]:
        """Of all objects that there are."""
        return self._names(prefix=prefix)

    def num_begun(self) -> int:
        """Objects that are not there yet, of which blocks are."""
        return len(self._names(include="uncommittedblobs")) - len(self._names())

    def settings(self, patch: pytest.MonkeyPatch) -> None:
        """The variables by which the storage finds it."""
        patch.setenv("AZURE_STORAGE_ENDPOINT", self.address)
        patch.setenv("AZURE_ALLOW_HTTP", "true")
        patch.setenv("AZURE_STORAGE_ACCOUNT_NAME", ACCOUNT)
        patch.setenv("AZURE_STORAGE_ACCOUNT_KEY", PUBLIC_KEY)

    def make_container(self) -> None:
        self._asked("PUT", restype="container")

    def _names(self, **query: str) -> list[str]:
        return re.findall("<Name>(.*?)</Name>", self._asked("GET", comp="list", restype="container", **query))

    def _asked(self, method: str, **query: str) -> str:
        """About the container, signed with the account's key ("Authorize with Shared Key")."""
        date = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime())
        told = f"x-ms-date:{date}\nx-ms-version:{API}\n"
        about = "".join(f"\n{name}:{value}" for name, value in sorted(query.items()))
        signed = method + "\n" * 12 + f"{told}/{ACCOUNT}/{ACCOUNT}/{CONTAINER}{about}"
        signature = base64.b64encode(hmac.digest(base64.b64decode(PUBLIC_KEY), signed.encode(), "sha256")).decode()
        headers = {"x-ms-date": date, "x-ms-version": API, "Authorization": f"SharedKey {ACCOUNT}:{signature}"}
        answer = httpx2.request(method, self.container, params=query, headers=headers, timeout=60)
        return answer.raise_for_status().text


@contextmanager
def azure_server() -> Iterator[Azure]:
    """One with an empty container, for the length of the block."""
    program = shutil.which(PROGRAM)
    assert program is not None
    command = [program, "--blobHost", "127.0.0.1", "--blobPort", "0", "--inMemoryPersistence", "--silent"]
    command += ["--disableTelemetry"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        assert server.stdout is not None
        try:
            said = next(line for line in server.stdout if "successfully listens on" in line)
            azure = Azure(f"{said.split()[-1]}/{ACCOUNT}")
            azure.make_container()
            yield azure
        finally:
            server.kill()
