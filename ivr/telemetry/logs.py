"""One line of JSON an event on stderr; on a terminal, lines for people.

    {"at": "2026-03-01T12:00:00.000000Z", "level": "info", "worker": "worker-0",
     "call_id": "…", "turn": 3, "event": "turn", "text": "my balance please"}

Rules:
- Whatever a caller says or a switch sends, it can neither end a line, nor forge another, nor
  move the cursor of a terminal, nor change the direction of what is read: such characters are
  escaped.
- A line has a bounded length.
- What other libraries log through `logging` comes out in the same form.

Bind the call with `structlog.contextvars.bound_contextvars(call_id=..., turn=...)`.
"""

from __future__ import annotations

import itertools
import json
import logging
import math
import re
import sys
from collections.abc import Iterable, Mapping, MutableMapping
from typing import Any, Final, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

MAX_TEXT: Final = 2000
"""Longest value, in characters; a traceback may have four times as many."""
_MAX_KEY: Final = 100
_MAX_ITEMS: Final = 60
_MAX_DEPTH: Final = 4

_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f"  # C0, DEL, C1: line ends, terminal controls
    "\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\U000e0000-\U000e007f"  # invisible, or turning the text round
    "\ud800-\udfff]"  # lone surrogates, which no UTF-8 can carry
)

_LEVELS: Final = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}


def configure_logging(level: str, worker: str, *, stream: TextIO | None = None) -> None:
    """Log events of `level` and above to `stream` (stderr), each with the worker's name.

    May be called again; the last call counts.
    """
    out = stream or sys.stderr
    number = _LEVELS[level]
    pretty = out.isatty()
    before: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
        _Worker(worker),
        structlog.processors.format_exc_info,
        bound_values,
    ]
    renderer: Processor
    if pretty:
        renderer = structlog.dev.ConsoleRenderer(
            timestamp_key="at",
            pad_event_to=24,
            exception_formatter=structlog.dev.plain_traceback,
        )
        before.append(escape_values)
    else:
        renderer = render_json
    structlog.configure(
        processors=[*before, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.WriteLoggerFactory(file=out),
        # Loggers are made when modules are imported, before this is called; without a cache a
        # later call counts for them too.
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=before,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    # Other libraries tell too much: their debugging is not ours.
    root.setLevel(max(number, logging.INFO))
    for name in ("httpx", "httpcore", "asyncio"):
        logging.getLogger(name).setLevel(max(number, logging.WARNING))
    # It warns at each try of a database that is away; the journal says so once.
    logging.getLogger("psycopg").setLevel(logging.ERROR)
    logging.captureWarnings(capture=True)


class _Worker:
    def __init__(self, name: str) -> None:
        self._name = name

    def __call__(self, logger: WrappedLogger, name: str, event: EventDict) -> EventDict:
        event.setdefault("worker", self._name)
        return event


def bound_values(logger: WrappedLogger, name: str, event: EventDict) -> EventDict:
    """Values as plain JSON data of bounded length and depth."""
    bounds = _Bounds()
    bounded: EventDict = {}
    for key, value in list(event.items())[:_MAX_ITEMS]:
        most = MAX_TEXT * 4 if key == "exception" else MAX_TEXT
        bounded[_bounded_key(key)] = bounds.value(value, most, _MAX_DEPTH)
    return bounded


def _bounded_key(key: object) -> str:
    return _text(key)[:_MAX_KEY]


class _Bounds:
    """What one line may still hold of nested values."""

    def __init__(self) -> None:
        self._items = _MAX_ITEMS

    def value(self, value: Any, most: int, depth: int) -> Any:
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, int):
            return value if abs(value) < 1 << 63 else "a very large number"
        if isinstance(value, float):
            return value if math.isfinite(value) else str(value)
        if isinstance(value, Mapping):
            return {
                _bounded_key(key): self.value(one, most // 4, depth - 1)
                for key, one in self._some(value.items(), depth)
            }
        if isinstance(value, list | tuple | set | frozenset):
            return [self.value(one, most // 4, depth - 1) for one in self._some(value, depth)]
        text = value if isinstance(value, str) else _text(value)
        return text if len(text) <= most else f"{text[:most]}… ({len(text)} characters)"

    def _some(self, items: Iterable[Any], depth: int) -> list[Any]:
        # Never `str` of a container: what is nested in it may be without bound.
        some = list(itertools.islice(items, self._items)) if depth else []
        self._items -= len(some)
        return some


def _text(value: object) -> str:
    try:
        return str(value)
    except Exception as error:  # noqa: BLE001 - a log line is no reason to fail
        return f"<{type(value).__name__}: {type(error).__name__}>"


def render_json(logger: WrappedLogger, name: str, event: EventDict) -> str:
    """One line of JSON, in which nothing but the letters of the world stands unescaped."""
    return _UNSAFE.sub(_as_json, json.dumps(event, ensure_ascii=False, default=_text))


def _as_json(found: re.Match[str]) -> str:
    return json.dumps(found[0])[1:-1]


def escape_values(logger: WrappedLogger, name: str, event: EventDict) -> EventDict:
    """Keys and values that a terminal can show without harm; a traceback keeps its lines."""
    safe: EventDict = {}
    for key, value in event.items():
        if key == "exception":
            safe[key] = "\n".join(escaped(line) for line in str(value).split("\n"))
        else:
            safe[escaped(key)] = _escaped(value)
    return safe


def _escaped(value: Any) -> Any:
    if isinstance(value, str):
        return escaped(value)
    if isinstance(value, MutableMapping):
        return {escaped(str(key)): _escaped(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_escaped(one) for one in value]
    return value


def escaped(text: str) -> str:
    r"""`text` with what could do harm in a line or on a terminal as \uXXXX."""
    return _UNSAFE.sub(_as_json, text)
