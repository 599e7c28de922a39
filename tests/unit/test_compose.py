"""docker-compose.yml and the image: valid, and consistent with the configuration that they run."""

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from streams.runtime.config.job import load

ROOT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, Any] = COMPOSE["services"]
SCHEMA = json.loads((Path(__file__).parent / "data" / "compose.schema.json").read_text())
DOCKERFILE = (ROOT / "deploy" / "Dockerfile").read_text()


def errors_of(document: object) -> list[str]:
    return [error.message for error in jsonschema.Draft202012Validator(SCHEMA).iter_errors(document)]


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_the_compose_file_follows_the_compose_specification() -> None:
    assert errors_of(COMPOSE) == []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("services", "kafka", "imagee"), "x:1"),
        (("services", "kafka", "image"), "apache/kafka"),
        (("services", "kafka", "ports"), ["nine"]),
        (("services", "kafka", "healthcheck", "interval"), 5),
        (("services", "kafka", "healthcheck", "test"), ["true", "x"]),
        (("services", "streams", "depends_on", "kafka", "condition"), "healthy"),
        (("services", "streams", "volumes"), ["relative:path"]),
        (("services", "streams", "restart"), "sometimes"),
        (("version",), "3"),
    ],
)
def test_the_schema_refuses_what_compose_would(path: tuple[str, ...], value: object) -> None:
    broken = json.loads(json.dumps(COMPOSE))
    at = broken
    for name in path[:-1]:
        at = at[name]
    at[path[-1]] = value
    assert errors_of(broken)


def test_services_depend_on_services_that_exist_and_can_be_healthy() -> None:
    for service in SERVICES.values():
        for name, needed in service.get("depends_on", {}).items():
            assert name in SERVICES
            if needed["condition"] == "service_healthy":
                assert "healthcheck" in SERVICES[name]


def test_named_volumes_are_declared() -> None:
    used = {v.split(":")[0] for s in SERVICES.values() for v in s.get("volumes", []) if not v.startswith((".", "/"))}
    assert used == set(COMPOSE["volumes"])


def test_mounted_and_built_files_exist() -> None:
    for service in SERVICES.values():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            assert not source.startswith(".") or (ROOT / source).is_file()
        if "build" in service:
            assert (ROOT / service["build"]["context"] / service["build"]["dockerfile"]).is_file()


def test_the_job_reads_a_configuration_that_is_right() -> None:
    config = load(ROOT / "deploy" / "compose.toml", {})
    config.require_topics()
    mounted = SERVICES["streams"]["volumes"][0].split(":")[1]
    assert SERVICES["streams"]["command"][-1] == mounted
    assert (
        f"INTERNAL://{config.client['bootstrap.servers']}"
        in SERVICES["kafka"]["environment"]["KAFKA_ADVERTISED_LISTENERS"]
    )
    port = config.run.http_port
    assert f"127.0.0.1:{port}:{port}" in SERVICES["streams"]["ports"]
    assert f":{port}/readyz" in SERVICES["streams"]["healthcheck"]["test"][-1]
    assert str(port) in exposed()
    assert config.run.http_host == "0.0.0.0"  # noqa: S104 -- inside the container; published on loopback


def exposed() -> list[str]:
    """The ports that the image names."""
    found = re.search(r"^EXPOSE (.+)$", DOCKERFILE, re.MULTILINE)
    return found[1].split() if found else []


def test_a_deliverer_tells_an_alertmanager_of_the_same_job() -> None:
    config = load(ROOT / "deploy" / "compose.toml", {})
    deliver = SERVICES["deliver"]
    command, _, mounted = deliver["command"]
    assert (command, deliver["volumes"]) == ("deliver", SERVICES["streams"]["volumes"])
    assert mounted == deliver["volumes"][0].split(":")[1]
    [receiver] = config.receivers
    assert receiver.url is not None
    host, port = receiver.url.removeprefix("http://").split(":")
    assert receiver.kind == "alertmanager"
    assert f"127.0.0.1:{port}:{port}" in SERVICES[host]["ports"]
    assert SERVICES[host]["command"][0].endswith(SERVICES[host]["volumes"][0].split(":")[1])


def test_the_deliverer_can_be_scraped_and_asked_how_it_is() -> None:
    config = load(ROOT / "deploy" / "compose.toml", {}).deliver
    port = config.http_port
    assert f"127.0.0.1:{port}:{port}" in SERVICES["deliver"]["ports"]
    assert f":{port}/readyz" in SERVICES["deliver"]["healthcheck"]["test"][-1]
    assert str(port) in exposed()
    assert config.http_host == "0.0.0.0"  # noqa: S104 -- inside the container; published on loopback


def test_the_raw_topics_that_are_made_are_those_that_are_read() -> None:
    config = load(ROOT / "deploy" / "compose.toml", {})
    made = re.search(r"for topic in ([a-z ]+);", SERVICES["raw-topics"]["command"][0])
    assert made
    assert made[1].split() == [s.topic for s in (*config.prediction_sources, *config.label_sources)]


def test_every_listener_of_the_broker_has_a_protocol() -> None:
    environment = SERVICES["kafka"]["environment"]
    names = {part.split("://")[0] for part in environment["KAFKA_LISTENERS"].split(",")}
    assert names == {part.split(":")[0] for part in environment["KAFKA_LISTENER_SECURITY_PROTOCOL_MAP"].split(",")}


def test_ports_are_published_on_loopback_only() -> None:
    ports = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_the_image_installs_only_what_is_locked_and_runs_without_rights() -> None:
    assert "--require-hashes -r requirements.lock" in DOCKERFILE
    assert re.search(r"^USER 10001$", DOCKERFILE, re.MULTILINE)
    bases = re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)
    assert set(bases) == {"python:3.11-slim"}


def test_the_image_gets_every_file_it_copies() -> None:
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = re.findall(r"^COPY (?!--from)(\S+)", DOCKERFILE, re.MULTILINE)
    assert set(copied) == allowed
    assert all((ROOT / name).exists() for name in copied)
