"""Imports only go down. A part may import what stands on a lower floor, and nothing else."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

# From the ground up. A floor's members do not know each other.
FLOORS = (
    ("errors",),
    ("types", "net", "home"),
    ("ops", "models"),
    ("media",),
    ("provenance",),
    ("detection", "matting", "restoration", "testbed"),
    ("pipeline",),
    ("transfer", "wire"),
    ("remover",),
    ("engines",),
    ("rehearsal",),
    ("api", "estimate"),
    ("demo",),
    ("service", "client"),
    ("config",),
    ("cli",),
    ("__main__",),
)
FLOOR_OF = {part: floor for floor, parts in enumerate(FLOORS) for part in parts}

# Siblings that may know each other all the same, each with its reason. None so far.
NEIGHBOURS: dict[tuple[str, str], str] = {}

ROOT_NAMES = {"__version__"}  # all that the inside may ask of the package's own front door


def part_of(path: Path, package: Path) -> str:
    return path.relative_to(package).with_suffix("").parts[0]


def imported_modules(tree: ast.AST, path: Path, package: Path) -> Iterator[tuple[int, str]]:
    """(line, dotted name) of every import, also those inside functions; relative ones made absolute."""
    here = ["blanklogo", *path.relative_to(package).with_suffix("").parts]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join([*here[: -node.level], *filter(None, [node.module])]) if node.level else node.module or ""
            yield from ((node.lineno, f"{base}.{alias.name}") for alias in node.names)


def climbs(path: Path, package: Path) -> Iterator[str]:
    """A sentence for every import of this file that does not go down."""
    mine = part_of(path, package)
    for line, name in imported_modules(ast.parse(path.read_text()), path, package):
        head, *rest = name.split(".")
        if head != "blanklogo" or (rest and rest[0] == mine):
            continue
        where = f"{path.relative_to(package.parent)}:{line}: {mine}"
        if not rest or rest[0] not in FLOOR_OF:
            if not (rest and rest[0] in ROOT_NAMES):
                yield f"{where} imports {name}: name the module that holds it, not the package's root"
        elif FLOOR_OF[rest[0]] == FLOOR_OF[mine] and (mine, rest[0]) not in NEIGHBOURS:
            yield f"{where} imports its sibling {rest[0]} ({name})"
        elif FLOOR_OF[rest[0]] > FLOOR_OF[mine]:
            yield f"{where} (floor {FLOOR_OF[mine]}) climbs to {rest[0]} (floor {FLOOR_OF[rest[0]]}): {name}"


def modules(package: Path) -> list[Path]:
    return [path for path in sorted(package.rglob("*.py")) if path != package / "__init__.py"]


def test_every_part_has_a_floor(package: Path) -> None:
    homeless = {part_of(path, package) for path in modules(package)} - FLOOR_OF.keys()
    assert not homeless, f"give {sorted(homeless)} a floor in {Path(__file__).name} and in ARCHITECTURE.md"


def test_imports_only_go_down(package: Path) -> None:
    found = [sentence for path in modules(package) for sentence in climbs(path, package)]
    assert not found, "\n" + "\n".join(found)


def test_who_climbs_is_named(tmp_path: Path) -> None:
    package = tmp_path / "blanklogo"
    for folder in ("ops", "detection"):
        (package / folder).mkdir(parents=True)
    (package / "ops" / "planes.py").write_text(
        "import numpy\nfrom blanklogo.types import Box\n\n\ndef late():\n    from blanklogo.media import probe\n"
    )
    (package / "detection" / "find.py").write_text("from ..matting import blind\nfrom . import evidence\n")
    (package / "media.py").write_text("from blanklogo import Box\nfrom blanklogo import __version__\n")
    found = [sentence for path in modules(package) for sentence in climbs(path, package)]
    assert found == [
        "blanklogo/detection/find.py:1: detection imports its sibling matting (blanklogo.matting.blind)",
        "blanklogo/media.py:1: media imports blanklogo.Box: name the module that holds it, not the package's root",
        "blanklogo/ops/planes.py:6: ops (floor 2) climbs to media (floor 3): blanklogo.media.probe",
    ]


def test_floors_are_drawn_in_the_architecture_page(root: Path, package: Path) -> None:
    page = (root / "ARCHITECTURE.md").read_text()
    missing = {part_of(path, package) for path in modules(package)} - {
        part for part in FLOOR_OF if f"`{part}`" in page or f" {part} " in page
    }
    assert not missing, f"ARCHITECTURE.md does not say where {sorted(missing)} stand"
