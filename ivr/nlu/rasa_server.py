"""Rasa's own programs, in an environment of their own (`make rasa`): teach a model, serve it.

Rasa 3.6 needs Python 3.10 or older and 2.7 GB, so it never shares ours.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from importlib.resources import files
from pathlib import Path

import httpx

from ivr.errors import IvrError
from ivr.ports import free_ports
from ivr.settings import PROJECT

RASA = PROJECT / ".venv-rasa" / "bin" / "rasa"
_START_S = 180.0
_QUIET = {"RASA_TELEMETRY_ENABLED": "false", "SQLALCHEMY_SILENCE_UBER_WARNING": "1"}


class RasaFailed(IvrError):
    """Rasa is not installed, does not learn or does not start."""


def train_rasa(folder: Path, models: Path, *, rasa: Path = RASA) -> Path:
    """Teach Rasa the training data `folder` (application/language); returns the model's file, in
    `models`. Takes from half a minute on. Raises RasaFailed.
    """
    _check(rasa)
    models.mkdir(parents=True, exist_ok=True)
    name = f"{folder.parent.name}-{folder.name}"
    with tempfile.TemporaryDirectory() as scratch:
        # Rasa looks into subfolders too, where sentences lie that must not be learnt
        data = Path(scratch) / "data"
        data.mkdir()
        for path in folder.glob("*.y*ml"):
            shutil.copy(path, data)
        config = Path(scratch) / "config.yml"
        ours = files("ivr.nlu").joinpath("rasa_config.yml").read_text(encoding="utf-8")
        config.write_text(f"language: {folder.name}\n{ours}", encoding="utf-8")
        command = [
            *(str(rasa.absolute()), "train", "nlu", "--nlu", str(data), "--config", str(config)),
            *("--out", str(models.absolute()), "--fixed-model-name", name),
        ]
        done = subprocess.run(  # noqa: S603 - our own arguments
            command,
            env=os.environ | _QUIET,
            cwd=scratch,
            capture_output=True,
            text=True,
            check=False,
        )
    model = models / f"{name}.tar.gz"
    if done.returncode or not model.is_file():
        raise RasaFailed(
            f"Rasa does not learn {folder}: {_last_line(done.stdout + done.stderr)}.",
            remedy="Mend the training data, or run `make rasa` again.",
        )
    return model


class RasaServer:
    """`rasa run --enable-api` with one model, on loopback. Raises RasaFailed."""

    def __init__(self, model: Path, *, rasa: Path = RASA, port: int = 0) -> None:
        _check(rasa)
        port = port or free_ports(1)[0]
        self.url = f"http://127.0.0.1:{port}"
        self._scratch = tempfile.TemporaryDirectory()
        self._log = Path(self._scratch.name) / "rasa.log"
        command = [
            *(str(rasa.absolute()), "run", "--enable-api", "--model", str(model.absolute())),
            *("--port", str(port), "--interface", "127.0.0.1"),
        ]
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(  # noqa: S603 - our own arguments
                command,
                env=os.environ | _QUIET,
                cwd=self._scratch.name,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def wait(self, timeout_s: float = _START_S) -> None:
        """Return when it serves its model. Raises RasaFailed."""
        deadline = time.monotonic() + timeout_s
        while not self._ready():
            if self.process.poll() is not None:
                why = _last_line(self._log.read_text(errors="replace"))
                raise RasaFailed(f"Rasa ended: {why}.", remedy="Train its model again.")
            if time.monotonic() > deadline:
                raise RasaFailed(
                    f"Rasa serves no model within {timeout_s:.0f} s.", remedy="Try a free machine."
                )
            time.sleep(0.5)

    def stop(self) -> None:
        """End it."""
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._scratch.cleanup()

    def _ready(self) -> bool:
        try:
            return httpx.get(f"{self.url}/status", timeout=2, trust_env=False).is_success
        except httpx.HTTPError:
            return False


def _check(rasa: Path) -> None:
    if not rasa.is_file():
        raise RasaFailed(
            f"Rasa is not installed: there is no {rasa}.",
            remedy="Run `make rasa` (it needs Python 3.10), or choose another engine.",
        )


def _last_line(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return lines[-1].rstrip(".") if lines else "it says nothing"
