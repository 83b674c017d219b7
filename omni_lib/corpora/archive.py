"""Unpack an untrusted .tar, .tar.gz or .tar.bz2 so that it cannot write elsewhere or fill disk or memory.

The sizes in the headers are not trusted: bytes are counted as they come out of the decompressor.
"""

from __future__ import annotations

import bz2
import gzip
import tarfile
import zlib
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

from omni_lib.errors import UserError
from omni_lib.machine.mistaken import is_text, mistaken
from omni_lib.machine.tables import is_litter

MAX_BYTES = 2**30  # unpacked, all files together: ten times the size of AN4
MAX_FILES = 20_000
_MAX_EXTENDED_HEADER = 2**16  # bytes; tarfile reads a long name or a pax header into memory whole
_CHUNK = 2**18  # bytes
_UNZIPPED: dict[bytes, Any] = {b"\x1f\x8b": gzip.open, b"BZ": bz2.open}
_EXTENDED = (
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
)


class _CheckedHeader(tarfile.TarInfo):
    """A header that is refused if the extended text about its file is longer than any file name needs."""

    def _proc_member(self, archive: tarfile.TarFile) -> tarfile.TarInfo:
        """Check the size before tarfile reads the extended text; every version of tarfile calls this."""
        if self.type in _EXTENDED and self.size > _MAX_EXTENDED_HEADER:
            raise UserError(f"a header of {self.size} bytes")
        # private, so not in the stubs
        return super()._proc_member(archive)  # type: ignore[misc, no-any-return]


class _Counted:
    """A stream that raises UserError after `limit` bytes, headers and padding included."""

    def __init__(self, file: BinaryIO, limit: int) -> None:
        self.file, self.left = file, limit

    def read(self, size: int) -> bytes:
        data = self.file.read(size)
        self.left -= len(data)
        if self.left < 0:
            raise UserError("more bytes than a corpus of this kind has")
        return data


_FOREIGN = {  # the first bytes of other packed files
    b"PK\3\4": "a ZIP archive, which",
    **dict.fromkeys((b"\xfd7zXZ", b"7z\xbc\xaf", b"Rar!", b"\x28\xb5\x2f\xfd"), "packed in a way that"),
}


def refuse_foreign(archive: Path) -> None:
    """Refuse a file that is not a tar archive, packed with gzip or bzip2 or not packed, if it is known.

    Raises:
        UserError: it is a web page, another kind of archive, or text; or it cannot be read.
    """
    try:
        with open(archive, "rb") as file:
            head = file.read(512)
    except OSError as error:
        raise UserError(f"{archive} cannot be unpacked ({error.strerror or error})") from None
    if found := mistaken(head):
        raise UserError(f"{archive} is {found[0]}, not an archive: {found[1]}")
    for beginning, kind in _FOREIGN.items():
        if head.startswith(beginning):
            raise UserError(f"{archive} is {kind} is not read here: unpack it, and name its folder")
    if is_text(head):
        raise UserError(f"{archive} is text, not an archive: name the folder of the corpus, or its archive")


def unpack(archive: Path, into: Path, max_bytes: int = MAX_BYTES, max_files: int = MAX_FILES) -> None:
    """Write the files of `archive` below the new folder `into`, without permissions, owners and times.

    Raises:
        UserError: the archive cannot be read, is damaged or of another kind, holds anything but plain files
            and folders below its top (an absolute path, `..`, a link, a device, a name twice), or exceeds the
            limits.
    """
    refuse_foreign(archive)
    try:
        into.mkdir(parents=True)
        with open(archive, "rb") as file:
            unzipped = _UNZIPPED.get(file.read(2), open)
        with unzipped(archive, "rb") as file:
            # a tar archive has a block of 512 bytes or two around each file, and 10 kB at its end
            stream = _Counted(file, max_bytes + max_files * 1024 + 10_240)
            # the stubs require more methods of a stream than tarfile uses (read)
            opened = tarfile.open(  # type: ignore[call-overload]
                fileobj=stream, mode="r|", tarinfo=_CheckedHeader
            )
            with opened as members:
                _write_members(members, into, max_bytes, max_files)
            while stream.read(_CHUNK):  # up to the checksum of gzip and bzip2 at the end
                pass
    except UserError as error:
        raise UserError(
            f"{archive} holds {error}: nothing of it is used; fetch it again from where the corpus is"
            " published"
        ) from None
    except (
        tarfile.TarError,
        zlib.error,
        EOFError,
        gzip.BadGzipFile,
        UnicodeError,
        ValueError,
        OverflowError,
    ) as error:
        raise UserError(f"{archive} is damaged or not a tar archive ({error}): fetch it again") from None
    except OSError as error:
        raise UserError(f"{archive} cannot be unpacked ({error.strerror or error})") from None


def _write_members(members: tarfile.TarFile, into: Path, max_bytes: int, max_files: int) -> None:
    written = count = 0
    for member in members:
        # otherwise tarfile keeps every header: gigabytes for a million clips
        members.members.clear()  # type: ignore[attr-defined]  # the stubs lack it
        count += 1
        if count > max_files:
            raise UserError(f"more than {max_files} files")
        path = _checked_path(member)
        target = into / path
        if member.isdir() or is_litter(path):
            continue  # folders are made when a file needs them; what an operating system added is not data
        if not member.isreg() or member.issparse():
            raise UserError(f"{member.name!r}, which is not a plain file but a link, a device or the like")
        if hasattr(tarfile, "data_filter"):  # since Python 3.11.4
            tarfile.data_filter(member, str(into))  # Python's own check, in addition to ours
        target.parent.mkdir(parents=True, exist_ok=True)
        source = members.extractfile(member)
        assert source is not None  # it is a plain file
        try:
            file = open(target, "xb")  # x: a file of that name, or a link, is never written through
        except FileExistsError:
            raise UserError(f"{member.name!r} twice") from None
        with file:
            while chunk := source.read(_CHUNK):
                written += len(chunk)
                if written > max_bytes:
                    raise UserError(f"more than {max_bytes} bytes")
                file.write(chunk)


def _checked_path(member: tarfile.TarInfo) -> PurePosixPath:
    """The member's path, if it stays below the folder that it is unpacked into on every system."""
    path = PurePosixPath(member.name)
    if path.is_absolute() or ".." in path.parts or any(c in member.name for c in "\\:\0"):
        raise UserError(f"the path {member.name!r}, which leads out of its folder")
    return path
