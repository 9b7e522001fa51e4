"""Networks in ONNX files, run by ONNX Runtime.

`InferenceSession.run` may be called from several threads at once (microsoft/onnxruntime#114): a session is stateless
but for its allocator, which has a lock. With one thread for a run, as by default, each run works in the thread that
called it, so that as many runs go on as there are callers and cores.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from pathlib import Path
from types import MappingProxyType
from typing import Any

from numpy.typing import NDArray

from blanklogo.models.border import loading
from blanklogo.models.device import (
    CUDA_PROVIDER,
    Device,
    Placement,
    onnx_offers,
    onnx_placement,
    onnx_providers,
)
from blanklogo.models.onnx_runtime import onnx_runtime
from blanklogo.models.ports import Port, Session

_LOG_NOTHING_BUT_FATAL = 4  # errors are raised; ONNX Runtime would print them too

# Convolution algorithms by rule and not by a race, whose winner changes, and memory as asked for and not in powers of
# two, so that a batch that was halved finds room.
_OPTIONS = {CUDA_PROVIDER: {"cudnn_conv_algo_search": "HEURISTIC", "arena_extend_strategy": "kSameAsRequested"}}

_DTYPES = {"float": "float32", "double": "float64"}  # all others are called as NumPy calls them


class OnnxSession(Session):
    """A network from an ONNX file.

    Graph optimisations are on and computation is deterministic: the same batch gives the same bits again on the same
    machine and device.

    Args:
        path: of the file.
        device: what to run on.
        num_threads: of the CPU, for one run.

    Raises:
        LoadError: the file is damaged, or of operators that this ONNX Runtime does not know.
        MemoryLimitError: it does not fit into memory.
        UnavailableError: CUDA is asked for and not there, or does not start.
    """

    def __init__(self, path: Path, device: Device = Device.AUTO, num_threads: int = 1) -> None:
        self._inner, placement = _started(path, device, num_threads)
        super().__init__(path, placement, num_threads)
        self.inputs = tuple(map(_port, self._inner.get_inputs()))
        self.outputs = tuple(map(_port, self._inner.get_outputs()))
        self.metadata = MappingProxyType(dict(self._inner.get_modelmeta().custom_metadata_map))

    @staticmethod
    def is_cuda_offered() -> bool:
        return CUDA_PROVIDER in onnx_offers()

    def _run(self, arrays: Sequence[NDArray]) -> tuple[NDArray, ...]:
        inner = self._inner
        if inner is None:
            raise self._closed()
        return tuple(inner.run(None, {port.name: array for port, array in zip(self.inputs, arrays, strict=True)}))

    def _let_go(self) -> None:
        self._inner = None


def _started(path: Path, asked: Device, num_threads: int) -> tuple[Any, Placement]:
    """(ONNX Runtime's session, where it runs)."""
    wanted = onnx_providers(asked, onnx_offers())
    with loading(path.name):
        inner = _inference_session(path, wanted, num_threads)
    return inner, onnx_placement(asked, wanted, inner.get_providers())


def _inference_session(path: Path, providers: Sequence[str], num_threads: int) -> Any:
    onnxruntime = onnx_runtime()

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = num_threads
    options.inter_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.use_deterministic_compute = True
    # Memory for the largest picture so far, and a plan for each size, would be held as long as the session lives.
    options.enable_cpu_mem_arena = False
    options.enable_mem_pattern = False
    options.log_severity_level = _LOG_NOTHING_BUT_FATAL
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # idle threads leave the cores to others
    if CUDA_PROVIDER in providers:
        with redirect_stdout(sys.stderr):  # it prints what it misses, and stdout is for data
            onnxruntime.preload_dlls()  # CUDA and cuDNN from their own Python packages, where they came that way
    chosen = [(name, _OPTIONS.get(name, {})) for name in providers]
    return onnxruntime.InferenceSession(str(path), options, providers=chosen, enable_fallback=0)


def _port(given: Any) -> Port:
    kind: str = given.type.removeprefix("tensor(").removesuffix(")")
    shape = tuple(side if isinstance(side, int) else None for side in given.shape)
    return Port(given.name, shape, _DTYPES.get(kind) or kind)
