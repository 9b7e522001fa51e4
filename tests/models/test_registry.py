"""Which weights there are, and what may stand in a user's own list."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from blanklogo.errors import ModelError, OptionError, WeightsError
from blanklogo.models.registry import PULLABLE, entries, find, read_own_list, shipped
from blanklogo.models.weights import SHIPPED_FOLDER, Format, Purpose, Weights

SHA256 = "ab" * 32
OWN = {
    "name": "my-detector",
    "url": "https://host/net.onnx",
    "sha256": SHA256,
    "bytes": 1234,
    "licence": "AGPL-3.0",
    "purpose": "detector",
    "format": "onnx",
}


def own_list(path: Path, *tables: dict) -> Path:
    lines = []
    for table in tables:
        lines += ["[[weights]]", *(f"{key} = {json.dumps(value)}" for key, value in table.items())]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines))
    return path


def test_what_can_be_pulled_is_free_and_told_in_full() -> None:
    assert PULLABLE
    for weights in PULLABLE:
        assert weights.licence == "Apache-2.0"
        assert weights.url.startswith("https://")
        assert weights.source.startswith("https://")
        assert weights.description
        assert not weights.is_shipped


def test_an_own_list_in_the_folder_is_read(tmp_path: Path) -> None:
    assert "my-detector" not in entries(tmp_path)
    own_list(tmp_path / "models.toml", OWN, OWN | {"name": "other", "source": "https://host", "description": "mine"})
    known = entries(tmp_path)
    assert known["my-detector"] == Weights(
        "my-detector",
        Purpose.DETECTOR,
        Format.ONNX,
        SHA256,
        1234,
        "AGPL-3.0",
        f"your list {tmp_path / 'models.toml'}",
        "https://host/net.onnx",
    )
    assert known["other"].description == "mine"
    assert {weights.name for weights in PULLABLE} < known.keys()


def test_an_own_list_elsewhere_must_be_there(tmp_path: Path) -> None:
    own_list(tmp_path / "models.toml", OWN)
    elsewhere = own_list(tmp_path / "mine.toml", OWN | {"name": "other"})
    assert "other" in entries(tmp_path, elsewhere)
    assert "my-detector" not in entries(tmp_path, elsewhere)
    with pytest.raises(OptionError, match="cannot be read"):
        entries(tmp_path, tmp_path / "none.toml")


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "..", "a/b", "a\\b", "/etc/passwd", "", "Net", "net.onnx", "n" * 65, "ne t", "net\n"]
)
def test_a_name_that_could_be_a_path_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(OptionError, match="weights named") as caught:
        read_own_list(own_list(tmp_path / "models.toml", OWN | {"name": name}))
    assert str(tmp_path / "models.toml") in str(caught.value)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"sha256": "abc"}, "64 hexadecimal digits"),
        ({"sha256": SHA256.upper()}, "lower case"),
        ({"bytes": 0}, "exact size"),
        ({"bytes": "1234"}, "bytes"),
        ({"bytes": True}, "bytes"),
        ({"purpose": "painter"}, "detector, classifier, inpainter"),
        ({"format": "pickle"}, "onnx, torchscript"),
        ({"url": "file:///etc/passwd"}, "https://"),
        ({"url": "https:net.onnx"}, "https://"),
        ({"sha": SHA256}, "sha = "),
        ({"name": "big-lama"}, "is taken"),
    ],
)
def test_an_entry_that_does_not_fit_is_told(tmp_path: Path, change: dict, said: str) -> None:
    path = own_list(tmp_path / "models.toml", OWN | change)
    with pytest.raises(OptionError) as caught:
        entries(tmp_path)
    assert said in str(caught.value)
    assert str(path) in str(caught.value)
    assert caught.value.accepted


@pytest.mark.parametrize("key", OWN)
def test_every_key_is_needed(tmp_path: Path, key: str) -> None:
    table = {name: value for name, value in OWN.items() if name != key}
    with pytest.raises(OptionError, match=f"{key} = None"):
        read_own_list(own_list(tmp_path / "models.toml", table))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[weights", "no TOML"),
        ("[weights]\nname = 1", "tables [[weights]]"),
        ("[[nets]]\n", "tables [[weights]]"),
        ("weights = [1]", "name = None"),
        ("weights = [1]\nmore = 2", "tables [[weights]]"),
    ],
)
def test_a_list_of_another_shape_is_refused(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "models.toml").write_text(text)
    with pytest.raises(OptionError) as caught:
        entries(tmp_path)
    assert said in str(caught.value)


def test_a_name_is_given_once(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="my-detector is there twice"):
        read_own_list(own_list(tmp_path / "models.toml", OWN, OWN))


def test_an_unknown_name_is_answered_with_those_that_are_known(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="big-lama") as caught:
        find("bigger-lama", entries(tmp_path))
    assert caught.value.exit_code == 2


# What is in the package


def manifest(folder: Path, **change: object) -> Path:
    entry = {
        "name": "small",
        "purpose": "detector",
        "file": "small.onnx",
        "sha256": SHA256,
        "bytes": 99,
        "licence": "Apache-2.0",
        "version": "3",
    }
    (folder / "manifest.json").write_text(json.dumps({"weights": [entry | change]}))
    return folder


def test_a_manifest_is_read(tmp_path: Path) -> None:
    (weights,) = shipped(manifest(tmp_path))
    assert (weights.name, weights.num_bytes, weights.version) == ("small", 99, "3")
    assert weights.is_shipped
    assert weights.path_in(tmp_path) == SHIPPED_FOLDER / "small.onnx"


@pytest.mark.parametrize("change", [{"file": "../small.onnx"}, {"sha256": 5}, {"purpose": "x"}, {"name": "a/b"}])
def test_a_damaged_manifest_is_told(tmp_path: Path, change: dict) -> None:
    with pytest.raises(ModelError, match="is damaged"):
        shipped(manifest(tmp_path, **change))
    (tmp_path / "manifest.json").write_text("{}")
    with pytest.raises(ModelError, match="install blanklogo again"):
        shipped(tmp_path)
