"""`ivrctl`: what people type."""

from __future__ import annotations

import asyncio
import errno
import importlib
import logging
import sys
from typing import Any

import click

from ivr import __version__
from ivr.errors import IvrError

COMMANDS: dict[str, str] = {
    "call": "ivr.cli.call:call",
    "demo": "ivr.cli.demo:demo",
    "dialplan": "ivr.cli.dialplan:dialplan",
    "flow": "ivr.cli.flow:flow",
    "models": "ivr.cli.models:models",
    "nlu": "ivr.cli.nlu:nlu",
    "prompts": "ivr.cli.prompts:prompts",
    "serve": "ivr.cli.serve:serve",
    "worker": "ivr.cli.serve:worker",
}
"""Each command and where it lives; loaded when asked for, so that `ivrctl --help` is quick."""


class LazyGroup(click.Group):
    """A group whose commands are imported only when they are run."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """See click.Group."""
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """See click.Group."""
        place = COMMANDS.get(cmd_name)
        if place is None:
            return None
        module, name = place.split(":")
        command = getattr(importlib.import_module(module), name)
        assert isinstance(command, click.Command)
        return command


@click.group(cls=LazyGroup)
@click.version_option(__version__, prog_name="ivrctl")
def cli() -> None:
    """Answer calls, hear them, look after them.

    Begin with `ivrctl demo`: a whole call, spoken and shown.
    """


def main(arguments: list[str] | None = None) -> None:
    """Run `ivrctl`; every error of ours is one sentence and exit status 2."""
    try:
        cli.main(args=arguments, prog_name="ivrctl", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt, asyncio.CancelledError):
        sys.exit(130)
    except IvrError as error:
        _say(str(error))
        sys.exit(2)
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("ivr"):
            raise
        _say(
            f"The package {error.name!r} is not installed. "
            "Install the project with its extras: pip install 'ivr[espeak,embedded]'."
        )
        sys.exit(2)
    except OSError as error:
        logging.getLogger(__name__).debug("os error", exc_info=True)
        where = f" ({error.filename})" if error.filename else ""
        remedy = {
            errno.ENOSPC: "Free some space, or set IVR_VAR_DIR to a folder with room.",
            errno.EACCES: "Check who owns it, or set IVR_VAR_DIR to a folder of your own.",
            errno.EADDRINUSE: "Stop what uses the port, or choose another.",
        }.get(error.errno or 0, "See the message of the system.")
        _say(f"{error.strerror or error}{where}. {remedy}")
        sys.exit(2)


def _say(sentence: str) -> None:
    click.echo(f"ivrctl: {sentence}", err=True)


def run_async(coroutine: Any) -> Any:
    """Run a coroutine on uvloop, as the programs do."""
    import uvloop

    return uvloop.run(coroutine)


if __name__ == "__main__":
    main()
