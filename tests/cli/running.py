"""`ivrctl` as people run it: a process of its own, in a folder of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from ivr.settings import PROJECT

IVRCTL = Path(sys.executable).with_name("ivrctl")

_HIDE = """
import importlib.machinery
import os

hidden = set(os.environ["HIDDEN_PACKAGES"].split(","))
find = importlib.machinery.PathFinder.find_spec


def find_spec(name, path=None, target=None):
    return None if name.partition(".")[0] in hidden else find(name, path, target)


importlib.machinery.PathFinder.find_spec = staticmethod(find_spec)
"""
"""A sitecustomize: packages that are there are not found, by the process and by its children."""


@dataclass(frozen=True)
class Ran:
    """What came of it."""

    status: int
    out: str
    err: str

    @property
    def sentence(self) -> str:
        """The one line on stderr of a run that failed as it should; fails for anything else."""
        assert self.status == 2, self
        assert self.err.count("\n") == 1, self.err
        assert self.err.startswith("ivrctl: "), self.err
        assert "Traceback" not in self.err
        assert not self.out, self.out
        return self.err.removeprefix("ivrctl: ").rstrip()


def ivrctl(
    folder: Path,
    *arguments: str,
    environment: Mapping[str, str] | None = None,
    hidden: Collection[str] = (),
    typed: str = "",
    timeout_s: float = 60,
    before: Callable[[], None] | None = None,
) -> Ran:
    """Run `ivrctl` in `folder`, where it also keeps its things, on free ports; `hidden` packages
    are missing.
    """
    variables = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "PYTHONPATH": str(PROJECT),
        "IVR_VAR_DIR": str(folder / "var"),
        "IVR_AUDIOSOCKET_PORT": "0",
        "IVR_FREESWITCH_PORT": "0",
        "IVR_HTTP_PORT": "0",
        **(environment or {}),
    }
    if hidden:
        shim = folder / "hide"
        shim.mkdir(exist_ok=True)
        (shim / "sitecustomize.py").write_text(_HIDE)
        variables["PYTHONPATH"] = os.pathsep.join([str(shim), str(PROJECT)])
        variables["HIDDEN_PACKAGES"] = ",".join(hidden)
    ran = subprocess.run(
        [str(IVRCTL), *arguments],
        cwd=folder,
        env=variables,
        input=typed,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
        preexec_fn=before,
    )
    return Ran(ran.returncode, ran.stdout, ran.stderr)
