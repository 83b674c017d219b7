"""The command line: `omni data | train | evaluate | lm | transcribe | export | doctor | lab`.

`options.py` and `data_options.py` declare the options; `commands.py` does what they ask for.

Exit status: 0 done; 2 an error that the user can fix, reported in one line; 130 interrupted after a clean
save; 1 a bug.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from omni_lib.cli.options import parser
from omni_lib.errors import UserError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status.

    Args:
        arguments: the words after `omni`; None: those of this process.
    """
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a Windows console may be unable to show ✓
            stream.reconfigure(errors="replace")
    options = parser().parse_args(arguments)
    try:
        status: int = options.run(options)
        sys.stdout.flush()
        return status
    except UserError as error:
        print(f"omni: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("omni: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # `omni … | head` has closed the pipe; without this, Python's own flush at exit would fail again
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
