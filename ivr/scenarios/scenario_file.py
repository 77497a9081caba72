"""Reading scenario files: every fault with its file and line."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from ivr.dialogue.faults import Fault, did_you_mean
from ivr.dialogue.positions import Lines
from ivr.dialogue.positions import Path as Place
from ivr.errors import IvrError
from ivr.scenarios.scenario import (
    SWITCHES,
    UNKNOWN,
    Expect,
    IntegrationFault,
    Scenario,
    ScenarioFile,
    Step,
)
from ivr.scenarios.yaml_lines import NotYaml, parse

SUFFIXES = (".yml", ".yaml")


class BadScenarios(IvrError):
    """Scenario files that cannot be used: `faults` has at least one."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = tuple(faults)
        more = len(self.faults) - 1
        remedy = self.faults[0].suggestion
        if more:
            remedy = f"{remedy} There {'is' if more == 1 else 'are'} {more} more.".strip()
        first = self.faults[0]
        super().__init__(f"{first.file}:{first.line}: {first.what}", remedy=remedy)


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """A scenario, and where it stands."""

    scenario: Scenario
    file: Path
    index: int
    flow: Path | None
    language: str
    """A code, or `UNKNOWN`."""
    lines: Lines = field(repr=False, compare=False)

    @property
    def name(self) -> str:
        """What it is called."""
        return self.scenario.name

    def line(self, *place: str | int) -> int:
        """The line of a value within the scenario."""
        return self.lines.of(("scenarios", self.index, *place))


def load_scenarios(paths: Iterable[Path]) -> list[Loaded]:
    """The scenarios of files, and of all files in folders, in order. Raises BadScenarios."""
    faults: list[Fault] = []
    found: list[Loaded] = []
    for file in _files(paths):
        try:
            found += read_scenarios(file)
        except BadScenarios as bad:
            faults += bad.faults
    names: dict[str, Loaded] = {}
    for each in found:
        twin = names.setdefault(each.name, each)
        if twin is not each:
            what = f"The name {each.name!r} is taken: {twin.file}:{twin.line('name')}."
            faults.append(Fault(file=str(each.file), line=each.line("name"), what=what))
    if faults:
        raise BadScenarios(faults)
    return found


def read_scenarios(file: Path) -> list[Loaded]:
    """The scenarios of one file. Raises BadScenarios."""
    try:
        document, lines = parse(file.read_text(encoding="utf-8"))
    except NotYaml as error:
        raise _bad(file, error.line, f"This is no YAML: {error.what}.") from None
    except (OSError, ValueError) as error:
        raise _bad(file, 1, f"It cannot be read: {error}.") from None
    try:
        parsed = ScenarioFile.model_validate(document)
    except ValidationError as error:
        faults = [_fault(file, lines, each) for each in _own(error.errors())]
        raise BadScenarios(sorted(faults, key=lambda fault: fault.line)) from None
    loaded = [
        Loaded(
            scenario=scenario,
            file=file,
            index=index,
            flow=None if parsed.flow is None else file.parent / parsed.flow,
            language=scenario.language or parsed.language,
            lines=lines,
        )
        for index, scenario in enumerate(parsed.scenarios)
    ]
    for each in loaded:
        if SWITCHES & set(each.scenario.at) and each.language == UNKNOWN:
            raise _bad(
                file,
                each.line("at"),
                "On a switch the dialplan's menu has always chosen a language.",
                "Set `language`, or leave asterisk and freeswitch out of `at`.",
            )
    return loaded


def _files(paths: Iterable[Path]) -> list[Path]:
    files: list[Path] = []
    for path in paths:
        if path.is_dir():
            within = sorted(file for file in path.iterdir() if file.suffix in SUFFIXES)
            if not within:
                raise IvrError(f"{path} holds no scenarios.", remedy="They end in .yml.")
            files += within
        elif path.exists():
            files.append(path)
        else:
            raise IvrError(f"{path} does not exist.", remedy="Name a scenario file or a folder.")
    return files


_WITH_KEYS: tuple[tuple[tuple[str, ...], type[BaseModel]], ...] = (
    (("expect",), Expect),
    (("steps",), Step),
    (("integrations",), IntegrationFault),
    (("scenarios",), Scenario),
)


def _own(errors: Sequence[ErrorDetails]) -> list[ErrorDetails]:
    """Without those that only say that another one is within: a list is not too short because
    what is in it is wrong."""
    places = [error["loc"] for error in errors]
    return [
        error
        for error in errors
        if error["type"] != "too_short"
        or not any(
            len(place) > len(error["loc"]) and place[: len(error["loc"])] == error["loc"]
            for place in places
        )
    ]


def _fault(file: Path, lines: Lines, error: ErrorDetails) -> Fault:
    place: Place = tuple(error["loc"])
    line = lines.of(place)
    words = [part for part in place if isinstance(part, str)]
    what = str(error["msg"]).removeprefix("Value error, ")
    suggestion = ""
    if error["type"] == "extra_forbidden":
        what = f"There is no {words[-1]!r} here"
        suggestion = did_you_mean(words[-1], _keys_at(words[:-1]))
    elif error["type"] == "missing":
        what = f"{words[-1]!r} is missing"
    elif error["type"] != "value_error":
        what = f"{words[-1] if words else 'The file'}: {what}"
    return Fault(file=str(file), line=line, what=f"{what}.", suggestion=suggestion)


def _keys_at(words: list[str]) -> Iterable[str]:
    for last, model in _WITH_KEYS:
        if words and words[-1] in last:
            return model.model_fields
    return ScenarioFile.model_fields


def _bad(file: Path, line: int, what: str, suggestion: str = "") -> BadScenarios:
    return BadScenarios([Fault(file=str(file), line=line, what=what, suggestion=suggestion)])
