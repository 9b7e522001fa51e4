"""The project's files as a whole: sizes, what they may not speak of, and the lock."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path

import pytest

MODULE_LIMIT_LINES = 500
FUNCTION_LIMIT_LINES = 60

# The project speaks of itself alone. In pieces, so that this file passes its own test.
FORBIDDEN = re.compile(
    "|".join(
        (
            re.escape("../" + "shared"),
            "(?<![\\w.~/])/" + "(?:work|root|home)/",
            "pypi" + r"\.org",
            "python" + r"hosted\.org",
            "npm" + r"js\.(?:org|com)",
            "(?<!emit)-index-" + r"url[ =]\S",
            "--find" + "-links",
            r"(?<![\w-])[Ii]ssue" + r"s? #?\d",
        )
    )
)
TEXT_SUFFIXES = {"", ".py", ".md", ".toml", ".lock", ".txt", ".cfg", ".yaml", ".yml", ".json", ".sh", ".csv"}


def modules(package: Path) -> list[Path]:
    return sorted(package.rglob("*.py"))


def test_no_module_is_too_long(package: Path) -> None:
    sizes = {path.relative_to(package).as_posix(): len(path.read_text().splitlines()) for path in modules(package)}
    assert not {name: lines for name, lines in sizes.items() if lines > MODULE_LIMIT_LINES}


def test_no_function_is_too_long(package: Path) -> None:
    long = [
        f"{path.relative_to(package)}:{node.lineno} {node.name} has {node.end_lineno - node.lineno + 1} lines"
        for path in modules(package)
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.end_lineno - node.lineno + 1 > FUNCTION_LIMIT_LINES
    ]
    assert not long


def test_the_project_speaks_of_itself_alone(project_files: list[Path], root: Path) -> None:
    found = [
        f"{path.relative_to(root)}:{number}: {match[0]}"
        for path in project_files
        if path.suffix in TEXT_SUFFIXES
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if (match := FORBIDDEN.search(line))
    ]
    assert not found, "\n" + "\n".join(found)


def test_test_files_have_names_of_their_own(project_files: list[Path]) -> None:
    names = [path.name for path in project_files if path.name.startswith("test_")]
    assert sorted(names) == sorted(set(names)), "pytest needs unique basenames where tests/ holds no packages"


LOCKS = ("runtime", "service", "build", "dev")


@pytest.mark.parametrize("name", LOCKS)
def test_every_locked_package_is_pinned_by_hash_and_names_no_host(root: Path, name: str) -> None:
    lock = (root / "requirements" / f"{name}.lock").read_text()
    assert not re.search(r"://|^ *(?:#|-)(?!-hash)", lock, re.MULTILINE)
    entries = re.split(r"\n(?=\S)", lock.strip())
    assert len(entries) > 4
    for entry in entries:
        assert re.match(r"[a-z0-9-]+==\S+(?: ; .+?)? \\\n", entry), entry[:80]
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", entry), entry[:80]


def test_the_development_lock_holds_the_others(root: Path) -> None:
    pins = {
        name: set(re.findall(r"^([a-z0-9-]+==\S+)", (root / "requirements" / f"{name}.lock").read_text(), re.MULTILINE))
        for name in LOCKS
    }
    assert pins["runtime"] < pins["service"] < pins["dev"]
    assert pins["build"] < pins["dev"]


def test_every_dependency_is_locked(root: Path) -> None:
    project = tomllib.loads((root / "pyproject.toml").read_text())
    runtime, extras = project["project"]["dependencies"], project["project"]["optional-dependencies"]
    for name, wanted in {
        "dev": [*runtime, *project["dependency-groups"]["dev"]],
        "service": [*runtime, *extras["service"], *extras["modal"]],
        "build": project["build-system"]["requires"],
    }.items():
        lock = (root / "requirements" / f"{name}.lock").read_text()
        names = {re.match(r"[\w-]+", line)[0] for line in wanted}
        assert not {one for one in names if not re.search(rf"^{one}==", lock, re.MULTILINE)}, name
