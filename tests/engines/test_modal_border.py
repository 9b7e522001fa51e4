"""Everything that Modal may raise becomes an error of the tree, and says what to do."""

from __future__ import annotations

import modal.exception
import pytest

from blanklogo.engines.modal.border import ending_error, service_error, service_errors
from blanklogo.engines.spec import EngineSpec
from blanklogo.errors import (
    BlankLogoError,
    BudgetError,
    CancelledError,
    CrashError,
    LoadError,
    MemoryLimitError,
    OptionError,
    UnavailableError,
)

SPEC = EngineSpec(timeout_seconds=7, memory_bytes=3 << 30)
THEIRS = [
    kind
    for kind in vars(modal.exception).values()
    if isinstance(kind, type) and issubclass(kind, modal.exception.Error | modal.exception.InputCancellation)
]


@pytest.mark.parametrize("kind", THEIRS, ids=lambda kind: kind.__name__)
def test_every_kind_is_mapped_at_both_borders(kind: type[BaseException]) -> None:
    error = kind.__new__(kind, "it said so")  # some want more than words when they are made
    assert isinstance(ending_error(error, SPEC), BlankLogoError)
    assert isinstance(service_error(error), BlankLogoError)


@pytest.mark.parametrize(
    ("error", "kind", "said"),
    [
        (modal.exception.FunctionTimeoutError("hit its timeout of 7s"), BudgetError, "7 s"),
        (modal.exception.FunctionTimeoutError("hit its startup timeout"), LoadError, "300 s"),
        (modal.exception.InternalFailure("died: exit code 9"), CrashError, "exit code 9"),
        (modal.exception.InternalFailure("Task ran out of memory"), MemoryLimitError, "3 GiB"),
        (modal.exception.InternalFailure("container OOM killed"), MemoryLimitError, "3 GiB"),
        (modal.exception.RemoteError("Input was cancelled"), CancelledError, "Modal's side"),
        (modal.exception.RemoteError("the disk is gone"), CrashError, "the disk is gone"),
        (modal.exception.ExecutionError("cannot deserialize"), LoadError, "cannot deserialize"),
        (LoadError("no weights", hint="fetch them"), LoadError, "fetch them"),
        (ImportError("no module cv2"), LoadError, "ImportError: no module cv2"),
        (modal.exception.OutputExpiredError(), UnavailableError, "OutputExpiredError"),
    ],
)
def test_a_calls_end_is_told_by_its_kind(error: BaseException, kind: type[BlankLogoError], said: str) -> None:
    mapped = ending_error(error, SPEC)
    assert type(mapped) is kind
    assert said in str(mapped)


@pytest.mark.parametrize(
    ("error", "kind", "hint"),
    [
        (modal.exception.AuthError("token missing"), UnavailableError, "modal token new"),
        (modal.exception.NotFoundError("no app"), UnavailableError, "blanklogo modal deploy"),
        (modal.exception.ConnectionError("no route"), UnavailableError, "the network"),
        (modal.exception.VersionError("too old"), UnavailableError, "blanklogo[modal]"),
        (modal.exception.UnimplementedError("X"), UnavailableError, "blanklogo[modal]"),
        (modal.exception.ResourceExhaustedError("too many"), UnavailableError, "later"),
        (modal.exception.InvalidError("scaledown_window must be"), OptionError, None),
        (OSError("unreachable"), UnavailableError, "the network"),
    ],
)
def test_a_request_that_fails_says_what_to_try(error: Exception, kind: type[BlankLogoError], hint: str | None) -> None:
    with pytest.raises(kind) as caught, service_errors():
        raise error
    assert str(error) in str(caught.value)
    assert (hint in caught.value.hint) if hint else caught.value.hint is None
