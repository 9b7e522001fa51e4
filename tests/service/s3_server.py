"""An S3 that speaks over a real line: moto's server, in a process of its own."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx2
import pytest

BUCKET, SECRET, REGION = "media", "a/secret+of/forty", "eu-central-1"
SERVER = """
import sys
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server
server = make_server("127.0.0.1", 0, DomainDispatcherApplication(create_backend_app), threaded=True)
print(server.server_port, flush=True)
server.serve_forever()
"""


@dataclass(frozen=True)
class S3:
    """A server with one bucket, asked as its operator would."""

    address: str
    url: str = f"s3://{BUCKET}"

    @property
    def container(self) -> str:
        """Below which its signed URLs are."""
        return f"{self.address}/{BUCKET}"

    def keys_under(self, prefix: str) -> list[str]:
        """Of all objects that there are."""
        return re.findall("<Key>(.*?)</Key>", self._asked(f"list-type=2&prefix={prefix}"))

    def num_begun(self) -> int:
        """Multipart uploads whose parts are there and whose object is not."""
        return self._asked("uploads").count("<Upload>")

    def settings(self, patch: pytest.MonkeyPatch) -> None:
        """The variables by which the storage finds it."""
        patch.setenv("AWS_ENDPOINT_URL", self.address)
        patch.setenv("AWS_ALLOW_HTTP", "true")
        patch.setenv("AWS_ACCESS_KEY_ID", "someone")
        patch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
        patch.setenv("AWS_REGION", REGION)

    def _asked(self, query: str) -> str:
        return httpx2.get(f"{self.container}?{query}", timeout=60).raise_for_status().text


@contextmanager
def s3_server() -> Iterator[S3]:
    """One with an empty bucket, for the length of the block."""
    command = [sys.executable, "-c", SERVER]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        assert server.stdout is not None
        try:
            s3 = S3(f"http://127.0.0.1:{int(server.stdout.readline())}")
            httpx2.put(s3.container, timeout=60).raise_for_status()
            yield s3
        finally:
            server.kill()
