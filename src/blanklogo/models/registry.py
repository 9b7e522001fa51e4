"""Which network weights there are: those in the package, those that can be pulled, and a user's own.

A name stands for one file, told apart from every other by its SHA-256. Nothing here touches the network.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from blanklogo.errors import ModelError, OptionError, WeightsError
from blanklogo.models.weights import SHIPPED_FOLDER, Format, Purpose, Weights

OWN_LIST_NAME = "models.toml"

# A checksum stands here only if it was published or is pinned elsewhere: where, is said beside it.
PULLABLE = (
    Weights(
        name="big-lama",
        purpose=Purpose.INPAINTER,
        format=Format.TORCHSCRIPT,
        # The release itself gives no SHA-256. chodeus/lama-sidecar pins this one in its entrypoint.sh (commit
        # aab5f5e6), beside the MD5 e3aa4aaa15225a33ec84f9f4bc47e500 that IOPaint pins for the same URL.
        sha256="344c77bbcb158f17dd143070d1e789f38a66c04202311ae3a258ef66667a9ea9",
        num_bytes=205_669_692,
        licence="Apache-2.0",
        source="https://github.com/Sanster/models/releases/tag/add_big_lama",
        url="https://github.com/Sanster/models/releases/download/add_big_lama/big-lama.pt",
        description="LaMa (Suvorov et al., WACV 2022), IOPaint's TorchScript export; sides in multiples of 8",
    ),
    Weights(
        name="big-lama-onnx",
        purpose=Purpose.INPAINTER,
        format=Format.ONNX,
        # SHA-256 and size: the publisher's Git LFS pointer in commit a3ee2fca of the source below.
        sha256="1faef5301d78db7dda502fe59966957ec4b79dd64e16f03ed96913c7a4eb68d6",
        num_bytes=208_044_816,
        licence="Apache-2.0",
        source="https://huggingface.co/Carve/LaMa-ONNX",
        # By commit, so that what lies behind the URL cannot change.
        url="https://huggingface.co/Carve/LaMa-ONNX/resolve/c3c0c9e468934d62e79c329e35d82dd09ff8c444/lama_fp32.onnx",
        description="LaMa (Suvorov et al., WACV 2022), Carve's ONNX export: 512x512 in, 0 to 255 out",
    ),
)


def entries(folder: Path, own_list: Path | None = None) -> dict[str, Weights]:
    """Every known name: shipped, pullable, and those of the user's own list.

    Args:
        folder: of pulled weights; its models.toml is the own list, if it is there.
        own_list: another place of that list; it must be there.

    Raises:
        OptionError: the own list cannot be read, or an entry does not fit or takes a name that is taken.
    """
    known = {weights.name: weights for weights in (*shipped(), *PULLABLE)}
    path = own_list or folder / OWN_LIST_NAME
    if own_list is None and not path.is_file():
        return known
    for weights in read_own_list(path):
        if weights.name in known:
            raise OptionError(f"{path}: the name {weights.name} is taken", accepted="a name of its own")
        known[weights.name] = weights
    return known


def find(name: str, known: Mapping[str, Weights]) -> Weights:
    """The entry of that name. Raises WeightsError where there is none."""
    if name not in known:
        raise WeightsError(f"no weights are called {name!r}", accepted=", ".join(known), hint="blanklogo models list")
    return known[name]


def shipped(folder: Path = SHIPPED_FOLDER) -> tuple[Weights, ...]:
    """What the package's manifest lists.

    Raises:
        ModelError: the manifest is damaged.
    """
    path = folder / "manifest.json"
    try:
        listed = json.loads(path.read_text(encoding="utf-8"))["weights"]
        return tuple(_shipped_entry(fields) for fields in listed)
    except (OSError, ValueError, KeyError, TypeError) as error:  # OptionError is a ValueError
        raise ModelError(f"{path} is damaged: {error}", hint="install blanklogo again") from error


def read_own_list(path: Path) -> tuple[Weights, ...]:
    """The entries of a user's list: tables `[[weights]]` with the keys that docs/models.md explains.

    Raises:
        OptionError: it cannot be read, is no TOML, or an entry does not fit.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise OptionError(f"{path} cannot be read: {error}") from error
    except tomllib.TOMLDecodeError as error:
        raise OptionError(f"{path} is no TOML: {error}") from error
    tables = content.get("weights", [])
    if content.keys() - {"weights"} or not isinstance(tables, list):
        raise OptionError(f"{path} holds {', '.join(content)}", accepted="tables [[weights]]")
    found = [_own_entry(table, path) for table in tables]
    names = [weights.name for weights in found]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise OptionError(f"{path}: {', '.join(twice)} is there twice", accepted="each name once")
    return tuple(found)


_MUST = {"name": str, "purpose": str, "format": str, "url": str, "sha256": str, "bytes": int, "licence": str}
_MAY = {"source": str, "description": str}


def _own_entry(table: Any, path: Path) -> Weights:
    kinds = _MUST | _MAY
    given = table if isinstance(table, dict) else {}
    for key in [*_MUST, *given]:
        if not isinstance(given.get(key), kinds.get(key, ())) or isinstance(given[key], bool):
            came = f"{path}: {key} = {given.get(key)!r} in [[weights]] {given.get('name', '')}".rstrip()
            raise OptionError(came, accepted=f"{', '.join(_MUST)}; and {', '.join(_MAY)} if you like")
    fields = {"num_bytes" if key == "bytes" else key: value for key, value in given.items()}
    try:
        return Weights(**{"source": f"your list {path}", **fields})
    except OptionError as error:
        raise OptionError(f"{path}: {error.came}", accepted=error.accepted, hint=error.hint) from error


def _shipped_entry(fields: Mapping[str, Any]) -> Weights:
    weights = Weights(
        name=fields["name"],
        purpose=fields["purpose"],
        format=Format.ONNX,
        sha256=fields["sha256"],
        num_bytes=fields["bytes"],
        licence=fields["licence"],
        source=f"{fields['name']}.md in the package",
        description=fields.get("description", ""),
        version=fields["version"],
    )
    if fields["file"] != weights.file_name:
        raise OptionError(f"file {fields['file']!r} of {weights.name}", accepted=weights.file_name)
    return weights
