"""The detector's training: its loss, and what it begins with."""

from __future__ import annotations

from functools import partial
from itertools import islice
from pathlib import Path

import torch
from torch import Tensor

from training import checkpoints
from training.detector.batches import Batch, epoch
from training.detector.exported import net_of
from training.detector.loss import assign, detector_loss
from training.detector.net import DetectorNet
from training.loop import Recipe as AnyRecipe
from training.loop import Run, batches_from, go_on, half_as_long, mean_net

CHECKPOINT = "detector.pt"
BATCHES_SEEN = 4  # by a net from an exported file, before its first step

Recipe = partial(AnyRecipe, batch_size=16, rate=2e-3)


class _Run(Run[Batch]):
    def __init__(self, recipe: AnyRecipe) -> None:
        super().__init__(recipe, DetectorNet)

    def loss(self, batch: Batch) -> Tensor:
        targets = assign(batch).to(self.device)
        with half_as_long(self.device):
            pictures = batch.pictures.to(self.device, memory_format=torch.channels_last)
            scores, sides, coverage = self.net(pictures)
        return detector_loss((scores.float(), sides.float(), coverage.float()), targets)

    def begin_with(self, trained: DetectorNet) -> None:
        """The weights of another run, before the first step."""
        self.net.load_state_dict(trained.state_dict())
        self.mean.load_state_dict(trained.state_dict())


def train(data: Path, folder: Path, recipe: AnyRecipe, begin_with: Path | None = None) -> None:
    """Train on the shards in `data`; the checkpoint in `folder` is taken up where there is one.

    Args:
        begin_with: another run's folder or an exported file, whose net a new run begins with; None: with a net that
            knows nothing.

    Raises:
        FileNotFoundError: no shards, or no checkpoint to begin with.
        ValueError: the exported file holds another net.
    """
    run = _Run(recipe)
    state = checkpoints.load(folder / CHECKPOINT)
    if state:
        run.restore(state)
    elif begin_with is not None:
        run.begin_with(_beginning(begin_with, data, recipe))
    go_on(run, batches_from(data, recipe, run.step, epoch), recipe, folder / CHECKPOINT)


def trained_net(folder: Path) -> DetectorNet:
    """The mean net of the checkpoint in `folder`. Raises FileNotFoundError: there is none."""
    net = DetectorNet()
    mean_net(folder / CHECKPOINT, net)
    return net


def _beginning(begin_with: Path, data: Path, recipe: AnyRecipe) -> DetectorNet:
    """The net of a run's folder or of an exported file."""
    if begin_with.suffix != ".onnx":
        return trained_net(begin_with)
    batches = islice(batches_from(data, recipe, 0, epoch), BATCHES_SEEN)
    return net_of(begin_with, torch.cat([batch.pictures for batch in batches]))
