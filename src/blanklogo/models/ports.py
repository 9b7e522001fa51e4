"""What every session has in common: named inputs and outputs, and one way to run."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from blanklogo.errors import ProcessingError, UnavailableError
from blanklogo.models.border import running
from blanklogo.models.device import Placement

FREE_SIDE = 64  # what a free side is taken as to warm up: a multiple of every usual stride


@dataclass(frozen=True)
class Port:
    """An input or output of a network.

    Attributes:
        name: as the file has it.
        shape: None for a side that is free; None for all: not known (a TorchScript file does not say).
        dtype: NumPy's name; the file's own name where NumPy has none.
    """

    name: str
    shape: tuple[int | None, ...] | None
    dtype: str

    def __str__(self) -> str:
        sides = "any shape" if self.shape is None else "[" + ", ".join(str(side or "?") for side in self.shape) + "]"
        return f"{self.name}: {self.dtype} {sides}"

    def fits(self, array: NDArray) -> bool:
        """Whether the array has this dtype and shape."""
        if array.dtype.name != self.dtype or (self.shape is not None and len(self.shape) != array.ndim):
            return False
        return all(side in (None, given) for side, given in zip(self.shape or array.shape, array.shape, strict=True))


class Session(ABC):
    """A loaded network. One may be shared by any number of threads; `run` keeps nothing.

    Attributes:
        path: of the file.
        inputs, outputs: in the file's order; a TorchScript file does not say its outputs, which are then empty.
        placement: on what it runs.
        num_threads: of the CPU, for one run.
        metadata: what the exporter wrote into the file, as text.
    """

    def __init__(self, path: Path, placement: Placement, num_threads: int) -> None:
        self.path = path
        self.placement = placement
        self.num_threads = num_threads
        self.inputs: tuple[Port, ...] = ()
        self.outputs: tuple[Port, ...] = ()
        self.metadata: Mapping[str, str] = MappingProxyType({})

    @property
    def name(self) -> str:
        return self.path.name

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name}, {self.placement.device}, {', '.join(map(str, self.inputs))})"

    def run(self, *arrays: NDArray) -> tuple[NDArray, ...]:
        """The outputs, in order, for one array an input, in order.

        Raises:
            ProcessingError: an array does not fit its input, or the network failed.
            MemoryLimitError: memory ran out; a smaller batch may do (`models.batches`).
            UnavailableError: the session was closed.
        """
        if len(arrays) != len(self.inputs) or not all(map(Port.fits, self.inputs, arrays)):
            given = ", ".join(f"{array.dtype.name} {list(array.shape)}" for array in arrays)
            raise ProcessingError(f"{self.name} was given {given}", accepted=", ".join(map(str, self.inputs)))
        with running(self.name):
            return self._run(arrays)

    def warm_up(self, *shapes: Sequence[int]) -> bool:
        """Runs once on zeros, so that the first real batch does not pay for what is set up then.

        Args:
            shapes: one an input; without, the file's own with a batch of 1, and free sides of `FREE_SIDE`.

        Returns:
            Whether it ran: where the file does not say how many sides there are, or a free side as guessed does not
            suit the network, it does not.

        Raises:
            ProcessingError, MemoryLimitError: as `run`, where nothing was guessed.
        """
        if not shapes and any(port.shape is None for port in self.inputs):
            return False
        known = shapes or [_shape_of_one(port.shape or ()) for port in self.inputs]
        try:
            self.run(*(np.zeros(shape, port.dtype) for shape, port in zip(known, self.inputs, strict=True)))
        except ProcessingError:
            if shapes or not any(map(_is_guessed, self.inputs)):
                raise
            return False
        return True

    def close(self) -> None:
        """Lets the network go; runs under way finish. Further runs raise `UnavailableError`."""
        self._let_go()

    def _closed(self) -> UnavailableError:
        return UnavailableError(f"the session of {self.name} was closed", hint="open_session, anew")

    @abstractmethod
    def _run(self, arrays: Sequence[NDArray]) -> tuple[NDArray, ...]: ...

    @abstractmethod
    def _let_go(self) -> None: ...


def _is_guessed(port: Port) -> bool:
    """Whether one of its sides is taken as something: any that is free, but for the batch of several sides."""
    return bool(port.shape) and (None in port.shape[1:] or port.shape == (None,))


def _shape_of_one(shape: tuple[int | None, ...]) -> tuple[int, ...]:
    """With a batch of 1 where the batch is free."""
    return tuple(side or (1 if index == 0 else FREE_SIDE) for index, side in enumerate(shape))
