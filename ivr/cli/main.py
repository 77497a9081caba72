"""`ivrctl`: what people type."""

from __future__ import annotations

import asyncio
import errno
import importlib
import os
import sys
from typing import Any

import click

from ivr import __version__
from ivr.errors import IvrError

COMMANDS: dict[str, tuple[str, str]] = {
    "asr": ("ivr.cli.asr:asr", "Measure how well callers are heard."),
    "bench": ("ivr.cli.bench:bench", "Measure what callers notice."),
    "call": ("ivr.cli.call:call", "Ring a running worker and talk to it."),
    "calls": ("ivr.cli.calls:calls", "List, show, hang up and transfer calls."),
    "demo": ("ivr.cli.demo:demo", "Make a whole call, in real time, and show it."),
    "dialplan": ("ivr.cli.dialplan:dialplan", "Look after FreeSWITCH's dialplan."),
    "doctor": ("ivr.cli.doctor:doctor", "Look for what is wrong before callers find it."),
    "flow": ("ivr.cli.flow:flow", "Check and show flow files."),
    "load": ("ivr.cli.load:load", "Ring with many phones at once and measure."),
    "models": ("ivr.cli.models:models", "List and install what turns speech into words."),
    "nlu": ("ivr.cli.nlu:nlu", "Train, test and try understanding."),
    "nodes": ("ivr.cli.nodes:nodes", "List and drain the switches behind Kamailio."),
    "plan": ("ivr.cli.plan:plan", "Say what so many calls at once take."),
    "prompts": ("ivr.cli.prompts:prompts", "Render, list, hear and record what is said."),
    "scenario": ("ivr.cli.scenario:scenario", "Play what callers do, and judge what comes back."),
    "serve": ("ivr.cli.serve:serve", "Run everything: workers and what they need."),
    "tts": ("ivr.cli.tts:tts", "Run speech engines, and see what they speak."),
    "worker": ("ivr.cli.serve:worker", "Run one worker; its neighbours are given by URL."),
}
"""Each command, where it lives and what it does; imported when it is run, so that `--help` is
quick."""


class LazyGroup(click.Group):
    """A group whose commands are imported only when they are run."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """See click.Group."""
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """See click.Group."""
        if cmd_name not in COMMANDS:
            return None
        module, name = COMMANDS[cmd_name][0].split(":")
        command = getattr(importlib.import_module(module), name)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """See click.Group; without importing a command for its first sentence."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name][1]) for name in self.list_commands(ctx)])


@click.group(cls=LazyGroup)
@click.version_option(__version__, prog_name="ivrctl")
def cli() -> None:
    """Answer calls, hear them, look after them.

    Begin with `ivrctl demo`: a whole call, spoken and shown.

    \b
    Example: ivrctl demo
             ivrctl serve, and in another terminal: ivrctl call --interactive
    """


def main(arguments: list[str] | None = None) -> None:
    """Run `ivrctl`; what people can mend is one sentence on stderr and exit status 2."""
    try:
        cli.main(args=arguments, prog_name="ivrctl", standalone_mode=False)
    except (click.Abort, KeyboardInterrupt, asyncio.CancelledError):
        sys.exit(130)
    except BrokenPipeError:
        # Whoever read our output has had enough of it, as `head` does.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        sys.exit(error.exit_code)
    except Exception as error:
        sentence = sentence_for(error)
        if sentence is None:
            raise
        click.echo(f"ivrctl: {sentence}", err=True)
        sys.exit(2)


def sentence_for(error: Exception) -> str | None:
    """What to tell a person about `error`, in one line; None where it is a fault of ours."""
    sentence = None
    if isinstance(error, IvrError):
        sentence = str(error)
    elif isinstance(error, click.ClickException):
        sentence = _usage(error)
    elif isinstance(error, ModuleNotFoundError) and not (error.name or "").startswith("ivr"):
        sentence = (
            f"The package {error.name!r} is not installed. "
            "Install the project with its extras: pip install 'ivr[espeak,embedded]'."
        )
    elif isinstance(error, OSError):
        where = f" ({error.filename})" if error.filename else ""
        remedy = _REMEDIES.get(error.errno or 0, "See the message of the system.")
        sentence = f"{error.strerror or error}{where}. {remedy}"
    return None if sentence is None else " ".join(sentence.split())


def _usage(error: click.ClickException) -> str:
    context = error.ctx if isinstance(error, click.UsageError) else None
    command = context.command_path if context is not None else "ivrctl"
    what = error.format_message().rstrip(". ")
    return f"{what}{'' if what.endswith('?') else '.'} See `{command} --help`."


_REMEDIES = {
    errno.ENOSPC: "Free some space, or set IVR_VAR_DIR to a folder with room.",
    errno.EDQUOT: "Free some space, or set IVR_VAR_DIR to a folder with room.",
    errno.EACCES: "Check who owns it, or set IVR_VAR_DIR to a folder of your own.",
    errno.EROFS: "Set IVR_VAR_DIR to a folder that can be written.",
    errno.EADDRINUSE: "Stop what uses the port, or choose another.",
    errno.EMFILE: "Allow more open files (ulimit -n).",
}


def run_async(coroutine: Any) -> Any:
    """Run a coroutine on uvloop, as the programs do."""
    import uvloop

    return uvloop.run(coroutine)


if __name__ == "__main__":
    main()
