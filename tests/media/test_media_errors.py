"""Every error of PyAV has its place in BlankLogo's tree."""

import errno
from pathlib import Path

import av.error
import pytest

from blanklogo.errors import BlankLogoError, DecodeError, EncodeError, ProcessingError, SourceError, WriteError
from blanklogo.media.errors import DISK_ERRNOS, Stage, foreign_errors, translated

# Looked at one by one; a new version of PyAV that brings another has to be looked at, too.
KNOWN = {
    "ArgumentError", "BSFNotFoundError", "BlockingIOError", "BrokenPipeError", "BufferTooSmallError", "BugError",
    "ChildProcessError", "ConnectionAbortedError", "ConnectionRefusedError", "ConnectionResetError",
    "DecoderNotFoundError", "DemuxerNotFoundError", "EOFError", "EncoderNotFoundError", "ExitError",
    "ExperimentalError", "ExternalError", "FFmpegError", "FileExistsError", "FileNotFoundError",
    "FilterNotFoundError", "HTTPBadRequestError", "HTTPClientError", "HTTPError", "HTTPForbiddenError",
    "HTTPNotFoundError", "HTTPOtherClientError", "HTTPServerError", "HTTPTooManyRequestsError",
    "HTTPUnauthorizedError", "InputChangedError", "InterruptedError", "InvalidDataError", "IsADirectoryError",
    "LookupError", "MemoryError", "MuxerNotFoundError", "NotADirectoryError", "NotImplementedError", "OSError",
    "OptionNotFoundError", "OutputChangedError", "OverflowError", "PatchWelcomeError", "PermissionError",
    "ProcessLookupError", "ProtocolNotFoundError", "PyAVCallbackError", "StreamNotFoundError", "TimeoutError",
    "UndefinedError", "UnknownError",
}  # fmt: skip
CLASSES = {
    kind.__name__: kind
    for kind in vars(av.error).values()
    if isinstance(kind, type) and issubclass(kind, av.error.FFmpegError)
}


def test_no_unknown_class():
    assert set(CLASSES) - KNOWN == set()


@pytest.mark.parametrize("stage", Stage)
@pytest.mark.parametrize("name", sorted(CLASSES))
def test_all_are_mapped(name, stage):
    error = CLASSES[name](1094995529, "it failed", "clip.mp4")
    mapped = translated(error, stage, Path("clip.mp4"))
    assert isinstance(mapped, BlankLogoError)
    assert "clip.mp4" in str(mapped)


@pytest.mark.parametrize("code", sorted(DISK_ERRNOS))
@pytest.mark.parametrize("stage", [Stage.ENCODE, Stage.WRITE])
def test_a_refusing_disk(code, stage):
    for kind in (OSError, av.error.OSError):
        mapped = translated(kind(code, "refused"), stage, Path("out.mp4"))
        assert type(mapped) is WriteError


def test_each_stage_has_its_error():
    invalid = av.error.InvalidDataError(1094995529, "Invalid data")
    kinds = {stage: type(translated(invalid, stage, Path("a"))) for stage in Stage}
    assert kinds == {
        Stage.OPEN: SourceError,
        Stage.DECODE: DecodeError,
        Stage.ENCODE: EncodeError,
        Stage.WRITE: WriteError,
    }
    assert type(translated(MemoryError(), Stage.DECODE, Path("a"))) is ProcessingError


def test_cause_is_kept_and_own_errors_pass():
    with pytest.raises(WriteError) as caught, foreign_errors(Stage.WRITE, Path("a")):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert isinstance(caught.value.__cause__, OSError)
    with pytest.raises(SourceError, match="mine"), foreign_errors(Stage.WRITE, Path("a")):
        raise SourceError("mine")
