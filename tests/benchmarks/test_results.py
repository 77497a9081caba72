"""Results are kept, compared only with their like, and shown with their spread."""

from __future__ import annotations

from pathlib import Path

import pytest

from ivr.benchmarks.report import page
from ivr.benchmarks.results import KEPT_RUNS, Cell, Machine, core_speed, load, save
from ivr.errors import IvrError

HERE = Machine(processor="a CPU", cores=2, memory_gib=24, system="Debian", load_before=0.5)
PROJECT = Path(__file__).resolve().parents[2]


def keep(
    folder: Path, figure: Cell, *, where: Machine = HERE, column: str = "p50, ms", note: str = ""
) -> Path:
    return save(
        "gaps",
        title="Gaps",
        order=1,
        text="Between words.",
        command="ivrctl bench gaps",
        rows={"bank": {column: figure}, "echo": {column: None}},
        where=where,
        versions={"asterisk": "22"},
        note=note,
        folder=folder,
    )


def test_the_page_shows_the_median_and_the_spread(tmp_path: Path) -> None:
    for figure in (30.0, 10.25, 20.5):
        path = keep(tmp_path, figure)
    shown = page([load(path)])
    assert "| bank | 20.5 (10.2 to 30) |" in shown
    assert "| echo |  |" in shown
    assert "3 runs" in shown
    assert "load before: 0.5;" in shown
    assert "2 cores of a CPU" in shown
    assert "asterisk 22" in shown


def test_how_fast_the_cores_were_is_said_where_it_was_taken(tmp_path: Path) -> None:
    path = keep(tmp_path, 1)
    assert "BLAKE2b;" not in page([load(path)])
    for speed in (400, 800, 600):
        path = keep(tmp_path, 1, where=HERE.model_copy(update={"blake2b_mib_s": speed}))
    assert "one core: 600 (400 to 800) MiB/s of BLAKE2b; load" in page([load(path)])


def test_a_core_is_measured() -> None:
    assert 10 < core_speed() < 100_000


def test_words_stay_words_and_notes_are_shown_once(tmp_path: Path) -> None:
    keep(tmp_path, "none", note="Tests ran beside it.")
    path = keep(tmp_path, "none", note="Tests ran beside it.")
    shown = page([load(path)])
    assert "| bank | none |" in shown
    assert shown.count("Tests ran beside it.") == 1


def test_only_the_last_runs_are_kept(tmp_path: Path) -> None:
    for figure in range(KEPT_RUNS + 2):
        path = keep(tmp_path, figure)
    assert [run.rows["bank"]["p50, ms"] for run in load(path).runs] == [2, 3, 4, 5, 6]


def test_runs_that_cannot_be_compared_begin_anew(tmp_path: Path) -> None:
    keep(tmp_path, 1)
    path = keep(tmp_path, 2, where=HERE.model_copy(update={"cores": 4}))
    assert len(load(path).runs) == 1
    path = keep(tmp_path, 3, column="p95, ms")
    assert len(load(path).runs) == 1


def test_a_file_that_is_no_result_is_named(tmp_path: Path) -> None:
    (tmp_path / "gaps.json").write_text("{}")
    with pytest.raises(IvrError, match=r"gaps\.json holds no result"):
        keep(tmp_path, 1)


def test_the_page_is_what_the_files_say() -> None:
    results = [load(path) for path in sorted((PROJECT / "bench" / "results").glob("*.json"))]
    assert results
    assert (PROJECT / "docs" / "benchmarks.md").read_text(encoding="utf-8") == page(results)
