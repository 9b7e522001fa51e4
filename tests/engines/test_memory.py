"""What processes hold for nothing."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from pathlib import Path

import pytest

from blanklogo.engines.memory import FEW_HEAPS, share_bytes

HAS_GLIBC = sys.platform == "linux" and hasattr(ctypes.CDLL(None), "malloc_info")
ALLOCATING = """
import ctypes, sys, threading
from blanklogo.engines.memory import use_few_heaps

libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_size_t], [ctypes.c_void_p]
if "few" in sys.argv:
    use_few_heaps()
together = threading.Barrier(8)

def allocate():
    together.wait()
    libc.malloc(1000)
    together.wait()

threads = [threading.Thread(target=allocate) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
libc.fopen.restype, libc.malloc_info.argtypes = ctypes.c_void_p, [ctypes.c_int, ctypes.c_void_p]
libc.fflush.argtypes = [ctypes.c_void_p]
out = libc.fopen(b"/dev/stdout", b"w")
libc.malloc_info(0, out)
libc.fflush(out)
"""
FREEING = """
import ctypes
from pathlib import Path
from blanklogo.engines.memory import give_back

libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_size_t], [ctypes.c_void_p]

def resident_mb():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 1e6

blocks = [libc.malloc(60_000) for _ in range(1000)]
for block in blocks:
    ctypes.memset(block, 1, 60_000)
last = libc.malloc(60_000)  # lies above them and stays
for block in blocks:
    libc.free(block)
before = resident_mb()
give_back()
print(before - resident_mb())
"""

pytestmark = pytest.mark.skipif(not HAS_GLIBC, reason="the C library is not glibc")


def said(script: str, *arguments: str, **environment: str) -> str:
    variables = {name: value for name, value in os.environ.items() if name not in FEW_HEAPS}
    command = [sys.executable, "-c", script, *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, check=True, env=variables | environment, timeout=60
    ).stdout


def test_threads_share_one_heap() -> None:
    assert said(ALLOCATING, "few").count("<heap nr") == 1
    assert said(ALLOCATING).count("<heap nr") > 1, "else the test shows nothing"


def test_how_many_heaps_is_as_a_variable_says() -> None:
    assert said(ALLOCATING, "few", MALLOC_ARENA_MAX="3").count("<heap nr") == 3
    assert said(ALLOCATING, **FEW_HEAPS).count("<heap nr") == 1


def test_what_was_freed_below_something_that_stays_goes_back() -> None:
    assert float(said(FREEING)) > 50


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
