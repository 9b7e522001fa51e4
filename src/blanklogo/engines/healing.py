"""What to do about a call that did not work out where it was: pure decisions, used by `engines.fallback`.

======================================= =====================================================================
what happened                           what is done
======================================= =====================================================================
no worker was free for too long         the next engine
the engine is not there, or was lost    the next engine
a worker could not load                 the next engine
the GPU's memory ran out                half the order's `batch_size`, if it has one that can be halved;
                                        else the next engine with another GPU, or without one
a removal's budget ran out              chunks, if the marks were learnt in time; a chunk's budget: two halves, once
anything else                           nothing: it would happen elsewhere too, or the caller must decide
======================================= =====================================================================

Chunks are decided on here, for `engines.removal` and `engines.chunks`: they need a plan before and a join after, which
is more than another attempt of the same call.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace

from blanklogo.engines.base import Engine, Message
from blanklogo.engines.spec import EngineSpec
from blanklogo.engines.throughput import shipped
from blanklogo.errors import BlankLogoError, EngineError, LoadError, ProcessingError, UnavailableError

_LEAST_SECONDS = 4.0  # of video; a shorter one gains nothing from chunks
_LEAST_FRAMES = 12.0  # of a chunk, which is no shorter than a second either; no window has more
_ROOM = 0.5  # of the budget that a chunk is meant to take

BATCH_FIELD = "batch_size"  # of an order whose workload takes one; a removal takes none

# What PyTorch, CUDA itself and ONNX Runtime's CUDA provider say, in small letters.
_GPU_TEXTS = (
    "cuda out of memory",
    "cuda error: out of memory",
    "cuda_error_out_of_memory",
    "cudaerrormemoryallocation",
    "cublas_status_alloc_failed",
    "cuda failure 2: out of memory",
)
# ONNX Runtime's arena says this of a GPU's memory and of the machine's alike.
_ARENA_TEXTS = ("failed to allocate memory for requested buffer", "is smaller than requested bytes")


@dataclass(frozen=True)
class Attempt:
    """An order on an engine."""

    engine: Engine
    order: Message

    def __str__(self) -> str:
        size = self.order.get(BATCH_FIELD)
        return engine_words(self.engine) + (f", {BATCH_FIELD} {size}" if size is not None else "")


@dataclass(frozen=True)
class Reached:
    """How far a removal came before its budget ran out.

    Attributes:
        num_frames: of the video.
        has_learnt: whether its marks were known.
        num_restored: frames, of those handed to the encoder.
        restoring_seconds: that these took.
    """

    num_frames: int
    has_learnt: bool
    num_restored: int
    restoring_seconds: float


def num_chunks(reached: Reached, spec: EngineSpec, frame_pixels: int, frames_per_second: float) -> int | None:
    """How many chunks would each keep the budget, with room; None: the error stands.

    It stands when learning alone, which is not cut, took the whole budget, and for a video of few seconds. What was
    restored tells how long the rest takes; where nothing was, the measured throughput of other machines does.
    """
    if not reached.has_learnt or reached.num_frames < _LEAST_SECONDS * frames_per_second:
        return None
    if reached.num_restored:
        seconds = reached.restoring_seconds * reached.num_frames / reached.num_restored
    else:
        seconds = shipped().run_seconds(reached.num_frames * frame_pixels, spec.cpu_cores)
    wanted = math.ceil(seconds / (_ROOM * spec.timeout_seconds))
    most = int(reached.num_frames / max(frames_per_second, _LEAST_FRAMES))
    return max(2, min(wanted, most)) if most >= 2 else None


def next_attempt(failed: Attempt, error: BlankLogoError, given: Message, later: Sequence[Engine]) -> Attempt | None:
    """What to try now; None: the error stands.

    Args:
        failed: what was tried.
        error: how it ended.
        given: the order as the caller gave it; another engine gets that, not one that was made smaller.
        later: the engines after the failed one, in order.
    """
    if is_gpu_out_of_memory(error, failed.engine.spec):
        size = failed.order.get(BATCH_FIELD)
        if isinstance(size, int) and size > 1:
            return Attempt(failed.engine, failed.order | {BATCH_FIELD: size // 2})
        gpu = failed.engine.spec.gpu[:1]
        later = [engine for engine in later if not gpu or engine.spec.gpu[:1] != gpu]
    elif not isinstance(error, UnavailableError | LoadError):
        return None
    return Attempt(later[0], given) if later else None


def is_gpu_out_of_memory(error: BlankLogoError, spec: EngineSpec) -> bool:
    """Whether it was a GPU's memory that ran out, by the libraries' own words; the one place that knows them."""
    if not isinstance(error, EngineError | ProcessingError):
        return False
    text = str(error).lower()
    texts = _GPU_TEXTS + (_ARENA_TEXTS if spec.gpu else ())
    return any(words in text for words in texts)


def per_gpu(make: Callable[[EngineSpec], Engine], spec: EngineSpec) -> tuple[Engine, ...]:
    """An engine for each GPU of `spec.gpu`, in its order, so that one that is too small can be left for the next.

    Without GPUs, one engine. When one cannot be made, those before it are closed.
    """
    with ExitStack() as made:
        choices = [(name,) for name in spec.gpu] or [()]
        engines = tuple(made.enter_context(make(replace(spec, gpu=gpu))) for gpu in choices)
        made.pop_all()
    return engines


def engine_words(engine: Engine) -> str:
    """ "modal with A10"."""
    return engine.name + (f" with {engine.spec.gpu[0]}" if engine.spec.gpu else "")
