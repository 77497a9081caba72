"""`python -m training DATA`: corpus, network, model folder. See README.md."""

from __future__ import annotations

from pathlib import Path

import click
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from training import sentences, sources
from training.sentences import SAID_OFTEN

_ROOT = Path(__file__).resolve().parents[1]
_SEED = 11
_TEMPLATES = 20000

MODEL_CONFIGURATION = """\
--min-active=20
--max-active=3000
--beam=14.0
--lattice-beam=4.0
--acoustic-scale=1.0
--frame-subsampling-factor=3
--frames-per-chunk=50
--endpoint.silence-phones=1
--endpoint.rule2.min-trailing-silence=0.5
--endpoint.rule3.min-trailing-silence=0.8
--endpoint.rule4.min-trailing-silence=1.2
"""


@click.group()
def main() -> None:
    """Make the recognition model that comes with the project."""


@main.command()
@click.argument("data", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--work", type=click.Path(path_type=Path), default=_ROOT / "var" / "asr-model")
@click.option("--choose", default="theo", help="The speaker of FSDD that is kept apart.")
@click.option("--espeak", default=9000, show_default=True, help="Sentences of espeak-ng.")
@click.option("--flite", default=900, show_default=True, help="Sentences of each voice of flite.")
def corpus(*, data: Path, work: Path, choose: str, espeak: int, flite: int) -> None:
    """Collect the recordings and let the voices speak."""
    from training.corpus import Corpus, recordings, synthetic
    from training.voices import FLITE, Voices

    for source in sources.SOURCES:
        there = source.at(data)
        click.echo(f"{'takes' if there else 'lacks'} {source.origin} ({source.licence})")
        if source.needed and not there:
            raise click.ClickException(f"{data / source.place} is not there: {source.what}.")
    said = _sentences(data)
    voices = Voices(_SEED)
    total = espeak + (len(FLITE) * flite if voices.flite else 0)
    with _progress() as progress:
        task = progress.add_task("speaking", total=total)

        def all_() -> object:
            yield from recordings(data, frozenset(choose.split(",")))
            for one in synthetic(said, voices, espeak=espeak, flite=flite, seed=_SEED):
                progress.advance(task)
                yield one

        count = Corpus(work / "corpus").write(all_())  # type: ignore[arg-type]
    click.echo(f"{count} utterances in {work / 'corpus'}")


@main.command()
@click.option("--work", type=click.Path(path_type=Path), default=_ROOT / "var" / "asr-model")
@click.option("--steps", type=int, default=12000, show_default=True)
@click.option("--rate", type=float, default=3e-3, show_default=True, help="The learning rate.")
@click.option("--minutes", type=float, default=600.0, show_default=True, help="At most so long.")
@click.option("--begin", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--everybody", is_flag=True, help="Train on the speaker to choose with, too.")
@click.option("--name", default="network.pt", show_default=True)
def fit(
    *,
    work: Path,
    steps: int,
    rate: float,
    minutes: float,
    begin: Path | None,
    everybody: bool,
    name: str,
) -> None:
    """Train the network."""
    import torch

    from training import fit as fitting
    from training.corpus import Corpus

    torch.set_num_threads(1)
    spoken = [
        one
        for one in Corpus(work / "corpus").read()
        if one.part == "train" or (everybody and one.human)
    ]
    torch.manual_seed(_SEED)
    network = fitting.restore(begin) if begin else fitting.new_network()
    with _progress() as progress:
        task = progress.add_task("training", total=steps)

        def report(step: int, loss: float) -> None:
            progress.update(task, completed=step, description=f"training, loss {loss:.3f}")
            if not progress.console.is_terminal and step % 100 == 0:
                click.echo(f"step {step} of {steps}, loss {loss:.4f}, {progress.get_time():.0f}")

        fitting.fit(
            spoken,
            network,
            steps=steps,
            seed=_SEED,
            rate=rate,
            minutes=minutes,
            warm=0.02 if begin else 0.1,
            save=work / name,
            report=report,
        )


@main.command()
@click.argument("data", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--work", type=click.Path(path_type=Path), default=_ROOT / "var" / "asr-model")
@click.option("--name", default="network.pt", show_default=True)
@click.option("--to", type=click.Path(path_type=Path), help="The model's folder.")
@click.option("--blank-bias", type=float, default=-3.0, show_default=True)
def export(data: Path, work: Path, name: str, to: Path | None, blank_bias: float) -> None:
    """Write the model as Vosk reads it."""
    from training import features
    from training.fit import restore
    from training.graph import write_graph
    from training.kaldi import write_model

    folder = to or work / "vosk-ivr-en-8k"
    for part in ("am", "conf", "graph"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    write_model(restore(work / name).eval(), folder / "am" / "final.mdl", blank_bias=blank_bias)
    words = write_graph(_sentences(data), folder / "graph")
    (folder / "conf" / "mfcc.conf").write_text(features.CONFIGURATION)
    (folder / "conf" / "model.conf").write_text(MODEL_CONFIGURATION)
    click.echo(f"{folder}: {words} words")


@main.command()
def check() -> None:
    """Compare our features with Kaldi's own."""
    import kaldi_native_fbank as knf
    import numpy as np

    from training import features

    sound = np.random.default_rng(0).normal(0, 1000, 3 * features.RATE).astype(np.float32)
    options = knf.MfccOptions()
    options.frame_opts.dither = 0.0
    options.frame_opts.samp_freq = features.RATE
    options.mel_opts.num_bins = options.num_ceps = features.CEPSTRA
    options.mel_opts.low_freq, options.mel_opts.high_freq = features.LOW_HZ, features.HIGH_HZ
    options.use_energy = False
    theirs = knf.OnlineMfcc(options)
    theirs.accept_waveform(features.RATE, sound.tolist())
    theirs.input_finished()
    wanted = np.stack([theirs.get_frame(at) for at in range(theirs.num_frames_ready)])
    ours = features.cepstra(features.mel(sound))
    apart = float(np.abs(ours - wanted).max())
    if ours.shape != wanted.shape or apart > 1e-2:
        raise click.ClickException(f"Our features are {apart} from Kaldi's.")
    click.echo(f"{len(ours)} frames are the same as Kaldi's, within {apart:.1e}")


def _sentences(data: Path) -> list[str]:
    bank = sources.BANKING77.at(data)
    return [
        *sentences.templates(_TEMPLATES, _SEED),
        *sentences.prompts(_ROOT),
        *sentences.taught(_ROOT) * SAID_OFTEN,
        *sentences.phrases(_ROOT) * SAID_OFTEN,
        *(sentences.banking77(bank) if bank else ()),
    ]


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )


if __name__ == "__main__":
    main()
