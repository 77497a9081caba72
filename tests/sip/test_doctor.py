"""`ivrctl doctor` finds what is wrong, and says so by its exit status."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ivr.doctor.secrets import fault_of, in_files, password_of
from ivr.storage.embedded import EmbeddedPostgres, EmbeddedRedis


def doctor(*arguments: str, **environment: str) -> tuple[int, list[dict[str, Any]]]:
    clean = {name: value for name, value in os.environ.items() if name[:4] != "IVR_"}
    done = subprocess.run(
        [sys.executable, "-m", "ivr.cli.main", "doctor", "--json", *arguments],
        env={**clean, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, json.loads(done.stdout)


def wrong(findings: list[dict[str, Any]], check: str) -> list[str]:
    return [f["text"] for f in findings if f["check"] == check and f["level"] == "wrong"]


def free_base() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


@pytest.mark.parametrize("secret", ["ClueCon", "avr", "amp111", "changeme", "", "short"])
def test_known_short_and_empty_secrets_are_refused(secret: str, tmp_path: Path) -> None:
    assert fault_of(secret)
    status, findings = doctor(
        IVR_VAR_DIR=str(tmp_path), IVR_AMI_SECRET=secret, IVR_AMI_PORT=free_base()
    )
    assert status == 2
    assert any("IVR_AMI_SECRET" in text for text in wrong(findings, "secrets"))
    assert all(secret not in text or not secret for text in wrong(findings, "secrets"))


def test_secrets_are_found_where_switches_keep_them(tmp_path: Path) -> None:
    (tmp_path / "manager.conf").write_text("[ivr]\nsecret = amp111\n")
    (tmp_path / "event_socket.conf.xml").write_text('<param name="password" value="ClueCon"/>')
    (tmp_path / "site.cfg").write_text('#!define X "cdr=>postgres://ivr:avr@127.0.0.1/ivr"')
    assert {secret for _, secret in in_files(tmp_path.iterdir())} == {"amp111", "ClueCon", "avr"}
    status, findings = doctor("--etc", str(tmp_path), IVR_VAR_DIR=str(tmp_path))
    assert status == 2
    assert len(wrong(findings, "secrets")) == 3


def test_what_is_delivered_holds_no_secret(tmp_path: Path) -> None:
    folders = [arg for name in ("asterisk", "freeswitch", "kamailio") for arg in ("--etc", name)]
    _, findings = doctor(*folders, IVR_VAR_DIR=str(tmp_path))
    assert [f for f in findings if f["check"] == "secrets"] == []


def test_a_freeswitch_that_lets_nobody_in_is_found(tmp_path: Path) -> None:
    address = f"127.0.0.1:{free_base()}"
    _, findings = doctor(
        IVR_VAR_DIR=str(tmp_path),
        IVR_EVENT_SOCKET_PASSWORD="f00d" * 12,
        IVR_EVENT_SOCKETS=json.dumps([address]),
    )
    (text,) = wrong(findings, "freeswitch")
    assert address in text


def test_speech_engines_that_are_away_are_found(tmp_path: Path) -> None:
    away = f"tcp://127.0.0.1:{free_base()}"
    _, findings = doctor(
        IVR_VAR_DIR=str(tmp_path),
        IVR_SYNTHESIS_ENGINES=json.dumps([away, "piper", f"unix:{tmp_path}/none", "tcp://x"]),
    )
    found = wrong(findings, "synthesis")
    assert len(found) == 3
    assert away.removeprefix("tcp://") in found[0]


def test_a_port_of_somebody_else_is_found(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = str(other.getsockname()[1])
        status, findings = doctor(
            IVR_VAR_DIR=str(tmp_path),
            IVR_HTTP_PORT=port,
            IVR_AUDIOSOCKET_PORT=free_base(),
            IVR_FREESWITCH_PORT=free_base(),
        )
    assert status == 2
    assert wrong(findings, "ports") == [f"{port} (IVR_HTTP_PORT) is taken by somebody else"]


def test_all_is_well(tmp_path: Path) -> None:
    status, findings = doctor(
        IVR_VAR_DIR=str(tmp_path),
        IVR_HTTP_PORT=free_base(),
        IVR_AUDIOSOCKET_PORT=free_base(),
        IVR_FREESWITCH_PORT=free_base(),
    )
    assert [f for f in findings if f["level"] == "wrong"] == []
    assert status == (1 if any(f["level"] == "warning" for f in findings) else 0)


def test_passwords_are_read_out_of_urls() -> None:
    assert password_of("postgresql://ivr:p%40ss@host/ivr") == "p@ss"
    assert password_of("postgresql://postgres@/postgres?host=/run") is None
    assert password_of("redis://[::") is None


@pytest.mark.postgres
@pytest.mark.redis
def test_stores_let_us_in_or_are_named_with_what_they_say(tmp_path: Path) -> None:
    postgres, redis = EmbeddedPostgres(tmp_path / "postgres"), EmbeddedRedis(tmp_path / "redis")
    postgres.start()
    redis.start()
    urls = {"IVR_DATABASE_URL": postgres.url, "IVR_REDIS_URL": redis.url}
    try:
        _, findings = doctor(IVR_VAR_DIR=str(tmp_path), **urls)
        texts = {f["check"]: f["text"] for f in findings if f["check"] in ("postgres", "redis")}
        assert texts["postgres"].startswith("PostgreSQL 1")
        assert texts["redis"].startswith("Redis ")
        assert all("our clocks agree" in text for text in texts.values())
    finally:
        redis.stop()
        postgres.stop()
    status, findings = doctor(IVR_VAR_DIR=str(tmp_path), **urls)
    assert status == 2
    assert wrong(findings, "postgres")[0].startswith("it does not let us in: ")
    assert wrong(findings, "redis")[0].startswith("it does not let us in: ")


def test_a_switch_that_is_too_old_is_found(tmp_path: Path) -> None:
    program = tmp_path / "asterisk"
    program.write_text("#!/bin/sh\necho Asterisk 18.26.4\n")
    program.chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"
    status, findings = doctor(IVR_VAR_DIR=str(tmp_path), PATH=path)
    assert status == 2
    assert wrong(findings, "versions") == ["asterisk 18.26.4 is too old"]


def test_secrets_come_from_files_and_are_looked_at(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    folder.mkdir()
    (folder / "ivr_event_socket_password").write_text("ClueCon\n")
    _, findings = doctor(IVR_VAR_DIR=str(tmp_path), IVR_SECRETS_DIR=str(folder))
    assert any("IVR_EVENT_SOCKET_PASSWORD" in text for text in wrong(findings, "secrets"))
