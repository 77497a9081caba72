"""Reads a FreeSWITCH configuration and says what is wrong with it, without a FreeSWITCH.

It finds what FreeSWITCH itself only tells while a caller waits: a transfer to nowhere, a prompt
that is not there, a variable that nobody sets, a line that the preprocessor drops.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from xml.parsers import expat

from ivr.errors import IvrError

FOR_WORKERS = ("ivr_called", "ivr_language", "ivr_destinations")
"""What the dialplan has to set before it hands a call to a worker."""

BEFORE_SOCKET = {
    "socket_resume": ("true", "a call whose worker dies as it comes is parked for ever"),
    "srtp_allow_idle_gaps": ("true", "who moves while encrypted may hear only silence"),
    "send_silence_when_idle": ("0", "who is encrypted may hear only silence"),
}
"""What has to be set before each `socket ... async`, to what, and what happens otherwise.

`socket ... async` parks the channel once more after a worker that was gone at once. And with each
key for SRTP, FreeSWITCH 1.10.12 makes itself send silence to a parked channel (`switch_rtp.c`, in
`switch_rtp_add_crypto_key`), in the same ticks as a worker's frames: the first of a tick leaves.
"""

BUILT_IN = frozenset(
    "hostname local_ip_v4 local_ip_v6 domain base_dir conf_dir sounds_dir recordings_dir log_dir "
    "run_dir db_dir mod_dir htdocs_dir script_dir temp_dir grammar_dir certs_dir storage_dir "
    "cache_dir core_uuid switch_serial".split()
)
"""`$${...}` that FreeSWITCH sets by itself."""

_GLOBAL = re.compile(r"\$\$\{([^}]+)\}")
_PROMPT = re.compile(r"(?:^|[ ,!])phrase:([A-Za-z0-9_-]+)")
_INCLUDE_TAG = re.compile(r"</?include>")
_RUNS_PROGRAMS = frozenset({"system", "bgsystem"})
_GO_ELSEWHERE = frozenset({"transfer", "execute_extension"})

Texts = Mapping[str, Mapping[str, str]]
"""Prompt name to language to text, as in freeswitch/prompts.yaml."""


@dataclass
class Element:
    """One XML element, and where it stands."""

    name: str
    attributes: dict[str, str]
    file: Path
    line: int
    children: list[Element] = field(default_factory=list)

    def all(self, name: str) -> Iterator[Element]:
        """Every element of that name, at any depth, in order."""
        for child in self.children:
            if child.name == name:
                yield child
            yield from child.all(name)

    def get(self, attribute: str) -> str:
        """An attribute, or ""."""
        return self.attributes.get(attribute, "")


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong."""

    file: Path
    line: int
    what: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.what}"


class Configuration:
    """All XML files of a folder. Raises IvrError, naming file and line, where one cannot be
    read."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        files = sorted(folder.rglob("*.xml"))
        if not files:
            raise IvrError(
                f"{folder} holds no FreeSWITCH configuration.",
                remedy="Name the folder that has freeswitch.xml in it.",
            )
        self.roots = [_read(file) for file in files]

    def every(self, name: str) -> Iterator[Element]:
        """Every element of that name, in all files."""
        for root in self.roots:
            yield from root.all(name)

    @property
    def globals(self) -> dict[str, str]:
        """What the preprocessor sets."""
        settings = [
            each.get("data").partition("=")
            for each in self.every("X-PRE-PROCESS")
            if each.get("cmd") == "set"
        ]
        return {name: value for name, _, value in settings}

    def problems(self, texts: Texts, sounds: Path | None = None) -> list[Problem]:
        """Everything that is wrong. `texts` are the prompts that can be rendered; with `sounds`
        their files must exist there, too."""
        found = [
            *self._dropped_lines(),
            *self._unset_globals(),
            *self._conditions(),
            *self._roads(),
            *self._destinations(),
            *self._hand_overs(),
            *self._before_sockets(),
            *self._prompts(texts, sounds),
        ]
        return sorted(found, key=lambda problem: (problem.file, problem.line))

    def _dropped_lines(self) -> Iterator[Problem]:
        for root in self.roots:
            for number, line in enumerate(root.file.read_text("utf-8").splitlines(), 1):
                if _INCLUDE_TAG.search(line) and not _INCLUDE_TAG.fullmatch(line.strip()):
                    yield Problem(root.file, number, "FreeSWITCH drops this line: an include tag")

    def _unset_globals(self) -> Iterator[Problem]:
        known = BUILT_IN | set(self.globals)
        for root in self.roots:
            for element in _within(root):
                for value in element.attributes.values():
                    for name in _GLOBAL.findall(value):
                        if name not in known:
                            what = f"nobody sets $${{{name}}}"
                            yield Problem(element.file, element.line, what)

    def _conditions(self) -> Iterator[Problem]:
        for condition in self.every("condition"):
            try:
                re.compile(self._expanded(condition.get("expression")))
            except re.error as error:
                what = f"the expression {condition.get('expression')!r} is wrong: {error}"
                yield Problem(condition.file, condition.line, what)
        for action in self.every("action"):
            if action.get("application") in _RUNS_PROGRAMS:
                what = f"`{action.get('application')}` runs programs for whoever rings"
                yield Problem(action.file, action.line, what)

    def _roads(self) -> Iterator[Problem]:
        """Transfers lead somewhere."""
        for action in [*self.every("action"), *self.every("anti-action")]:
            if action.get("application") not in _GO_ELSEWHERE:
                continue
            words = self._expanded(action.get("data")).split()
            if len(words) != 3:
                yield Problem(action.file, action.line, "write `EXTENSION XML CONTEXT`")
            elif "${" not in words[2] and not self._leads_somewhere(words[0], words[2]):
                what = f"no extension of context {words[2]!r} is called {words[0]!r}"
                yield Problem(action.file, action.line, what)

    def _leads_somewhere(self, extension: str, context: str) -> bool:
        """Whether some extension can match; `${...}` may become anything."""
        fixed = extension.partition("${")[0]
        for each in self.every("context"):
            if each.get("name") != context:
                continue
            for expression in self._numbers(each):
                if "${" in extension:
                    if fixed in expression:
                        return True
                elif _matches(expression, extension):
                    return True
        return False

    def _numbers(self, context: Element) -> Iterator[str]:
        for condition in context.all("condition"):
            if condition.get("field") == "destination_number":
                yield self._expanded(condition.get("expression"))

    def _destinations(self) -> Iterator[Problem]:
        for setting in self.every("X-PRE-PROCESS"):
            name, _, value = setting.get("data").partition("=")
            if setting.get("cmd") != "set" or name != "ivr_destinations":
                continue
            for destination in value.split(","):
                if not self._leads_somewhere(destination, "ivr_transfer"):
                    what = f"no extension of context 'ivr_transfer' is called {destination!r}"
                    yield Problem(setting.file, setting.line, what)

    def _hand_overs(self) -> Iterator[Problem]:
        sets = {
            action.get("data").partition("=")[0].removeprefix("nolocal:")
            for action in [*self.every("action"), *self.every("anti-action")]
            if action.get("application") in ("set", "export")
        }
        for action in self.every("action"):
            if action.get("application") != "socket":
                continue
            where, *modes = action.get("data").split()
            if "full" not in modes:
                yield Problem(action.file, action.line, "`socket` needs `full`")
            if "async" not in modes:
                continue
            variable = re.fullmatch(r"\$\{(\w+)\}", where)
            if variable and variable[1] not in sets | set(self.globals):
                yield Problem(action.file, action.line, f"nobody sets {where}")
            for name in FOR_WORKERS:
                if name not in sets:
                    what = f"a worker needs {name}, and nothing sets it"
                    yield Problem(action.file, action.line, what)

    def _before_sockets(self) -> Iterator[Problem]:
        """What `socket ... async` needs set before it: see BEFORE_SOCKET."""
        for condition in self.every("condition"):
            values: dict[str, str] = {}
            for action in condition.children:
                application, data = action.get("application"), action.get("data")
                if application == "set":
                    name, _, value = data.partition("=")
                    values[name] = value
                elif application == "socket" and "async" in data.split():
                    for name, (value, otherwise) in BEFORE_SOCKET.items():
                        if values.get(name) != value:
                            what = f"{otherwise} here: set {name}={value} before"
                            yield Problem(action.file, action.line, what)

    def _prompts(self, texts: Texts, sounds: Path | None) -> Iterator[Problem]:
        languages: dict[str, Element] = {}
        for language in self.every("language"):
            name = language.get("name")
            if name in languages:
                what = f"language {name!r} is there twice, and FreeSWITCH reads only one of them"
                yield Problem(language.file, language.line, what)
            languages.setdefault(name, language)
        for action in self.every("action"):
            for name in _PROMPT.findall(action.get("data")):
                for code, language in languages.items():
                    macros = (
                        macro for part in self._parts(language) for macro in part.all("macro")
                    )
                    if not any(macro.get("name") == name for macro in macros):
                        what = f"phrase {name!r} is not spoken in {code!r}"
                        yield Problem(action.file, action.line, what)
        for language in languages.values():
            for part in self._parts(language):
                for action in part.all("action"):
                    if action.get("function") == "play-file":
                        yield from self._file(action, language, texts, sounds)

    def _parts(self, language: Element) -> Iterator[Element]:
        """A language's element, and the files that it includes."""
        yield language
        for each in language.all("X-PRE-PROCESS"):
            if each.get("cmd") == "include":
                files = set(language.file.parent.glob(each.get("data")))
                yield from (root for root in self.roots if root.file in files)

    def _file(
        self, action: Element, language: Element, texts: Texts, sounds: Path | None
    ) -> Iterator[Problem]:
        data = action.get("data")
        root = "$${sounds_dir}/"
        if not data.startswith(root):
            data = f"{language.get('sound-prefix')}/{data}"
        place = data.removeprefix(root)
        made = {
            f"ivr/{name}" if len(spoken) == 1 else f"{code}/ivr/{name}"
            for name, spoken in texts.items()
            for code in spoken
        }
        if place.rpartition(".")[0] not in made:
            yield Problem(action.file, action.line, f"no prompt is rendered as {place}")
        elif sounds is not None and not (sounds / place).is_file():
            yield Problem(action.file, action.line, f"{sounds / place} does not exist")

    def _expanded(self, text: str) -> str:
        values = self.globals
        return _GLOBAL.sub(lambda found: values.get(found[1], ""), text)


def _matches(expression: str, text: str) -> bool:
    try:
        return re.search(expression, text) is not None
    except re.error:
        return False  # told by the check of the conditions


def _within(element: Element) -> Iterator[Element]:
    yield element
    for child in element.children:
        yield from _within(child)


def _read(file: Path) -> Element:
    """Parse a file, lines and all."""
    root = Element("", {}, file, 1)
    open_elements = [root]
    parser = expat.ParserCreate()

    def start(name: str, attributes: dict[str, str]) -> None:
        element = Element(name, attributes, file, parser.CurrentLineNumber)
        open_elements[-1].children.append(element)
        open_elements.append(element)

    parser.StartElementHandler = start
    parser.EndElementHandler = lambda _: open_elements.pop()
    try:
        parser.Parse(file.read_bytes(), True)
    except (OSError, expat.ExpatError) as error:
        raise IvrError(f"{file} cannot be read: {error}.", remedy="Mend the file.") from None
    return root
