"""Shared by all corpora: move a finished folder into place, and recognise it later. Does not need torch."""

from __future__ import annotations

import contextlib
import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from filelock import FileLock

from omni_lib.errors import UserError
from omni_lib.machine.files import sha256
from omni_lib.machine.tables import is_litter

# names the corpus in a folder, so that it is not made twice and no folder of the user is overwritten
STAMP = "corpus.json"


def is_built(out: Path, stamp: Mapping[str, Any]) -> bool:
    """Whether `out` holds the complete corpus that `stamp` (with at least the key `corpus`) describes.

    Raises:
        UserError: `out` holds something that this command has not made, or that was changed afterwards.
    """
    if out.exists() and not out.is_dir():
        raise UserError(f"{out} is a file: name a folder")
    found = _read_stamp(out / STAMP)
    ours, manifest = found.get("corpus") == stamp["corpus"], out / "asr.csv"
    for name in ("asr.csv", "wav"):
        if (out / name).exists() and not ours:
            raise UserError(
                f"{out / name} was not made by this command: name another folder, or move it away"
            )
    if not manifest.exists():
        return False
    if sha256(manifest.read_bytes()) != found.get("asr_csv_sha256"):
        raise UserError(f"{manifest} was changed since it was made: name another folder, or move it away")
    same = all(found.get(key) == value for key, value in stamp.items())
    return same and _clips(out) == found.get("clips")


@contextlib.contextmanager
def building(out: Path, stamp: Mapping[str, Any]) -> Iterator[Path]:
    """A temporary folder beside `out` for `asr.csv` and `wav/`.

    When the block ends without an exception, they are moved to `out`, `asr.csv` last. After an error or
    Ctrl-C, `out` is unchanged and the temporary folder is deleted. Several processes may make the same corpus
    at once: the first to finish moves its result into place, and the others use it.

    Raises:
        UserError: `out` cannot be written.
    """
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(prefix=f".{out.name}.partial-", dir=out.parent))
    except OSError as error:
        raise UserError(f"{out} cannot be written: {error.strerror}") from None
    try:
        (partial / "wav").mkdir()
        yield partial
        with FileLock(out.parent / f".{out.name}.partial-lock"):
            if not is_built(out, stamp):  # another process may have been faster
                _put_into_place(partial, out, stamp)
    except OSError as error:
        raise UserError(f"{out} cannot be written: {error.strerror or error}") from None
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _put_into_place(partial: Path, out: Path, stamp: Mapping[str, Any]) -> None:
    """Move the files so that, at every instant, `out/asr.csv` exists only with its files and its stamp."""
    clips = _clips(partial)
    complete = {**stamp, "clips": clips, "asr_csv_sha256": sha256((partial / "asr.csv").read_bytes())}
    out.mkdir(exist_ok=True)
    (out / "asr.csv").unlink(missing_ok=True)
    (partial / STAMP).write_text(json.dumps(complete, indent=2) + "\n", encoding="utf-8")
    (partial / STAMP).replace(out / STAMP)
    shutil.rmtree(out / "wav", ignore_errors=True)
    if clips:
        (partial / "wav").replace(out / "wav")
    (partial / "asr.csv").replace(out / "asr.csv")


def _clips(folder: Path) -> int:
    return sum(not is_litter(path) for path in (folder / "wav").rglob("*.wav"))


def _read_stamp(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):  # missing, or not a stamp
        return {}
    return found if isinstance(found, dict) else {}
