"""The weights in the package are those that its manifest lists, each with its card, and small enough to ship."""

from __future__ import annotations

from pathlib import Path

import pytest

from blanklogo.errors import ModelError
from blanklogo.models.files import checked
from blanklogo.models.registry import shipped
from blanklogo.models.weights import SHIPPED_FOLDER

LIMIT_BYTES = 12_000_000  # of all together: the wheel is fetched by everyone, also by those who never use a network


def strays(folder: Path) -> set[str]:
    """Files that the manifest does not account for."""
    wanted = {"manifest.json"}
    for weights in shipped(folder):
        wanted |= {weights.file_name, f"{weights.name}.md"}
    return {path.name for path in folder.iterdir()} ^ wanted


def test_every_shipped_file_is_the_one_in_the_manifest() -> None:
    for weights in shipped():
        checked(weights, SHIPPED_FOLDER / weights.file_name)


def test_nothing_else_lies_there_and_every_net_has_its_card() -> None:
    assert strays(SHIPPED_FOLDER) == set()


def test_the_shipped_weights_are_small() -> None:
    assert sum(path.stat().st_size for path in SHIPPED_FOLDER.iterdir()) <= LIMIT_BYTES


def test_a_file_that_differs_or_has_no_card_is_found(tmp_path: Path) -> None:
    entry = '"name": "a", "purpose": "detector", "file": "a.onnx", "bytes": 3, "licence": "Apache-2.0", "version": "1"'
    (tmp_path / "manifest.json").write_text(f'{{"weights": [{{{entry}, "sha256": "{"0" * 64}"}}]}}')
    (tmp_path / "a.onnx").write_bytes(b"net")
    (tmp_path / "b.onnx").write_bytes(b"net")
    assert strays(tmp_path) == {"a.md", "b.onnx"}
    (weights,) = shipped(tmp_path)
    with pytest.raises(ModelError, match="is damaged: sha256"):
        checked(weights, tmp_path / "a.onnx")
