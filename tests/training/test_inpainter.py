"""The inpainter's recipe, small: crops, training that survives its own death, export, figures."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")
pytest.importorskip("onnxscript")

from training.inpainter import net as nets  # noqa: E402
from training.inpainter.__main__ import main  # noqa: E402
from training.inpainter.crops import Crop, CropSet, Sheets, read_crops, write_crops  # noqa: E402
from training.inpainter.evaluate import evaluate  # noqa: E402
from training.inpainter.export import NAME, export  # noqa: E402
from training.inpainter.loss import losses  # noqa: E402
from training.inpainter.train import Run, Schedule, train, trained  # noqa: E402

from blanklogo.testbed import scenery  # noqa: E402 (after the skips, as the rest)

SCHEDULE = Schedule(seed=3, num_steps=4, batch_size=2, keep_every=2)


def leaves(rng: np.random.Generator, least_px: tuple[int, int]) -> np.ndarray:
    return scenery.dead_leaves(*least_px, rng)


def plate(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A bar, in place of a drawn mark: no fonts are needed."""
    size = (int(rng.integers(8, 20)), int(rng.integers(30, 90)))
    return np.ones(size, np.float32), np.ones((*size, 3), np.float32)


@pytest.fixture(scope="module")
def crops(tmp_path_factory: pytest.TempPathFactory) -> CropSet:
    folder = tmp_path_factory.mktemp("crops")
    write_crops(folder, Sheets(leaves, plate, 1), 8)
    return read_crops(folder)


def test_crops_hide_the_truth_in_the_hole_alone(crops: CropSet) -> None:
    smooth, truth, hole = crops.batch(np.arange(len(crops)))
    inside = np.broadcast_to(hole > 0, truth.shape)
    assert 0.01 < hole.mean() < 0.45
    error = np.abs(smooth - truth)
    assert error[inside].mean() > 2 * error[~inside].mean()  # outside only the codec differs, and the mark's smear
    assert error[~inside].mean() < 6


def test_the_same_seed_composes_the_same_crops() -> None:
    first, again = (Sheets(leaves, plate, 5).at(1) for _ in range(2))
    assert all(
        np.array_equal(a.smooth, b.smooth) and np.array_equal(a.hole, b.hole)
        for a, b in itertools.zip_longest(first, again)
    )


def test_a_composing_that_was_killed_goes_on_after_its_last_sheet(tmp_path: Path) -> None:
    made: list[int] = []

    class Ending(Sheets):
        def at(self, number: int) -> list[Crop]:
            if len(made) == 2:
                raise KeyboardInterrupt
            made.append(number)
            return super().at(number)

    write_crops(tmp_path / "whole", Sheets(leaves, plate, 1), 40)
    with pytest.raises(KeyboardInterrupt):
        write_crops(tmp_path / "broken", Ending(leaves, plate, 1), 40)
    assert not (tmp_path / "broken" / "truth.npy").exists(), "half a set is none"
    made.clear()
    write_crops(tmp_path / "broken", Ending(leaves, plate, 1), 40)
    assert made == [2], "two sheets were there"
    one, other = read_crops(tmp_path / "whole"), read_crops(tmp_path / "broken")
    for mine, theirs in zip(vars(one).values(), vars(other).values(), strict=True):
        assert np.array_equal(mine, theirs)


def test_every_command_runs_and_the_file_fills_holes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("skimage", reason="what training needs is not installed (training/README.md)")
    for step in ("compose", "train", "export", "evaluate"):
        main([step, "--folder", str(tmp_path), "--tiny"])
    assert '"num_crops": 16' in capsys.readouterr().out
    assert (tmp_path / NAME).stat().st_size < 2_000_000


def test_the_spectrum_is_that_of_the_fourier_transform() -> None:
    x = torch.randn(2, 3, 6, 10)
    wanted = torch.fft.rfft2(x, norm="ortho")
    found = nets._spectrum(x)
    torch.testing.assert_close(found, torch.cat([wanted.real, wanted.imag], 1), atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(nets._from_spectrum(found), x, atol=1e-5, rtol=1e-4)


def test_an_untrained_net_gives_the_smooth_fill_back() -> None:
    smooth, hole = torch.rand(1, 3, 32, 48) * 255, (torch.rand(1, 1, 32, 48) > 0.7).float()
    filled, expected = nets.Inpainter(nets.TINY)(smooth, hole)
    torch.testing.assert_close(filled, smooth)
    assert (expected[:, :, hole[0, 0] == 0] == 0).all()


def test_light_and_contrast_change_nothing_but_light_and_contrast() -> None:
    torch.manual_seed(1)
    net = nets.Inpainter(nets.TINY)
    torch.nn.init.normal_(net.head.weight, std=0.1)
    smooth, hole = torch.rand(1, 3, 32, 48) * 100, (torch.rand(1, 1, 32, 48) > 0.7).float()
    filled, expected = net(smooth, hole)
    brighter, doubled = net(2 * smooth + 30, hole)
    torch.testing.assert_close(brighter, 2 * filled + 30, atol=1e-2, rtol=1e-4)
    torch.testing.assert_close(doubled, 2 * expected, atol=1e-2, rtol=1e-4)


def test_the_truth_has_the_least_loss(crops: CropSet) -> None:
    batch = tuple(torch.from_numpy(part) for part in crops.batch(np.arange(4)))
    smooth, truth, hole = batch
    doubt = 4 * hole.expand_as(truth)
    at_truth, at_smooth = losses(truth, doubt, batch), losses(smooth, doubt, batch)  # type: ignore[arg-type]
    assert at_truth.total < at_smooth.total
    assert at_smooth.psnr_db == pytest.approx(at_smooth.smooth_psnr_db)


def _ending_after(crops: CropSet, num_batches: int) -> CropSet:
    """The same crops, of which only so many batches can be read before someone presses Ctrl-C."""

    class Ending(CropSet):
        def batch(self, index: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
            if next(left, None) is None:
                raise KeyboardInterrupt
            return super().batch(index)

    left = iter(range(num_batches))
    return Ending(crops.smooth, crops.truth, crops.hole)


def test_a_training_that_was_killed_goes_on_as_if_it_had_not_been(crops: CropSet, tmp_path: Path) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    for folder in (whole, broken):
        folder.mkdir()
    train(Run(whole, SCHEDULE, nets.TINY), crops, told=lambda line: None)

    with pytest.raises(KeyboardInterrupt):
        train(Run(broken, SCHEDULE, nets.TINY), _ending_after(crops, 3), told=lambda line: None)
    assert torch.load(broken / "checkpoint.pt", weights_only=True)["step"] == 2
    train(Run(broken, SCHEDULE, nets.TINY), crops, told=lambda line: None)
    for one, other in zip(trained(whole)[0].parameters(), trained(broken)[0].parameters(), strict=True):
        torch.testing.assert_close(one, other)


def test_another_training_does_not_go_on_from_a_checkpoint(crops: CropSet, tmp_path: Path) -> None:
    train(Run(tmp_path, SCHEDULE, nets.TINY), crops, told=lambda line: None)
    with pytest.raises(SystemExit, match="another training"):
        train(Run(tmp_path, replace(SCHEDULE, seed=4), nets.TINY), crops, told=lambda line: None)


def test_what_is_exported_computes_what_was_trained(crops: CropSet, tmp_path: Path) -> None:
    train(Run(tmp_path, SCHEDULE, nets.TINY), crops, told=lambda line: None)
    about = export(tmp_path)
    assert (tmp_path / NAME).stat().st_size == about["bytes"]
    assert about["worst_difference"] < 0.5
    figures = evaluate(tmp_path, crops)
    assert figures["num_crops"] == len(crops)
    assert figures["all"]["net"] == pytest.approx(
        figures["all"]["harmonic"], abs=1.0
    )  # four steps teach next to nothing
