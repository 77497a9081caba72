"""Sandboxed Jinja2: the texts of a flow, compiled once, filled in with data.

What callers and integrations supply is data, never template source. A template can read values
and pipe them through the filters below; it calls nothing, multiplies nothing and imports
nothing, so that no flow can make it slow or large.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import quote

from jinja2 import (
    StrictUndefined,
    Template,
    TemplateRuntimeError,
    TemplateSyntaxError,
    UndefinedError,
    meta,
    nodes,
)
from jinja2.filters import FILTERS
from jinja2.sandbox import ImmutableSandboxedEnvironment

from ivr.dialogue.ssml import BadSsml, plain
from ivr.languages.spoken_values import digits, money, number, spoken_date, spoken_time

LONGEST_TEXT = 2000
"""Characters of a filled-in text; what goes beyond is cut at a word."""

_PLAIN_FILTERS = (
    "capitalize",
    "default",
    "first",
    "last",
    "length",
    "lower",
    "title",
    "trim",
    "upper",
)
_UNSAFE = (
    (nodes.Call, "calls a function"),
    (nodes.Mul, "multiplies"),
    (nodes.Pow, "raises to a power"),
    (nodes.Mod, "formats or takes a remainder"),
    (nodes.For, "loops"),
    (nodes.Assign, "sets a variable"),
    (nodes.AssignBlock, "sets a variable"),
    (nodes.With, "sets a variable"),
    (nodes.Macro, "defines a macro"),
    (nodes.CallBlock, "calls a macro"),
    (nodes.Include, "includes a file"),
    (nodes.Import, "imports a file"),
    (nodes.FromImport, "imports a file"),
    (nodes.Extends, "extends a file"),
    (nodes.Block, "defines a block"),
)


class TemplateUnusable(ValueError):
    """The source is no template we accept; `line` counts from 1 within it."""

    def __init__(self, what: str, line: int = 1) -> None:
        super().__init__(what)
        self.what = what
        self.line = line


class TemplateFailed(Exception):
    """A template could not be filled in with these values; `missing` names the one that lacks."""

    def __init__(self, what: str, *, missing: str = "") -> None:
        super().__init__(what)
        self.missing = missing


class Text:
    """A compiled template in one language, its SSML worked out; in no language (""), it is no
    speech and has none. Without variables, `static` is its text; `literals` is what it says between
    them.
    """

    __slots__ = ("_template", "literals", "source", "static", "variables")

    def __init__(self, source: str, language: str, *, for_path: bool = False) -> None:
        """Raises TemplateUnusable."""
        environment = _environment(language, for_path)
        try:
            spoken = plain(source) if language else source
            tree = environment.parse(spoken)
            # Before it is compiled, for compiling works out what is constant.
            _refuse_unsafe(tree)
            self.variables = frozenset(meta.find_undeclared_variables(tree))
            self._template: Template = environment.from_string(spoken)
        except BadSsml as error:
            raise TemplateUnusable(str(error)) from None
        except TemplateSyntaxError as error:
            raise TemplateUnusable(_first_lower(error.message), error.lineno) from None
        self.literals = tuple(data.data for data in tree.find_all(nodes.TemplateData))
        self.source = source
        self.static: str | None = None
        if not self.variables:
            try:
                self.static = _tidy(self._template.render())
            except (TemplateRuntimeError, TypeError, ValueError) as error:
                raise TemplateUnusable(f"it cannot be filled in: {error}") from None

    def fill(self, values: Mapping[str, str]) -> str:
        """Return the text with `values` in place. Raises TemplateFailed."""
        if self.static is not None:
            return self.static
        try:
            return _tidy(self._template.render(values))
        except UndefinedError as error:
            missing = next((name for name in sorted(self.variables) if name not in values), "")
            raise TemplateFailed(str(error), missing=missing) from None
        except (TemplateRuntimeError, TypeError, ValueError, ArithmeticError) as error:
            raise TemplateFailed(str(error)) from None


def clean(value: str) -> str:
    """`value` without control characters and broken surrogates: fit to be kept and spoken."""
    whole = value.encode("utf-8", "replace").decode("utf-8")
    if whole.isprintable():
        return whole
    return "".join(char for char in whole if unicodedata.category(char)[0] != "C")


def _refuse_unsafe(tree: nodes.Template) -> None:
    for kind, what in _UNSAFE:
        for found in tree.find_all(kind):
            raise TemplateUnusable(f"it {what}, which templates may not", found.lineno)


def _first_lower(message: str | None) -> str:
    text = (message or "syntax error").rstrip(".")
    return text[:1].lower() + text[1:]


def _tidy(text: str) -> str:
    tidy = " ".join(text.split())
    if len(tidy) <= LONGEST_TEXT:
        return tidy
    return tidy[:LONGEST_TEXT].rsplit(" ", 1)[0]


@lru_cache(maxsize=4096)
def source_text(source: str, *, for_path: bool = False) -> Text:
    """A template that nobody speaks: part of a request, or the value of a slot."""
    return Text(source, "", for_path=for_path)


class _Sandbox(ImmutableSandboxedEnvironment):
    """Reads plain values; every call and every attribute of an object is refused."""

    def is_safe_callable(self, obj: Any) -> bool:
        return False

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        return False


@lru_cache(maxsize=64)
def _environment(language: str, for_path: bool) -> _Sandbox:
    environment = _Sandbox(
        undefined=StrictUndefined, finalize=_path_part if for_path else None, auto_reload=False
    )
    environment.globals.clear()
    environment.tests = {
        name: test
        for name, test in environment.tests.items()
        if name in {"defined", "undefined", "equalto", "eq", "ne", "in"}
    }
    filters: dict[str, Callable[..., Any]] = {name: FILTERS[name] for name in _PLAIN_FILTERS}
    filters["digits"] = lambda value: digits(_text(value), language)
    filters["money"] = lambda value, currency="INR": money(_text(value), _text(currency), language)
    filters["spoken_date"] = lambda value: spoken_date(_text(value), language)
    filters["spoken_time"] = lambda value: spoken_time(_text(value), language)
    filters["number"] = lambda value: number(int(_text(value)), language)
    environment.filters = filters
    return environment


def _text(value: Any) -> str:
    if isinstance(value, StrictUndefined):
        value._fail_with_undefined_error()
    return str(value)


def _path_part(value: Any) -> Any:
    """One value within a URL path (RFC 3986 section 3.3): it can neither end its segment nor
    climb out of it."""
    if isinstance(value, StrictUndefined):
        return value
    text = str(value)
    if text.strip(".") == "":
        raise ValueError("a path segment would be empty or made of dots")
    return quote(text, safe="")
