"""What Ray raises, in our words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from blanklogo.errors import BlankLogoError, CrashError, LoadError, UnavailableError

_LABEL = re.compile(r"(class_name|actor_id|pid|namespace|ip|name): ")
_MAX_CHARACTERS = 600


@contextmanager
def joining(what: str) -> Iterator[None]:
    """Turns whatever Ray raises inside the block into UnavailableError; errors of the tree pass.

    Args:
        what: was to be joined, such as "the Ray at HOST:6379".
    """
    try:
        yield
    except BlankLogoError:
        raise
    except Exception as error:
        raise UnavailableError(
            f"could not join {what}: {gist(error)}", hint="`ray status` there says how it is"
        ) from error


@contextmanager
def starting() -> Iterator[None]:
    """Turns whatever Ray raises inside the block into CrashError, when the worker was lost, or else LoadError."""
    try:
        yield
    except BlankLogoError:
        raise
    except Exception as error:
        if _is_loss(error):
            raise CrashError(f"a worker was lost while it started: {gist(error)}") from error
        raise LoadError(
            f"a worker could not be started: {gist(error)}",
            hint="the same blanklogo, Ray and Python on every node; see docs/ray.md",
        ) from error


def is_out_of_memory(error: Exception) -> bool:
    """Whether Ray ended a worker because its node ran out of memory."""
    from ray.exceptions import OutOfMemoryError

    return isinstance(error, OutOfMemoryError)


def gist(error: Exception) -> str:
    """Ray's messages go on for a page: what happened comes after names and numbers, and before "Some common causes"."""
    lines = [line.strip() for line in str(error).partition("Some common causes")[0].splitlines()]
    told = " ".join(line for line in lines if line and not _LABEL.match(line))
    return f"{type(error).__name__}: {told[:_MAX_CHARACTERS]}"


def _is_loss(error: Exception) -> bool:
    """A node that went, a process that was killed; not one that failed by itself to become an actor."""
    from ray import exceptions

    lost = (exceptions.RayActorError, exceptions.NodeDiedError, exceptions.WorkerCrashedError)
    return (isinstance(error, lost) and "creation task" not in str(error)) or is_out_of_memory(error)
