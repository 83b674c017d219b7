"""What a training would refuse is refused before its process is started, with the same message."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from omni_lib.config import Config
from omni_lib.errors import UserError
from omni_lib.machine.files import refused_write
from omni_lib.machine.hardware import choose_device
from omni_lib.manifest import read_manifest
from omni_lib.runs.lock import not_writable, read_record, refuse_if_held
from omni_lib.training.audit import readable, trainable
from omni_lib.training.fingerprint import Fingerprint
from omni_lib.training.resumption import load_to_resume, refuse_other_settings


def refuse_early(config: Config, directory: Path) -> None:
    """Check the run's folder, newest checkpoint, device and data. Nothing on the disk changes.

    Args:
        directory: the working directory of the training, from which relative paths in `config` start.

    Raises:
        UserError: the folder is held by another run, cannot be written, or belongs to a run with other
            settings; the device does not exist; or the data are missing, have changed, or cannot be trained
            on.
    """
    folder = directory / config.save_dir
    refuse_if_held(folder)
    if error := refused_write(folder):
        raise UserError(not_writable(folder, error))
    earlier = load_to_resume(folder, config)
    if earlier and earlier.is_finished:
        return  # a finished run needs no data
    choose_device(config.device)
    data = Path(config.data_path)
    if directory != Path.cwd():
        data = directory / data
        config = replace(config, data_path=str(data))
    manifest = read_manifest(data)
    left_out: list[str] = []  # the training itself will report these lines
    rows = trainable(manifest, config, left_out.append)
    dev_rows = readable(manifest, config, "dev", left_out.append)
    if earlier:
        try:
            earlier.refuse_changed_data(Fingerprint.of(rows, dev_rows), config)
        except UserError as error:
            raise UserError(str(error) + _first_row_left_out(left_out)) from None


def refuse_another_run(folder: Path, going_on: Config, settings: Config, directory: Path) -> None:
    """Refuse to take the run that is going on in a folder for one with `settings`.

    Args:
        going_on: the settings of that run.
        directory: the working directory, from which a relative `data_path` in `settings` starts.

    Raises:
        UserError: they differ, or name other data.
    """
    refuse_other_settings(folder, going_on, settings)
    record = read_record(folder)
    theirs = os.path.realpath(Path(record.directory if record else directory) / going_on.data_path)
    ours = os.path.realpath(directory / settings.data_path)
    if theirs != ours:
        raise UserError(
            f"the run that is going on in {folder} trains on {theirs}, not on {ours}: "
            "set data_path back, or choose another folder"
        )


def _first_row_left_out(lines: Sequence[str]) -> str:
    """The end of a message: the first row that could not be used, if any, from the lines of the audit."""
    rows = (line.strip().removeprefix("left out, ") for line in lines)
    first = next((row for row in rows if row.startswith("line ")), None)
    return f"; a row that is left out now: {first}" if first else ""
