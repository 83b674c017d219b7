"""The command line of a run: made from what a notebook gives, and repeated when the run goes on."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from omni_lib.errors import UserError


def overrides(set: Mapping[str, Any] | None, folder: str | Path | None) -> list[str]:
    """The arguments of `--set` on the command line. An empty `folder` counts as none, as in `save_dir`.

    Raises:
        UserError: `set` is not a dictionary, holds a value that JSON cannot represent, or names another
            folder than `folder`.
    """
    if set is not None and not isinstance(set, Mapping):
        raise UserError(
            f"set is of the type {type(set).__name__}: give a dictionary, such as set={{'num_epochs': 5}}"
        )
    found = [f"{key}={_as_json(key, value)}" for key, value in (set or {}).items()]
    if folder is not None and folder != "":
        other = (set or {}).get("save_dir") or folder
        if isinstance(other, str | os.PathLike) and Path(other).resolve() != Path(folder).resolve():
            raise UserError(
                f"folder is {str(folder)!r} and save_dir is {str(other)!r}: give only one of them"
            )
        found.append(f"save_dir={json.dumps(str(Path(folder).resolve()))}")
    return found


def _as_json(key: str, value: Any) -> str:
    """One value in JSON: a path as text, and a number of NumPy or a tensor of one number as that number."""
    if isinstance(value, os.PathLike):
        value = os.fspath(value)
    elif not isinstance(value, (int, float)) and getattr(value, "ndim", None) == 0:
        value = value.item()
    try:
        return json.dumps(value)
    except (TypeError, ValueError, RecursionError):
        raise UserError(
            f"{key} is of the type {type(value).__name__}: a setting is a number, a text, true or false"
        ) from None


def repeated(command: Sequence[str]) -> list[str]:
    """The command that goes on with a run.

    Its `--max-steps` is left out. So is `accept_changed_data`, because whoever accepted one change of the
    data has not accepted a later one.
    """
    dropped: set[int] = set()
    for place, word in enumerate(command):
        value = "".join(command[place + 1 : place + 2])
        if word == "--max-steps" or (word == "--set" and value.startswith("accept_changed_data=")):
            dropped |= {place, place + 1}
        elif word.startswith(("--max-steps=", "--set=accept_changed_data=")):
            dropped.add(place)
    kept = [word for place, word in enumerate(command) if place not in dropped]
    return kept if "--resume" in kept else [*kept, "--resume"]
