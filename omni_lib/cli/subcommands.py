"""What the declarations of all commands share: how a command is added, and words of its help."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

# argparse has no public name for what `add_subparsers` returns
Group = argparse._SubParsersAction

DEFAULT = "(default: %(default)s)"


def add_command(group: Group, name: str, about: str, more: str = "", **options: Any) -> Any:
    """The parser of a new command, whose own --help begins with `about`, its line in the list, and `more`.

    Args:
        options: of `argparse.ArgumentParser`.
    """
    description = f"{about[0].upper()}{about[1:]}. {more}"
    return group.add_parser(name, help=about, description=description, **options)


def group_of(parser: argparse.ArgumentParser) -> Group:
    """The commands below `parser`, one of which must be given."""
    return parser.add_subparsers(title="commands", required=True)


def given(text: str) -> str:
    """The type of an option whose value is a name: empty, as of a shell variable without a value, is refused.

    Raises:
        argparse.ArgumentTypeError: the name is empty.
    """
    if not text.strip():
        raise argparse.ArgumentTypeError("the name is empty: write it, or leave the option out")
    return text


def path(text: str) -> Path:
    """The type of an option whose value is the name of a file or folder; see `given`."""
    return Path(given(text))
