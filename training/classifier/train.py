"""The classifier's training: its loss, and that it begins as the detector."""

from __future__ import annotations

from functools import partial
from itertools import islice
from pathlib import Path

import torch
from torch import Tensor, nn

from training import checkpoints
from training.classifier.net import ClassifierNet
from training.classifier.proposals import Batch, epoch
from training.detector.exported import net_of
from training.detector.net import DetectorNet
from training.loop import Recipe as AnyRecipe
from training.loop import Run, batches_from, go_on, half_as_long, mean_net

CHECKPOINT = "classifier.pt"
BATCHES_SEEN = 8  # by the detector's net, before the first step

Recipe = partial(AnyRecipe, batch_size=32, rate=1e-3)


class _Run(Run[Batch]):
    def loss(self, batch: Batch) -> Tensor:
        with half_as_long(self.device):
            crops = batch.crops.to(self.device, memory_format=torch.channels_last)
            logits = self.net(crops, batch.scores.to(self.device))
        return nn.functional.binary_cross_entropy_with_logits(logits.float(), batch.targets.to(self.device))


def train(data: Path, folder: Path, recipe: AnyRecipe, detector: Path) -> None:
    """Train on the shards in `data` and their proposals; the checkpoint in `folder` is taken up where there is one.

    Raises:
        FileNotFoundError: no shards, or no proposals beside them.
    """
    seen = [batch.crops[:, :-1] for batch in islice(batches_from(data, recipe, 0, epoch), BATCHES_SEEN)]
    run = _Run(recipe, lambda: ClassifierNet(net_of(detector, torch.cat(seen))))
    state = checkpoints.load(folder / CHECKPOINT)
    if state:
        run.restore(state)
    go_on(run, batches_from(data, recipe, run.step, epoch), recipe, folder / CHECKPOINT)


def trained_net(folder: Path) -> ClassifierNet:
    """The mean net of the checkpoint in `folder`. Raises FileNotFoundError: there is none."""
    net = ClassifierNet(DetectorNet())
    mean_net(folder / CHECKPOINT, net)
    return net
