"""The page on the command line shows what the command prints."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from typer.main import get_command

from blanklogo.cli.app import app


def test_the_help_texts_are_as_printed(root: Path) -> None:
    done = subprocess.run(
        [sys.executable, "docs/refresh.py", "--check"], cwd=root, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_every_command_is_on_the_page(root: Path) -> None:
    page = (root / "docs" / "command-line.md").read_text()
    for name in get_command(app).commands:  # type: ignore[attr-defined]
        assert f"<!-- help: {name} -->" in page
