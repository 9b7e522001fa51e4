"""The one border where errors of ONNX Runtime and PyTorch become BlankLogo's own.

Both raise whatever they like (RuntimeError, ValueError, classes of their own that need an import to be named), so
everything that leaves their calls is taken, and nothing but their calls belongs inside these blocks.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from blanklogo.errors import BlankLogoError, LoadError, MemoryLimitError, ProcessingError

# In small letters: what ONNX Runtime's arena and its CUDA provider, PyTorch and C++ itself say.
_OUT_OF_MEMORY = (
    "failed to allocate memory",
    "bfcarena",
    "is smaller than requested bytes",
    "out of memory",
    "can't allocate memory",
    "cudaerrormemoryallocation",
    "cuda_error_out_of_memory",
    "cublas_status_alloc_failed",
    "std::bad_alloc",
    "bad allocation",
)
_LONGEST_WORDS = 400  # characters of a foreign message; ONNX Runtime and PyTorch append whole stacks


def is_out_of_memory(error: BaseException) -> bool:
    """Whether memory ran out, the GPU's or the machine's, by the error's type or the library's own words."""
    if isinstance(error, MemoryError | MemoryLimitError):
        return True
    if isinstance(error, BlankLogoError) and not isinstance(error, ProcessingError):
        return False
    text = f"{type(error).__name__} {error}".lower()
    return "outofmemoryerror" in text or any(words in text for words in _OUT_OF_MEMORY)


@contextmanager
def loading(name: str) -> Iterator[None]:
    """Around the call that loads a file.

    Raises:
        LoadError: what is wrong with it, with the file's name.
        MemoryLimitError: it did not fit into memory.
    """
    try:
        yield
    except BlankLogoError:
        raise
    except Exception as error:
        if is_out_of_memory(error):
            raise MemoryLimitError(f"{name} does not fit into memory: {_words(error)}") from error
        raise LoadError(
            f"{name} cannot be loaded: {_words(error)}",
            accepted="a whole ONNX or TorchScript file of operators that the installed runtime knows",
        ) from error


@contextmanager
def running(name: str) -> Iterator[None]:
    """Around the call that runs a network.

    Raises:
        MemoryLimitError: memory ran out; the library's own words are kept.
        ProcessingError: anything else.
    """
    try:
        yield
    except BlankLogoError:
        raise
    except Exception as error:
        if is_out_of_memory(error):
            raise MemoryLimitError(f"{name} ran out of memory: {_words(error)}") from error
        raise ProcessingError(f"{name} failed while running: {_words(error)}") from error


def _words(error: Exception) -> str:
    """Without line ends, and not endless. The end is kept too: there PyTorch says what, after it said where."""
    text = " ".join(str(error).split()) or type(error).__name__
    half = _LONGEST_WORDS // 2
    return text if len(text) <= _LONGEST_WORDS else f"{text[:half]} … {text[-half:]}"
