"""A training's state on disk: written whole or not at all, so that a killed training goes on from its last one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch


def save(path: Path, state: dict[str, Any]) -> None:
    """Replace the checkpoint at `path`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".part")
    torch.save(state, partial)
    partial.replace(path)


def load(path: Path) -> dict[str, Any] | None:
    """The checkpoint at `path`, tensors and plain values only; None where there is none yet."""
    return torch.load(path, map_location="cpu", weights_only=True) if path.exists() else None
