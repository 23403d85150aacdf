"""The options that run a check on another machine."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import click

from kexport.errors import ConfigError

_OPTIONS = (
    click.option("--on", metavar="URL", help="Run it on another machine, by ssh: ssh://user@host:port."),
    click.option("--python", metavar="COMMAND", help="With --on: what runs Python there. Default: python3."),
    click.option("--ssh-config", metavar="FILE", help="With --on: a configuration file for ssh."),
)


def remote_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Decorator: adds the options that run a check on another machine."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def verifier(on: str | None, python: str | None, ssh_config: str | None) -> Callable[..., Any]:
    """Return the function that verifies here, or the one that does so on another machine.

    Raises:
        ConfigError: a malformed address, or options of another machine without an address.
    """
    if on is None:
        if python or ssh_config:
            raise ConfigError("--python and --ssh-config are for another machine", hint="say which one with --on")
        from kexport.workflows import verify

        return verify
    from kexport.replay.ssh import Remote, verify_on

    return partial(verify_on, Remote.parse(on, python, ssh_config))
