"""The classifier's training, end to end on a tiny setting: the same commands, a few windows, a few steps."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from blanklogo.detection.classifier import Classifier
from blanklogo.detection.glances import Scored
from blanklogo.models.files import locate
from blanklogo.models.session import load_session

torch = pytest.importorskip("torch", reason="PyTorch is not installed (make setup-torch)")
pytest.importorskip("skimage", reason="what training needs is not installed (training/README.md)")

from training.classifier.__main__ import MODEL_NAME, main  # noqa: E402
from training.classifier.net import ClassifierNet  # noqa: E402
from training.classifier.proposals import epoch, load_proposals  # noqa: E402
from training.classifier.train import CHECKPOINT, Recipe, train, trained_net  # noqa: E402
from training.detector.__main__ import main as detector  # noqa: E402
from training.detector.batches import load_shard  # noqa: E402
from training.detector.compose import shard_path  # noqa: E402
from training.detector.evaluate import overlaps  # noqa: E402
from training.detector.net import DetectorNet  # noqa: E402
from training.detector.windows import MARK  # noqa: E402

from training import checkpoints  # noqa: E402 (after the skip)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All four commands, one after the other, in a folder with windows."""
    folder = tmp_path_factory.mktemp("run")
    detector(["compose", "--folder", str(folder), "--tiny", "--jobs", "1"])
    for step in ("propose", "train", "export", "evaluate"):
        main([step, "--folder", str(folder), "--tiny"])
    return folder


def test_every_command_runs_and_the_file_is_a_classifier(run: Path) -> None:
    assert (run / MODEL_NAME).stat().st_size < 2_000_000
    classifier = Classifier(load_session(run / MODEL_NAME))
    places = [Scored((10, 10, 60, 30), 0.3), Scored((100, 50, 300, 120), 0.8)]
    told = classifier(np.full((3, 200, 330), 90, np.uint8), places)
    assert [one.corners for one in told] == [one.corners for one in places]
    assert all(0 <= one.score <= 1 for one in told)


def test_places_are_marks_as_far_as_they_overlap_one(run: Path) -> None:
    path = shard_path(run / "train", 0)
    shard, found = load_shard(path), load_proposals(path)
    assert len(found.windows) == len(found.boxes) == len(found.targets) > 0
    for window, box, target in zip(found.windows, found.boxes, found.targets, strict=True):
        truth = shard.boxes[window][shard.kinds[window] == MARK]
        best = overlaps(truth, box[None])[:, 0].max() if len(truth) else 0.0
        assert (target > 0) == (best > 0.3)
        assert (target == 1) == (best >= 0.6)


def test_batches_hold_places_with_their_scores_and_targets(run: Path) -> None:
    path = shard_path(run / "train", 0)
    found = load_proposals(path)
    known = set(zip(found.boxes[:, 4].tolist(), found.targets.tolist(), strict=True))
    batches = list(epoch([path], 2, np.random.default_rng(1)))
    assert batches
    for batch in batches:
        assert batch.crops.shape == (2, 4, 96, 192)
        assert batch.crops[:, 3].amax((1, 2)).tolist() == [1, 1], "each shows where its place is"
        assert set(zip(batch.scores.tolist(), batch.targets.tolist(), strict=True)) <= known


def test_an_untrained_net_says_what_the_detector_said() -> None:
    scores = torch.tensor([0.1, 0.5, 0.9])
    crops = torch.rand(3, 4, 96, 192)
    crops[:, 3] = 0
    crops[:, 3, 40:60, 50:120] = 1
    with torch.no_grad():
        told = torch.sigmoid(ClassifierNet(DetectorNet()).eval()(crops, scores))
    assert told.argsort().tolist() == [0, 1, 2]
    assert (torch.logit(told) - torch.logit(scores)).std() < 1e-4, "all moved by the same"


def killed_after_the_first_checkpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    def save(path: Path, state: dict) -> None:
        whole(path, state)
        monkeypatch.setattr(checkpoints, "save", whole)
        raise KeyboardInterrupt

    whole = checkpoints.save
    monkeypatch.setattr(checkpoints, "save", save)


def test_a_training_that_was_killed_goes_on_to_the_same_net(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe, detector = Recipe(steps=4, batch_size=2, save_every=2), locate("blanklogo-detector").path
    train(run / "train", tmp_path / "whole", recipe, detector)
    killed_after_the_first_checkpoint(monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        train(run / "train", tmp_path / "cut", recipe, detector)
    half = checkpoints.load(tmp_path / "cut" / CHECKPOINT)
    assert half is not None
    assert half["step"] == 2
    train(run / "train", tmp_path / "cut", recipe, detector)
    for one, other in zip(*(trained_net(tmp_path / name).parameters() for name in ("whole", "cut")), strict=True):
        torch.testing.assert_close(one, other)


def test_another_training_does_not_go_on_from_a_checkpoint(run: Path, tmp_path: Path) -> None:
    recipe, detector = Recipe(steps=2, batch_size=2, save_every=2), locate("blanklogo-detector").path
    train(run / "train", tmp_path, recipe, detector)
    with pytest.raises(ValueError, match="another training"):
        train(run / "train", tmp_path, replace(recipe, seed=5), detector)
