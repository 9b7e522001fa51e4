"""Networks in TorchScript archives, run by PyTorch (extra `torch`).

A loaded module may be run from several threads at once, with gradients off, as PyTorch's own page "CPU threading and
TorchScript inference" has it. The number of threads is PyTorch's for the whole process, and is set before each run:
two sessions of different numbers would take turns.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from numpy.typing import NDArray

from blanklogo.errors import ModelError, UnavailableError
from blanklogo.models.border import loading
from blanklogo.models.device import Device, torch_placement
from blanklogo.models.ports import Port, Session

_METADATA_FILE = "config.txt"  # where Ultralytics puts its metadata, as JSON


class TorchScriptSession(Session):
    """A network from a TorchScript archive, in evaluation mode. The caller has checked that it is one.

    Args:
        path: of the archive.
        device: what to run on.
        num_threads: of the CPU, for one run.

    Raises:
        LoadError: the archive is damaged.
        MemoryLimitError: it does not fit into memory.
        UnavailableError: PyTorch is not installed, or CUDA is asked for and not there.
    """

    def __init__(self, path: Path, device: Device = Device.AUTO, num_threads: int = 1) -> None:
        self._torch = _torch(path)
        placement = torch_placement(device, self._torch.cuda.is_available())
        super().__init__(path, placement, num_threads)
        extra = {_METADATA_FILE: ""}
        with loading(path.name):
            module = self._torch.jit.load(str(path), map_location=str(placement.device), _extra_files=extra)
            self._module = module.eval()
            self.inputs = _inputs(module)
            self.metadata = MappingProxyType(_metadata(extra[_METADATA_FILE]))

    @staticmethod
    def is_cuda_offered() -> bool:
        import torch

        return torch.cuda.is_available()

    def _run(self, arrays: Sequence[NDArray]) -> tuple[NDArray, ...]:
        module, torch = self._module, self._torch
        if module is None:
            raise self._closed()
        if torch.get_num_threads() != self.num_threads:
            torch.set_num_threads(self.num_threads)
        with torch.inference_mode():
            given = [torch.from_numpy(array).to(str(self.placement.device)) for array in arrays]
            return tuple(_arrays(module(*given), self.name))

    def _let_go(self) -> None:
        self._module = None


def _torch(path: Path) -> Any:
    try:
        import torch
    except ImportError as error:
        raise UnavailableError(
            f"{path.name} is TorchScript, and PyTorch is not installed",
            accepted="ONNX without it",
            hint="pip install 'blanklogo[torch]'",
        ) from error
    return torch


def _inputs(module: Any) -> tuple[Port, ...]:
    """By the names of `forward`; the archive says no shapes, and the dtype is that of the weights."""
    floating = (parameter.dtype for parameter in module.parameters() if parameter.dtype.is_floating_point)
    dtype = str(next(floating, "torch.float32")).removeprefix("torch.")
    return tuple(Port(argument.name, None, dtype) for argument in module.forward.schema.arguments[1:])


def _metadata(text: str | bytes) -> dict[str, str]:
    """As ONNX has it: every value as text, lists and dictionaries in Python's own notation."""
    return {name: str(value) for name, value in json.loads(text).items()} if text else {}


def _arrays(given: Any, name: str) -> list[NDArray]:
    """The tensors that a module gave back, one or several, as arrays."""
    if isinstance(given, list | tuple):
        return [array for one in given for array in _arrays(one, name)]
    if not hasattr(given, "numpy"):
        raise ModelError(f"{name} gave back a {type(given).__name__}", accepted="a tensor, or several in a tuple")
    return [given.cpu().numpy()]
