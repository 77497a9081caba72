"""docker-compose.yml against the Compose Specification's own schema, and against our rules."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from ivr.doctor.secrets import fault_of
from ivr.settings import PROJECT
from tests.compose.compose_file import FILE, Unset, load, mounts, volumes

SPECIFICATION = jsonschema.Draft7Validator(
    json.loads(Path(__file__).with_name("compose-spec.json").read_text())
)
SITE = {"IVR_PUBLIC_IP": "203.0.113.7", "IVR_FREESWITCH_IMAGE": "freeswitch:1.10.12"}
DOCUMENT = load(SITE)
SERVICES: dict[str, dict[str, Any]] = DOCUMENT["services"]
ONE_SHOT = {"ivrctl"}

services = pytest.mark.parametrize("name", SERVICES)


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `make secrets` makes."""
    folder = tmp_path_factory.mktemp("made") / "secrets"
    subprocess.run([PROJECT / "scripts" / "secrets.sh", folder], check=True, capture_output=True)
    return folder


def test_the_file_keeps_to_the_schema() -> None:
    jsonschema.Draft7Validator.check_schema(SPECIFICATION.schema)
    SPECIFICATION.validate(yaml.safe_load(FILE.read_text()))


def test_the_schema_would_find_a_mistake() -> None:
    wrong = {**DOCUMENT, "services": {"x": {**SERVICES["redis"], "helthcheck": {}}}}
    with pytest.raises(jsonschema.ValidationError):
        SPECIFICATION.validate(wrong)


@pytest.mark.parametrize(
    ("name", "said"),
    [("IVR_PUBLIC_IP", "that trunks reach"), ("IVR_FREESWITCH_IMAGE", "an image of FreeSWITCH")],
)
def test_what_a_site_has_to_give_is_asked_for(name: str, said: str) -> None:
    with pytest.raises(Unset, match=said):
        load({key: value for key, value in SITE.items() if key != name})


@services
def test_an_image_has_a_version(name: str) -> None:
    image = SERVICES[name]["image"]
    assert re.fullmatch(r"[a-z/-]+:v?\d+(\.\d+)*(-[a-z]+)?", image), image


@services
def test_a_service_is_limited_watched_and_stripped_of_rights(name: str) -> None:
    service = SERVICES[name]
    assert {"cpus", "mem_limit", "pids_limit"} <= set(service)
    assert service["cap_drop"] == ["ALL"]
    assert "privileged" not in service
    assert "no-new-privileges:true" in service["security_opt"]
    assert name in ONE_SHOT or service["healthcheck"]["test"][0] in ("CMD", "CMD-SHELL")


def test_only_sip_and_sound_are_open_to_the_world() -> None:
    for name, service in SERVICES.items():
        for port in service.get("ports", []):
            if port.startswith("127.0.0.1:"):
                continue
            assert name == "kamailio" or port.endswith("/udp"), (name, port)
            assert "sip" in service["networks"]
    published = {name for name, each in SERVICES.items() if each.get("ports")}
    assert published == {"kamailio", "freeswitch-1", "freeswitch-2", "asterisk", "prometheus"}
    private = {name for name, each in DOCUMENT["networks"].items() if each.get("internal")}
    assert private == {"workers", "data", "services"}


def test_ports_of_the_sound_never_meet_and_are_those_that_the_nodes_use() -> None:
    taken: set[int] = set()
    for name in ("freeswitch-1", "freeswitch-2", "asterisk"):
        (published,) = SERVICES[name]["ports"]
        first, last = map(int, re.fullmatch(r"(\d+)-(\d+):\1-\2/udp", published).groups())  # type: ignore[union-attr]
        ports = set(range(first, last + 1))
        assert not ports & taken
        taken |= ports
        told = "".join(
            DOCUMENT["configs"][source]["content"]
            for source, _ in mounts(SERVICES[name], "configs")
        )
        assert str(first) in told
        assert str(last) in told


@services
def test_every_file_and_secret_that_a_service_names_is_there(name: str, secrets: Path) -> None:
    service = SERVICES[name]
    for source, _ in mounts(service, "secrets"):
        file = DOCUMENT["secrets"][source]["file"]
        assert (secrets / Path(file).name).stat().st_size, file
    for source, target in mounts(service, "configs"):
        assert DOCUMENT["configs"][source]["content"]
        assert target.startswith("/")
    for source, _ in volumes(service):
        if not source.startswith("./"):
            assert source in DOCUMENT["volumes"]
        elif not source.startswith("./var/"):
            assert (PROJECT / source).exists(), source
    if "build" in service:
        assert (PROJECT / service["build"]["dockerfile"]).is_file()
    for other in service.get("depends_on", {}):
        assert other in SERVICES


def test_no_secret_stands_in_the_file_and_none_is_left_over(secrets: Path) -> None:
    text = FILE.read_text()
    assert not re.search(r"(?i)(password|secret)\w*: *['\"]?[^\s/{\[]{4,}$", text, re.MULTILINE)
    used = {source for each in SERVICES.values() for source, _ in mounts(each, "secrets")}
    assert used == set(DOCUMENT["secrets"]) == {path.name for path in secrets.iterdir()}


def test_secrets_are_good_kept_and_each_its_own(secrets: Path) -> None:
    single = ["postgres_password", "redis_password", "ivr_ami_secret", "ivr_event_socket_password"]
    before = {path.name: path.read_bytes() for path in secrets.iterdir()}
    values = [before[name].decode() for name in single]
    assert [fault_of(value) for value in values] == [""] * 4
    assert len(set(values)) == 4
    assert secrets.stat().st_mode & 0o777 == 0o700
    subprocess.run([PROJECT / "scripts" / "secrets.sh", secrets], check=True, capture_output=True)
    assert {path.name: path.read_bytes() for path in secrets.iterdir()} == before


def test_secrets_are_never_committed() -> None:
    assert "secrets/" in (PROJECT / ".gitignore").read_text().splitlines()
    assert "secrets" in (PROJECT / ".dockerignore").read_text().splitlines()
