"""What may lie in place of a file that was expected: a web page, a pointer of Git LFS, a copy of zeros …

Such a file has the right name and the wrong content. Sound files, tables, language models, archives and
configs are all compared with this list, so that the message names the cause.
"""

from __future__ import annotations

import codecs
import re

_KINDS = (  # of the first bytes, what such a file is, and the remedy
    (rb"\x00\x05\x16\x07", "what macOS writes beside a file (._NAME)", "name the file without ._"),
    (rb"\x00\x00\x00\x01Bud1", "a .DS_Store of macOS", "name another file"),
    (rb"/annex/objects/|(?:\.\./)*\.git/annex/", "a pointer of git-annex", "fetch it with git annex get"),
    (rb"version https://git-lfs", "a pointer of Git LFS", "fetch the file with git lfs pull"),
    (rb"\s*<(?:!doctype html|html|!--)", "a web page", "download the file itself"),
    (rb"\x89PNG|GIF8|\xff\xd8\xff|%PDF-", "a picture or a document", "name another file"),
    (
        rb"\xd0\xcf\x11\xe0",
        "an old document of Office, or a Thumbs.db of Windows",
        "name another file; if it is an Excel workbook, save it as CSV (UTF-8)",
    ),
    (rb"\x00{64}", "a file that begins with zeros, as where a copy was interrupted", "copy it again"),
)


def mistaken(head: bytes) -> tuple[str, str] | None:
    """What a file with the first bytes `head` (a few hundred) is, and the remedy; None if it is not listed.

    Text may begin with the mark of UTF-8 or be in UTF-16 with its mark.
    """
    plain = _plain(head)
    for beginning, kind, remedy in _KINDS:
        if re.match(beginning, plain, re.DOTALL | re.IGNORECASE):
            return kind, remedy
    return None


def is_text(head: bytes) -> bool:
    """Whether the first bytes of a file are characters of UTF-8 (or of UTF-16 with its mark), none of them
    unprintable.
    """
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(_plain(head))  # the last one may be incomplete
    except UnicodeDecodeError:
        return False
    return bool(text) and all(character.isprintable() or character in "\t\n\r\f" for character in text)


def _plain(head: bytes) -> bytes:
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return head.decode("utf-16", errors="ignore").encode()
    return head.removeprefix(codecs.BOM_UTF8)
