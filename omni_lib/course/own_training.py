"""`omni train` with the learner's own parts: `python -m omni_lib.course.own_training --parts FILE --config …`

The file is the one that `own_recogniser.Parts.write` has written: exercise key → source of the learner's
function. All other arguments are those of `omni train`. `own_recogniser.train_with` starts this process.
"""

from __future__ import annotations

import argparse
import json
import runpy
import sys
from collections.abc import Sequence
from pathlib import Path

from omni_lib.errors import UserError
from omni_lib.machine.thread_plan import choose_threads


def main(arguments: Sequence[str]) -> int:
    """Train, and return the exit status of `omni train`; 2 too where a learner's function raises."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--parts", type=Path, required=True)
    options, rest = parser.parse_known_args(arguments)
    choose_threads()  # before torch is imported; `omni train`, which runs below, gets the same plan

    from omni_lib.course.own_recogniser import PARTS, installed, titles

    try:
        sources = _sources(options.parts)
        with installed(sources) as stand_ins:
            print(f"{len(sources)} of {len(PARTS)} parts are yours: {titles(list(sources))}")
            try:
                status = _train(rest)
            except Exception:  # whatever a function of the learner's raises
                if not any(stand_in.failure for stand_in in stand_ins.values()):
                    raise
                status = 1
        failures = [(key, stand_in.failure) for key, stand_in in stand_ins.items() if stand_in.failure]
        if status and failures:
            # an exception within a step passes through the step, too
            key, failure = min(failures, key=lambda each: each[0] == "05.train_step")
            raise UserError(f"{key}: {failure}. own_parts(without=[{key!r}]) leaves this part to the library")
        return status
    except UserError as error:
        print(f"omni: {error}", file=sys.stderr)
        return 2


def _train(arguments: Sequence[str]) -> int:
    """`python -m omni_lib.train` in this process. It is above this package, which must not import it."""
    before = sys.argv
    sys.argv = ["omni_lib.train", *arguments]
    try:
        runpy.run_module("omni_lib.train", run_name="__main__")
    except SystemExit as end:
        return int(end.code or 0)
    finally:
        sys.argv = before
    return 0


def _sources(path: Path) -> dict[str, str]:
    try:
        contents = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        contents = None
    if not isinstance(contents, dict):
        raise UserError(f"{path} does not hold the parts of a training: start it anew with train_with")
    return {str(key): str(source) for key, source in contents.items()}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
