"""`training_log.json`: what the run said, as valid JSON at every instant.

    {"config": {…}, "entries": [{"type": "step", "step": 100, "ctc_loss": 45.2, …}, {"type": "epoch", …}, …]}

The file is rewritten whole at each entry: it is small, and a reader, or a kill, then never meets half a line.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from omni_lib.errors import UserError
from omni_lib.machine.files import write_atomically

FILE_NAME = "training_log.json"


class TrainingLog:
    """The entries of one run, mirrored to its folder."""

    def __init__(
        self, folder: Path, config: dict[str, Any], entries: list[dict[str, Any]] | None = None
    ) -> None:
        self.path = folder / FILE_NAME
        self.config = config
        self.entries = entries or []

    @classmethod
    def resumed(cls, folder: Path, config: dict[str, Any], step: int) -> TrainingLog:
        """The log of an earlier run up to `step`; what it said after its last checkpoint will be said again."""
        path = folder / FILE_NAME
        entries = read_log(path)["entries"] if path.exists() else []
        return cls(folder, config, [entry for entry in entries if entry["step"] <= step])

    def add(self, **entry: Any) -> None:
        self.entries.append(entry)
        self.write()

    def write(self) -> None:
        contents = {"config": self.config, "entries": self.entries}
        write_atomically(
            self.path, json.dumps(contents, indent=1, allow_nan=False).encode()
        )  # NaN is no JSON


def read_log(path: str | Path) -> dict[str, Any]:
    """The log of a run.

    Raises:
        UserError: missing, or no log of ours.
    """
    try:
        log = json.loads(Path(path).read_text(encoding="utf-8"))
        if not all(isinstance(entry["step"], int) for entry in log["entries"]):
            raise TypeError
    except FileNotFoundError:
        raise UserError(f"{path} does not exist: a run writes it at its first log line") from None
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        raise UserError(f"{path} is no training log: delete it, and the run will begin a new one") from None
    return log
