"""The GPUs of this machine (NVIDIA's, by nvidia-ml-py, extra `gpu`): how many, each worker's own, how busy it is."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from blanklogo.errors import UnavailableError

_VISIBLE = "CUDA_VISIBLE_DEVICES"


class Gpu:
    """One GPU, for one worker.

    Args:
        device: as CUDA_VISIBLE_DEVICES names it: an index or a UUID.
    """

    def __init__(self, device: str) -> None:
        self.device = device

    @property
    def environment(self) -> dict[str, str]:
        """Shows a process this GPU alone; indices are those that NVIDIA's tools print."""
        return {_VISIBLE: self.device, "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}

    def sample(self) -> tuple[float | None, int | None]:
        """How busy it is, in [0, 1], and how many bytes of its memory are taken; None where the driver says nothing."""
        try:
            with _nvml() as nvml:
                handle = self._handle(nvml)
                return nvml.nvmlDeviceGetUtilizationRates(handle).gpu / 100, nvml.nvmlDeviceGetMemoryInfo(handle).used
        except UnavailableError:
            return None, None

    def _handle(self, nvml: Any) -> Any:
        if self.device.isdigit():
            return nvml.nvmlDeviceGetHandleByIndex(int(self.device))
        return nvml.nvmlDeviceGetHandleByUUID(self.device)


def gpus() -> tuple[Gpu, ...]:
    """Those that this process may use: what CUDA_VISIBLE_DEVICES says, else all that the driver knows.

    Raises:
        UnavailableError: there is none, or it cannot be known.
    """
    told = os.environ.get(_VISIBLE)
    if told is not None:
        devices = [part.strip() for part in told.split(",") if part.strip() not in ("", "-1", "NoDevFiles")]
    else:
        with _nvml() as nvml:
            devices = [str(index) for index in range(nvml.nvmlDeviceGetCount())]
    if not devices:
        raise UnavailableError("no GPU for the pool on this machine", hint="a spec without gpu, or another engine")
    return tuple(Gpu(device) for device in devices)


@contextmanager
def _nvml() -> Iterator[Any]:
    """NVIDIA's library, ready. Raises UnavailableError, also for what it raises inside the block."""
    try:
        import pynvml
    except ImportError:
        raise UnavailableError(
            "the GPUs of this machine are not known without nvidia-ml-py", hint="pip install 'blanklogo[gpu]'"
        ) from None
    try:
        pynvml.nvmlInit()
        try:
            yield pynvml
        finally:
            pynvml.nvmlShutdown()
    except pynvml.NVMLError as error:
        raise UnavailableError(
            f"NVIDIA's driver: {error}", hint="a machine with a GPU, or a spec without gpu"
        ) from error
