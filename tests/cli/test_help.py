"""Every command has a help with examples that its own parser accepts."""

from __future__ import annotations

import shlex

import click
import pytest

import kexport
from kexport.cli.command import Command
from kexport.cli.main import COMMANDS, EXAMPLES, cli
from tests.cli.conftest import Run


def find(name: str) -> Command:
    command = cli.get_command(click.Context(cli), name)
    assert isinstance(command, Command)
    return command


def test_the_root_lists_every_command_and_exit_code(run: Run) -> None:
    result = run("--help")
    assert result.exit_code == 0
    for name in COMMANDS:
        assert f"  {name} " in result.stdout
        assert find(name).get_short_help_str(limit=200) in result.stdout
    for code in (0, 1, 2, 3, 70, 130):
        assert f"\n    {code} " in result.stdout
    assert result.stdout.count("...") == 1, "a line of the list is cut short"  # the one of the usage


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_help_has_examples_and_the_common_options(run: Run, name: str, flag: str) -> None:
    result = run(name, flag)
    assert result.exit_code == 0
    assert find(name).examples
    for _, line in find(name).examples:
        assert f"\n  {line}\n" in result.stdout
    for option in ("--json", "-q, --quiet", "--debug"):
        assert option in result.stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_says_what_it_does(name: str) -> None:
    options = [p for p in find(name).params if isinstance(p, click.Option)]
    assert [o.name for o in options if not o.help] == []


@pytest.mark.parametrize("line", [line for n in COMMANDS for _, line in find(n).examples] + [e[1] for e in EXAMPLES])
def test_examples_parse(line: str) -> None:
    program, name, *args = shlex.split(line.split(" >")[0])
    assert program == "kexport"
    assert find(name).make_context(name, args).command is not None


def test_version(run: Run) -> None:
    assert run("--version").stdout == f"kexport {kexport.__version__}\n"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_the_script_of_the_shell(run: Run, shell: str) -> None:
    result = run("completion", shell)
    assert result.exit_code == 0
    assert f"_KEXPORT_COMPLETE={shell}_complete" in result.stdout
