"""A disk that takes nothing: a small one of our own where we may mount it, else a limit on what the
process may write."""

from __future__ import annotations

import resource
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.cli.running import ivrctl


def write_nothing() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Mounts a disk of the size given; skips where that is not allowed."""
    place = tmp_path / "disk"
    place.mkdir()

    def mount(size: str) -> Path:
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(place)],
            capture_output=True,
            check=False,
        )
        if mounted.returncode:
            pytest.skip("a disk of our own may not be mounted here")
        return place

    yield mount
    subprocess.run(["umount", "-l", str(place)], capture_output=True, check=False)


@pytest.mark.parametrize(
    ("command", "size"),
    [("serve", "64k"), ("serve", "30m"), ("demo", "64k")],
)
def test_no_room_to_serve(
    tmp_path: Path, small_disk: Callable[[str], Path], command: str, size: str
) -> None:
    disk = small_disk(size)
    sentence = ivrctl(tmp_path, command, environment={"IVR_VAR_DIR": str(disk / "var")}).sentence
    assert f"The disk that holds {disk}" in sentence
    assert "is full. Make room, or set IVR_VAR_DIR" in sentence


def test_a_disk_that_is_full_to_the_last_byte(
    tmp_path: Path, small_disk: Callable[[str], Path]
) -> None:
    disk = small_disk("64k")
    with suppress(OSError):
        (disk / "ballast").write_bytes(bytes(1 << 20))
    assert shutil.disk_usage(disk).free == 0
    sentence = ivrctl(tmp_path, "serve", environment={"IVR_VAR_DIR": str(disk / "var")}).sentence
    assert "is full. Make room, or set IVR_VAR_DIR" in sentence


@pytest.mark.parametrize("command", ["serve", "demo"])
def test_nothing_may_be_written(tmp_path: Path, command: str) -> None:
    ran = ivrctl(tmp_path, command, before=write_nothing)
    assert f"Folder {tmp_path / 'var'}" in ran.sentence
    assert "cannot be used: File too large. Set IVR_VAR_DIR" in ran.sentence


def test_a_place_where_no_folder_can_be(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    environment = {"IVR_VAR_DIR": str(tmp_path / "file" / "var")}
    sentence = ivrctl(tmp_path, "serve", environment=environment).sentence
    assert "cannot be used: Not a directory. Set IVR_VAR_DIR" in sentence


def test_an_understanding_that_cannot_be_kept(
    tmp_path: Path, small_disk: Callable[[str], Path]
) -> None:
    disk = small_disk("16k")
    environment = {"IVR_VAR_DIR": str(disk)}
    sentence = ivrctl(tmp_path, "nlu", "parse", "hello", environment=environment).sentence
    assert "No space left on device" in sentence
    assert "IVR_VAR_DIR" in sentence


def test_prompts_that_do_not_fit(tmp_path: Path, small_disk: Callable[[str], Path]) -> None:
    disk = small_disk("16k")
    sentence = ivrctl(
        tmp_path, "prompts", "render", "--switch", "asterisk", "--to", str(disk / "sounds")
    ).sentence
    assert "cannot be written: No space left on device. Choose another folder" in sentence
