"""What Docker, Compose and Render are told about the service agrees with the service."""

from __future__ import annotations

import base64
import copy
import os
import re
import secrets
import subprocess
import sys
from dataclasses import fields
from typing import Any

import jsonschema
import pytest
from service_files import (
    ROOT,
    SERVICE,
    example,
    exec_form,
    filled,
    image_environment,
    image_user,
    instructions,
    variables,
)

from blanklogo.engines.spec import EngineSpec
from blanklogo.service.routes import health
from blanklogo.service.settings import PREFIX, Settings, read_settings
from blanklogo.service.storage.keyring import from_setting

yaml = pytest.importorskip("yaml")

# Not the service's own; each with who reads it.
OTHERS = {
    "AWS_ACCESS_KEY_ID": "the object store's client, and SeaweedFS",
    "AWS_SECRET_ACCESS_KEY": "the same",
    "AWS_REGION": "the object store's client",
    "AWS_ENDPOINT_URL": "the same",
    "AWS_ALLOW_HTTP": "net.stores",
    "FORWARDED_ALLOW_IPS": "uvicorn",
    "MODAL_TOKEN_ID": "Modal's client",
    "MODAL_TOKEN_SECRET": "Modal's client",
    "PATH": "the shell",
    "PORT": "Render",
    "POSTGRES_DB": "PostgreSQL's image",
    "POSTGRES_PASSWORD": "PostgreSQL's image",
    "POSTGRES_USER": "PostgreSQL's image",
    "PYTHONDONTWRITEBYTECODE": "Python",
    "PYTHONUNBUFFERED": "Python",
    "S3_BUCKET": "SeaweedFS",
    "TMPDIR": "tempfile",
}
SECRET = re.compile(r"SECRET|PASSWORD|TOKEN|_KEYS?$|KEY_ID")
_TEXT, _NUMBER, _TRUE = {"type": "string"}, {"type": "integer"}, {"type": "boolean"}
_TEXTS = {"type": "array", "items": _TEXT, "minItems": 1}
_NAMED = {"type": "object", "additionalProperties": _TEXT}


def closed(**properties: Any) -> dict[str, Any]:
    """An object with these properties and no others."""
    return {"type": "object", "properties": properties, "additionalProperties": False}


def each(of: Any) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": of}


# Of the Compose specification (https://github.com/compose-spec/compose-spec, schema/compose-spec.json), what is used.
_SERVICE = closed(
    image=_TEXT,
    build=closed(context=_TEXT, dockerfile=_TEXT),
    command=_TEXTS,
    entrypoint=_TEXTS,
    environment=_NAMED,
    ports=_TEXTS,
    volumes=_TEXTS,
    tmpfs=_TEXTS,
    networks=_TEXTS,
    depends_on=each(closed(condition={"enum": ["service_started", "service_healthy"]})),
    healthcheck=closed(test=_TEXTS, interval=_TEXT, timeout=_TEXT, start_period=_TEXT, retries=_NUMBER),
    restart={"enum": ["no", "always", "on-failure", "unless-stopped"]},
    logging=closed(driver=_TEXT, options=_NAMED),
    user=_TEXT,
    init=_TRUE,
    read_only=_TRUE,
    cap_drop=_TEXTS,
    security_opt=_TEXTS,
    pids_limit=_NUMBER,
    cpus=_TEXT,
    mem_limit=_TEXT,
    shm_size=_TEXT,
    stop_grace_period=_TEXT,
)
COMPOSE = closed(
    name=_TEXT,
    services=each(_SERVICE),
    networks=each(closed(internal=_TRUE)),
    volumes=each(closed()),
)
MEMORY_OF_ORCHESTRATOR_BYTES = 500_000_000  # it has 200 MB when it does nothing


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    return yaml.safe_load((SERVICE / "compose.yaml").read_text())


@pytest.fixture(scope="module")
def render() -> dict[str, Any]:
    return yaml.safe_load((SERVICE / "render.yaml").read_text())


@pytest.fixture
def in_container(compose: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Any:
    """Makes this process's environment that of one of Compose's containers, with all secrets given."""
    given = example() | {name: secrets.token_hex(24) for name, value in example().items() if not value}
    given["BLANKLOGO_WEBHOOK_KEY"] = base64.b64encode(secrets.token_bytes(32)).decode()

    def enter(name: str) -> None:
        for known in [name for name in os.environ if name.startswith("BLANKLOGO_")]:
            monkeypatch.delenv(known)
        for variable, value in (image_environment() | filled(compose["services"][name]["environment"], given)).items():
            if variable.startswith("BLANKLOGO_"):
                monkeypatch.setenv(variable, str(value))

    return enter


def known(name: str) -> bool:
    if name.startswith(PREFIX):
        return name.removeprefix(PREFIX).lower() in Settings.model_fields
    if name.startswith("BLANKLOGO_"):
        return name.removeprefix("BLANKLOGO_").lower() in {field.name for field in fields(EngineSpec)}
    return name in OTHERS


def rendered(service: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {entry["key"]: entry for entry in service["envVars"]}


def test_every_variable_is_one_that_somebody_reads(compose: dict[str, Any], render: dict[str, Any]) -> None:
    named = set(image_environment())
    for service in compose["services"].values():
        named |= set(service["environment"])
    for service in render["services"]:
        named |= set(rendered(service))
    assert len(named) > 25
    assert not [name for name in sorted(named) if not known(name)]
    assert not known(f"{PREFIX}DATABSE")


def test_the_example_names_what_compose_asks_for_and_no_secret_has_a_default(compose: dict[str, Any]) -> None:
    asked = variables(compose)
    assert {name for name, _, _ in asked} | {"BLANKLOGO_PROXY_ADDRESSES"} == set(example())
    for name, kind, default in asked:
        is_secret = not example()[name]
        assert kind == ("?" if is_secret else "-"), name
        assert is_secret or example()[name] == default, name
        assert is_secret == bool(SECRET.search(name)), name


def test_no_secret_is_written_down(compose: dict[str, Any], render: dict[str, Any]) -> None:
    for service in compose["services"].values():
        for name, value in service["environment"].items():
            assert not SECRET.search(name) or re.fullmatch(r"\$\{\w+:\?.+\}", value), name
    for service in render["services"]:
        for name, entry in rendered(service).items():
            assert not SECRET.search(name) or "value" not in entry, name
    database = compose["services"]["api"]["environment"][f"{PREFIX}DATABASE"]
    assert re.fullmatch(r"postgresql://blanklogo:\$\{\w+:\?[^}]+\}@db/blanklogo", database)


def test_every_container_is_hardened_and_bounded(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert "no-new-privileges:true" in service["security_opt"], name
        assert service["mem_limit"], name
        assert service["pids_limit"], name
        assert service["healthcheck"]["test"][0] in ("CMD", "CMD-SHELL"), name
        assert "privileged" not in service, name
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", [])), "a proxy with TLS stands before"
        user = service.get("user") or image_user()
        assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", user), f"{name} as {user}"
        assert any(entry.startswith("/tmp:") for entry in service["tmpfs"]), name


def test_who_is_waited_for_says_when_it_is_well(compose: dict[str, Any]) -> None:
    waits = [
        (name, other, how["condition"])
        for name, service in compose["services"].items()
        for other, how in service.get("depends_on", {}).items()
    ]
    assert {(other, condition) for _, other, condition in waits} == {
        ("db", "service_healthy"),
        ("objects", "service_healthy"),
    }
    assert all("healthcheck" in compose["services"][other] for _, other, _ in waits)


def test_the_database_is_reached_from_inside_alone(compose: dict[str, Any]) -> None:
    database = compose["services"]["db"]
    assert database["networks"] == ["back"]
    assert compose["networks"]["back"]["internal"] is True
    assert "ports" not in database


def test_images_are_pinned(compose: dict[str, Any]) -> None:
    images = [service["image"] for service in compose["services"].values()]
    images += [rest.partition(" ")[0] for word, rest in instructions(SERVICE / "Dockerfile") if word == "FROM"]
    assert len(set(images)) == 4
    for image in images:
        assert re.search(r":\d+\.\d+", image), image
    version = re.search(r'^version = "(.+)"', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)[1]
    assert {image for image in images if image.startswith("blanklogo")} == {f"blanklogo:{version}"}


def test_what_compose_says_can_be_read_by_the_service(in_container: Any, compose: dict[str, Any]) -> None:
    in_container("api")
    settings = read_settings()
    assert (settings.host, settings.port) == ("0.0.0.0", 8000)
    assert settings.database.startswith("postgresql://blanklogo:")
    assert settings.storage == f"s3://{compose['services']['objects']['environment']['S3_BUCKET']}"
    assert settings.storage_public_url == "http://localhost:8333"
    assert len(from_setting(settings.webhook_keys or "").keys) == 1
    in_container("worker")
    spec = EngineSpec.from_environment(os.environ)
    limit_bytes = 4 * 1024**3
    assert filled(compose["services"]["worker"]["mem_limit"], {}) == "4g"
    assert spec.max_workers * spec.memory_bytes + MEMORY_OF_ORCHESTRATOR_BYTES < limit_bytes
    assert read_settings().has_near_workers, "they follow URLs by the store's name inside"


@pytest.mark.parametrize("words", [["serve", "--no-jobs"], ["worker"], ["worker", "--check"], ["serve"]])
def test_commands_are_what_the_command_understands(
    compose: dict[str, Any], render: dict[str, Any], words: list
) -> None:
    services = compose["services"].values()
    said = [service["command"] for service in services if "blanklogo" in service["image"]]
    said += [service["healthcheck"]["test"][1:] for service in services]
    said += [service["dockerCommand"].split() for service in render["services"]]
    said += [exec_form("CMD")]
    assert ["blanklogo", *words] in said
    command = [sys.executable, "-m", "blanklogo", *words, "--help"]
    assert subprocess.run(command, capture_output=True, timeout=60, check=False).returncode == 0


def test_the_image_runs_as_nobody_in_particular_and_takes_only_what_is_there() -> None:
    steps = instructions(SERVICE / "Dockerfile")
    assert image_user() == "10001:10001"
    assert exec_form("CMD")[0] == "blanklogo", "the signal reaches the service, not a shell"
    assert exec_form("HEALTHCHECK")[0] == "python"
    assert not [rest for word, rest in steps if "apt-get" in rest]
    copied = [source for word, rest in steps if word == "COPY" and "--from" not in rest for source in rest.split()[:-1]]
    assert len(copied) > 5
    ignored = (SERVICE / "Dockerfile.dockerignore").read_text().splitlines()
    assert ignored[1] == "*"
    for source in copied:
        assert (ROOT / source).exists(), source
        assert f"!{source}" in ignored, source


def test_render_knows_what_it_is_referred_to(render: dict[str, Any]) -> None:
    services = {service["name"]: service for service in render["services"]}
    databases = {database["name"] for database in render["databases"]}
    for service in services.values():
        assert (ROOT / service["dockerfilePath"]).is_file()
        for name, entry in rendered(service).items():
            assert len(entry.keys() & {"value", "sync", "generateValue", "fromService", "fromDatabase"}) == 1, name
            if source := entry.get("fromDatabase"):
                assert source["name"] in databases
            if source := entry.get("fromService"):
                other = services[source["name"]]
                assert source["type"] == other["type"]
                assert source["envVarKey"] in {*rendered(other), "RENDER_EXTERNAL_URL"}
                assert source["envVarKey"] == name or source["envVarKey"] == "RENDER_EXTERNAL_URL"
    assert len({service["region"] for service in services.values()} | {d["region"] for d in render["databases"]}) == 1
    assert all(database["ipAllowList"] == [] for database in render["databases"])


def test_render_asks_for_the_account_of_modal_and_uses_the_deployed_workers(render: dict[str, Any]) -> None:
    worker = rendered(next(service for service in render["services"] if service["type"] == "worker"))
    assert worker["MODAL_TOKEN_ID"]["sync"] is worker["MODAL_TOKEN_SECRET"]["sync"] is False
    given = {name: entry["value"] for name, entry in worker.items() if "value" in entry}
    assert given[f"{PREFIX}ENGINE"] == "modal"
    spec = EngineSpec.from_environment(given, timeout_seconds=Settings.model_fields["run_seconds"].default)
    assert spec == EngineSpec(), "another one would be a variant of the class that was deployed"


def test_render_asks_for_a_health_that_is_the_process_s_own(render: dict[str, Any]) -> None:
    web = next(service for service in render["services"] if service["type"] == "web")
    port = rendered(web)["PORT"]["value"]
    assert rendered(web)[f"{PREFIX}PORT"]["value"] == port
    routes = {route.path: route for route in health.router.routes}
    assert routes[web["healthCheckPath"]].endpoint is health.health


def test_compose_says_nothing_that_compose_does_not_know(compose: dict[str, Any]) -> None:
    shared = {name: part for name, part in compose.items() if name.startswith("x-")}
    jsonschema.validate({name: part for name, part in compose.items() if name not in shared}, COMPOSE)
    misspelt = copy.deepcopy(compose["services"]["api"]) | {"read-only": True}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(misspelt, COMPOSE["properties"]["services"]["additionalProperties"])
