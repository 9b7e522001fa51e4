"""Sessions: what they say of their network, who may share them, and what a wrong file comes to."""

from __future__ import annotations

import pickle
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from stand_in_nets import detector_of_classes, doubling, inpainter, node, saved

from blanklogo.errors import LoadError, OptionError, ProcessingError, UnavailableError, WeightsError
from blanklogo.models import session as session_module
from blanklogo.models.ports import Port, Session
from blanklogo.models.session import SessionCache, close_sessions, load_session, open_session

NUM_THREADS = 10


@pytest.fixture(autouse=True)
def _nothing_stays_open():
    yield
    close_sessions()


def pictures(seed: int, num: int = 2) -> np.ndarray:
    return np.random.default_rng(seed).random((num, 3, 32, 32), np.float32)


def test_a_network_says_what_it_takes_and_gives(tmp_path: Path) -> None:
    session = load_session(inpainter(tmp_path / "lama.onnx", size_px=(64, 64)))
    assert session.inputs == (Port("image", (None, 3, 64, 64), "float32"), Port("mask", (None, 1, 64, 64), "float32"))
    assert [port.name for port in session.outputs] == ["output"]
    assert str(session.inputs[1]) == "mask: float32 [?, 1, 64, 64]"
    assert load_session(inpainter(tmp_path / "half.onnx", half=True)).inputs[0].dtype == "float16"


def test_metadata_is_read_and_cannot_be_written(tmp_path: Path) -> None:
    session = load_session(
        detector_of_classes(tmp_path / "yolo.onnx", metadata={"names": "{0: 'mark'}", "stride": "32"})
    )
    assert session.metadata == {"names": "{0: 'mark'}", "stride": "32"}
    with pytest.raises(TypeError):
        session.metadata["stride"] = "8"  # type: ignore[index]


def test_outputs_come_in_order(tmp_path: Path) -> None:
    nodes = [node("Add", "a b", "sum"), node("Sub", "a b", "difference")]
    path = saved(tmp_path / "two.onnx", nodes, {"a": [None], "b": [None]}, ["sum", "difference"])
    total, difference = load_session(path).run(np.float32([5]), np.float32([3]))
    assert (total, difference) == (8, 2)


@pytest.mark.parametrize(
    "wrong",
    [
        (np.zeros((1, 4), np.float32),),
        (np.zeros((1, 3), np.float64),),
        (np.zeros(3, np.float32),),
        (),
        (np.zeros((1, 3), np.float32),) * 2,
    ],
    ids=["side", "dtype", "sides", "none", "too many"],
)
def test_an_array_that_does_not_fit_is_refused_with_what_does(tmp_path: Path, wrong: tuple[np.ndarray, ...]) -> None:
    session = load_session(doubling(tmp_path / "double.onnx"))
    with pytest.raises(ProcessingError, match=r"double.onnx was given.*accepted: x: float32 \[\?, 3\]"):
        session.run(*wrong)


def test_a_network_that_fails_while_running_says_which(tmp_path: Path) -> None:
    nodes = [node("Reshape", "x shape", "y")]
    path = saved(tmp_path / "five.onnx", nodes, {"x": ["n"]}, ["y"], {"shape": np.array([5, -1])})
    with pytest.raises(ProcessingError, match=r"five.onnx failed while running.*Reshape"):
        load_session(path, "cpu").run(np.zeros(7, np.float32))


def test_errors_are_raised_and_not_printed(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = saved(tmp_path / "stuck.onnx", [node("Gather", "x where", "y")], {"x": [7]}, ["y"], {"where": np.array([9])})
    with pytest.raises(LoadError):
        load_session(path)
    with pytest.raises(LoadError):
        load_session(of_an_opset_to_come(tmp_path))
    printed = capfd.readouterr()
    assert (printed.out, printed.err) == ("", "")


def test_what_is_not_run_is_not_imported() -> None:
    """PyTorch takes seconds to import, ONNX Runtime tenths: a removal that needs neither pays for neither."""
    names = "blanklogo.models.session", "blanklogo.models.yolo", "blanklogo.models.lama"
    code = f"import sys, {', '.join(names)}; print(sorted({{'torch', 'onnxruntime'}} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# --- Files that are no network, or none that we take ---


def cut_short(folder: Path) -> Path:
    whole = detector_of_classes(folder / "whole.onnx").read_bytes()
    (folder / "cut.onnx").write_bytes(whole[: len(whole) // 2])
    return folder / "cut.onnx"


def noise_called_onnx(folder: Path) -> Path:
    (folder / "noise.onnx").write_bytes(b"\x08\x0a" + np.random.default_rng(0).bytes(500))
    return folder / "noise.onnx"


def of_an_opset_to_come(folder: Path) -> Path:
    return doubling(folder / "future.onnx", opset=999)


def with_an_unknown_operator(folder: Path) -> Path:
    return saved(folder / "unknown.onnx", [node("Conjure", "x", "y")], {"x": [1]}, ["y"])


def empty(folder: Path) -> Path:
    (folder / "empty.onnx").touch()
    return folder / "empty.onnx"


def a_web_page(folder: Path) -> Path:
    (folder / "page.onnx").write_text("<!DOCTYPE html><p>Not found</p>")
    return folder / "page.onnx"


def a_zip_of_something_else(folder: Path) -> Path:
    with zipfile.ZipFile(folder / "other.pt", "w") as archive:
        archive.writestr("photos/cat.txt", "miaow")
    return folder / "other.pt"


def a_damaged_archive(folder: Path) -> Path:
    whole = a_zip_of_something_else(folder).read_bytes()
    (folder / "damaged.pt").write_bytes(whole[:-30])
    return folder / "damaged.pt"


def missing(folder: Path) -> Path:
    return folder / "missing.onnx"


@pytest.mark.parametrize(
    "made",
    [
        cut_short,
        noise_called_onnx,
        of_an_opset_to_come,
        with_an_unknown_operator,
        empty,
        a_web_page,
        a_zip_of_something_else,
        a_damaged_archive,
        missing,
    ],
    ids=lambda made: made.__name__,
)
def test_a_wrong_file_is_one_clear_error_with_its_name(tmp_path: Path, made: Callable[[Path], Path]) -> None:
    path = made(tmp_path)
    for opened in (load_session, open_session):
        with pytest.raises((LoadError, WeightsError)) as caught:
            opened(path)
        assert path.name in str(caught.value)
        assert "\n" not in str(caught.value)
        assert len(str(caught.value)) < 800


class Booby:
    """Writes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@pytest.mark.parametrize("is_zip", [True, False], ids=["new", "old"])
def test_a_pickled_checkpoint_is_refused_and_never_unpickled(tmp_path: Path, is_zip: bool) -> None:
    path, sprung = tmp_path / "best.pt", tmp_path / "sprung"
    pickled = pickle.dumps(Booby(sprung), protocol=2)
    if is_zip:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("archive/data.pkl", pickled)
            archive.writestr("archive/version", "3")
    else:
        path.write_bytes(pickled)
    with pytest.raises(WeightsError, match=r"best\.pt is a (plain PyTorch|pickle).*accepted: ONNX.*try: export"):
        open_session(path)
    assert not sprung.exists()


def test_a_network_that_loads_and_does_not_run_is_refused_at_once(tmp_path: Path) -> None:
    path = saved(tmp_path / "stuck.onnx", [node("Gather", "x where", "y")], {"x": [7]}, ["y"], {"where": np.array([9])})
    with pytest.raises(LoadError, match=r"at its first run stuck\.onnx failed"):
        load_session(path)


@pytest.mark.parametrize(
    ("shape", "is_warm"), [([None, 3, None, None], True), ([None], True), ([None, 3, 32, None], True), ([], True)]
)
def test_free_sides_are_guessed_to_warm_up(tmp_path: Path, shape: list[int | None], is_warm: bool) -> None:
    session = load_session(saved(tmp_path / "net.onnx", [node("Relu", "x", "y")], {"x": shape}, ["y"]))
    assert session.warm_up() is is_warm


def test_a_network_that_a_guess_does_not_suit_is_no_damaged_one(tmp_path: Path) -> None:
    picked = [node("Gather", "x where", "y", axis=1)]
    path = saved(tmp_path / "wide.onnx", picked, {"x": [None, None]}, ["y"], {"where": np.array([99])})
    session = load_session(path)
    assert not session.warm_up(), "64 columns have no hundredth"
    (out,) = session.run(np.ones((1, 100), np.float32))
    assert out.tolist() == [[1]]


def test_fewer_than_one_thread_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="0 threads; accepted: 1 or more"):
        load_session(doubling(tmp_path / "double.onnx"), num_threads=0)


# --- Sharing ---


def at_once(work: Callable[[int], object]) -> list:
    """`work(0)` to `work(9)`, each in a thread of its own, none before all are there."""
    gate = threading.Barrier(NUM_THREADS)

    def late(index: int) -> object:
        gate.wait(timeout=60)
        return work(index)

    with ThreadPoolExecutor(NUM_THREADS) as threads:
        return list(threads.map(late, range(NUM_THREADS)))


def test_ten_threads_on_one_session_get_what_one_gets(tmp_path: Path) -> None:
    session = load_session(detector_of_classes(tmp_path / "yolo.onnx", size_px=(32, 32)))
    alone = [session.run(pictures(index))[0] for index in range(NUM_THREADS)]
    for _ in range(20):
        together = at_once(lambda index: session.run(pictures(index))[0])
        assert all(np.array_equal(one, other) for one, other in zip(alone, together, strict=True))
    assert not np.array_equal(alone[0], alone[1])


def test_threads_for_a_run_change_nothing_but_the_time(tmp_path: Path) -> None:
    path = detector_of_classes(tmp_path / "yolo.onnx", size_px=(32, 32))
    one, two = (load_session(path, num_threads=number).run(pictures(0))[0] for number in (1, 2))
    np.testing.assert_allclose(one, two, rtol=1e-6)  # sums of few float32 in another order


def test_a_network_is_loaded_once_however_many_ask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = doubling(tmp_path / "double.onnx")
    loads = counted_loads(monkeypatch)
    sessions = at_once(lambda index: open_session(path if index % 2 else str(path)))
    assert len(set(map(id, sessions))) == len(loads) == 1


def test_those_who_wait_for_a_load_that_fails_get_its_error(tmp_path: Path) -> None:
    cache, path = SessionCache(), a_web_page(tmp_path)

    def refused(_: int) -> str:
        with pytest.raises(WeightsError) as caught:
            cache.open(path)
        return str(caught.value)

    assert len(set(at_once(refused))) == 1


def test_a_load_that_failed_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache, path, tries = SessionCache(), doubling(tmp_path / "double.onnx"), []

    def failing_once(*args: object) -> Session:
        tries.append(args)
        if len(tries) == 1:
            raise LoadError("the disk was away")
        return load_session(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(session_module, "load_session", failing_once)
    with pytest.raises(LoadError, match="the disk was away"):
        cache.open(path)
    assert cache.open(path) is cache.open(path)
    assert len(tries) == 2


def test_another_device_number_of_threads_or_content_is_another_session(tmp_path: Path) -> None:
    path = doubling(tmp_path / "double.onnx")
    first = open_session(path, "cpu")
    assert open_session(path, "cpu") is first
    assert open_session(path, "cpu", num_threads=2) is not first
    path.write_bytes(inpainter(tmp_path / "other.onnx").read_bytes())
    assert [port.name for port in open_session(path, "cpu").inputs] == ["image", "mask"]


def test_a_link_is_the_file_it_leads_to(tmp_path: Path) -> None:
    path = doubling(tmp_path / "double.onnx")
    (tmp_path / "link.onnx").symlink_to(path)
    assert open_session(tmp_path / "link.onnx") is open_session(path)


def test_closing_lets_go_and_opening_again_loads_anew(tmp_path: Path) -> None:
    path = doubling(tmp_path / "double.onnx")
    session = open_session(path)
    close_sessions()
    with pytest.raises(UnavailableError, match=r"double\.onnx was closed"):
        session.run(np.ones((1, 3), np.float32))
    assert open_session(path).run(np.ones((1, 3), np.float32))[0].sum() == 6


def test_a_session_that_is_being_loaded_when_all_are_closed_is_closed_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache, is_loading, may_go_on = SessionCache(), threading.Event(), threading.Event()

    def slow(*args: object) -> Session:
        is_loading.set()
        assert may_go_on.wait(timeout=60)
        return load_session(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(session_module, "load_session", slow)
    with ThreadPoolExecutor(1) as thread:
        loaded = thread.submit(cache.open, doubling(tmp_path / "double.onnx"))
        assert is_loading.wait(timeout=60)
        cache.close()
        may_go_on.set()
        session = loaded.result(timeout=60)
    with pytest.raises(UnavailableError, match="closed"):
        session.run(np.ones((1, 3), np.float32))


def counted_loads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    loads: list[str] = []

    def counting(path: str, *rest: object) -> Session:
        loads.append(path)
        return load_session(path, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(session_module, "load_session", counting)
    return loads


# --- TorchScript ---


def test_without_pytorch_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with zipfile.ZipFile(tmp_path / "net.pt", "w") as archive:
        archive.writestr("net/code/__torch__.py", "")
        archive.writestr("net/constants.pkl", "")
    monkeypatch.setitem(sys.modules, "torch", None)  # what an import finds where a package is not installed
    with pytest.raises(UnavailableError, match=r"PyTorch is not installed.*try: pip install 'blanklogo\[torch\]'"):
        load_session(tmp_path / "net.pt")


@pytest.fixture(scope="module")
def torch_net(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two inputs, two outputs, dropout that must be off, and Ultralytics' metadata."""
    torch = pytest.importorskip("torch")

    class Net(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = torch.nn.Conv2d(3, 8, 3, padding=1)
            self.drop = torch.nn.Dropout(0.5)

        def forward(self, image, mask):
            return self.drop(torch.relu(self.conv(image))), image * (1 - mask)

    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("torch") / "net.torchscript"
    module = torch.jit.script(Net().train())  # a traced one would keep its mode for good
    torch.jit.save(module, str(path), _extra_files={"config.txt": '{"stride": 32, "names": {"0": "mark"}}'})
    return path


def test_torchscript_says_its_names_and_metadata_and_no_shapes(torch_net: Path) -> None:
    session = load_session(torch_net)
    assert session.inputs == (Port("image", None, "float32"), Port("mask", None, "float32"))
    assert session.metadata == {"stride": "32", "names": "{'0': 'mark'}"}


def test_torchscript_runs_in_evaluation_mode_and_gives_every_output(torch_net: Path) -> None:
    session, mask = load_session(torch_net), np.ones((2, 1, 32, 32), np.float32)
    first, second = (session.run(pictures(0), mask) for _ in range(2))
    assert [output.shape for output in first] == [(2, 8, 32, 32), (2, 3, 32, 32)]
    assert np.array_equal(first[0], second[0]), "dropout would give other values each time"
    assert not first[1].any()


def test_ten_threads_on_one_torchscript_session_get_what_one_gets(torch_net: Path) -> None:
    session, mask = load_session(torch_net), np.zeros((2, 1, 32, 32), np.float32)
    alone = [session.run(pictures(index), mask)[0] for index in range(NUM_THREADS)]
    for _ in range(20):
        together = at_once(lambda index: session.run(pictures(index), mask)[0])
        assert all(np.array_equal(one, other) for one, other in zip(alone, together, strict=True))


def test_ten_threads_are_the_first_to_run_a_torchscript_session(torch_net: Path) -> None:
    """Its first runs are profiled and compiled; that they are many at once must change nothing."""
    mask = np.zeros((2, 1, 32, 32), np.float32)
    alone = [load_session(torch_net).run(pictures(index), mask)[0] for index in range(NUM_THREADS)]
    fresh = load_session(torch_net)
    together = at_once(lambda index: fresh.run(pictures(index), mask)[0])
    assert all(np.array_equal(one, other) for one, other in zip(alone, together, strict=True))


def test_a_torchscript_run_has_the_threads_it_was_given(torch_net: Path) -> None:
    torch = pytest.importorskip("torch")
    session = load_session(torch_net, num_threads=1)
    with ThreadPoolExecutor(1) as thread:  # of its own: what is set there must not stay behind in the tests' thread
        run = thread.submit(session.run, pictures(0), np.zeros((2, 1, 32, 32), np.float32))
        run.result(timeout=60)
        assert thread.submit(torch.get_num_threads).result(timeout=60) == 1


def test_a_real_checkpoint_of_pytorch_is_refused(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    for name, new in (("new.pt", True), ("old.pt", False)):
        torch.save({"weights": torch.zeros(3)}, tmp_path / name, _use_new_zipfile_serialization=new)
        with pytest.raises(WeightsError, match=f"{name} is a .*pickle"):
            load_session(tmp_path / name)


def test_a_torchscript_archive_with_a_broken_program_is_refused(torch_net: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.pt"
    with zipfile.ZipFile(torch_net) as whole, zipfile.ZipFile(broken, "w") as archive:
        for name in whole.namelist():
            is_program = name.endswith(".py")
            archive.writestr(name, b"class Net(Module):\n  def forward(" if is_program else whole.read(name))
    with pytest.raises(LoadError, match=r"broken\.pt cannot be loaded"):
        load_session(broken)


def test_a_torchscript_session_closes(torch_net: Path) -> None:
    session = load_session(torch_net)
    session.close()
    with pytest.raises(UnavailableError, match="closed"):
        session.run(pictures(0), np.zeros((2, 1, 32, 32), np.float32))
