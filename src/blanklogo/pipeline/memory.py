"""Giving memory back between the passes."""

from __future__ import annotations

import ctypes
import gc
import sys


def give_back() -> None:
    """Returns what one pass has freed to the system before the next one begins.

    glibc keeps freed memory for itself; what the search of a long video leaves behind would lie under the peak of the
    encoding. Elsewhere than on Linux with glibc nothing is done.
    """
    gc.collect()
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)
