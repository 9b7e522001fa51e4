"""Many inputs through one session, in batches that become smaller when memory runs out.

    batches = Batches(session, size=8, on_shrink=print)
    for (filled,) in batches.run((picture, hole) for picture, hole in crops):
        ...

What fits is not known beforehand: it hangs on the pictures' size, the network and who else uses the GPU. So the batch
is halved when memory runs out, down to 1, and stays small: what did not fit once will not fit again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from blanklogo.errors import ModelError, OptionError
from blanklogo.models.border import is_out_of_memory
from blanklogo.models.ports import Session

Item = tuple[NDArray, ...]
"""One array an input (or output), without the batch's side."""


@dataclass(frozen=True)
class Shrunk:
    """A batch did not fit into memory and was halved.

    Attributes:
        name: of the network's file.
        from_size, to_size: of the batch, in inputs.
        reason: the error's words.
    """

    name: str
    from_size: int
    to_size: int
    reason: str

    def __str__(self) -> str:
        return f"{self.name} ran out of memory with {self.from_size} pictures at once and goes on with {self.to_size}"


OnShrink = Callable[[Shrunk], object]
"""Told of a halving, in the thread that met it."""


class Batches:
    """Runs inputs through a session; threads may share one.

    A network whose batch is fixed in its file gets exactly that many, the last ones filled up with copies that are
    dropped again; such a batch cannot be halved.

    Args:
        session: what runs them.
        size: of a batch at first, in inputs.
        on_shrink: told of every halving, in the thread that met it.
    """

    def __init__(self, session: Session, size: int = 8, on_shrink: OnShrink | None = None) -> None:
        if size < 1:
            raise OptionError(f"batch size {size}", accepted="1 or more")
        self._session = session
        self._fixed_size = _fixed_batch(session)
        self._size = self._fixed_size or size
        self._on_shrink = on_shrink
        self._lock = Lock()

    @property
    def size(self) -> int:
        """Of the next batch, in inputs."""
        return self._size

    def run(self, items: Iterable[Item]) -> Iterator[Item]:
        """The outputs of each item, in order. Items are taken as they are needed; neighbours of one shape go together.

        Raises:
            MemoryLimitError: a single one does not fit.
            ModelError: an output has no batch.
            ProcessingError: as `Session.run`.
        """
        waiting: list[Item] = []
        for item in items:
            if waiting and _shapes(item) != _shapes(waiting[0]):
                yield from self._all(waiting)
                waiting = []
            waiting.append(item)
            if len(waiting) >= self._size:
                yield from self._all(waiting)
                waiting = []
        yield from self._all(waiting)

    def _all(self, items: Sequence[Item]) -> Iterator[Item]:
        while items:
            batch = items[: self._size]
            try:
                done = self._together(batch)
            except Exception as error:
                if not is_out_of_memory(error) or len(batch) == 1 or self._fixed_size:
                    raise
                self._shrink(len(batch), error)
                continue
            yield from done
            items = items[len(batch) :]

    def _together(self, items: Sequence[Item]) -> list[Item]:
        size = self._fixed_size or len(items)
        filled = [*items, *[items[-1]] * (size - len(items))]
        outputs = self._session.run(*(np.stack(arrays) for arrays in zip(*filled, strict=True)))
        if any(output.ndim == 0 or len(output) != size for output in outputs):
            given = ", ".join(str(list(output.shape)) for output in outputs)
            raise ModelError(f"{self._session.name} gave {given} for {size} pictures", accepted=f"[{size}, …]")
        return list(zip(*outputs, strict=True))[: len(items)]

    def _shrink(self, failed_size: int, error: Exception) -> None:
        smaller = failed_size // 2
        with self._lock:
            is_news = smaller < self._size
            self._size = min(self._size, smaller)
        if is_news and self._on_shrink is not None:
            self._on_shrink(Shrunk(self._session.name, failed_size, smaller, str(error)))


def _fixed_batch(session: Session) -> int | None:
    """The batch that the file prescribes, or None where it is free or not said."""
    return next((port.shape[0] for port in session.inputs if port.shape and port.shape[0]), None)


def _shapes(item: Item) -> list[tuple[int, ...]]:
    return [array.shape for array in item]
