"""Where a network runs: what is asked, what is there, what is said."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from stand_in_nets import doubling

from blanklogo.errors import LoadError, OptionError, UnavailableError
from blanklogo.models import onnx_session
from blanklogo.models.device import (
    CPU_PROVIDER,
    CUDA_PROVIDER,
    Device,
    onnx_offers,
    onnx_placement,
    onnx_providers,
    torch_placement,
)
from blanklogo.models.session import load_session

BOTH = (CUDA_PROVIDER, CPU_PROVIDER)
without_cuda = pytest.mark.skipif(CUDA_PROVIDER in onnx_offers(), reason="this onnxruntime has CUDA in it")


def test_the_cpu_alone_is_asked_for_unless_cuda_is_there() -> None:
    assert onnx_providers(Device.AUTO, [CPU_PROVIDER]) == (CPU_PROVIDER,)
    assert onnx_providers(Device.CPU, BOTH) == (CPU_PROVIDER,)
    assert onnx_providers(Device.AUTO, BOTH) == onnx_providers(Device.CUDA, BOTH) == BOTH


def test_cuda_that_is_not_offered_is_refused_with_what_to_install() -> None:
    with pytest.raises(UnavailableError, match=r"no CUDA in it.*AzureExecutionProvider.*onnxruntime-gpu in its place"):
        onnx_providers(Device.CUDA, ["AzureExecutionProvider", CPU_PROVIDER])


def test_what_runs_counts_and_not_what_was_asked() -> None:
    assert onnx_placement(Device.AUTO, BOTH, BOTH).device is Device.CUDA
    assert onnx_placement(Device.CUDA, BOTH, BOTH).device is Device.CUDA
    fallen_back = onnx_placement(Device.AUTO, BOTH, [CPU_PROVIDER])
    assert str(fallen_back) == "cpu (onnxruntime offers CUDA but could not start it)"
    with pytest.raises(UnavailableError, match="could not start CUDA"):
        onnx_placement(Device.CUDA, BOTH, [CPU_PROVIDER])


def test_pytorch_is_placed_by_the_same_rules() -> None:
    assert torch_placement(Device.AUTO, True).device is Device.CUDA
    assert torch_placement(Device.AUTO, False).device is Device.CPU
    assert torch_placement(Device.CPU, True).device is Device.CPU
    with pytest.raises(UnavailableError, match="PyTorch sees no CUDA"):
        torch_placement(Device.CUDA, False)


def test_an_unknown_device_is_refused() -> None:
    with pytest.raises(OptionError, match="device 'tpu'; accepted: auto, cpu, cuda"):
        Device("tpu")


@without_cuda
def test_a_session_says_where_it_runs(tmp_path: Path) -> None:
    path = doubling(tmp_path / "double.onnx")
    assert str(load_session(path).placement) == "cpu (onnxruntime offers no CUDA)"
    assert str(load_session(path, "cpu").placement) == "cpu (as asked)"
    with pytest.raises(UnavailableError, match="device cuda"):
        load_session(path, "cuda")


@without_cuda
@pytest.mark.filterwarnings("ignore:Specified provider")
class TestARuntimeThatOffersCudaAndCannotStartIt:
    """ONNX Runtime, asked for a provider that does not start, goes on with the CPU and says so in a warning at most."""

    @pytest.fixture(autouse=True)
    def _offers(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(onnx_session, "onnx_offers", lambda: BOTH)

    def test_asked_for_cuda_it_is_an_error(self, tmp_path: Path) -> None:
        with pytest.raises(UnavailableError, match="could not start CUDA"):
            load_session(doubling(tmp_path / "double.onnx"), "cuda")

    def test_asked_for_what_is_best_it_is_the_cpu_and_said(self, tmp_path: Path) -> None:
        session = load_session(doubling(tmp_path / "double.onnx"))
        assert str(session.placement) == "cpu (onnxruntime offers CUDA but could not start it)"
        assert session.run(np.ones((1, 3), np.float32))[0].tolist() == [[2, 2, 2]]

    def test_a_network_that_cuda_refuses_runs_on_the_cpu_only_if_that_was_left_open(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        real = onnx_session._inference_session

        def refusing(path: Path, providers: Sequence[str], num_threads: int) -> object:
            if CUDA_PROVIDER in providers:
                raise RuntimeError("no kernel image is available for execution on the device")
            return real(path, providers, num_threads)

        monkeypatch.setattr(onnx_session, "_inference_session", refusing)
        placement = load_session(doubling(tmp_path / "double.onnx")).placement
        assert placement.device is Device.CPU
        assert "CUDA is there, but double.onnx cannot be loaded: no kernel image" in placement.reason
        with pytest.raises(LoadError, match="no kernel image"):
            load_session(tmp_path / "double.onnx", "cuda")

    def test_nothing_is_printed_to_stdout(self, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
        load_session(doubling(tmp_path / "double.onnx"))
        assert capfd.readouterr().out == ""


@without_cuda
def test_torchscript_on_cuda_that_is_not_there(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    if torch.cuda.is_available():
        pytest.skip("PyTorch sees CUDA here")
    torch.jit.trace(torch.nn.ReLU(), torch.zeros(1, 3)).save(tmp_path / "relu.pt")
    with pytest.raises(UnavailableError, match="PyTorch sees no CUDA"):
        load_session(tmp_path / "relu.pt", "cuda")
    assert str(load_session(tmp_path / "relu.pt").placement) == "cpu (PyTorch sees no CUDA)"
