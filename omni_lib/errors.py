"""The one exception that is the user's to mend.

Everything the library refuses (a file, a row, a setting, a checkpoint) is raised as `UserError` with a single line that
names the thing and the remedy. The command line prints that line and exits 2; a notebook shows it as it is. Any other
exception is a bug in this project.
"""

LONGEST = 1000  # characters of a message: a cell of a table, or a setting, may hold megabytes


class UserError(Exception):
    """A one-line message that names what is wrong and what to do about it."""

    def __init__(self, message: str) -> None:
        super().__init__(one_line(message))


def one_line(text: str) -> str:
    """`text` as one line that a terminal only shows and never obeys, cut in its middle where it is very long.

    A stranger's file may hold line breaks and control sequences in the very name that a message has to quote.
    """
    if len(text) > LONGEST:
        text = f"{text[: LONGEST * 2 // 3]} … {text[-LONGEST // 3 :]}"
    return (
        text
        if text.isprintable()
        else "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    )
