"""Writes the network as Kaldi's `final.mdl`: a transition model and an nnet3, in binary.

The format is that of Kaldi's own readers (kaldi-asr/kaldi, src/hmm/transition-model.cc,
src/nnet3/nnet-nnet.cc, nnet-simple-component.cc). Normalisation is folded into the affine maps,
so that what runs is matrices and rectifiers alone.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from training.network import Block, Network

Array = NDArray[np.float32]


def write_model(network: Network, path: Path, *, blank_bias: float) -> None:
    """Write `network` to `path`. `blank_bias` is added to the score of silence: CTC believes in
    it more than a decoder with a grammar should.
    """
    with path.open("wb") as file:
        writer = _Writer(file)
        file.write(b"\0B")
        _transitions(writer, network.shape["outputs"])
        _nnet(writer, network, blank_bias)


class _Writer:
    """Kaldi's binary tokens, numbers, vectors and matrices."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def raw(self, data: bytes) -> None:
        self._file.write(data)

    def tokens(self, *tokens: str) -> None:
        for token in tokens:
            self._file.write(token.encode() + b" ")

    def integers(self, *values: int) -> None:
        for value in values:
            self._file.write(b"\4" + struct.pack("<i", value))

    def real(self, value: float) -> None:
        self._file.write(b"\4" + struct.pack("<f", value))

    def double(self, value: float) -> None:
        self._file.write(b"\x08" + struct.pack("<d", value))

    def integer_vector(self, values: Iterable[int]) -> None:
        array = np.array(list(values), "<i4")
        self.integers(len(array))
        self._file.write(array.tobytes())

    def vector(self, values: Array | Sequence[float]) -> None:
        array = np.asarray(values, "<f4")
        self.tokens("FV")
        self.integers(len(array))
        self._file.write(array.tobytes())

    def matrix(self, values: Array) -> None:
        self.tokens("FM")
        self.integers(*values.shape)
        self._file.write(np.ascontiguousarray(values, "<f4").tobytes())


@dataclass(frozen=True)
class _Affine:
    name: str
    weights: Array
    bias: Array

    def write(self, to: _Writer) -> None:
        to.tokens("<FixedAffineComponent>", "<LinearParams>")
        to.matrix(self.weights)
        to.tokens("<BiasParams>")
        to.vector(self.bias)
        to.tokens("</FixedAffineComponent>")


@dataclass(frozen=True)
class _Rectifier:
    name: str
    size: int

    def write(self, to: _Writer) -> None:
        to.tokens("<RectifiedLinearComponent>", "<Dim>")
        to.integers(self.size)
        to.tokens("<ValueAvg>")
        to.vector([])
        to.tokens("<DerivAvg>")
        to.vector([])
        to.tokens("<Count>")
        to.double(0.0)
        to.tokens("</RectifiedLinearComponent>")


@dataclass(frozen=True)
class _NoOp:
    name: str
    size: int

    def write(self, to: _Writer) -> None:
        to.tokens("<NoOpComponent>", "<Dim>")
        to.integers(self.size)
        to.tokens("<BackpropScale>")
        to.real(1.0)
        to.tokens("</NoOpComponent>")


_Component = _Affine | _Rectifier | _NoOp


@dataclass
class _Nnet:
    """The nodes and the components of an nnet3 as they are collected."""

    nodes: list[str] = field(default_factory=list)
    components: list[_Component] = field(default_factory=list)

    def affine(self, name: str, source: str, weights: Array, bias: Array) -> str:
        self.components.append(_Affine(name, weights, bias))
        self.nodes.append(f"component-node name={name} component={name} input={source}")
        return name

    def rectified(self, name: str, source: str, size: int) -> str:
        self.components.append(_Rectifier(name, size))
        self.nodes.append(f"component-node name={name} component={name} input={source}")
        return name

    def passed(self, name: str, source: str, size: int) -> str:
        """A sum under a name of its own, so that it is computed once."""
        self.components.append(_NoOp(name, size))
        self.nodes.append(f"component-node name={name} component={name} input={source}")
        return name


def _transitions(to: _Writer, phones: int) -> None:
    """One state a phone, with a loop and a way on, equally likely: the topology of CTC."""
    to.tokens("<TransitionModel>", "<Topology>")
    to.integer_vector(range(1, phones + 1))
    to.integer_vector([-1] + [0] * phones)
    to.integers(1)  # one topology, of two states
    to.integers(2, 0, 2, 0)
    to.real(0.5)
    to.integers(1)
    to.real(0.5)
    to.integers(-1, 0)
    to.tokens("</Topology>", "<Triples>")
    to.integers(phones)
    for phone in range(phones):
        to.integers(phone + 1, 0, phone)
    to.tokens("</Triples>", "<LogProbs>")
    to.vector([0.0] + [math.log(0.5)] * (2 * phones))
    to.tokens("</LogProbs>", "</TransitionModel>")


def _nnet(to: _Writer, network: Network, blank_bias: float) -> None:
    nnet = _Nnet(nodes=["input-node name=input dim=40"])
    scale, shift = _normalisation(network.scale)
    x = _layer(
        nnet,
        "near",
        "input",
        (-2, -1, 0, 1, 2),
        _folded(network.near, network.near_norm, scale, shift),
    )
    x = _layer(nnet, "down", x, (-1, 0, 1), _folded(network.down, network.down_norm))
    for at, block in enumerate(network.blocks):
        assert isinstance(block, Block)
        x = _block(nnet, f"block{at}", x, block)
    weights, bias = _flat(network.phones.weight), _array(network.phones.bias)
    bias[0] += blank_bias
    nnet.affine("phones", x, weights, bias)
    nnet.nodes.append("output-node name=output input=phones objective=linear")

    to.tokens("<Nnet3>")
    to.raw(("\n" + "\n".join(nnet.nodes) + "\n\n").encode())
    to.tokens("<NumComponents>")
    to.integers(len(nnet.components))
    for component in nnet.components:
        to.tokens("<ComponentName>", component.name)
        component.write(to)
    to.tokens("</Nnet3>", "<LeftContext>")
    to.integers(network.left)
    to.tokens("<RightContext>")
    to.integers(network.right)
    to.tokens("<Priors>")
    to.vector([])


def _layer(
    nnet: _Nnet, name: str, source: str, offsets: Sequence[int], maps: tuple[Array, Array]
) -> str:
    affine = nnet.affine(f"{name}.affine", _append(source, offsets), *maps)
    return nnet.rectified(f"{name}.relu", affine, len(maps[1]))


def _block(nnet: _Nnet, name: str, source: str, block: Block) -> str:
    squeeze = _flat(block.squeeze.weight)
    narrow = nnet.affine(
        f"{name}.squeeze", _append(source, block.offsets), squeeze, np.zeros(len(squeeze), "f4")
    )
    maps = _folded(block.widen, block.norm)
    found, width = _layer(nnet, name, narrow, (0,), maps), len(maps[1])
    return nnet.passed(f"{name}.sum", f"Sum(Scale({block.SKIP}, {source}), {found})", width)


def _append(source: str, offsets: Sequence[int]) -> str:
    if list(offsets) == [0]:
        return source
    parts = (source if at == 0 else f"Offset({source}, {at})" for at in offsets)
    return f"Append({', '.join(parts)})"


def _normalisation(norm: nn.BatchNorm1d) -> tuple[Array, Array]:
    """Return the factor and the summand of each channel."""
    assert norm.running_var is not None
    assert norm.running_mean is not None
    factor = 1 / np.sqrt(_array(norm.running_var) + norm.eps)
    if norm.affine:
        factor = factor * _array(norm.weight)
    shift = -_array(norm.running_mean) * factor
    if norm.affine:
        shift = shift + _array(norm.bias)
    return factor, shift


def _folded(
    convolution: nn.Conv1d,
    norm: nn.BatchNorm1d,
    scale: Array | None = None,
    shift: Array | None = None,
) -> tuple[Array, Array]:
    """Return weights and bias of a convolution with its normalisation behind it, and with
    `scale` and `shift` of its input before it.
    """
    weights = _array(convolution.weight)
    assert convolution.bias is not None
    bias = _array(convolution.bias)
    if scale is not None and shift is not None:
        bias = bias + (weights * shift[None, :, None]).sum((1, 2))
        weights = weights * scale[None, :, None]
    factor, summand = _normalisation(norm)
    flat = weights.transpose(0, 2, 1).reshape(len(weights), -1)
    return flat * factor[:, None], bias * factor + summand


def _flat(weights: Tensor) -> Array:
    array = _array(weights)
    return array.transpose(0, 2, 1).reshape(len(array), -1)


def _array(tensor: Tensor) -> Array:
    return tensor.detach().numpy().astype(np.float32).copy()
