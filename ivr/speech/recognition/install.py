"""Installing a recognition model: fetched or copied beside its place, checked, then moved in.

A model is there whole and checked, or not at all, whenever the program is interrupted.
"""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from ivr.errors import IvrError
from ivr.speech.recognition.archive import copy_folder, unpack
from ivr.speech.recognition.catalogue import OFFICIAL, OfficialModel, official
from ivr.speech.recognition.model_folder import check

CARD = "ivr-model.json"
"""Written into an installed model's folder: its language, and where it came from."""

Progress = Callable[[int, int | None], None]
"""Told the bytes that have come so far, and how many there will be, where that is known."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[a-z]{2})?")
_TIMEOUT = httpx.Timeout(30.0, connect=10.0)
_MAX_ARCHIVE = 8 * 1024**3
_UNPACKED_TIMES = 2.5


def install(
    what: str,
    into: Path,
    *,
    language: str | None = None,
    name: str | None = None,
    progress: Progress = lambda _done, _total: None,
    client: httpx.Client | None = None,
) -> Path:
    """Install a model and return its folder in `into`.

    `what` is the name of an official model, or the path of a folder or a zip; `language` and
    `name` say what the latter is called, where its own name does not tell. Raises IvrError: an
    unknown name, no network, no room, or not a model.
    """
    source = Path(what).expanduser()
    known = official(what)
    if known is None and not source.exists():
        raise IvrError(
            f"{what!r} is neither an official model nor a folder or zip that exists.",
            remedy="See `ivrctl models list`.",
        )
    called = name or (known.name if known else source.resolve().name.removesuffix(".zip"))
    if not _NAME.fullmatch(called):
        raise IvrError(f"{called!r} cannot be a model's name.", remedy="Give it one with --name.")
    spoken = language or (known.language if known else _language_of(called))
    if spoken is None or not _LANGUAGE.fullmatch(spoken):
        raise IvrError(
            f"The language of {called} is not known.",
            remedy="Give its code with --language, such as --language en.",
        )
    with _disk_errors(into), _workshop(into) as folder:
        root = folder / "model"
        if known is not None:
            archive = folder / f"{known.name}.zip"
            _download(known, archive, progress, client)
            root = unpack(archive, root)
        elif source.is_dir():
            root = copy_folder(source, root)
        else:
            root = unpack(source, root)
        check(root, called)
        card = {"name": called, "language": spoken, "source": known.url if known else str(source)}
        (root / CARD).write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")
        return _move_in(root, into / called, folder / "replaced")


def _download(
    model: OfficialModel, archive: Path, progress: Progress, client: httpx.Client | None
) -> None:
    client = client or httpx.Client(timeout=_TIMEOUT, follow_redirects=True)
    try:
        with client, client.stream("GET", model.url) as answer:
            if answer.status_code != httpx.codes.OK:
                raise IvrError(
                    f"{model.url} answered {answer.status_code}.",
                    remedy="Fetch the zip another way and install it by its path.",
                )
            length = answer.headers.get("content-length", "")
            total = int(length) if length.isascii() and length.isdigit() else None
            _refuse_too_large(model, total, archive.parent)
            done = 0
            with archive.open("xb") as file:
                for block in answer.iter_bytes():
                    file.write(block)
                    done += len(block)
                    if done > _MAX_ARCHIVE:
                        raise IvrError(f"{model.url} is larger than any model.")
                    progress(done, total)
    except httpx.HTTPError as error:
        why = str(error) or type(error).__name__
        raise IvrError(
            f"{model.name} cannot be fetched from {model.url}: {why}.",
            remedy="Check the network, or fetch the zip another way and install it by its path.",
        ) from None


def _refuse_too_large(model: OfficialModel, total: int | None, folder: Path) -> None:
    size = total if total is not None else model.megabytes * 1_000_000
    needed = int(size * (1 + _UNPACKED_TIMES))
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise _no_room(folder.parent, f"{needed // 1_000_000:,} MB", f"{free // 1_000_000:,} MB")


def _move_in(root: Path, place: Path, aside: Path) -> Path:
    before = place.exists()
    if before:
        os.rename(place, aside)
    try:
        os.rename(root, place)
    except OSError:
        if before:
            os.rename(aside, place)
        raise
    return place


@contextmanager
def _workshop(into: Path) -> Iterator[Path]:
    """A folder beside the models' places, on the same disk, gone in the end."""
    into.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".installing-", dir=into) as folder:
        yield Path(folder)


@contextmanager
def _disk_errors(into: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise _no_room(into) from None
        raise IvrError(
            f"The model cannot be put into {into}: {error.strerror or error}.",
            remedy="Set IVR_MODELS_DIR to a folder that can be written to.",
        ) from None


def _no_room(folder: Path, needed: str = "", free: str = "") -> IvrError:
    numbers = f": {needed} are needed and {free} are free" if needed else ""
    return IvrError(
        f"There is no room for the model in {folder}{numbers}.",
        remedy="Free some space, or set IVR_MODELS_DIR to a folder with room.",
    )


def _language_of(name: str) -> str | None:
    """Return the language in a name like vosk-model-small-en-us-0.15, if there is one."""
    found = re.match(r"vosk-(?:model-)?(?:small-|ivr-)?([a-z]{2,3})-", name)
    codes = {model.language for model in OFFICIAL}
    return found.group(1) if found and found.group(1) in codes else None
