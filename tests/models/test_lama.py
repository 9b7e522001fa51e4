"""LaMa: holes are filled with what the network gives, and nothing else moves."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stand_in_nets import doubling, inpainter, node, saved

from blanklogo.errors import MemoryLimitError, ModelError, OptionError
from blanklogo.models.batches import Shrunk
from blanklogo.models.lama import Lama, inpaint
from blanklogo.models.ports import Session
from blanklogo.models.session import load_session

MARK = 255  # what the hole shows before; none of it may be left or spread
NETS: dict[str, dict] = {
    "free": {},
    "fixed at 64": {"size_px": (64, 64)},
    "fixed at 64, one at a time, 0 to 255": {"size_px": (64, 64), "batch": 1, "scale": 255.0},
    "fixed at 96 x 64": {"size_px": (64, 96)},
    "0 to 255": {"scale": 255.0},
    "float16": {"half": True},
}


@pytest.fixture(scope="module")
def sessions(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Session]:
    folder = tmp_path_factory.mktemp("lama")
    return {
        name: load_session(inpainter(folder / f"{index}.onnx", **options))
        for index, (name, options) in enumerate(NETS.items())
    }


def crop_and_hole(height: int = 40, width: int = 56) -> tuple[np.ndarray, np.ndarray]:
    """A crop of one colour under a mark."""
    crop = np.empty((height, width, 3), np.uint8)
    crop[:] = (200, 100, 20)
    hole = np.zeros((height, width), bool)
    hole[height // 4 : height // 2, width // 4 : width // 2] = True
    crop[hole] = MARK
    return crop, hole


@pytest.mark.parametrize("net", NETS)
@pytest.mark.parametrize(("height", "width"), [(40, 56), (41, 53), (64, 64), (9, 200), (150, 120), (2, 2)])
def test_the_hole_gets_the_surroundings_colour_and_the_rest_stays(
    sessions: dict[str, Session], net: str, height: int, width: int
) -> None:
    crop, hole = crop_and_hole(height, width)
    hole[0, 0] = True
    crop[hole] = MARK
    (filled,) = Lama(sessions[net]).inpaint([crop], [hole])
    assert filled.dtype == np.uint8
    assert np.array_equal(filled[~hole], crop[~hole])
    slack = 1  # float16 has steps of 1/8 of 255 near 200
    assert np.abs(filled[hole].astype(int) - (200, 100, 20)).max() <= slack
    assert (crop[hole] == MARK).all(), "the input is not written to"


@pytest.mark.parametrize("net", NETS)
def test_a_crop_as_dark_as_black_is_filled_with_black(sessions: dict[str, Session], net: str) -> None:
    """Where an output of 0 to 255 cannot be told from one of 0 to 1 by its own values."""
    crop, hole = crop_and_hole()
    crop[:] = 1
    crop[hole] = MARK
    (filled,) = Lama(sessions[net]).inpaint([crop], [hole])
    assert (filled == 1).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16])
def test_floating_crops_stay_floating_and_exact_outside(sessions: dict[str, Session], dtype: type) -> None:
    crop = np.random.default_rng(0).random((24, 31, 3)).astype(dtype)
    hole = np.zeros((24, 31), bool)
    hole[4:9, 8:20] = True
    (filled,) = Lama(sessions["free"]).inpaint([crop], [hole])
    assert filled.dtype == dtype
    assert np.array_equal(filled[~hole], crop[~hole])
    assert (filled[hole] == filled[hole][0]).all()
    np.testing.assert_allclose(filled[hole][0], crop[~hole].mean(axis=0), atol=0.05)  # the mirrored rim counts twice


def test_padding_mirrors_the_crop(sessions: dict[str, Session]) -> None:
    """The mean over the mirrored crop is known: rows 6 and 5, 4, 3 … stand below row 7."""
    crop = np.zeros((9, 8, 3), np.float32)
    crop[:, :, 0] = np.arange(9)[:, None] / 10
    hole = np.zeros((9, 8), bool)
    hole[0, 0] = True
    (filled,) = Lama(sessions["free"]).inpaint([crop], [hole])
    rows = [*range(9), *range(7, 0, -1)]
    known = np.repeat(np.array(rows) / 10, 8).sum() / (16 * 8 - 1)  # the hole itself has a value of 0
    assert filled[0, 0, 0] == pytest.approx(known, abs=1e-6)


def test_a_hole_is_mirrored_with_its_crop(sessions: dict[str, Session]) -> None:
    """A mark at the rim would come back, mirrored, as something known beside it."""
    crop, hole = crop_and_hole(12, 12)
    hole[6:12, :] = True
    crop[hole] = MARK
    (filled,) = Lama(sessions["free"]).inpaint([crop], [hole])
    assert (filled == (200, 100, 20)).all()


def test_scaling_down_lets_no_mark_seep_out_of_a_thin_hole(sessions: dict[str, Session]) -> None:
    crop, hole = crop_and_hole(250, 250)
    hole[:] = False
    hole[101, 7:240] = hole[33:200, 130] = True
    crop[:] = (200, 100, 20)
    crop[hole] = MARK
    (filled,) = Lama(sessions["fixed at 64"]).inpaint([crop], [hole])
    assert (filled == (200, 100, 20)).all()


@pytest.mark.parametrize("scale", [1, 2])
def test_the_fill_lands_where_the_hole_is(tmp_path: Path, scale: int) -> None:
    """A network that gives where a pixel lies, 0 at the left to 1 at the right; only the larger crop is scaled."""
    ramp = np.tile(np.linspace(0, 1, 64, dtype=np.float32), (1, 3, 64, 1))
    nodes = [
        node("Mul", "ramp mask", "fill"),
        node("Sub", "one mask", "known"),
        node("Mul", "image known", "rest"),
        node("Add", "fill rest", "y"),
    ]
    shapes = {"image": ["b", 3, 64, 64], "mask": ["b", 1, 64, 64]}
    path = saved(tmp_path / "ramp.onnx", nodes, shapes, ["y"], {"ramp": ramp, "one": np.float32(1)})
    side = {1: 32, 2: 128}[scale]
    hole = np.zeros((side, side), bool)
    hole[4 : side - 4, 2 : side - 2] = True
    (filled,) = Lama(load_session(path)).inpaint([np.zeros((side, side, 3), np.float32)], [hole])
    expected = (np.arange(side) + 0.5) / scale - 0.5
    inside = slice(8, side - 8)  # the rim is blended with what is known
    np.testing.assert_allclose(filled[side // 2, inside, 1], expected[inside] / 63, atol=1e-3)


@pytest.mark.parametrize("side", [40, 200])
def test_the_network_never_sees_the_mark(tmp_path: Path, side: int) -> None:
    """This one fills with the brightest that it sees, in the hole or outside."""
    nodes = [
        node("ReduceMax", "image", "brightest", axes=[2, 3], keepdims=1),
        node("Mul", "brightest mask", "fill"),
        node("Max", "image fill", "y"),
    ]
    shapes = {"image": ["b", 3, 64, 64], "mask": ["b", 1, 64, 64]}
    crop, hole = crop_and_hole(side, side)
    hole[:] = False
    hole[side // 2, 3:-3] = True
    crop[:] = (200, 100, 20)
    crop[hole] = MARK
    (filled,) = Lama(load_session(saved(tmp_path / "net.onnx", nodes, shapes, ["y"]))).inpaint([crop], [hole])
    assert (filled == (200, 100, 20)).all()


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.integers(1, 90),
    st.integers(1, 90),
    st.sampled_from(sorted(NETS)),
    st.integers(0, 2**32 - 1),
    st.floats(0.01, 0.9),
)
def test_outside_the_hole_nothing_ever_changes(
    sessions: dict[str, Session], height: int, width: int, net: str, seed: int, share: float
) -> None:
    rng = np.random.default_rng(seed)
    crop = rng.integers(0, 256, (height, width, 3), np.uint8)
    hole = rng.random((height, width)) < share
    hole[-1, -1] = False
    (filled,) = Lama(sessions[net]).inpaint([crop], [hole])
    assert filled.shape == crop.shape
    assert np.array_equal(filled[~hole], crop[~hole])


def test_many_crops_of_many_sizes_come_back_in_order(sessions: dict[str, Session]) -> None:
    pairs = [crop_and_hole(height, width) for height, width in [(16, 16), (16, 16), (24, 8), (16, 16), (40, 40)]]
    for index, (crop, hole) in enumerate(pairs):
        crop[~hole] = 10 * index
    pairs[3][1][:] = False  # without a hole
    for net in NETS:
        filled = Lama(sessions[net], batch_size=2).inpaint(*zip(*pairs, strict=True))
        for index, (one, (crop, _)) in enumerate(zip(filled, pairs, strict=True)):
            if index == 3:
                assert np.array_equal(one, crop)
            else:
                assert (one == 10 * index).all()
        assert all(one is not crop for one, (crop, _) in zip(filled, pairs, strict=True))


def test_once_is_as_good_as_often(sessions: dict[str, Session]) -> None:
    crop, hole = crop_and_hole()
    once = inpaint(sessions["free"], [crop], [hole])
    assert np.array_equal(once[0], Lama(sessions["free"]).inpaint([crop], [hole])[0])


def test_the_mask_may_come_first(tmp_path: Path) -> None:
    nodes = [node("Sub", "one hole", "known"), node("Mul", "picture known", "rest"), node("Add", "rest hole", "y")]
    shapes = {"hole": ["b", 1, "h", "w"], "picture": ["b", 3, "h", "w"]}
    session = load_session(saved(tmp_path / "net.onnx", nodes, shapes, ["y"], {"one": np.float32(1)}))
    crop, hole = crop_and_hole()
    crop[hole] = 0
    (filled,) = Lama(session).inpaint([crop], [hole])
    assert (filled[hole] == 255).all(), "this one fills with white"


def test_memory_that_runs_out_is_told(sessions: dict[str, Session], monkeypatch: pytest.MonkeyPatch) -> None:
    session, told, run = sessions["free"], [], sessions["free"].run

    def small_memory(*arrays: np.ndarray) -> tuple[np.ndarray, ...]:
        if len(arrays[0]) > 2:
            raise MemoryLimitError("net ran out of memory")
        return run(*arrays)

    monkeypatch.setattr(session, "run", small_memory)
    crop, hole = crop_and_hole()
    filled = Lama(session, batch_size=4, on_shrink=told.append).inpaint([crop] * 5, [hole] * 5)
    assert len(filled) == 5
    assert [(one.from_size, one.to_size) for one in told] == [(4, 2)]
    assert isinstance(told[0], Shrunk)


CROP, HOLE = crop_and_hole()


@pytest.mark.parametrize(
    ("crop", "hole", "words"),
    [
        (CROP[..., 0], HOLE, "a crop of uint8"),
        (CROP.astype(np.int32), HOLE, "a crop of int32"),
        (CROP.astype(np.float32), HOLE, "a crop of 20 to 255; accepted: 0 to 1"),
        (np.full(CROP.shape, np.nan), HOLE, "a crop of nan"),
        (CROP, HOLE.astype(np.uint8), "a hole of uint8"),
        (CROP, HOLE[:-1], "a hole of bool"),
        (CROP, np.ones_like(HOLE), "the hole covers the whole crop"),
    ],
    ids=["grey", "int32", "0 to 255", "nan", "uint8 hole", "smaller hole", "all hole"],
)
def test_what_does_not_fit_is_refused(
    sessions: dict[str, Session], crop: np.ndarray, hole: np.ndarray, words: str
) -> None:
    with pytest.raises(OptionError, match=words):
        Lama(sessions["free"]).inpaint([crop], [hole])


def test_as_many_holes_as_crops(sessions: dict[str, Session]) -> None:
    with pytest.raises(OptionError, match="2 crops and 1 holes"):
        Lama(sessions["free"]).inpaint([CROP, CROP], [HOLE])


# --- Networks that are something else ---


def ten_times(path: Path) -> Path:
    """LaMa's signature, and an output that is neither 0 to 1 nor 0 to 255."""
    return saved(
        path,
        [node("Mul", "image ten", "scaled"), node("Sub", "scaled mask", "y")],
        {"image": ["b", 3, "h", "w"], "mask": ["b", 1, "h", "w"]},
        ["y"],
        {"ten": np.float32(10)},
    )


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda path: doubling(path, [1, 3, 64, 64]), r"takes x.*accepted: LaMa's inputs"),
        (lambda path: saved(path, [node("Mul", "a b", "y")], {"a": [1, 3, 8, 8], "b": [1, 3, 8, 8]}, ["y"]), "takes a"),
        (lambda path: saved(path, [node("Add", "a b", "y")], {"a": [1, 1, 8, 8], "b": [1, 1, 8, 8]}, ["y"]), "takes a"),
        (lambda path: saved(path, [node("Add", "a b", "y")], {"a": [1, 3, 8], "b": [1, 1, 8]}, ["y"]), "takes a"),
        (ten_times, r"turns a grey of 0\.5 into 5 .*accepted: LaMa's output"),
    ],
    ids=["one input", "two pictures", "two masks", "no sides", "ten times"],
)
def test_another_network_is_refused(tmp_path: Path, make: Callable[[Path], Path], words: str) -> None:
    session = load_session(make(tmp_path / "net.onnx"))
    with pytest.raises(ModelError, match=words):
        Lama(session)


def test_values_that_are_not_numbers_are_refused(tmp_path: Path) -> None:
    """0 / 0 where the picture is black and not hidden, as float16 overflows give."""
    nodes = [node("Add", "image mask", "some"), node("Div", "some some", "ones"), node("Mul", "image ones", "y")]
    session = load_session(
        saved(tmp_path / "net.onnx", nodes, {"image": ["b", 3, "h", "w"], "mask": ["b", 1, "h", "w"]}, ["y"])
    )
    crop, hole = crop_and_hole()
    crop[0, 0] = 0
    with pytest.raises(ModelError, match=r"net\.onnx gave values that are not numbers"):
        Lama(session).inpaint([crop], [hole])


# --- TorchScript ---


@pytest.mark.parametrize("half", [False, True])
def test_a_torchscript_lama_fills_the_same(tmp_path: Path, half: bool) -> None:
    torch = pytest.importorskip("torch")

    class Net(torch.nn.Module):
        """big-lama's signature: `forward(image, mask)`, float 0 to 1 in and out."""

        def __init__(self) -> None:
            super().__init__()
            self.weight = torch.nn.Parameter(torch.ones(1))

        def forward(self, image, mask):
            known = 1 - mask
            mean = (image * known).mean((2, 3), keepdim=True) / known.mean((2, 3), keepdim=True) * self.weight
            return image * known + mean * mask

    dtype = torch.float16 if half else torch.float32
    example = (torch.rand(1, 3, 32, 32).to(dtype), torch.zeros(1, 1, 32, 32, dtype=dtype))
    torch.jit.trace(Net().to(dtype), example).save(tmp_path / "big-lama.pt")
    pairs = [crop_and_hole(41, 53), crop_and_hole(41, 53), crop_and_hole(20, 20)]
    filled = Lama(load_session(tmp_path / "big-lama.pt")).inpaint(*zip(*pairs, strict=True))
    for one, (crop, hole) in zip(filled, pairs, strict=True):
        assert np.array_equal(one[~hole], crop[~hole])
        assert np.abs(one[hole].astype(int) - (200, 100, 20)).max() <= 1  # float16
