"""`training_log.json`: the figures of a run, as valid JSON at every instant.

    {"config": {…}, "entries": [{"type": "step", "step": 100, "ctc_loss": 45.2, …}, {"type": "epoch", …}, …]}

The whole file is written again for each entry, because it is small. So a reader never finds half a line, even
after a kill.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from omni_lib.errors import UserError
from omni_lib.machine.files import write_atomically

FILE_NAME = "training_log.json"
_NUMBERS = {  # what each type of entry must hold, because panels and figures show it
    "step": ("epoch", "ctc_loss", "wer", "blank_rate", "learning_rate", "seconds_per_step"),
    "epoch": ("epoch", "dev_wer", "dev_cer"),
}


class TrainingLog:
    """The entries of one run, kept in memory and in its folder."""

    def __init__(
        self, folder: Path, config: dict[str, Any], entries: list[dict[str, Any]] | None = None
    ) -> None:
        self.path = folder / FILE_NAME
        self.config = config
        self.entries = entries or []

    @classmethod
    def resumed(cls, folder: Path, config: dict[str, Any], step: int) -> TrainingLog:
        """The log up to `step`, that of the last checkpoint; the steps after it are done again."""
        path = folder / FILE_NAME
        entries = read_log(path)["entries"] if path.exists() else []
        return cls(folder, config, [entry for entry in entries if entry["step"] <= step])

    def add(self, **entry: Any) -> None:
        """Append an entry and write the file."""
        self.entries.append(entry)
        self.write()

    def write(self) -> None:
        """Write the file.

        Raises:
            UserError: it cannot be written.
        """
        contents = {"config": self.config, "entries": self.entries}
        text = json.dumps(contents, indent=1, allow_nan=False)  # JSON has no NaN
        write_atomically(self.path, text.encode())


def read_log(path: str | Path) -> dict[str, Any]:
    """The log of a run.

    Raises:
        UserError: it is missing, or not a log of omni train.
    """
    try:
        log: dict[str, Any] = json.loads(Path(path).read_text(encoding="utf-8"))
        if not (isinstance(log["config"], dict) and all(map(_is_entry, log["entries"]))):
            raise TypeError
    except FileNotFoundError:
        raise UserError(f"{path} does not exist: a run writes it at its first log line") from None
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}): check its permissions") from None
    except (ValueError, KeyError, TypeError, RecursionError):
        raise UserError(
            f"{path} is not a training log: delete it, and the run will begin a new one"
        ) from None
    return log


def _is_entry(entry: Any) -> bool:
    """Whether an entry has its step and the numbers of its type.

    Raises:
        KeyError: one of them is missing.
        TypeError: it is not a dictionary.
    """
    numbers = [entry[name] for name in _NUMBERS[entry["type"]]]
    return type(entry["step"]) is int and all(type(number) in (int, float) for number in numbers)
