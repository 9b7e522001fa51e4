"""What is done about a call that did not work out: the decisions, one by one."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scripted_engine import ScriptedEngine

from blanklogo.engines.healing import Attempt, Reached, is_gpu_out_of_memory, next_attempt, num_chunks, per_gpu
from blanklogo.engines.spec import EngineSpec
from blanklogo.engines.throughput import shipped
from blanklogo.errors import (
    BlankLogoError,
    BudgetError,
    CancelledError,
    CrashError,
    LoadError,
    MemoryLimitError,
    OptionError,
    ProcessingError,
    UnavailableError,
)

GPU_OOM = MemoryLimitError("the worker ran out of memory: RuntimeError: CUDA out of memory. Tried to allocate 2.00 GiB")
SMALL = ScriptedEngine("cloud", gpu="T4")
SMALL_ELSEWHERE = ScriptedEngine("other cloud", gpu="T4")
LARGE = ScriptedEngine("cloud", gpu="H100")
HERE = ScriptedEngine("pool")
FULL_HD_PX = 1920 * 1080
ORDER = {"do": "work"}


@pytest.mark.parametrize("error", [UnavailableError("gone"), LoadError("no weights")])
def test_what_never_began_goes_to_the_next_engine(error: BlankLogoError) -> None:
    assert next_attempt(Attempt(SMALL, ORDER), error, ORDER, [SMALL_ELSEWHERE, HERE]) == Attempt(SMALL_ELSEWHERE, ORDER)
    assert next_attempt(Attempt(SMALL, ORDER), error, ORDER, []) is None


@pytest.mark.parametrize(
    "error",
    [
        OptionError("box"),
        ProcessingError("broke"),
        BudgetError("too long"),
        MemoryLimitError("the worker ran out of memory: MemoryError"),
        CrashError("gone"),
        CancelledError("stopped"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_would_happen_elsewhere_too_stands(error: BlankLogoError) -> None:
    assert next_attempt(Attempt(SMALL, ORDER), error, ORDER, [LARGE, HERE]) is None


def test_a_gpu_too_small_is_left_for_another_and_its_like_is_passed_over() -> None:
    assert next_attempt(Attempt(SMALL, ORDER), GPU_OOM, ORDER, [SMALL_ELSEWHERE, LARGE, HERE]) == Attempt(LARGE, ORDER)
    assert next_attempt(Attempt(SMALL, ORDER), GPU_OOM, ORDER, [SMALL_ELSEWHERE]) is None


def test_a_batch_is_halved_down_to_one_and_is_whole_again_elsewhere() -> None:
    given_order = {"batch_size": 5}
    attempt, sizes = Attempt(SMALL, given_order), []
    while attempt.engine is SMALL:
        sizes.append(attempt.order["batch_size"])
        attempt = next_attempt(attempt, GPU_OOM, given_order, [LARGE])
    assert sizes == [5, 2, 1]
    assert attempt == Attempt(LARGE, given_order)
    assert given_order == {"batch_size": 5}


@given(st.integers(1, 10**6))
def test_halving_ends(size: int) -> None:
    attempt, num_attempts = Attempt(SMALL, {"batch_size": size}), 0
    while attempt is not None:
        attempt = next_attempt(attempt, GPU_OOM, {"batch_size": size}, [])
        num_attempts += 1
    assert num_attempts == size.bit_length()


@pytest.mark.parametrize("size", [True, "8", 2.5, None])
def test_what_is_no_batch_size_is_left_alone(size: object) -> None:
    order = {"batch_size": size}
    assert next_attempt(Attempt(SMALL, order), GPU_OOM, order, [LARGE]) == Attempt(LARGE, order)


@pytest.mark.parametrize(
    ("text", "gpu", "is_so"),
    [
        ("CUDA out of memory. Tried to allocate 2.00 GiB", (), True),
        ("CUDA error: out of memory", ("T4",), True),
        ("CUDA failure 2: out of memory ; GPU=0 ; hostname=x", ("T4",), True),
        ("CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate(handle)", ("T4",), True),
        ("bfc_arena.cc: Failed to allocate memory for requested buffer of size 4096", ("T4",), True),
        ("bfc_arena.cc: Failed to allocate memory for requested buffer of size 4096", (), False),
        ("cannot allocate memory", ("T4",), False),
        ("the clip's name is out of memory.mp4", ("T4",), False),
    ],
)
def test_a_gpu_out_of_memory_is_known_by_its_words(text: str, gpu: tuple[str, ...], is_so: bool) -> None:
    assert is_gpu_out_of_memory(MemoryLimitError(text), EngineSpec(gpu=gpu)) is is_so


def test_a_file_named_like_an_error_is_none() -> None:
    error = OptionError("cannot read cuda out of memory.mp4")
    assert not is_gpu_out_of_memory(error, EngineSpec(gpu=("T4",)))


def test_one_engine_for_each_gpu_in_order() -> None:
    made = per_gpu(lambda spec: ScriptedEngine("cloud", gpu=spec.gpu), EngineSpec(gpu=("T4", "L4", "H100")))
    assert [engine.spec.gpu for engine in made] == [("T4",), ("L4",), ("H100",)]
    assert [engine.spec.gpu for engine in per_gpu(lambda spec: ScriptedEngine("pool"), EngineSpec())] == [()]


def test_an_engine_that_cannot_be_made_leaves_none_behind() -> None:
    made: list[ScriptedEngine] = []

    def make(spec: EngineSpec) -> ScriptedEngine:
        if spec.gpu == ("H100",):
            raise UnavailableError("none to be had")
        made.append(ScriptedEngine("cloud", gpu=spec.gpu))
        return made[-1]

    with pytest.raises(UnavailableError):
        per_gpu(make, EngineSpec(gpu=("T4", "H100")))
    assert [engine.stats.num_workers for engine in made] == [0]


@pytest.mark.parametrize(
    ("reached", "expected"),
    [
        # 9000 frames; 600 s of budget, of which a chunk is meant to take 300.
        (Reached(9000, True, 4500, 550.0), 4),  # 1100 s in all
        (Reached(9000, True, 9000, 590.0), 2),
        (Reached(9000, True, 90, 100.0), 34),  # 10 000 s
        (Reached(9000, True, 1, 600.0), 360),  # none shorter than a second
        (Reached(9000, False, 0, 0.0), None),  # learning took it all
        (Reached(99, True, 50, 300.0), None),  # under four seconds
    ],
)
def test_how_many_chunks_follow_a_budget_that_ran_out(reached: Reached, expected: int | None) -> None:
    assert num_chunks(reached, EngineSpec(timeout_seconds=600), FULL_HD_PX, 25.0) == expected


def test_no_chunk_is_shorter_than_a_window_however_slow_the_frames_are() -> None:
    spec = EngineSpec(timeout_seconds=600)
    assert num_chunks(Reached(120, True, 1, 600.0), spec, FULL_HD_PX, 1.0) == 10
    assert num_chunks(Reached(20, True, 1, 600.0), spec, FULL_HD_PX, 1.0) is None


def test_where_nothing_was_restored_measured_throughput_tells() -> None:
    num_frames = 90_000
    seconds = shipped().run_seconds(num_frames * FULL_HD_PX, 2.0)
    found = num_chunks(
        Reached(num_frames, True, 0, 0.0), EngineSpec(timeout_seconds=600, cpu_cores=2), FULL_HD_PX, 25.0
    )
    assert found == math.ceil(seconds / 300)
