"""What Kaldi says while it loads a model. It says it to file descriptor 2, whatever Python thinks
stderr is, and a line of its own before our sentence helps nobody."""

from __future__ import annotations

import os
import re
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_STDERR = 2
_COMPLAINT = re.compile(r"(?:ERROR|ASSERTION_FAILED)(?: \([^)]*\([^)]*\)[^)]*\))?:? (.*)")
"""`ERROR (VoskAPI:Read():kaldi-matrix.cc:1620) Failed to`, or OpenFst's `ERROR: FstHeader`."""
_LONGEST = 200

_one_at_a_time = threading.Lock()


class Overheard:
    """What was said: `complaint` is the first thing that Kaldi found wrong, "" for nothing."""

    def __init__(self) -> None:
        self.complaint = ""


@contextmanager
def kaldi_overheard() -> Iterator[Overheard]:
    """Keep from stderr what Kaldi complains of within. What others write there meanwhile comes
    behind, where nothing is complained of; where something is, what came before it."""
    overheard = Overheard()
    with _one_at_a_time, tempfile.TemporaryFile() as file:
        own = os.dup(_STDERR)
        try:
            os.dup2(file.fileno(), _STDERR)
            try:
                yield overheard
            finally:
                os.dup2(own, _STDERR)
                file.seek(0)
                said = file.read()
                lines = said.decode(errors="replace").splitlines(keepends=True)
                for number, line in enumerate(lines):
                    found = _COMPLAINT.match(line)
                    if found is not None:
                        overheard.complaint = found[1].strip()[:_LONGEST].rstrip(".")
                        said = "".join(lines[:number]).encode()
                        break
                os.write(own, said)
        finally:
            os.close(own)
