"""A sparse matrix factored once, for many right-hand sides, whose memory is given back whichever thread lets go of it.

SciPy keeps books on SuperLU's memory in each thread: what another thread than the one that factored a matrix lets go of
is never freed (`scipy/sparse/linalg/_dsolve/_superlu_utils.c`). A removal's factors end in whichever thread held them
last, of megabytes each. So one thread of the process does nothing but factor and let go; any thread may solve.
"""

from __future__ import annotations

import atexit
import os
import threading
import weakref
from collections.abc import Callable
from functools import cache, partial
from queue import SimpleQueue
from typing import Any

from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.linalg import splu

EXIT_SECONDS = 1.0  # at most; a process that was forked has no such thread

_Kept = dict[int, list[Any]]
"""Factors by the identity of the list that holds them."""
_Task = Callable[[_Kept], object]


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
        weakref.finalize(self, home.put, partial(_let_go, id(self._held))).atexit = False

    def solve(self, right: NDArray) -> NDArray:
        """x of `matrix x = right`, [n] or [n, k]."""
        return self._held[0].solve(right)


def _factors(matrix: sparse.csc_matrix) -> list[Any]:
    """The only holder of the factors."""
    return [splu(matrix, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True})]


def _let_go(key: int, kept: _Kept) -> None:
    kept.pop(key).clear()


def _done(home: SimpleQueue[_Task], work: Callable[[], list[Any]]) -> list[Any]:
    """What `work` gives, or raises, in the thread that takes these tasks, which keeps it."""
    answer: SimpleQueue[tuple[list[Any], BaseException | None]] = SimpleQueue()

    def told(kept: _Kept) -> None:
        try:
            made = work()
        except BaseException as error:  # whatever it is, it is raised where it was asked for
            answer.put(([], error))
            return
        kept[id(made)] = made
        answer.put((made, None))

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
        kept: _Kept = {}
        while True:
            tasks.get()(kept)

    threading.Thread(target=live, name="factors", daemon=True).start()
    atexit.register(_let_all_go, tasks)
    return tasks


def _let_all_go(tasks: SimpleQueue[_Task]) -> None:
    """When Python ends; SciPy's own end would stumble over factors that a thread still has, and print that."""
    gone = threading.Event()

    def let_go(kept: _Kept) -> None:
        for held in kept.values():
            held.clear()
        gone.set()

    tasks.put(let_go)
    gone.wait(EXIT_SECONDS)


if hasattr(os, "register_at_fork"):  # a forked process has no thread but the one that forked
    os.register_at_fork(after_in_child=_home.cache_clear)
