"""What the house tests share: where the project is and which files belong to it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NOT_OURS = {".git", ".venv", "build", "dist", "demo", "__pycache__", ".pytest_cache", ".ruff_cache", ".hypothesis"}


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def package(root: Path) -> Path:
    return root / "src" / "blanklogo"


@pytest.fixture(scope="session")
def project_files(root: Path) -> list[Path]:
    """Every file that git holds or would take; without git (an unpacked archive), every file not built here."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    if listed.returncode == 0 and listed.stdout:
        files = [root / name for name in listed.stdout.split("\0") if name]
    else:
        files = [path for path in root.rglob("*") if not NOT_OURS.intersection(path.relative_to(root).parts)]
    return sorted(path for path in files if path.is_file())
