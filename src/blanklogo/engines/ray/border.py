"""What Ray raises, as errors of the tree."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from blanklogo.errors import BlankLogoError, CrashError, MemoryLimitError, ProcessingError, UnavailableError

_CHECK_CLUSTER = "`ray status` on the cluster says what it has and what it lacks"
_SAME_VERSIONS = "the same blanklogo, Ray and Python on every node; see docs/ray.md"

_LABEL = re.compile(r"(class_name|actor_id|pid|namespace|ip|name): ")


@contextmanager
def foreign_errors(doing: str, broken: type[BlankLogoError] = ProcessingError) -> Iterator[None]:
    """Maps what Ray raises inside the block; errors of the tree pass.

    Args:
        doing: what was under way, such as "start a worker"; part of the message.
        broken: what it is when the code in the worker raises something of its own.

    Raises:
        MemoryLimitError: the node ran out of memory, and Ray chose the worker to go.
        CrashError: the worker or its node is gone.
        UnavailableError: the cluster cannot be reached, or cannot hold such a worker.
    """
    try:
        yield
    except BlankLogoError:
        raise
    except Exception as error:
        raise _mapped(error, doing, broken) from error


def _mapped(error: Exception, doing: str, broken: type[BlankLogoError]) -> BlankLogoError:
    from ray import exceptions

    told = f"could not {doing}: {type(error).__name__}: {_gist(error)}"
    if isinstance(error, exceptions.OutOfMemoryError):
        return MemoryLimitError(told, hint="nodes with more memory, or fewer workers on each")
    if isinstance(error, exceptions.ActorUnschedulableError | exceptions.RuntimeEnvSetupError):
        return UnavailableError(told, hint=_CHECK_CLUSTER)
    if isinstance(error, exceptions.RayTaskError) or "creation task" in str(error):
        return broken(told, hint=_SAME_VERSIONS)
    if isinstance(error, _gone()):
        return CrashError(told, hint="another try may do well; EngineSpec.retries does that by itself")
    return UnavailableError(told, hint=_CHECK_CLUSTER)


def _gone() -> tuple[type[Exception], ...]:
    """What says that a worker, its node, or what it had to say is lost."""
    from ray import exceptions

    return (
        exceptions.RayActorError,  # died, or cannot be reached
        exceptions.WorkerCrashedError,
        exceptions.NodeDiedError,
        exceptions.ObjectLostError,
        exceptions.ObjectFetchTimedOutError,
    )


def _gist(error: Exception) -> str:
    """Ray's messages go on for a page: what happened comes after names and numbers, and before "Some common causes"."""
    lines = [line.strip() for line in str(error).partition("Some common causes")[0].splitlines() if line.strip()]
    told = [line for line in lines if not _LABEL.match(line)]
    return " ".join(told[:8])[:600]
