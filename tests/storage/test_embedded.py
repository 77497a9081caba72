"""The embedded servers: killed, frozen, orphaned, and there again within two seconds."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
from redis import Redis

from ivr.errors import IvrError
from ivr.storage.embedded import EmbeddedPostgres, EmbeddedRedis
from tests.storage.conftest import Signaller

Embedded = EmbeddedPostgres | EmbeddedRedis

BOTH = [
    pytest.param(EmbeddedPostgres, marks=pytest.mark.postgres, id="postgres"),
    pytest.param(EmbeddedRedis, marks=pytest.mark.redis, id="redis"),
]

both = pytest.mark.parametrize("kind", BOTH)


@pytest.fixture
def running(kind: type[Embedded], tmp_path: Path) -> Iterator[Embedded]:
    server = kind(tmp_path)
    server.start()
    yield server
    server.stop()


def remember(server: Embedded) -> None:
    if isinstance(server, EmbeddedPostgres):
        with psycopg.connect(server.url) as connection:
            connection.execute("CREATE TABLE kept (what text)")
            connection.execute("INSERT INTO kept VALUES ('it')")
    else:
        with Redis.from_url(server.url) as client:
            client.set("kept", "it")


def recall(server: Embedded) -> object:
    if isinstance(server, EmbeddedPostgres):
        with psycopg.connect(server.url) as connection:
            row = connection.execute("SELECT what FROM kept").fetchone()
            return row[0] if row else None
    with Redis.from_url(server.url, decode_responses=True) as client:
        return client.get("kept")


def gone(pid: int) -> bool:
    """Whether a process has ended; one that nobody reaps counts as ended."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return True
    return stat.rpartition(")")[2].split()[0] in "ZX"


def wait_until(condition: Callable[[], bool], deadline_s: float = 5.0) -> None:
    until = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < until, "the condition never held"
        time.sleep(0.005)


@both
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "frozen"])
def test_what_was_accepted_outlives_a_kill_and_it_is_back_at_once(
    running: Embedded, send: Signaller, number: signal.Signals
) -> None:
    url = running.url
    remember(running)
    send(running, number)
    began = time.monotonic()
    assert not running.healthy(0.2)
    assert time.monotonic() - began < 0.3
    began = time.monotonic()
    running.restart()
    assert time.monotonic() - began < 10.0
    assert running.healthy(0.5)
    assert running.url == url
    assert recall(running) == "it"


@pytest.mark.redis
def test_a_redis_killed_while_the_disk_is_busy_has_lost_nothing_it_answered(
    redis: EmbeddedRedis,
) -> None:
    with Redis.from_url(redis.url) as client:
        for number in range(3):
            client.set(f"much {number}", bytes(30_000_000))
        # Longer than the second between two syncs, were there any.
        until = time.monotonic() + 1.5
        written, held_back = 0, 0
        while time.monotonic() < until and not held_back:
            written += 1
            client.set("written", written)
            held_back = client.info("persistence")["aof_buffer_length"]
        redis.kill()
        redis.start()
        kept = client.get("written")
    assert kept == str(written).encode()


@both
def test_a_stop_leaves_no_process_and_a_start_finds_the_data(running: Embedded) -> None:
    remember(running)
    pids = running.pids
    assert running.pid in pids
    running.stop()
    assert all(gone(pid) for pid in pids)
    running.start()
    running.start()
    assert recall(running) == "it"


OWNER = """
import sys, time
from pathlib import Path
from ivr.storage import embedded

server = getattr(embedded, sys.argv[1])(Path(sys.argv[2]))
server.start()
print(*server.pids, flush=True)
time.sleep(60)
"""


@both
@pytest.mark.parametrize("frozen", [False, True], ids=["running", "frozen"])
def test_a_server_dies_with_whoever_started_it_and_its_heir_recovers(
    kind: type[Embedded], tmp_path: Path, frozen: bool
) -> None:
    command = [sys.executable, "-c", OWNER, kind.__name__, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        pids = [int(pid) for pid in owner.stdout.readline().split()]
        assert pids
        second = kind(tmp_path)
        with pytest.raises(IvrError, match="in use by another process"):
            second.start()
        if frozen:
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGSTOP)
        owner.kill()
    if not frozen:
        wait_until(lambda: all(gone(pid) for pid in pids))
    second.start()
    remember(second)
    assert recall(second) == "it"
    assert set(pids).isdisjoint(second.pids)
    second.stop()
    assert all(gone(pid) for pid in pids)


@both
def test_a_server_outlives_the_thread_that_started_it(kind: type[Embedded], tmp_path: Path) -> None:
    server = kind(tmp_path)
    with ThreadPoolExecutor(1) as pool:
        pool.submit(server.start).result()
    time.sleep(0.1)  # a signal at the thread's death would have come by now
    assert server.healthy(0.5)
    server.stop()


@both
def test_a_long_path_is_no_obstacle(kind: type[Embedded], tmp_path: Path) -> None:
    server = kind(tmp_path / ("long-" * 20) / "with space, ünïcode & %41")
    server.start()
    remember(server)
    assert recall(server) == "it"
    server.stop()


@both
def test_production_refuses_it(kind: type[Embedded], tmp_path: Path) -> None:
    with pytest.raises(IvrError, match="refused in production"):
        kind(tmp_path, env="production").start()
    assert list(tmp_path.iterdir()) == []


@both
def test_a_missing_extra_is_named(
    kind: type[Embedded], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(IvrError, match=r"pip install 'ivr\[embedded\]'"):
        kind(tmp_path).start()


@both
def test_a_url_before_the_start_is_refused(kind: type[Embedded], tmp_path: Path) -> None:
    with pytest.raises(IvrError, match="not started"):
        _ = kind(tmp_path).url


@both
def test_a_folder_that_cannot_be_is_told_in_a_sentence(
    kind: type[Embedded], tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(IvrError, match="cannot be used"):
        kind(tmp_path / "file" / "data").start()


@both
def test_a_server_that_does_not_start_says_why(kind: type[Embedded], tmp_path: Path) -> None:
    server = kind(tmp_path)
    server.start()
    server.stop()
    if isinstance(server, EmbeddedPostgres):
        (tmp_path / "data" / "PG_VERSION").write_text("9.6\n")
    else:
        (tmp_path / "appendonly.aof").write_bytes(b"this is no append-only file\n")
    began = time.monotonic()
    with pytest.raises(IvrError, match="does not start") as caught:
        server.start()
    assert time.monotonic() - began < 5
    assert str(server.log) in caught.value.remedy
    assert server.pids == []


@both
def test_a_full_disk_is_told_in_a_sentence(kind: type[Embedded], tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m,mode=0755", "none", str(small)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("a small file system can only be mounted by a root that may mount")
    try:
        with contextlib.suppress(OSError):
            (small / "filler").write_bytes(bytes(4 << 20))
        with pytest.raises(IvrError, match="is full"):
            kind(small / "data").start()
    finally:
        subprocess.run(["umount", "-l", str(small)], check=True)
