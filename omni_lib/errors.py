"""The exception for errors that the user can fix.

Whenever the library refuses a file, a row, a setting or a checkpoint, it raises `UserError` with a single
line that names the thing and the remedy. The command line prints that line and exits with status 2; a
notebook shows the line. Any other exception is a bug in this project.
"""

LONGEST = 1000  # characters of a message: a cell of a table, or a setting, may hold megabytes


class UserError(Exception):
    """A one-line message that names what is wrong and what to do about it."""

    def __init__(self, message: str) -> None:
        super().__init__(one_line(message))


def one_line(text: str) -> str:
    """`text` as one line without control characters, cut in the middle if it is very long.

    A name that a message quotes may come from an untrusted file and contain line breaks or terminal commands.
    """
    if len(text) > LONGEST:
        text = f"{text[: LONGEST * 2 // 3]} … {text[-LONGEST // 3 :]}"
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
