"""Characters in, class indices out: the 29 symbols that the CTC head chooses from.

The chapter's list is "26 letters + blank + space + EOS". Blank is not a letter and never a target: it is CTC's way of
saying "nothing new in this frame" (Graves et al. 2006, section 3.1). EOS is there so that the head has the chapter's
shape; CTC marks the end of an utterance by running out of frames, so no target ever contains it.
"""

from __future__ import annotations

import re
import string
import unicodedata
from collections.abc import Iterable

from omni_lib.errors import UserError

BLANK, SPACE = 0, 1

_APOSTROPHES = re.compile("['’ʼ`]")


def normalise(text: str) -> str:
    """Write `text` with the letters a-z and single spaces only.

    Lower-cases, folds accents (é becomes e), deletes apostrophes (don't becomes dont) and turns every other
    punctuation mark into a space.

    Raises:
        UserError: a letter or digit is left that a-z cannot spell. Dropping it would change what was said, and
            "7" may be seven, seventh or part of seventy.
    """
    folded = unicodedata.normalize("NFKD", text).lower()
    kept = _APOSTROPHES.sub("", "".join(c for c in folded if not unicodedata.combining(c)))
    unknown = sorted({c for c in kept if c.isalnum() and c not in string.ascii_lowercase})
    if unknown:
        listed = " ".join(repr(c) for c in unknown)
        raise UserError(
            f"the text holds {listed}, which the letters a-z cannot spell: write numbers and names out as spoken"
        )
    return " ".join(re.sub("[^a-z]", " ", kept).split())


class Vocabulary:
    """The fixed map between symbols and class indices: blank 0, space 1, a-z 2…27, EOS 28."""

    def __init__(self, symbols: Iterable[str] = ("<blank>", " ", *string.ascii_lowercase, "<eos>")) -> None:
        self.symbols = tuple(symbols)
        self._index = {symbol: index for index, symbol in enumerate(self.symbols)}

    def __len__(self) -> int:
        return len(self.symbols)

    def encode(self, text: str) -> list[int]:
        """Class indices of `text`, a string that `normalise` has been over.

        Raises:
            UserError: a character has no symbol.
        """
        try:
            return [self._index[character] for character in text]
        except KeyError as missing:
            raise UserError(
                f"the character {missing} is not in the vocabulary: pass the text through normalise() first"
            ) from None

    def decode(self, indices: Iterable[int]) -> str:
        """The text of a collapsed path; blank and EOS write nothing."""
        silent = (BLANK, len(self.symbols) - 1)
        return "".join(self.symbols[index] for index in indices if index not in silent)
