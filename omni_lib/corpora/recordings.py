"""The recordings that the rows of one table refer to."""

from __future__ import annotations

import re
from pathlib import Path

from omni_lib.audio import SAMPLE_RATE, ExaminedAudio, examine_audio
from omni_lib.corpora.table import Row
from omni_lib.errors import UserError
from omni_lib.machine.sound.reading import open_sound
from omni_lib.machine.tables import Sounds

# the name of one channel
_CHANNEL = re.compile(r"(?:ch(?:annel)?[ _-]?)?(?:\d{1,2}|[a-h]|l|r|left|right|mono)", re.IGNORECASE)


class Recordings:
    """The sound of the table's rows. The last file is kept, since segments of one recording are adjacent."""

    def __init__(self, folder: Path) -> None:
        self.folder, self._sounds = folder, Sounds(folder)
        self._last: tuple[Path, ExaminedAudio] | None = None

    def find(self, name: str) -> Path:
        """The file of a row, inside the folder.

        Raises:
            UserError: the file does not exist, or is outside the folder.
        """
        if not name:
            raise UserError("the path is empty")
        try:
            inside = (self.folder / name.replace("\0", "")).resolve().is_relative_to(self.folder.resolve())
        except (OSError, RuntimeError):  # a name longer than the file system allows, or a loop of links
            inside = True
        path = self._sounds.find(name) if inside else self.folder
        if not inside or not path.resolve().is_relative_to(self.folder.resolve()):
            here = self._sounds.of_that_name(name)
            remedy = f"one of that name lies in it, so write {here}" if here else "copy the file into it"
            raise UserError(f"{name} leads out of the folder of the table: {remedy}")
        return path.resolve()

    def read(self, path: Path) -> ExaminedAudio:
        """The sound of a file.

        Raises:
            UserError: the file cannot be read, or its content is unusable (`machine/sound/content.py`).
        """
        if self._last is None or self._last[0] != path:
            self._last = (path, examine_audio(path))
        if self._last[1].fault:
            raise UserError(self._last[1].fault)
        return self._last[1]

    def refuse_channel(self, path: Path, channel: str) -> None:
        """Refuse a row whose text belongs to one of several channels: the mean of all channels would be used.

        Raises:
            UserError: the file has several channels, or cannot be read.
        """
        if not _CHANNEL.fullmatch(channel):  # as BBC or stereo
            return
        with open_sound(path) as sound:
            if sound.channels > 1:
                raise UserError(
                    f"{path} has {sound.channels} channels, which are averaged, and the text belongs to"
                    f" channel {channel[:20]}: write each channel into a file of its own"
                )

    def length(self, row: Row) -> tuple[float, int] | None:
        """Seconds and sample rate of a row's recording; None where it cannot be read."""
        try:
            sound = self.read(self.find(row.cells["path"]))
            return len(sound.waveform) / SAMPLE_RATE, sound.rate
        except UserError:
            return None
