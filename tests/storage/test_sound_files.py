"""Sound that is written while it comes, onto real disks."""

from __future__ import annotations

import asyncio
import stat
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest

from ivr.audio.wav import read_stereo_wav, read_wav
from ivr.storage.sound_files import SoundFiles

SECOND = np.arange(1, 8001, dtype="<i2").tobytes()
OTHER = np.arange(8000, 0, -1, dtype="<i2").tobytes()


@pytest.fixture
async def files(tmp_path: Path) -> AsyncIterator[SoundFiles]:
    files = SoundFiles(tmp_path / "sounds")
    yield files
    await files.close()


async def test_both_sides_are_there_whole_and_each_on_its_own(files: SoundFiles) -> None:
    file = files.open("today/call.wav", rate=8000, channels=2)
    for _ in range(3):
        file.write(SECOND, OTHER)
    assert await file.close()
    left, right = read_stereo_wav(file.path)
    assert (left.pcm, right.pcm) == (SECOND * 3, OTHER * 3)
    assert left.format.rate == 8000
    assert file.duration_ms == 3000


async def test_only_we_may_read_it(files: SoundFiles) -> None:
    file = files.open("today/message.wav", rate=8000, channels=1)
    file.write(SECOND)
    assert await file.close()
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.path.parent.stat().st_mode) & 0o077 == 0


async def test_what_is_thrown_away_is_not_there(files: SoundFiles) -> None:
    file = files.open("call.wav", rate=8000, channels=1)
    file.write(SECOND)
    await file.discard()
    assert not file.path.exists()


async def test_no_file_replaces_another(files: SoundFiles) -> None:
    first = files.open("call.wav", rate=8000, channels=1)
    first.write(SECOND)
    assert await first.close()
    second = files.open("call.wav", rate=8000, channels=1)
    second.write(OTHER)
    assert not await second.close()
    assert read_wav(first.path).pcm == SECOND


async def test_a_file_without_sound_is_none(files: SoundFiles) -> None:
    file = files.open("call.wav", rate=8000, channels=1)
    assert not await file.close()
    assert not file.path.exists()


async def test_a_file_that_cannot_be_made_ends_alone(tmp_path: Path) -> None:
    """The one's folder cannot be made."""
    folder = tmp_path / "sounds"
    folder.mkdir()
    files = SoundFiles(folder)
    try:
        other = files.open("other.wav", rate=8000, channels=1)
        full = files.open("full/call.wav", rate=8000, channels=1)
        (folder / "full").symlink_to(tmp_path / "file")
        (tmp_path / "file").touch()
        for _ in range(5):
            full.write(SECOND)
            other.write(SECOND)
        assert not await full.close()
        assert await other.close()
        assert read_wav(other.path).pcm == SECOND * 5
    finally:
        await files.close()


def test_a_disk_that_fills_up(tmp_path: Path) -> None:
    """In a process that may write 100 kB a file: what was written by then can be played."""
    script = f"""
import asyncio, resource, signal
from pathlib import Path
from ivr.storage.sound_files import SoundFiles
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
async def main():
    files = SoundFiles(Path({str(tmp_path)!r}))
    file = files.open("call.wav", rate=8000, channels=1)
    for _ in range(20):
        file.write(bytes(range(1, 251)) * 64)
        await asyncio.sleep(0.01)
    print(await file.close())
    await files.close()
asyncio.run(main())
"""
    ran = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False
    )
    assert ran.stdout.splitlines()[-1] == "False", ran.stderr
    assert "sound_file_given_up" in ran.stdout + ran.stderr
    assert "Traceback" not in ran.stderr
    size = (tmp_path / "call.wav").stat().st_size
    assert 90_000 < size <= 100_000


async def test_a_worker_that_dies_leaves_what_can_be_played(tmp_path: Path) -> None:
    script = f"""
import asyncio, os, signal, time
from pathlib import Path
from ivr.storage.sound_files import SoundFiles
async def main():
    file = SoundFiles(Path({str(tmp_path)!r})).open("call.wav", rate=8000, channels=1)
    for _ in range(3):
        file.write(bytes(range(1, 251)) * 64)
    while not file.path.exists() or file.path.stat().st_size < 48_044:
        time.sleep(0.01)
    time.sleep(0.1)
    os.kill(os.getpid(), signal.SIGKILL)
asyncio.run(main())
"""
    died = await asyncio.create_subprocess_exec(sys.executable, "-c", script)
    async with asyncio.timeout(60):
        assert await died.wait() == -9
    assert read_wav(tmp_path / "call.wav").pcm == bytes(range(1, 251)) * 64 * 3


async def test_a_disk_that_hangs_holds_nobody_up(tmp_path: Path) -> None:
    """The thread is held by another file's lock, as it would be by a disk that hangs."""
    files = SoundFiles(tmp_path)
    stuck = files.open("stuck.wav", rate=8000, channels=1)
    with stuck._lock:
        files._jobs.put(stuck)
        late = files.open("late.wav", rate=8000, channels=1)
        began = asyncio.get_running_loop().time()
        for _ in range(400):
            late.write(SECOND)
        assert asyncio.get_running_loop().time() - began < 1
        assert late.duration_ms <= 300_000
    assert not await late.close()
    await files.close()
