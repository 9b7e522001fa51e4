"""The detector's training, end to end on a tiny setting: the same commands, a few windows, a few steps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from blanklogo.detection.finders import finder_of
from blanklogo.detection.statistics import NUM_CHANNELS
from blanklogo.models.session import load_session

torch = pytest.importorskip("torch", reason="PyTorch is not installed (make setup-torch)")
pytest.importorskip("skimage", reason="what training needs is not installed (training/README.md)")

from training.detector import films  # noqa: E402
from training.detector.__main__ import MODEL_NAME, main  # noqa: E402
from training.detector.batches import Batch, augmented, load_shard  # noqa: E402
from training.detector.compose import shard_path  # noqa: E402
from training.detector.exported import net_of  # noqa: E402
from training.detector.loss import assign, detector_loss, overlaps  # noqa: E402
from training.detector.net import STRIDE_PX, DetectorNet, boxes_of  # noqa: E402
from training.detector.train import CHECKPOINT, Recipe, train, trained_net  # noqa: E402
from training.detector.windows import MARK, make_windows  # noqa: E402
from training.loop import Recipe as AnyRecipe  # noqa: E402

from training import checkpoints  # noqa: E402 (after the skip)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All four commands, one after the other."""
    folder = tmp_path_factory.mktemp("run")
    for step in ("compose", "train", "export", "evaluate"):
        main([step, "--folder", str(folder), "--tiny", "--jobs", "1"])
    return folder


def test_every_command_runs_and_the_file_is_a_detector(run: Path) -> None:
    assert (run / MODEL_NAME).stat().st_size < 4_000_000
    finder = finder_of(load_session(run / MODEL_NAME))
    assert not finder.wants_colour
    (found,) = finder([np.zeros((NUM_CHANNELS, 200, 330), np.uint8)])
    assert all(0 <= scored.score <= 1 for scored in found)


def test_a_training_that_was_cut_short_goes_on_to_the_same_net(run: Path, tmp_path: Path) -> None:
    recipe = Recipe(steps=4, batch_size=2, save_every=2)
    train(run / "train", tmp_path / "whole", recipe)
    cut = tmp_path / "cut"
    with pytest.raises(KeyboardInterrupt):
        _train_until(3, run / "train", cut, recipe)
    state = checkpoints.load(cut / CHECKPOINT)
    assert state is not None
    assert state["step"] == 2
    train(run / "train", cut, recipe)
    whole, resumed = (checkpoints.load(folder / CHECKPOINT) for folder in (tmp_path / "whole", cut))
    assert whole is not None
    assert resumed is not None
    for name, value in whole["mean"].items():
        torch.testing.assert_close(resumed["mean"][name], value, msg=name)


def _train_until(step: int, data: Path, folder: Path, recipe: AnyRecipe) -> None:
    """A training that is interrupted at a step."""
    with pytest.MonkeyPatch.context() as patch:
        learn = train.__globals__["_Run"].learn

        def interrupted(self, batch, rate):
            if self.step == step:
                raise KeyboardInterrupt
            return learn(self, batch, rate)

        patch.setattr(train.__globals__["_Run"], "learn", interrupted)
        train(data, folder, recipe)


def test_shards_are_the_same_whenever_they_are_made(run: Path, tmp_path: Path) -> None:
    main(["compose", "--folder", str(tmp_path), "--tiny", "--jobs", "2"])
    for name in ("train", "held-out"):
        first, again = (load_shard(shard_path(folder / name, 0)) for folder in (run, tmp_path))
        assert (first.coverage == again.coverage).all()
        assert (first.statistics == again.statistics).all()
        assert all((a == b).all() for a, b in zip(first.boxes, again.boxes, strict=True))
    train_shard, held_out = (load_shard(shard_path(run / name, 0)) for name in ("train", "held-out"))
    assert (train_shard.statistics != held_out.statistics).any()


def test_boxes_lie_where_the_marks_are() -> None:
    rng = np.random.default_rng(11)
    for is_tall in (False, True):
        for window in (window for _ in range(2) for window in make_windows(rng, is_tall=is_tall)):
            cells = window.coverage.astype(bool)
            marks = window.boxes[window.kinds == MARK]
            for x0, y0, x1, y1 in marks:
                inside = cells[
                    int(y0) // STRIDE_PX : int(y1) // STRIDE_PX + 1, int(x0) // STRIDE_PX : int(x1) // STRIDE_PX + 1
                ]
                assert inside.any()
            assert bool(len(marks)) == bool(cells.any())


def test_augmented_boxes_and_coverage_stay_together(run: Path) -> None:
    """Mirrored or joined, each mark's box holds a cell that its coverage fills, and nothing else is covered."""
    shard = load_shard(shard_path(run / "train", 0))
    batch = shard.batch(range(len(shard.boxes)))
    changed = 0
    for seed in range(12):
        new = augmented(batch, np.random.default_rng(seed))
        changed += not torch.equal(new.coverage, batch.coverage)
        for boxes, kinds, coverage in zip(new.boxes, new.kinds, new.coverage, strict=True):
            left = coverage[0].clone()
            for x0, y0, x1, y1 in boxes[kinds == MARK].tolist():
                cells = (
                    slice(int(y0) // STRIDE_PX, int(y1) // STRIDE_PX + 1),
                    slice(int(x0) // STRIDE_PX, int(x1) // STRIDE_PX + 1),
                )
                assert coverage[0][cells].any()
                left[cells] = 0
            assert left.max() < 0.1
    assert changed > 3, "half of the time all are mirrored"


def test_a_net_that_says_the_truth_has_the_least_loss() -> None:
    box = torch.tensor([[100.0, 50.0, 180.0, 90.0]])
    coverage = torch.zeros(1, 1, 24, 40)
    coverage[0, 0, 6:12, 12:23] = 1
    kinds = [torch.tensor([MARK])]
    targets = assign(Batch(torch.zeros(1, 3, 192, 320), [box], kinds, coverage))
    assert 1 <= int(targets.is_positive.sum()) <= 16
    y = (torch.arange(24) + 0.5)[:, None] * STRIDE_PX + torch.zeros(40)
    x = (torch.arange(40) + 0.5)[None] * STRIDE_PX + torch.zeros(24, 1)
    sides = torch.stack([x - 100, y - 50, 180 - x, 90 - y])[None]
    scores = torch.where(targets.kinds > 0, 8.0, -8.0)
    truth = detector_loss((scores, sides, (coverage - 0.5) * 16), targets)
    assert truth < 0.02
    for wrong in (
        (scores.flip(1), sides, coverage),
        (-scores, sides, coverage),
        (scores, sides + 20, coverage),
        (scores, sides, -coverage),
    ):
        assert detector_loss(wrong, targets) > truth + 0.1


def test_overlaps_of_known_boxes() -> None:
    first = torch.tensor([[0.0, 0, 10, 10], [0, 0, 10, 10]])
    second = torch.tensor([[5.0, 0, 15, 10], [20, 0, 30, 10]])
    iou, generalised = overlaps(first, second)
    torch.testing.assert_close(iou, torch.tensor([1 / 3, 0.0]))
    torch.testing.assert_close(generalised, torch.tensor([1 / 3, -1 / 3]))


def test_the_net_answers_in_cells() -> None:
    scores, sides, coverage = DetectorNet().eval()(torch.rand(1, 3, 64, 96))
    assert (scores.shape, coverage.shape) == ((1, 2, 8, 12), (1, 1, 8, 12))
    assert (sides > 0).all()
    assert (boxes_of(sides)[:, 2:] > boxes_of(sides)[:, :2]).all()


@pytest.mark.parametrize("kind", films.KINDS)
def test_films_hold_a_mark_where_they_say(kind: str) -> None:
    film = films.make_film(kind, np.random.default_rng(3))
    assert len(film.lumas) == films.NUM_FRAMES
    height, width = film.lumas[0].shape
    seconds = films.NUM_FRAMES / float(films.RATE)
    total = sum(part.end_seconds - part.start_seconds for place in film.places for part in place.ranges)
    assert total == pytest.approx(seconds)
    for box in (place.box for place in film.places):
        assert 0 <= box.x0 < box.x1 <= width
        assert 0 <= box.y0 < box.y1 <= height
    assert not films.make_film(kind, np.random.default_rng(3), is_marked=False).places


def test_a_run_may_begin_with_the_net_of_another(run: Path, tmp_path: Path) -> None:
    train(run / "train", tmp_path, Recipe(steps=1, batch_size=2, rate=0.0), begin_with=run)
    first, second = (checkpoints.load(folder / CHECKPOINT) for folder in (run, tmp_path))
    assert first is not None
    assert second is not None
    assert second["step"] == 1
    for name, value in first["mean"].items():
        if "weight" in name and value.ndim > 1:
            torch.testing.assert_close(second["net"][name], value, msg=name)
    with pytest.raises(FileNotFoundError, match="train first"):
        train(run / "train", tmp_path / "new", Recipe(steps=1), begin_with=tmp_path / "nothing")


def test_a_run_may_begin_with_an_exported_file(run: Path, tmp_path: Path) -> None:
    """The net of the file answers as the net that was exported, before its first step and as a net in training."""
    pictures = load_shard(shard_path(run / "train", 0)).batch(range(4)).pictures
    first, again = trained_net(run), net_of(run / MODEL_NAME, pictures)
    with torch.no_grad():
        for was, now in zip(first(pictures), again(pictures), strict=True):
            torch.testing.assert_close(now, was, rtol=1e-3, atol=1e-3)
        for was, now in zip(again(pictures), again.train()(pictures), strict=True):
            torch.testing.assert_close(now, was, rtol=0.05, atol=0.05)
    train(run / "train", tmp_path, Recipe(steps=1, batch_size=2), begin_with=run / MODEL_NAME)
    assert checkpoints.load(tmp_path / CHECKPOINT)


def test_an_exported_file_of_another_net_is_refused(tmp_path: Path) -> None:
    other = torch.nn.Conv2d(3, 4, 3)
    torch.onnx.export(other, (torch.zeros(1, 3, 8, 8),), str(tmp_path / "other.onnx"), dynamo=False)
    with pytest.raises(ValueError, match="another net"):
        net_of(tmp_path / "other.onnx", torch.zeros(1, 3, 64, 64))
