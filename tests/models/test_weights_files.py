"""Weights that are there: found by name or path, told by their bytes, and verified."""

from __future__ import annotations

import os
import pwd
import struct
import subprocess
import sys
from pathlib import Path

import pytest
from weights_samples import an_entry, checkpoint_bytes, onnx_bytes, pickle_bytes, torchscript_bytes, zip_bytes

from blanklogo.errors import ModelError, OptionError, WeightsError
from blanklogo.models import files, registry
from blanklogo.models.files import WeightsFile, checked, file_sha256, locate, usual_folder
from blanklogo.models.formats import format_of
from blanklogo.models.weights import Format

ONNX = onnx_bytes(1000)


def put(path: Path, body: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(body)
    return path


@pytest.mark.parametrize(
    ("platform", "environ", "folder"),
    [
        ("linux", {"HOME": "/h"}, "/h/.cache/blanklogo/models"),
        ("linux", {"HOME": "/h", "XDG_CACHE_HOME": "/x"}, "/x/blanklogo/models"),
        ("linux", {"HOME": "/h", "XDG_CACHE_HOME": ""}, "/h/.cache/blanklogo/models"),
        ("darwin", {"HOME": "/h"}, "/h/Library/Caches/blanklogo/models"),
        ("win32", {"HOME": "/h", "LOCALAPPDATA": "/l"}, "/l/blanklogo/models"),
    ],
)
def test_the_usual_folder_is_the_platforms(platform: str, environ: dict, folder: str) -> None:
    assert usual_folder(environ, platform) == Path(folder)


def test_a_name_is_found_in_the_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = an_entry(ONNX)
    monkeypatch.setattr(registry, "PULLABLE", (entry,))
    path = put(folder / "net.onnx", ONNX)
    assert locate("net", folder) == WeightsFile(path, entry.sha256, Format.ONNX, entry)
    assert locate("net", folder).as_dict() == {"name": "net", "sha256": entry.sha256}


def test_a_name_is_found_in_the_usual_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "PULLABLE", (an_entry(ONNX),))
    monkeypatch.setattr(files.sys, "platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    path = put(usual_folder(os.environ) / "net.onnx", ONNX)
    assert locate("net").path == path


def test_shipped_weights_need_no_home_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    """A user whom the system does not know has none; Python says so by a RuntimeError."""
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.delenv("HOME")
    monkeypatch.setattr(pwd, "getpwuid", {}.__getitem__)
    name = registry.shipped()[0].name
    assert locate(name).name == name
    with pytest.raises(OptionError, match="HOME"):
        locate("another")


def test_what_is_missing_is_told_with_the_command_that_brings_it(folder: Path) -> None:
    with pytest.raises(WeightsError) as caught:
        locate("big-lama", folder)
    assert str(folder / "big-lama.pt") in str(caught.value)
    assert "blanklogo models pull big-lama" in str(caught.value)
    assert not folder.exists()


def test_a_file_is_read_once_and_again_when_it_changes(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = an_entry(ONNX)
    path = put(folder / "net.onnx", ONNX)
    num_read = []
    read = files.each_piece
    monkeypatch.setattr(files, "each_piece", lambda *how: (num_read.append(1), read(*how)))
    for _ in range(3):
        checked(entry, path)
    assert len(num_read) == 1
    other = bytes([*ONNX[:-1], ONNX[-1] ^ 1])
    put(path, other)
    os.utime(path, ns=(1, 1))  # a disk whose clock is coarse may not tell the two by itself
    with pytest.raises(ModelError, match="sha256") as caught:
        checked(entry, path)
    assert caught.value.exit_code == 1
    assert len(num_read) == 2


def test_another_size_is_told_without_reading(folder: Path) -> None:
    path = put(folder / "net.onnx", ONNX + b"x")
    with pytest.raises(ModelError, match=f"{len(ONNX) + 1} bytes instead of {len(ONNX)}"):
        checked(an_entry(ONNX), path)


def test_what_is_missing_from_the_package_is_not_the_users_to_mend(folder: Path) -> None:
    with pytest.raises(ModelError, match="install blanklogo again"):
        checked(an_entry(ONNX, url=None), folder / "net.onnx")


def test_an_entry_of_the_wrong_format_is_told(folder: Path) -> None:
    with pytest.raises(ModelError, match="holds onnx, and its entry says torchscript"):
        checked(an_entry(ONNX, format=Format.TORCHSCRIPT), put(folder / "net.pt", ONNX))


@pytest.mark.parametrize(
    ("name", "body", "kind"),
    [("mine.onnx", ONNX, Format.ONNX), ("mine.pt", torchscript_bytes(), Format.TORCHSCRIPT)],
)
def test_an_own_file_is_taken_by_its_path(tmp_path: Path, name: str, body: bytes, kind: Format) -> None:
    path = put(tmp_path / name, body)
    for given in (path, str(path)):
        found = locate(given, tmp_path)
        assert found == WeightsFile(path, an_entry(body).sha256, kind, None)
        assert found.name == name


def test_a_path_is_a_text_with_a_dot_or_a_slash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path / "net.onnx", ONNX)
    put(tmp_path / "net", ONNX)
    monkeypatch.chdir(tmp_path)
    assert locate("net.onnx", tmp_path).path == Path("net.onnx")
    assert locate("./net", tmp_path).path == Path("net")
    with pytest.raises(WeightsError, match="no weights are called"):
        locate("net", tmp_path)
    with pytest.raises(WeightsError, match="does not exist"):
        locate("../none.onnx", tmp_path)
    with pytest.raises(WeightsError, match="is a folder"):
        locate(tmp_path, tmp_path)


SAFETENSORS = struct.pack("<Q", 20) + b'{"weight":{}}       ' + b"\0" * 40


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (pickle_bytes(), "could run anything"),
        (checkpoint_bytes(), "a plain PyTorch checkpoint"),
        (SAFETENSORS, "safetensors"),
        (b"\x80\x03cjoblib.numpy_pickle\nNumpyArrayWrapper\n", "could run anything"),
        (b"x\x9c" + b"\x01" * 100, "neither"),  # joblib, compressed
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n", "a Git LFS pointer"),
        (b"\n<!DOCTYPE html><title>Sign in</title>", "a web page"),
        (zip_bytes("readme.txt"), "an archive, but none of TorchScript"),
        (zip_bytes("net/code/a.py"), "an archive, but none of TorchScript"),
        (torchscript_bytes()[:-20], "a damaged archive"),
        (b"\x80", "neither"),
        (b"", "neither"),
        (ONNX[:-1], "neither"),
        (ONNX + b"\x08", "neither"),
        (ONNX + b"\x08\x01\x4b", "neither"),  # a field that ONNX does not have
        (b"\x08\x0a", "neither"),  # no graph
        (b"\x08\x0a\x3a\x02\x2a\x09", "damaged ONNX"),  # a tensor that is longer than its graph
        (b"\x3a\x04\x2a\x02\x70\x01", "ONNX whose numbers lie in another file"),
    ],
)
def test_every_other_format_is_refused_with_what_to_do(tmp_path: Path, body: bytes, said: str) -> None:
    for name in ("mine.pt", "mine.pth", "mine.ckpt", "mine.onnx", "mine.safetensors"):
        path = put(tmp_path / name, body)
        with pytest.raises(WeightsError) as caught:
            locate(path, tmp_path)
        assert f"{path} is {said}" in str(caught.value) or said in caught.value.came
        assert "TorchScript" in caught.value.accepted
        assert "torch.onnx.export" in caught.value.hint
        assert caught.value.exit_code == 2


class Trap:
    """Unpickled, it leaves a trace."""

    def __reduce__(self):
        return os.mkdir, (os.environ["TRAP_FOLDER"],)


def test_a_pickle_is_never_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import pickle
    import zipfile

    monkeypatch.setenv("TRAP_FOLDER", str(tmp_path / "sprung"))
    trap = pickle.dumps(Trap())
    put(tmp_path / "trap.pt", trap)
    with zipfile.ZipFile(tmp_path / "zipped.pt", "w") as archive:
        archive.writestr("net/data.pkl", trap)
    for name in ("trap.pt", "zipped.pt"):
        with pytest.raises(WeightsError):
            locate(tmp_path / name, tmp_path)
    assert not (tmp_path / "sprung").exists()
    pickle.loads(trap)
    assert (tmp_path / "sprung").exists(), "the trap works"


def test_what_torch_and_onnx_write_is_told_apart(tmp_path: Path) -> None:
    torch, onnx = pytest.importorskip("torch"), pytest.importorskip("onnx")
    net = torch.nn.Conv2d(3, 3, 3)
    torch.jit.trace(net, torch.zeros(1, 3, 8, 8)).save(tmp_path / "script.pt")
    torch.save(net.state_dict(), tmp_path / "state.pt")
    torch.save(net, tmp_path / "whole.pt")
    torch.save(net.state_dict(), tmp_path / "old.pt", _use_new_zipfile_serialization=False)
    node = onnx.helper.make_node("Relu", ["x"], ["y"])
    x, y = (onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1]) for name in "xy")
    model = onnx.helper.make_model(onnx.helper.make_graph([node], "g", [x], [y]), producer_name="us")
    onnx.helper.set_model_props(model, {"stride": "32"})
    onnx.save(model, tmp_path / "net.onnx")
    weight = onnx.helper.make_tensor("w", onnx.TensorProto.FLOAT, [1000], bytes(4000), raw=True)
    model.graph.initializer.append(weight)
    onnx.save(model, tmp_path / "heavy.onnx")
    onnx.save(model, tmp_path / "pair.onnx", save_as_external_data=True, location="pair.data", size_threshold=0)
    assert format_of(tmp_path / "heavy.onnx") is Format.ONNX
    with pytest.raises(WeightsError, match="another file beside it"):
        format_of(tmp_path / "pair.onnx")
    assert format_of(tmp_path / "script.pt") is Format.TORCHSCRIPT
    assert format_of(tmp_path / "net.onnx") is Format.ONNX
    for name in ("state.pt", "whole.pt", "old.pt"):
        with pytest.raises(WeightsError, match="could run anything"):
            format_of(tmp_path / name)


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_told(tmp_path: Path) -> None:
    path = put(tmp_path / "net.onnx", ONNX)
    path.chmod(0)
    for look in (format_of, file_sha256):
        with pytest.raises(WeightsError, match="cannot be read: Permission denied"):
            look(path)


def test_looking_at_weights_loads_nothing_heavy() -> None:
    code = "import sys, blanklogo.models.registry, blanklogo.models.files; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"torch", "onnx", "onnxruntime", "httpx2", "cv2", "numpy"}.intersection(loaded)
