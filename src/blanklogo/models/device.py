"""On what a network runs: the CPU, or an NVIDIA GPU by CUDA.

========  =================================================================================
asked     taken
========  =================================================================================
`auto`    CUDA where it is there and the session really runs on it, else the CPU; both told
`cpu`     the CPU
`cuda`    CUDA, or `UnavailableError`; never the CPU instead
========  =================================================================================

ONNX Runtime leaves a provider that does not start out of the session and goes on with the CPU. That is why what a
session took is read from the session (`get_providers`), and not from what was asked of it.

The packages onnxruntime and onnxruntime-gpu hold the same module and exclude each other. The second also runs on the
CPU.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from blanklogo.errors import OptionError, UnavailableError
from blanklogo.models.onnx_runtime import onnx_runtime

CUDA_PROVIDER = "CUDAExecutionProvider"
CPU_PROVIDER = "CPUExecutionProvider"

ONNX_HINT = "pip uninstall onnxruntime, then pip install onnxruntime-gpu in its place, or device cpu"
START_HINT = "an NVIDIA driver, CUDA and cuDNN of the versions that this onnxruntime-gpu wants, or device cpu"
TORCH_HINT = "a PyTorch built for CUDA (pytorch.org, Get started) and an NVIDIA driver, or device cpu"


class Device(StrEnum):
    """What a network is asked to run on; another name raises `OptionError` with those that are accepted."""

    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"

    @classmethod
    def _missing_(cls, value: object) -> None:
        raise OptionError(f"device {value!r}", accepted=", ".join(cls))


@dataclass(frozen=True)
class Placement:
    """On what a session runs, and why there.

    Attributes:
        device: CPU or CUDA, never AUTO.
        reason: half a sentence for people, such as "onnxruntime offers no CUDA".
    """

    device: Device
    reason: str

    def __str__(self) -> str:
        return f"{self.device} ({self.reason})"


def onnx_offers() -> tuple[str, ...]:
    """The providers that the installed ONNX Runtime was built with; whether one starts is known only afterwards."""
    onnxruntime = onnx_runtime()

    return tuple(onnxruntime.get_available_providers())


def onnx_providers(asked: Device, offered: Sequence[str]) -> tuple[str, ...]:
    """What to ask ONNX Runtime for. Beside CUDA stands the CPU, for operators that have no CUDA kernel.

    Raises:
        UnavailableError: CUDA is asked for and not offered.
    """
    if asked != Device.CPU and CUDA_PROVIDER in offered:
        return (CUDA_PROVIDER, CPU_PROVIDER)
    if asked == Device.CUDA:
        raise UnavailableError(
            "device cuda, but the installed onnxruntime has no CUDA in it",
            accepted=f"what it offers: {', '.join(offered)}",
            hint=ONNX_HINT,
        )
    return (CPU_PROVIDER,)


def onnx_placement(asked: Device, wanted: Sequence[str], running: Sequence[str]) -> Placement:
    """On what a session runs that was asked for `wanted` providers and came to be `running` these.

    Raises:
        UnavailableError: CUDA was asked for, and ONNX Runtime quietly went on with the CPU.
    """
    if CUDA_PROVIDER in running:
        return Placement(Device.CUDA, "as asked" if asked == Device.CUDA else "CUDA is there")
    if asked == Device.CUDA:
        raise UnavailableError("device cuda, but ONNX Runtime could not start CUDA here", hint=START_HINT)
    if asked == Device.CPU:
        return Placement(Device.CPU, "as asked")
    if CUDA_PROVIDER in wanted:
        return Placement(Device.CPU, "onnxruntime offers CUDA but could not start it")
    return Placement(Device.CPU, "onnxruntime offers no CUDA")


def torch_placement(asked: Device, is_cuda_there: bool) -> Placement:
    """On what a TorchScript session is to run; PyTorch itself fails loudly where it cannot.

    Raises:
        UnavailableError: CUDA is asked for and not there.
    """
    if asked == Device.CPU:
        return Placement(Device.CPU, "as asked")
    if is_cuda_there:
        return Placement(Device.CUDA, "as asked" if asked == Device.CUDA else "CUDA is there")
    if asked == Device.CUDA:
        raise UnavailableError("device cuda, but the installed PyTorch sees no CUDA here", hint=TORCH_HINT)
    return Placement(Device.CPU, "PyTorch sees no CUDA")
