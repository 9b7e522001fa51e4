"""What each of several workers may hold of a machine's memory, or of its container's."""

from __future__ import annotations

from pathlib import Path

import pytest

from blanklogo.engines.memory import share_bytes


def bounded(root: Path, name: str, text: str) -> Path:
    place = root / "sys/fs/cgroup" / name
    place.parent.mkdir(parents=True)
    place.write_text(text)
    return root


@pytest.mark.parametrize("name", ["memory.max", "memory/memory.limit_in_bytes"])
def test_a_container_s_bound_is_shared(tmp_path: Path, name: str) -> None:
    assert share_bytes(4, bounded(tmp_path, name, "1000000\n")) == 200_000


def test_without_a_bound_it_is_the_machine_s(tmp_path: Path) -> None:
    machine = share_bytes(1, tmp_path)
    assert machine is not None
    assert share_bytes(1, bounded(tmp_path, "memory.max", "max\n")) == machine
    assert share_bytes(2, tmp_path) == pytest.approx(machine / 2, abs=1)
