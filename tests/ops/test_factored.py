"""Factored matrices: what they solve, and that their memory goes with them."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import numpy as np
import pytest
from scipy import sparse

from blanklogo.ops.factored import Factored

LETTING_GO = """
import ctypes, gc, threading
import numpy as np
from scipy import sparse
from blanklogo.ops.factored import Factored

side = 120
line = sparse.diags([-1, 4, -1], [-1, 0, 1], (side, side))
matrix = sparse.csc_matrix(sparse.kronsum(line, line))

def resident_mb():
    return int(open("/proc/self/statm").read().split()[1]) * 4096 / 1e6

def made_elsewhere():
    made = []
    thread = threading.Thread(target=lambda: made.append(Factored(matrix)))
    thread.start()
    thread.join()
    made[0].solve(np.ones(side * side))

for _ in range(5):
    made_elsewhere()
before = resident_mb()
for _ in range(40):
    made_elsewhere()
print(resident_mb() - before)
"""


def laplacian(side: int) -> sparse.csc_matrix:
    line = sparse.diags([-1.0, 3.0, -1.0], [-1, 0, 1], (side, side))
    return sparse.csc_matrix(sparse.kronsum(line, line))


@pytest.mark.parametrize("shape", [(81,), (81, 3)])
def test_it_solves(shape: tuple[int, ...]) -> None:
    matrix, right = laplacian(9), np.random.default_rng(0).normal(size=shape)
    np.testing.assert_allclose(matrix @ Factored(matrix).solve(right), right, atol=1e-12)


def test_threads_share_one() -> None:
    factored, found = Factored(laplacian(30)), []
    rights = np.random.default_rng(0).normal(size=(8, 900))
    threads = [
        threading.Thread(target=lambda right=right: found.append((right, factored.solve(right)))) for right in rights
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == len(rights)
    for right, solution in found:
        np.testing.assert_allclose(laplacian(30) @ solution, right, atol=1e-10)


def test_what_cannot_be_factored_is_said_where_it_was_asked_for() -> None:
    with pytest.raises(RuntimeError, match="singular"):
        Factored(sparse.csc_matrix((4, 4)))
    assert Factored(laplacian(2)).solve(np.zeros(4)).tolist() == [0, 0, 0, 0]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes do not fork here")
def test_a_forked_process_has_a_thread_of_its_own() -> None:
    script = (
        "import os, scipy.sparse as s, numpy as np\nfrom blanklogo.ops.factored import Factored\n"
        "m = s.eye(4, format='csc')\nFactored(m)\npid = os.fork()\nx = Factored(m).solve(np.ones(4)).sum()\n"
        "print(x) if pid == 0 else os.waitpid(pid, 0)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "4.0\n"


@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
def test_memory_goes_whichever_thread_lets_go() -> None:
    done = subprocess.run([sys.executable, "-c", LETTING_GO], capture_output=True, text=True, timeout=120, check=True)
    assert float(done.stdout) < 30, "each has 4 MB or more"


def test_what_is_held_when_python_ends_is_no_error() -> None:
    """A cycle holds it, as a traceback does, so that nobody lets go of it before."""
    script = (
        "import scipy.sparse as s\nfrom blanklogo.ops.factored import Factored\n"
        "f = Factored(s.eye(4, format='csc'))\nf.itself = [f]\nimport sys; sys.modules['kept'] = f\nprint('end')"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "end\n", "")
