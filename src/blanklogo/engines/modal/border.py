"""The one border where what Modal raises becomes an error of our tree."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from blanklogo.engines.failures import load_error
from blanklogo.engines.spec import EngineSpec
from blanklogo.errors import (
    BlankLogoError,
    BudgetError,
    CancelledError,
    CrashError,
    EngineError,
    LoadError,
    MemoryLimitError,
    OptionError,
    UnavailableError,
)

EXTRA_HINT = "pip install 'blanklogo[modal]'"
_MEMORY_WORDS = ("memory", "oom")
_STOP_WORDS = ("cancel", "terminated", "stopped")


def need_modal() -> None:
    """Raises UnavailableError where the extra is not installed."""
    try:
        import modal  # noqa: F401
    except ImportError as error:
        raise UnavailableError("the package modal is not installed", hint=EXTRA_HINT) from error


@contextmanager
def service_errors() -> Iterator[None]:
    """Around a request to Modal itself: look-ups, submissions, figures.

    Raises:
        UnavailableError: not reachable, not allowed, not deployed, another protocol.
        OptionError: Modal refused a figure.
    """
    from modal.exception import Error

    try:
        yield
    except (Error, OSError) as error:
        raise service_error(error) from error


def service_error(error: BaseException) -> BlankLogoError:
    """What a request to Modal ended with."""
    from modal import exception as theirs

    said = str(error).strip().rstrip(".") or type(error).__name__
    if isinstance(error, theirs.InvalidError | theirs.RequestSizeError):
        return OptionError(f"Modal refused: {said}")
    if isinstance(error, theirs.AuthError | theirs.PermissionDeniedError):
        return UnavailableError(f"Modal does not let us in: {said}", hint="modal token new")
    if isinstance(error, theirs.NotFoundError):
        return UnavailableError(f"not on Modal: {said}", hint="blanklogo modal deploy")
    if isinstance(error, theirs.VersionError | theirs.UnimplementedError):
        return UnavailableError(f"Modal speaks another protocol: {said}", hint=EXTRA_HINT)
    if isinstance(error, theirs.ResourceExhaustedError):
        return UnavailableError(f"Modal's limit for this account is reached: {said}", hint="later, or fewer at once")
    return UnavailableError(f"Modal cannot be reached: {said}", hint="the network, https://status.modal.com, or later")


def ending_error(error: BaseException, spec: EngineSpec) -> BlankLogoError:
    """What a call that did not come to its end ended with. The workload's own errors do not come this way.

    Args:
        error: what `FunctionCall.get` raised.
        spec: the means that the call had.
    """
    from modal import exception as theirs

    said = str(error).strip().rstrip(".")
    if isinstance(error, theirs.FunctionTimeoutError):
        if "startup" in said:
            return LoadError(f"the worker did not start within {spec.startup_timeout_seconds:g} s: {said}")
        return BudgetError(
            f"the call took longer than its budget of {spec.timeout_seconds:g} s", hint="a longer timeout_seconds"
        )
    if isinstance(error, theirs.InternalFailure):
        return _death(said, spec)
    if isinstance(error, theirs.InputCancellation) or _is_stop(error, said):
        return CancelledError("the call was stopped on Modal's side")
    if isinstance(error, theirs.RemoteError):
        return CrashError(f"Modal ended the call: {said}", hint="blanklogo modal logs")
    if isinstance(error, theirs.ExecutionError | theirs.DeserializationError):
        return LoadError(f"the worker could not load: {said}", hint="blanklogo modal logs")
    if isinstance(error, theirs.Error | OSError):
        return service_error(error)
    return load_error(error)  # from the enter hook: a worker's calls tell their errors and do not raise them


def _is_stop(error: BaseException, said: str) -> bool:
    from modal.exception import RemoteError

    return type(error) is RemoteError and (not said or any(word in said.lower() for word in _STOP_WORDS))


def _death(said: str, spec: EngineSpec) -> EngineError:
    """Modal has no kind of its own for a container that took too much memory; its words may tell."""
    if any(word in said.lower() for word in _MEMORY_WORDS):
        limit_gib = spec.memory_bytes / (1 << 30)
        return MemoryLimitError(
            f"the worker took more memory than its limit of {limit_gib:.3g} GiB", hint="a larger memory_bytes"
        )
    return CrashError(f"the worker died: {said}", hint="blanklogo modal logs")
