"""The list of recordings to try recognition on: a CSV file beside them.

Columns: `file` (relative to the manifest) and `transcript` (what is said, as words) are needed;
`language` (a code, "en" where there is none) and `phrases` (what the node that asked would expect,
separated by semicolons) may be there. Others are left alone.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

from ivr.errors import IvrError
from ivr.speech.recognition.grammar import words_of

DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """One recording: its file, the words in it, its language, and what was expected (None:
    anything).
    """

    file: Path
    words: tuple[str, ...]
    language: str = "en"
    phrases: tuple[str, ...] | None = None

    @property
    def only_digits(self) -> bool:
        """Whether nothing but digits is said, as where a flow asks for a number."""
        return bool(self.words) and all(word in DIGITS for word in self.words)


def read_manifest(path: Path) -> list[Recorded]:
    """Return what a manifest lists. Raises IvrError, naming the line, for what is wrong in it."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise IvrError(f"{path} is not in UTF-8.", remedy="Save it as a CSV file.") from None
    reader = csv.DictReader(text.splitlines(), strict=True)
    try:
        missing = {"file", "transcript"} - set(reader.fieldnames or ())
        if missing:
            raise IvrError(
                f"{path}:1: there is no column {' or '.join(sorted(missing))}.",
                remedy="The first line names the columns: file,transcript.",
            )
        found = [_recorded(path, reader.line_num, row) for row in reader]
    except csv.Error as error:
        raise IvrError(f"{path}:{reader.reader.line_num}: this is no CSV: {error}.") from None
    if not found:
        raise IvrError(f"{path} lists no recording.")
    return found


def _recorded(path: Path, line: int, row: dict[str, str | None]) -> Recorded:
    file = path.parent / (row["file"] or "")
    if not file.is_file():
        raise IvrError(
            f"{path}:{line}: there is no file {file}.",
            remedy="Give files relative to the manifest.",
        )
    phrases = [phrase.strip() for phrase in (row.get("phrases") or "").split(";")]
    return Recorded(
        file=file,
        words=tuple(word for word in words_of(row["transcript"] or "") if word),
        language=(row.get("language") or "en").strip(),
        phrases=tuple(phrase for phrase in phrases if phrase) or None,
    )
