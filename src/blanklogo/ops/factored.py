"""A sparse matrix factored once, for many right-hand sides, whose memory is given back whichever thread lets go of it.

SciPy keeps books on SuperLU's memory in each thread: what another thread than the one that factored a matrix lets go of
is never freed (`scipy/sparse/linalg/_dsolve/_superlu_utils.c`). A removal's factors end in whichever thread held them
last, of megabytes each. So one thread of the process does nothing but factor and let go; any thread may solve.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable
from functools import cache
from queue import SimpleQueue
from typing import Any

from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.linalg import splu

_Task = Callable[[], object]


class Factored:
    """The factors of a symmetric positive definite matrix. Threads may share one.

    Args:
        matrix: [n, n].

    Raises:
        RuntimeError: the matrix is singular.
    """

    def __init__(self, matrix: sparse.csc_matrix) -> None:
        home = _home()
        self._held = _done(home, lambda: _factors(matrix))
        # SimpleQueue.put is safe wherever garbage is collected, also in the middle of another put.
        weakref.finalize(self, home.put, self._held.clear).atexit = False

    def solve(self, right: NDArray) -> NDArray:
        """x of `matrix x = right`, [n] or [n, k]."""
        return self._held[0].solve(right)


def _factors(matrix: sparse.csc_matrix) -> list[Any]:
    """The only holder of the factors."""
    return [splu(matrix, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True})]


def _done(home: SimpleQueue[_Task], work: Callable[[], list[Any]]) -> list[Any]:
    """What `work` gives, or raises, in the thread that takes these tasks."""
    answer: SimpleQueue[tuple[list[Any], BaseException | None]] = SimpleQueue()

    def told() -> None:
        try:
            answer.put((work(), None))
        except BaseException as error:  # whatever it is, it is raised where it was asked for
            answer.put(([], error))

    home.put(told)
    result, error = answer.get()
    if error is not None:
        raise error
    return result


@cache
def _home() -> SimpleQueue[_Task]:
    """Tasks for the thread that factors and lets go; it starts when first needed and lasts as the process does."""
    tasks: SimpleQueue[_Task] = SimpleQueue()

    def live() -> None:
        while True:
            tasks.get()()

    threading.Thread(target=live, name="factors", daemon=True).start()
    return tasks


if hasattr(os, "register_at_fork"):  # a forked process has no thread but the one that forked
    os.register_at_fork(after_in_child=_home.cache_clear)
