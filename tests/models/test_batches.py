"""Batches: the same answers whatever their size, and smaller ones when memory runs out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from stand_in_nets import doubling, node, saved

from blanklogo.errors import EncodeError, LoadError, MemoryLimitError, ModelError, OptionError, ProcessingError
from blanklogo.models.batches import Batches, Item, Shrunk
from blanklogo.models.border import is_out_of_memory, running
from blanklogo.models.device import Device, Placement
from blanklogo.models.ports import Port, Session
from blanklogo.models.session import load_session

ARENA_WORDS = (
    "Non-zero status code returned while running Conv node. bfc_arena.cc:376 void* onnxruntime::BFCArena::"
    "AllocateRawInternal(size_t, bool, onnxruntime::Stream*) Failed to allocate memory for requested buffer of size 9"
)
TORCH_WORDS = "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 14.75 GiB"


class Counting(Session):
    """Doubles, counts, and fails as it is told for batches larger than `most`."""

    def __init__(self, most: int = 99, error: Callable[[], Exception] = MemoryError) -> None:
        super().__init__(Path("counting.onnx"), Placement(Device.CPU, "a stand-in"), num_threads=1)
        self.inputs = (Port("x", (None, None), "float32"),)
        self.most, self.error = most, error
        self.sizes: list[int] = []

    def _run(self, arrays: Sequence[NDArray]) -> tuple[NDArray, ...]:
        self.sizes.append(len(arrays[0]))
        if len(arrays[0]) > self.most:
            raise self.error()
        return (2 * arrays[0], arrays[0].sum(axis=1))

    def _let_go(self) -> None:
        pass


def numbered(num: int, width: int = 3) -> list[Item]:
    return [(np.full(width, index, np.float32),) for index in range(num)]


def run(batches: Batches, items: Sequence[Item]) -> list[float]:
    """The first value of each item's first output."""
    return [float(outputs[0][0]) for outputs in batches.run(items)]


@pytest.mark.parametrize("size", [1, 3, 8, 50])
def test_whatever_the_size_the_answers_are_the_same_and_in_order(size: int) -> None:
    session = Counting()
    assert run(Batches(session, size), numbered(10)) == [2.0 * index for index in range(10)]
    assert sum(session.sizes) == 10
    assert max(session.sizes) == min(size, 10)


def test_every_output_comes_without_the_batch() -> None:
    outputs = list(Batches(Counting()).run(numbered(2)))
    assert [[array.shape for array in item] for item in outputs] == [[(3,), ()]] * 2


def test_nothing_in_nothing_out() -> None:
    session = Counting()
    assert list(Batches(session).run([])) == []
    assert session.sizes == []


def test_neighbours_of_one_shape_go_together_and_order_is_kept() -> None:
    session = Counting()
    items = [*numbered(3), *numbered(2, width=5), *numbered(1)]
    assert run(Batches(session, 8), items) == [0, 2, 4, 0, 2, 0]
    assert session.sizes == [3, 2, 1]


def test_items_are_taken_as_they_are_needed() -> None:
    taken: list[int] = []

    def items():
        for index, item in enumerate(numbered(10)):
            taken.append(index)
            yield item

    outputs = Batches(Counting(), 4).run(items())
    next(outputs)
    assert taken == [0, 1, 2, 3]


@pytest.mark.parametrize(
    "error",
    [
        MemoryError,
        lambda: RuntimeError(ARENA_WORDS),
        lambda: RuntimeError(TORCH_WORDS),
        lambda: type("OutOfMemoryError", (RuntimeError,), {})("no words"),
        lambda: MemoryLimitError("counting.onnx ran out of memory"),
    ],
    ids=["MemoryError", "ONNX Runtime", "PyTorch", "PyTorch's class", "our own"],
)
def test_a_batch_that_does_not_fit_is_halved_and_stays_so(error: Callable[[], Exception]) -> None:
    session, told = Counting(most=3, error=error), []
    batches = Batches(session, 16, told.append)
    assert run(batches, numbered(20)) == [2.0 * index for index in range(20)]
    assert session.sizes[:4] == [16, 8, 4, 2]
    assert set(session.sizes[3:]) == {2}
    assert [(one.from_size, one.to_size) for one in told] == [(16, 8), (8, 4), (4, 2)]
    assert batches.size == 2
    session.sizes.clear()
    assert run(batches, numbered(4)) == [0, 2, 4, 6]
    assert session.sizes == [2, 2], "what did not fit once is not tried again"
    assert len(told) == 3


def test_a_halving_is_told_in_words() -> None:
    told: list[Shrunk] = []
    run(Batches(Counting(most=4), 8, told.append), numbered(8))
    assert str(told[0]) == "counting.onnx ran out of memory with 8 pictures at once and goes on with 4"
    assert "ran out of memory" in told[0].reason


def test_a_single_one_that_does_not_fit_is_an_error() -> None:
    session = Counting(most=0)
    with pytest.raises(MemoryLimitError, match=r"counting\.onnx ran out of memory"):
        run(Batches(session, 4), numbered(4))
    assert session.sizes == [4, 2, 1]


@pytest.mark.parametrize("error", [lambda: ValueError("invalid dimensions"), lambda: EncodeError("disk"), LoadError])
def test_any_other_error_passes_at_once(error: Callable[..., Exception]) -> None:
    session = Counting(most=1, error=error if error is not LoadError else lambda: LoadError("gone"))
    with pytest.raises((ProcessingError, LoadError)) as caught:
        run(Batches(session, 4), numbered(4))
    assert not isinstance(caught.value, MemoryLimitError)
    assert session.sizes == [4]


def test_a_real_runtime_that_runs_out_of_memory(tmp_path: Path) -> None:
    """More than two pictures at once ask ONNX Runtime for petabytes, which no machine has."""
    nodes = [
        node("Shape", "x", "num", start=0, end=1),
        node("Sub", "num two", "difference"),
        node("Max", "difference zero", "too_many"),
        node("Mul", "too_many petabytes", "excess"),
        node("Add", "excess one", "length"),
        node("ConstantOfShape", "length", "zeros"),
        node("ReduceMax", "zeros", "nothing", keepdims=0),
        node("Add", "x nothing", "y"),
    ]
    constants = {"two": np.array([2]), "zero": np.array([0]), "one": np.array([1]), "petabytes": np.array([2**50])}
    session = load_session(saved(tmp_path / "greedy.onnx", nodes, {"x": ["batch", 3]}, ["y"], constants))
    told: list[Shrunk] = []
    assert run(Batches(session, 8, told.append), numbered(9)) == list(range(9))
    assert [(one.from_size, one.to_size) for one in told] == [(8, 4), (4, 2)]
    with pytest.raises(MemoryLimitError, match=r"greedy\.onnx ran out of memory.*ConstantOfShape"):
        session.run(np.zeros((4, 3), np.float32))


def test_a_real_pytorch_that_runs_out_of_memory() -> None:
    torch = pytest.importorskip("torch")
    with pytest.raises(MemoryLimitError, match="net ran out of memory"), running("net"):
        torch.empty(2**50, dtype=torch.float32)
    assert is_out_of_memory(torch.cuda.OutOfMemoryError("no words"))


def test_a_batch_fixed_in_the_file_is_kept(tmp_path: Path) -> None:
    for fixed in (1, 4):
        batches = Batches(load_session(doubling(tmp_path / f"{fixed}.onnx", [fixed, 3])), 8)
        assert batches.size == fixed
        assert run(batches, numbered(6)) == [2.0 * index for index in range(6)]


def test_a_fixed_batch_that_does_not_fit_is_an_error() -> None:
    session = Counting(most=2)
    session.inputs = (Port("x", (4, None), "float32"),)
    with pytest.raises(MemoryLimitError):
        run(Batches(session), numbered(4))
    assert session.sizes == [4]


def test_an_output_without_a_batch_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path / "sum.onnx", [node("ReduceSum", "x", "y", keepdims=0)], {"x": ["batch", 3]}, ["y"])
    with pytest.raises(ModelError, match=r"sum\.onnx gave \[\] for 2 pictures"):
        run(Batches(load_session(path)), numbered(2))


def test_fewer_than_one_is_refused() -> None:
    with pytest.raises(OptionError, match="batch size 0"):
        Batches(Counting(), 0)


def test_threads_share_what_was_learnt() -> None:
    session, told = Counting(most=2), []
    batches = Batches(session, 8, told.append)
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: run(batches, numbered(16)), range(8)))
    assert answers == [[2.0 * index for index in range(16)]] * 8
    assert sorted({one.to_size for one in told}) == [2, 4]
    assert len(told) == 2, "each halving is told once"
    assert batches.size == 2
