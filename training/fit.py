"""Trains the network: utterances changed anew, batches of like length, CTC, one thread."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from training.augmentation import Line
from training.corpus import Spoken
from training.features import Floats, cepstra, mel
from training.lexicon import phones, spelled
from training.network import SUBSAMPLING, Network

_POOL = 320
_TIMES = 2
_FRAMES = 9000
_SPEAKERS_STRING = (2, 8)
_CLIP = 5.0
_DECAY = 1e-2
_SAVE_S = 120.0

Report = Callable[[int, float], None]
"""Told the step and the mean loss of late."""


@dataclass(frozen=True)
class Example:
    """Features (frames x 40) and the phones in them."""

    features: Floats
    phones: list[int]


class Examples:
    """Draws examples without end: sentences, single words, and strings of human digits."""

    STRINGS = 0.35
    SINGLE = 0.12

    def __init__(self, spoken: list[Spoken], chance: np.random.Generator) -> None:
        self._chance = chance
        self._sentences = [one for one in spoken if not one.human]
        speakers: dict[str, list[Spoken]] = {}
        for one in spoken:
            if one.human:
                speakers.setdefault(one.speaker, []).append(one)
        # The digits' speakers twice: they are what callers' digits are judged by.
        self._speakers = list(speakers.values())
        self._weights = np.array([2.0 if name.startswith("fsdd") else 1.0 for name in speakers])
        self._weights /= self._weights.sum()
        self._line = Line(chance, [one.sound for one in self._sentences[::7]])

    def draw(self) -> Example | None:
        """Return an example; None for one too short for what is said in it."""
        kind = self._chance.random()
        if kind < self.STRINGS + self.SINGLE and self._speakers:
            words = self._speakers[int(self._chance.choice(len(self._speakers), p=self._weights))]
            count = 1 if kind < self.SINGLE else int(self._chance.integers(*_SPEAKERS_STRING))
            said = [words[int(at)] for at in self._chance.integers(0, len(words), count)]
            sound = self._line.joined([np.asarray(one.sound, np.float32) for one in said])
            sound = self._line.voice(sound, widely=True)
            text = " ".join(one.text for one in said)
        else:
            one = self._sentences[int(self._chance.integers(len(self._sentences)))]
            sound = self._line.voice(np.asarray(one.sound, np.float32), widely=False)
            text = one.text
        energies = self._line.warped(mel(self._line.heard(sound)))
        features = cepstra(energies)
        target = spelled(text)
        repeats = sum(a == b for a, b in pairwise(target))
        if len(features) // SUBSAMPLING <= len(target) + repeats:
            return None
        return Example(features, target)

    def batches(self) -> Iterator[list[Example]]:
        """Yield batches of examples of like length, each about as large."""
        while True:
            pool = [one for one in (self.draw() for _ in range(_POOL)) if one]
            pool.sort(key=lambda one: len(one.features))
            made: list[list[Example]] = []
            batch: list[Example] = []
            for one in pool:
                batch.append(one)
                if len(batch) * len(one.features) > _FRAMES:
                    made.append(batch)
                    batch = []
            # Drawing takes as long as learning: each example is learnt from twice, with other
            # moments of it forgotten.
            for _ in range(_TIMES):
                for at in self._chance.permutation(len(made)):
                    yield [Example(self._line.masked(one.features), one.phones) for one in made[at]]


def padded(features: Floats, network: Network) -> Floats:
    """Repeat the first and the last frame, so that there is an output for every third frame."""
    outputs = (len(features) + SUBSAMPLING - 1) // SUBSAMPLING
    needed = (outputs - 1) * SUBSAMPLING + 1
    after = network.right + max(0, needed - len(features))
    whole = np.pad(features, ((network.left, after), (0, 0)), "edge")
    return whole[: needed + network.left + network.right]


def loss_of(network: Network, batch: list[Example]) -> Tensor:
    """Return the CTC loss of a batch, a phone."""
    sounds = [padded(one.features, network) for one in batch]
    longest = max(len(sound) for sound in sounds)
    stacked = np.stack([np.pad(s, ((0, longest - len(s)), (0, 0)), "edge") for s in sounds])
    inputs = torch.from_numpy(stacked).transpose(1, 2).contiguous()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        scores = network(inputs)
    likely = scores.float().log_softmax(1).permute(2, 0, 1)
    lengths = [(len(one.features) + SUBSAMPLING - 1) // SUBSAMPLING for one in batch]
    return nn.functional.ctc_loss(
        likely,
        torch.tensor([phone for one in batch for phone in one.phones]),
        torch.tensor(lengths).clamp(max=likely.shape[0]),
        torch.tensor([len(one.phones) for one in batch]),
        zero_infinity=True,
    )


def fit(
    spoken: list[Spoken],
    network: Network,
    *,
    steps: int,
    seed: int,
    rate: float,
    warm: float,
    minutes: float,
    save: Path,
    report: Report,
) -> None:
    """Train `network` on `spoken` for `steps` batches, or for `minutes` where the machine is too
    slow for them, the learning rate rising to `rate` over the share `warm` and falling to
    nothing over the rest; write it to `save` now and then, and in the end.
    """
    torch.manual_seed(seed)
    chance = np.random.default_rng(seed)
    examples = Examples(spoken, chance)
    optimiser = torch.optim.AdamW(network.parameters(), lr=rate, weight_decay=_DECAY)
    begun = time.monotonic()
    network.train()
    late: list[float] = []
    saved = time.monotonic()
    for step, batch in zip(range(1, steps + 1), examples.batches(), strict=False):
        done = max(step / steps, (time.monotonic() - begun) / (60 * minutes))
        for group in optimiser.param_groups:
            group["lr"] = rate * share_of_rate(done, warm)
        loss = loss_of(network, batch)
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), _CLIP)
        optimiser.step()
        late = [*late[-99:], loss.item()]
        report(step, sum(late) / len(late))
        if time.monotonic() - saved > _SAVE_S or done >= 1:
            store(network, save)
            saved = time.monotonic()
        if done >= 1:
            return


def share_of_rate(done: float, warm: float) -> float:
    """Return the share of the learning rate when `done` (0..1) of the work is done."""
    if done < warm:
        return max(0.05, done / warm)
    return 0.5 * (1 + math.cos(math.pi * min(1.0, (done - warm) / (1 - warm))))


def store(network: Network, file: Path) -> None:
    """Write a network, whole or not at all."""
    aside = file.with_suffix(".new")
    torch.save({"shape": network.shape, "weights": network.state_dict()}, aside)
    aside.replace(file)


def restore(file: Path) -> Network:
    """Read a network."""
    found = torch.load(file, weights_only=True)
    network = Network(**found["shape"])
    network.load_state_dict(found["weights"])
    return network


def new_network() -> Network:
    """Return a network that has learnt nothing."""
    return Network(len(phones()))
