"""What deploy/service says, read as Docker, Compose and Render would."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from runners import DEPLOY

SERVICE = DEPLOY / "service"
ROOT = DEPLOY.parent
_VARIABLE = re.compile(r"\$\{(\w+)(?::([-?])([^}]*))?\}")


def instructions(dockerfile: Path) -> list[tuple[str, str]]:
    """(instruction, the rest), continued lines joined."""
    lines = [line for line in dockerfile.read_text().splitlines() if not line.startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [(word, rest.strip()) for word, _, rest in (line.partition(" ") for line in joined.splitlines()) if word]


def image_environment() -> dict[str, str]:
    """The variables of the image's last stage."""
    (said,) = [rest for word, rest in last_stage() if word == "ENV"]
    return dict(re.findall(r"(\w+)=(\S+)", said))


def last_stage() -> list[tuple[str, str]]:
    steps = instructions(SERVICE / "Dockerfile")
    start = max(index for index, (word, _) in enumerate(steps) if word == "FROM")
    return steps[start:]


def image_user() -> str:
    """The image's "UID:GID"."""
    (user,) = [rest for word, rest in last_stage() if word == "USER"]
    return user


def exec_form(word: str) -> list[str]:
    """The command of CMD, or of HEALTHCHECK's CMD, in the image's last stage."""
    (rest,) = [rest for name, rest in last_stage() if name == word]
    return json.loads(rest[rest.index("[") :])


def example() -> dict[str, str]:
    """What .env.example names."""
    lines = (SERVICE / ".env.example").read_text().splitlines()
    return dict(line.partition("=")[::2] for line in lines if line and not line.startswith("#"))


def variables(value: Any) -> list[tuple[str, str, str]]:
    """(name, "-" or "?", default or complaint) of all that is to be put in."""
    return _VARIABLE.findall(json.dumps(value))


def filled(value: Any, given: Mapping[str, str]) -> Any:
    """With the variables' values put in, as Compose does."""

    def put(match: re.Match[str]) -> str:
        default = match[3] if match[2] == "-" else ""
        return given.get(match[1]) or default

    return json.loads(_VARIABLE.sub(put, json.dumps(value)))
