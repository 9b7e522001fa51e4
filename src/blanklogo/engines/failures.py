"""What a workload raises, as an error of the tree: the border between it and every engine's worker."""

from __future__ import annotations

from blanklogo.errors import BlankLogoError, LoadError, MemoryLimitError, ProcessingError

_OUT_OF_MEMORY = ("out of memory", "failed to allocate memory", "cannot allocate memory")


def run_error(error: BaseException) -> BlankLogoError:
    """What `Workload.run` raised. One of the tree stays as it is; memory that ran out, the GPU's included, is
    MemoryLimitError; anything else is a ProcessingError that names it."""
    if isinstance(error, BlankLogoError):
        return error
    if isinstance(error, MemoryError) or any(words in str(error).lower() for words in _OUT_OF_MEMORY):
        return MemoryLimitError(f"the worker ran out of memory: {_named(error)}", hint="a worker with more memory")
    return ProcessingError(f"the work broke: {_named(error)}", hint="report it; the fault is not yours")


def load_error(error: BaseException) -> LoadError:
    """What `Workload.load`, or finding the workload, raised."""
    if isinstance(error, LoadError):
        return error
    if isinstance(error, BlankLogoError):
        return LoadError(error.came, accepted=error.accepted, hint=error.hint)
    return LoadError(f"the workload could not load: {_named(error)}")


def _named(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
