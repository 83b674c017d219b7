"""What the declarations of all commands share: how a command is added, and words of its help."""

from __future__ import annotations

import argparse
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
