"""Builds the book: see `omni_lib.course.book`."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from omni_lib.course.book.site import faults
from omni_lib.course.book.staging import stage
from omni_lib.machine.clone import ROOT

FOLDER = ROOT / "build" / "book"
NEEDED = ("sphinx", "myst_nb", "furo")


def build(folder: Path) -> Path:
    """Build the book in `folder`, whose earlier book is replaced, and return the folder of the site.

    Raises:
        ValueError: Sphinx has warned, or a page has a fault; the messages are on stderr.
    """
    from sphinx.cmd.build import build_main

    source, site = folder / "source", folder / "html"
    for old in (source, site, folder / "doctrees"):
        shutil.rmtree(old, ignore_errors=True)
    source.mkdir(parents=True)
    stage(source)
    strict = ["--fail-on-warning", "--keep-going", "--quiet"]
    status = build_main([*strict, "-b", "html", "-d", str(folder / "doctrees"), str(source), str(site)])
    wrong = [] if status else faults(site)  # a broken build has broken links everywhere
    for fault in wrong:
        print(fault, file=sys.stderr)
    if status or wrong:
        raise ValueError(f"the book in {folder} has {len(wrong)} faults, and Sphinx ended with {status}")
    return site


def main(arguments: Sequence[str]) -> int:
    """Build the book in the given folder, or in `build/book`, and return the exit status."""
    if missing := [name for name in NEEDED if find_spec(name) is None]:
        print(
            f"not installed: {', '.join(missing)}; run `make book`, or "
            "`pip install -c constraints.txt -e .[book]`",
            file=sys.stderr,
        )
        return 2
    try:
        site = build(Path(arguments[0]) if arguments else FOLDER)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"the book is ready; open it in a browser:\n  {(site / 'index.html').resolve().as_uri()}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
