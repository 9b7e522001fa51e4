"""The classifier from the detector's windows to a file: each step one command, each resumable.

python -m training.classifier propose  --folder RUN      # the places that the shipped detector sees in RUN's windows
python -m training.classifier train    --folder RUN
python -m training.classifier export   --folder RUN      # RUN/blanklogo-classifier.onnx
python -m training.classifier evaluate --folder RUN      # recall by false alarms on the held-out windows

RUN is a folder in which `python -m training.detector compose` has put windows.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import torch

from blanklogo.models.files import locate
from training.classifier.evaluate import evaluate
from training.classifier.export import export
from training.classifier.proposals import propose
from training.classifier.train import Recipe, train, trained_net

MODEL_NAME = "blanklogo-classifier.onnx"
FULL = Recipe(steps=9000)
TINY = Recipe(steps=4, batch_size=2, save_every=2)


def main(arguments: list[str] | None = None) -> None:
    given = _parser().parse_args(arguments)
    torch.set_num_threads(given.threads)
    {"propose": _propose, "train": _train, "export": _export, "evaluate": _evaluate}[given.step](given)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m training.classifier", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("step", choices=("propose", "train", "export", "evaluate"))
    parser.add_argument("--folder", type=Path, required=True, help="where the windows are, and everything goes")
    parser.add_argument("--detector", type=Path, help="whose places it learns from (default: the shipped one)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1, help="of a training step (default: 1)")
    parser.add_argument("--device", default="cpu", help="cpu or cuda (default: cpu)")
    parser.add_argument("--tiny", action="store_true", help="a few steps: to see that it runs")
    return parser


def _propose(given: argparse.Namespace) -> None:
    for name in ("held-out", "train"):
        propose(_detector(given), given.folder / name)


def _train(given: argparse.Namespace) -> None:
    recipe = replace(TINY if given.tiny else FULL, seed=given.seed, device=given.device)
    train(given.folder / "train", given.folder, recipe, _detector(given))


def _export(given: argparse.Namespace) -> None:
    export(trained_net(given.folder), given.folder / MODEL_NAME)
    print(given.folder / MODEL_NAME)


def _evaluate(given: argparse.Namespace) -> None:
    print("false alarms  recall: detector    both")
    for row in evaluate(given.folder / MODEL_NAME, given.folder / "held-out"):
        print(f"{row.false_share:12.0%}  {row.by_detector:16.1%}  {row.by_both:6.1%}")


def _detector(given: argparse.Namespace) -> Path:
    return given.detector or locate("blanklogo-detector").path


if __name__ == "__main__":
    main()
