"""The acoustic network: a time-delay network with bottlenecks and skips, small enough for a phone.

    frames of 10 ms ─► 5 frames ─► 3 frames, every third ─► blocks ─► phones each 30 ms

A block looks at three outputs of the one before, presses them through a bottleneck (Povey et
al., "Semi-Orthogonal Low-Rank Matrix Factorization for Deep Neural Networks", 2018) and adds
what it found to what came in. The first blocks look both ways, the later ones only back, so that
the network knows half a second of the past and needs only 120 ms of the future.

It is trained with CTC (Graves et al., 2006), silence being the blank.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from training.features import CEPSTRA

SUBSAMPLING = 3
"""Frames for one output."""

_EPSILON = 1e-3


class Block(nn.Module):
    """One block: three inputs, a bottleneck, a skip. `ahead` says whether it looks ahead."""

    SKIP = 0.7

    def __init__(self, width: int, bottleneck: int, ahead: bool, dropout: float) -> None:
        super().__init__()
        self.ahead = ahead
        self.squeeze = nn.Conv1d(width, bottleneck, 3, bias=False)
        self.widen = nn.Conv1d(bottleneck, width, 1)
        self.norm = nn.BatchNorm1d(width, eps=_EPSILON)
        self.dropout = nn.Dropout(dropout)

    @property
    def offsets(self) -> tuple[int, int, int]:
        """The frames of 10 ms it looks at."""
        step = SUBSAMPLING
        return (-step, 0, step) if self.ahead else (-2 * step, -step, 0)

    def forward(self, x: Tensor) -> Tensor:
        """Map (batch, width, n) to (batch, width, n - 2)."""
        found = torch.relu(self.norm(self.widen(self.squeeze(x))))
        through = x[:, :, 1:-1] if self.ahead else x[:, :, 2:]
        return self.SKIP * through + self.dropout(found)


class Network(nn.Module):
    """The whole network, with `outputs` phones."""

    def __init__(
        self,
        outputs: int,
        *,
        first: int = 128,
        width: int = 192,
        bottleneck: int = 80,
        blocks: int = 7,
        ahead: int = 3,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self.shape = {
            "outputs": outputs,
            "first": first,
            "width": width,
            "bottleneck": bottleneck,
            "blocks": blocks,
            "ahead": ahead,
        }
        self.scale = nn.BatchNorm1d(CEPSTRA, affine=False, momentum=0.02)
        self.near = nn.Conv1d(CEPSTRA, first, 5)
        self.near_norm = nn.BatchNorm1d(first, eps=_EPSILON)
        self.down = nn.Conv1d(first, width, 3, stride=SUBSAMPLING)
        self.down_norm = nn.BatchNorm1d(width, eps=_EPSILON)
        self.blocks = nn.ModuleList(
            Block(width, bottleneck, at < ahead, dropout) for at in range(blocks)
        )
        self.phones = nn.Conv1d(width, outputs, 1)

    @property
    def left(self) -> int:
        """Frames of 10 ms that one output needs of the past."""
        return 3 - sum(block.offsets[0] for block in self.blocks)  # type: ignore[union-attr]

    @property
    def right(self) -> int:
        """Frames of 10 ms that one output needs of the future."""
        return 3 + sum(block.offsets[2] for block in self.blocks)  # type: ignore[union-attr]

    def forward(self, x: Tensor) -> Tensor:
        """Map features (batch, 40, left + 3 (n - 1) + 1 + right) to scores (batch, phones, n)."""
        x = torch.relu(self.near_norm(self.near(self.scale(x))))
        x = torch.relu(self.down_norm(self.down(x)))
        for block in self.blocks:
            x = block(x)
        return self.phones(x)  # type: ignore[no-any-return]
