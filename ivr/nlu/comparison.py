"""Engines beside each other on the same data: how often right, how fast, how big.

Each engine learns in one process and is asked in another on one core, so that neither memory nor
speed is another's. What is in scope and rejected counts as wrong.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ivr.errors import IvrError
from ivr.nlu.classifier import OUT_OF_SCOPE
from ivr.nlu.datasets import Dataset
from ivr.nlu.interpreter import Interpreter
from ivr.nlu.model_cache import VALIDATION
from ivr.nlu.rasa import RasaInterpreter
from ivr.nlu.rasa_server import RASA, RasaServer, train_rasa
from ivr.nlu.training_data import write_training_data

_LANGUAGE = "en"
_PATIENT_S = 5.0
"""A measured engine may take its time; it shows in the figures."""
_WARM_UP = 20


@dataclass(frozen=True, slots=True)
class Figures:
    """`accuracy`: of sentences in scope, rejected ones being wrong; `macro_f1`: over all labels,
    out-of-scope included where it is tested. Shares are 0..1, None without out-of-scope
    sentences; memory is the peak of the process that answers, in MB of 10^6 bytes.
    """

    accuracy: float
    macro_f1: float
    oos_recall: float | None
    oos_precision: float | None
    parse_p50_ms: float
    parse_p95_ms: float
    memory_mb: float
    train_s: float


@dataclass(frozen=True, slots=True)
class Answers:
    """The best intent for each test sentence, and how long it took."""

    intents: list[str]
    spent_ms: list[float]
    memory_mb: float


def compare(engine: str, dataset: Dataset, var_dir: Path, *, rasa: Path = RASA) -> Figures:
    """Teach `engine` the data set and measure it. Raises IvrError."""
    with tempfile.TemporaryDirectory() as scratch:
        nlu_dir = Path(scratch) / "dataset"
        _write(dataset, nlu_dir / _LANGUAGE)
        texts = [text for _, text in dataset.test]
        if engine == "rasa":
            answers, train_s = _ask_rasa(nlu_dir, texts, Path(scratch), rasa)
        else:
            cache = Path(scratch) / "cache"
            started = time.monotonic()
            _child("train", engine, nlu_dir, cache, var_dir)
            train_s = time.monotonic() - started
            said = _child("ask", engine, nlu_dir, cache, var_dir, given=json.dumps(texts))
            answers = Answers(**json.loads(said))
    return figures([intent for intent, _ in dataset.test], answers, train_s)


def figures(wanted: Sequence[str], answers: Answers, train_s: float) -> Figures:
    """What `answers` to sentences of the intents `wanted` are worth."""
    pairs = list(zip(wanted, answers.intents, strict=True))
    inside = [(want, got) for want, got in pairs if want != OUT_OF_SCOPE]
    outside = len(pairs) - len(inside)
    refused = sum(got == OUT_OF_SCOPE for _, got in pairs)
    rightly = sum(want == got == OUT_OF_SCOPE for want, got in pairs)
    spent = sorted(answers.spent_ms)
    return Figures(
        accuracy=round(sum(want == got for want, got in inside) / max(1, len(inside)), 4),
        macro_f1=round(_macro_f1(pairs), 4),
        oos_recall=round(rightly / outside, 4) if outside else None,
        oos_precision=round(rightly / refused, 4) if outside and refused else None,
        parse_p50_ms=round(spent[len(spent) // 2], 2),
        parse_p95_ms=round(spent[len(spent) * 95 // 100], 2),
        memory_mb=round(answers.memory_mb),
        train_s=round(train_s, 1),
    )


def ask(interpreter: Interpreter, texts: Sequence[str]) -> tuple[list[str], list[float]]:
    """The best intent for each text, and the milliseconds each took."""

    async def all_of_them() -> tuple[list[str], list[float]]:
        intents, spent = [], []
        for text in texts[:_WARM_UP]:
            await interpreter.interpret(text, _LANGUAGE)
        for text in texts:
            started = time.perf_counter()
            found = await interpreter.interpret(text, _LANGUAGE)
            spent.append((time.perf_counter() - started) * 1000)
            intents.append(found.intent)
        await interpreter.close()
        return intents, spent

    return asyncio.run(all_of_them())


def _macro_f1(pairs: Sequence[tuple[str, str]]) -> float:
    wanted = Counter(want for want, _ in pairs)
    given = Counter(got for _, got in pairs)
    right = Counter(want for want, got in pairs if want == got)
    scores = [2 * right[label] / (wanted[label] + given[label]) for label in wanted]
    return sum(scores) / max(1, len(scores))


def _write(dataset: Dataset, folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / "nlu.yml").write_text(write_training_data(dataset.training), encoding="utf-8")
    if dataset.validation is not None:
        (folder / VALIDATION).mkdir()
        text = write_training_data(dataset.validation)
        (folder / VALIDATION / "nlu.yml").write_text(text, encoding="utf-8")


def _child(task: str, *arguments: object, given: str = "") -> str:
    command = [sys.executable, "-m", "ivr.nlu.trial", task, *map(str, arguments)]
    # one core: the libraries under numpy would take them all
    one = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(  # noqa: S603 - our own arguments
        command, env=os.environ | one, input=given, stdout=subprocess.PIPE, text=True, check=False
    )
    if done.returncode:
        raise IvrError(
            f"The engine {arguments[0]} failed; what it said is above.",
            remedy="Mend that, or compare the other engines only.",
        )
    return done.stdout


def _ask_rasa(
    nlu_dir: Path, texts: Sequence[str], scratch: Path, rasa: Path
) -> tuple[Answers, float]:
    started = time.monotonic()
    model = train_rasa(nlu_dir / _LANGUAGE, scratch / "models", rasa=rasa)
    train_s = time.monotonic() - started
    server = RasaServer(model, rasa=rasa)
    try:
        server.wait()
        client = RasaInterpreter({_LANGUAGE: server.url}, nlu_dir, timeout_s=_PATIENT_S)
        intents, spent = ask(client, texts)
        return Answers(intents, spent, peak_memory_mb(server.process.pid)), train_s
    finally:
        server.stop()


def peak_memory_mb(pid: int) -> float:
    """The most memory that process had resident, from Linux's /proc; NaN elsewhere."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    except OSError:
        return float("nan")
    kib = next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))
    return int(kib) * 1024 / 1e6
