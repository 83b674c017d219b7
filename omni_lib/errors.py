"""The one exception that is the user's to mend.

Everything the library refuses (a file, a row, a setting, a checkpoint) is raised as `UserError` with a single line that
names the thing and the remedy. The command line prints that line and exits 2; a notebook shows it as it is. Any other
exception is a bug in this project.
"""


class UserError(Exception):
    """A one-line message that names what is wrong and what to do about it."""
