"""Where this clone of the project is, and how to install it. Imports only the standard library."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]  # the folder with pyproject.toml: omni_lib is installed in place
INSTALL = "python -m pip install -c constraints.txt -e .[dev]"
