"""The texts of a flow, compiled: its own templates over the service prompts."""

from __future__ import annotations

from functools import lru_cache

from ivr.dialogue.faults import did_you_mean
from ivr.dialogue.flow_file import FlowFile
from ivr.dialogue.positions import Path
from ivr.dialogue.service_prompts import SERVICE_NAMES
from ivr.dialogue.templates import TemplateUnusable, Text
from ivr.languages.known import language as known_language

Texts = dict[tuple[str, str], Text]
Faults = list[tuple[Path, str, str]]


def compile_texts(document: FlowFile) -> tuple[Texts, Faults]:
    """Return every text by (name, language), and what is wrong with them."""
    texts: Texts = {
        (name, language): _service_text(source, language)
        for language in document.languages
        for name, source in known_language(language).prompts.items()
    }
    faults: Faults = []
    for name, by_language in document.templates.items():
        for language in document.languages:
            if language not in by_language:
                what = f'The template "{name}" lacks the language "{language}".'
                faults.append((("templates", name), what, f'Add "{language}" to it.'))
        for language, source in by_language.items():
            path: Path = ("templates", name, language)
            if language not in document.languages:
                what = f'The flow does not speak "{language}".'
                faults.append((path, what, did_you_mean(language, document.languages)))
                continue
            if not source.strip():
                faults.append((path, f'The template "{name}" is empty.', "Write what is said."))
            try:
                texts[name, language] = Text(source, language)
            except TemplateUnusable as error:
                what = f'The template "{name}" cannot be used: {error.what}.'
                faults.append((path, what, "See docs/flows.md on templates."))
    for place, language in enumerate(document.languages):
        lacking = sorted(
            name
            for name in SERVICE_NAMES
            if (name, language) not in texts and name not in document.templates
        )
        if lacking:
            what = f'"{language}" has no service prompts of its own.'
            suggestion = f"Add templates for {', '.join(lacking)}."
            faults.append((("languages", place), what, suggestion))
    return texts, faults


@lru_cache(maxsize=4096)
def _service_text(source: str, language: str) -> Text:
    """What every flow says is compiled once for all of them."""
    return Text(source, language)
