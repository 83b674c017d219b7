"""Python imports a module of this name when it starts; `tests/conftest.py` puts this folder on its path."""

import without_compiler  # noqa: F401
