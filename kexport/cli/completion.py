"""`kexport completion`: prints the script that makes a shell complete commands and options."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from kexport.cli.command import State, print_json, subcommand


@subcommand(
    "completion",
    "Print a shell's completion script.",
    ("bash, for good", "kexport completion bash >> ~/.bashrc"),
    ("zsh, for good", "kexport completion zsh >> ~/.zshrc"),
    ("fish, for good", "kexport completion fish > ~/.config/fish/completions/kexport.fish"),
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(state: State, shell: str) -> None:
    """Print the completion script of SHELL."""
    root = click.get_current_context().find_root().command
    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"no completion for {shell}")
    script = kind(root, {}, "kexport", "_KEXPORT_COMPLETE").source()
    if state.data:
        print_json({"shell": shell, "script": script})
    else:
        click.echo(script)
