"""The `kexport` command: its subcommands, loaded on use, and the exit codes."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any

import click

import kexport
from kexport.cli.command import Command, State, flag, write_examples
from kexport.cli.failure import ClosedPipe, report_failure
from kexport.cli.plain import plain_streams
from kexport.cli.remarks import remarks_in_one_line
from kexport.cli.signals import ended_by_signals
from kexport.deadline import process_is_ours
from kexport.errors import CaptureError, ConfigError
from kexport.names import suggest

COMMANDS = (
    "export",
    "verify",
    "reduce",
    "bundle",
    "serve",
    "bench",
    "report",
    "reference",
    "inspect",
    "vocabulary",
    "targets",
    "doctor",
    "completion",
)
"""The subcommands in the order of the help; each is `command` in the module of its name."""

EXAMPLES = (
    ("export a model to every installed target, verified", "kexport export model.keras -o dist/"),
    ("see what this machine can do", "kexport doctor"),
)


class Root(click.Group):
    """The group of all subcommands. Its `main` turns every exception into a message and an exit code."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        found: Command = import_module(f"kexport.cli.{cmd_name}").command
        return found

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        name = args[0]
        if name in COMMANDS or name.startswith("-"):
            return super().resolve_command(ctx, args)
        hint = suggest(name, COMMANDS, "commands")
        if "." in name or "/" in name:
            hint = f"to export a model: kexport export {name}; {hint}"
        raise ConfigError(f"there is no command {name!r}", hint=hint)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        write_examples(formatter, EXAMPLES)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError as e:
            raise ClosedPipe from e  # click would exit with 1, which means a failed verification here
        except SystemExit as e:  # would pass for success, or for a failed verification
            hint = "remove the call of sys.exit from the model's module"
            raise CaptureError(f"code that was loaded ended the process with {e.code!r}", hint=hint) from e

    def main(self, args: Sequence[str] | None = None, prog_name: str | None = None, **extra: Any) -> Any:
        """Run and exit; `standalone_mode` is always on."""
        extra.pop("standalone_mode", None)
        state = State()
        with plain_streams(), remarks_in_one_line(), process_is_ours():
            try:
                with ended_by_signals():
                    code = super().main(args, prog_name or "kexport", standalone_mode=False, obj=state, **extra)
            except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 -- the one place that turns all into words
                code = report_failure(error, state)
        sys.exit(code if isinstance(code, int) else 0)


@click.group("kexport", cls=Root, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(kexport.__version__, message="kexport %(version)s")
def cli() -> None:
    """Exports a trained Keras model to the formats it has to run in, and proves that each artifact computes the same.

    \b
    Exit codes:
      0    done, and nothing that was checked is wrong
      1    an artifact failed its verification or a target refused the model
      2    the model is unsupported or cannot be read
      3    the command line is wrong
      70   a bug in kexport
      130  interrupted; 143 by SIGTERM, 129 by SIGHUP
    """


cli.params.append(flag("debug"))


def main() -> None:
    """The console script."""
    cli.main()
