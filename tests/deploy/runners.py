"""The providers' own runners, as processes that do not phone home."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
_SILENT = {"DO_NOT_TRACK": "1", "OTEL_SDK_DISABLED": "true", "NO_PROXY": "127.0.0.1"}

Started = Callable[..., None]
"""`started("runpod", ["handler.py", …], VARIABLE="…")`: Python with these arguments, in the provider's folder."""


@contextmanager
def running(provider: str, arguments: list[str], variables: dict[str, str], log: Path) -> Iterator[None]:
    """The process, ended when the block is; what it said is printed then, for pytest to show when a test failed."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # Cog starts `python` as it finds it
    with log.open("wb") as written:
        process = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=DEPLOY / provider,
            env=os.environ | _SILENT | {"PATH": path, "PYTHONDONTWRITEBYTECODE": "1"} | variables,
            stdout=written,
            stderr=subprocess.STDOUT,
        )
        try:
            yield
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            print(log.read_text(errors="replace")[-4000:])
