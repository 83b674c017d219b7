"""The vocabulary of 29 symbols that the CTC head predicts, and the rule that normalises texts to them.

The chapter's list of symbols is "26 letters + blank + space + EOS". Blank is not a letter and never a target:
in CTC it means "nothing new in this frame" (Graves et al. 2006, section 3.1). EOS is included so that the
head has the chapter's shape. No target contains it, because in CTC an utterance ends with its last frame.

The function `normalise` is the rule for texts. It never drops anything that was spoken. Each character must
be a letter, be known to be silent, or have a reading in words; otherwise the text is refused, and the message
contains the character. A manifest uses this rule directly. A text of the letters a-z and single spaces is
taken as it is, also with spellings that are refused in other texts (don t, km), unless it holds an
abbreviation such as mr. `corpora/transcripts.py` first writes numbers in words and then uses the rule. The
patterns themselves are in `text_rules/`.

Apostrophes     are deleted, in all their variants: don't, don’t, don`t, don´t become dont.
Invisible       soft hyphens, zero-width characters, direction marks and variation selectors are deleted.
HTML            entities are decoded (&amp; is &), and formatting tags such as <b> are deleted.
Signs           are written as words if they have one usual reading: & is and, % is percent, @ is at, + is
                plus between spaces, "ten $" is ten dollars. ™ and ® after a word are silent. Others (#, =, *,
                ° …) are refused.
Tags            [noise], <sil>, {breath} and (laughs) are not speech and are deleted. But <unk>, [inaudible]
                and (?) stand for words that somebody said. Without those words the text would not match the
                sound, so it is refused. Other text in [], {} or <> is refused too, since it may be either.
                Text in round brackets is kept as speech, unless it looks like the name of a sound.
                _noise_ and :smile: are refused too; _very_ is read.
Contractions    whose apostrophe became a space (don t, it s) are refused.
Abbreviations   Mr. is mister, Dr. is doctor and so on; St. is saint before a name and street after one; No.
                is number before a number. The full stop is optional only for Mr, Mrs, Ms, Dr, St, etc and
                vs, because others, such as Co and No, are also words. Those that are not words (km, or Sgt
                without its full stop) are refused, and so are those with several readings (Wall St. Journal,
                Roe v. Wade). Initials stay letters: U.S. becomes u s. Capitals that only look like a
                month or a unit are a name: the DEC computer, an APR of five percent. In a text of capitals
                alone they are refused.
Letters         lose their accents (é is e); ligatures and full-width letters are decomposed (ﬁ is fi).
                Superscripts, fractions, circled characters, Roman numerals ("Henry VIII") and other alphabets
                are refused.
"""

from __future__ import annotations

import functools
import html
import re
import string
import unicodedata
from collections.abc import Collection, Iterable

from omni_lib.errors import UserError
from omni_lib.text_rules import patterns, refusals

BLANK, SPACE = 0, 1

_PLAIN = re.compile(r"(?:[a-z]+(?: [a-z]+)*)?")  # a text that is normalised already


def normalise(text: str) -> str:
    """Write `text` with only the letters a-z and single spaces, by the rule described above.

    Raises:
        UserError: a part of the text has no single usual reading: a digit ("7" may be seven, seventh or part
            of seventy), a letter of another alphabet, a sign, or a tag that stands for words. Without it, the
            text would not match what was said.
    """
    if _PLAIN.fullmatch(text) and not patterns.BARE.search(text):
        return text  # what was normalised before is never refused
    written = written_out(text)
    # in capitals only, VI could be any word
    if not written.isupper() and (numeral := refusals.ROMAN.search(written)):
        raise UserError(f"the text holds the number {numeral[0]!r}: write it out as spoken")
    for sign, words in patterns.SIGNS:
        written = sign.sub(words, written)
    letters = [_letters(character) for character in written]
    if None in letters:
        raise UserError(_refusal({c for c, spelled in zip(written, letters, strict=True) if spelled is None}))
    normalised = " ".join("".join(filter(None, letters)).split())
    if found := patterns.BARE.search(normalised):  # V's would be read as versus when the manifest is read
        words = _abbreviated(found[0])
        raise UserError(f"the text holds {found[0]!r}, which is not short for {words}: write it as spoken")
    capitals = [] if written.isupper() else [each.lower() for each in refusals.ACRONYM.findall(written)]
    acronyms = {each for each in capitals if capitals.count(each) == normalised.split().count(each)}
    prefixes = [each.lower() for each in refusals.PREFIX.findall(written)]
    return refuse_spellings(
        normalised,
        acronyms,
        {each for each in prefixes if prefixes.count(each) == normalised.split().count(each)},
    )


def refuse_spellings(normalised: str, acronyms: Collection[str] = (), prefixes: Collection[str] = ()) -> str:
    """The text itself, unless it holds a spelling that is not said as it stands: don t, km, chapter ii.

    Args:
        normalised: the text in a-z and single spaces.
        acronyms: words that look like abbreviations and are not, such as dec where the text had DEC.
        prefixes: words that look like the end of a contraction and are not, such as re in "we re-elect".

    Raises:
        UserError: the text holds one.
    """
    if refusals.PHONES.fullmatch(normalised):
        raise UserError(f"the text {normalised[:40]!r} is written in phones: write it in words")
    for found in refusals.LOST_APOSTROPHE.finditer(normalised):
        if found[0].split()[-1] not in prefixes:
            whole = found[0].replace(" ", "'")
            raise UserError(f"the text holds {found[0]!r}, which has lost its apostrophe: write {whole}")
    for found in refusals.NO_WORD.finditer(normalised):
        if found[0] not in acronyms:
            raise UserError(f"the text holds {found[0]!r}, which is not a word: write it out as spoken")
    return normalised


def written_out(text: str) -> str:
    """`text` without entities, tags and invisible characters; abbreviations and amounts of money in words.

    Capitals, punctuation, digits and signs remain.

    Raises:
        UserError: a tag stands, or may stand, for words that somebody said.
    """
    text = _refuse(patterns.WIDE.sub(lambda wide: unicodedata.normalize("NFKC", wide[0]), _decoded(text)))
    text = patterns.APOSTROPHES.sub("'", patterns.INVISIBLE.sub("", text))
    text = patterns.BREAK.sub(" ", patterns.FORMATTING.sub("", text))
    before = ""
    while before != text:  # brackets inside brackets
        before, text = text, patterns.TAG.sub(_without_tag, text)
    for found in patterns.STRAY.finditer(text):
        if patterns.EVENT.search((found[1] or found[2]).lower()):
            raise UserError(
                f"the text holds {found[0]!r}, which may be a part of the name of a sound: write [noise], or"
                " remove the bracket if somebody said the word"
            )
    text = patterns.WITHIN.sub(lambda found: "'".join(filter(None, found.groups())), text)
    text = patterns.APART.sub(r"'\1", patterns.SPLIT_OFF.sub(r"\1", text))
    if not patterns.OPENING_QUOTE.search(text):  # else the apostrophe may close the quotation
        text = patterns.HALF_APART.sub(r"'\1", text)
    text = patterns.STREET.sub("street", patterns.SAINT.sub("saint", patterns.NUMBERED.sub("number ", text)))
    text = patterns.WITH_STOP.sub(lambda found: _abbreviated(found[1]) + " ", text)
    text = patterns.BARE.sub(lambda found: _abbreviated(found[1]), text)
    return patterns.AMOUNT.sub(_amount, text)


def _decoded(text: str) -> str:
    """Replace HTML entities by their characters, even if they were escaped twice (&amp;amp;).

    The control characters U+0080 to U+009F are read as Windows-1252, as in HTML.
    """
    for _ in range(4):
        decoded = patterns.ENTITY.sub(lambda entity: html.unescape(entity[0].rstrip(";") + ";"), text)
        if decoded == text:
            break
        text = decoded
    return re.sub("[\x80-\x9f]", lambda c: bytes([ord(c[0])]).decode("cp1252", "ignore") or "\ufffd", text)


def _refuse(text: str) -> str:
    for pattern, why in refusals.REFUSED:
        if found := pattern.search(text):
            raise UserError(f"the text holds {found[0].strip()!r}, which {why}")
    return text


def _without_tag(found: re.Match[str]) -> str:
    """The replacement of a tag: a space if it is not speech, its words if they were spoken.

    Raises:
        UserError: it stands, or may stand, for words that somebody said.
    """
    tag = found[0]
    inside = tag.strip("<>[]{}()+!/| \t")
    name = " ".join(re.findall("[^\\W_]+", inside)).lower()
    marker = tag.startswith("<|") or (tag[0] != "(" and patterns.MARKER.fullmatch(name))
    if marker or patterns.NOT_SPEECH.fullmatch(name):
        return " "
    beside = found.string[max(0, found.start() - 1) : found.start()] + found.string[found.end() :][:1]
    within_word = " " not in name and any(map(str.isalpha, beside))  # (be)cause, wan(t)
    pause = re.fullmatch(r"[0-9]*\.[0-9]+", inside)  # (0.5): a pause of half a second
    event = len(name.split()) <= 4 and patterns.EVENT.search(name)
    either = re.fullmatch(r"\w+(?:\s?[/|]\s?\w+)+", inside)  # (hello/hallo): one of them was said
    if tag[0] == "(" and name and not (event or within_word or pause or either):
        return f" {inside} "
    if tag[0] == "!":
        return tag
    raise UserError(
        f"the text holds {tag[:40]!r}, which may stand for words that somebody said: write those words, or"
        " leave the row out; if it is only a sound, write [noise]"
    )


def _abbreviated(short: str) -> str:
    key = short if short in patterns.ABBREVIATIONS else short.capitalize()
    words = patterns.ABBREVIATIONS.get(key) or patterns.ABBREVIATIONS[short.lower()]
    return words.upper() if len(short) > 1 and short.isupper() else words


def _amount(found: re.Match[str]) -> str:
    """ten $ → ten dollars; one $ → one dollar, but twenty one $ → twenty one dollars."""
    before, last = found["before"] or "", found["last"]
    single = last.lower() == "one" and before.strip(" -\t").lower() not in patterns.COUNTED
    return f"{before}{last} {patterns.MONEY[found['sign']]}{'' if single else 's'}"


@functools.lru_cache(maxsize=4096)
def _letters(character: str) -> str | None:
    """The spelling of one character: letters a-z, a space or ""; None if it cannot be spelled."""
    category = unicodedata.category(character)
    if character == "'" or category in ("Mn", "Mc"):  # combining accents
        return ""
    if character.isspace() or character in patterns.SILENT or category in ("Pd", "Pi", "Pf"):
        return " "
    kind = unicodedata.decomposition(character).partition(" ")[0]
    if (
        kind.startswith("<")
        and kind not in ("<wide>", "<narrow>", "<font>")
        and character not in patterns.TAKEN_APART
    ):
        return None
    folded = unicodedata.normalize("NFKD", character).lower()
    spelled = "".join(c for c in folded if not unicodedata.combining(c) and c != "ʼ")
    return spelled if spelled and set(spelled) <= set(string.ascii_lowercase) else None


def _refusal(unknown: set[str]) -> str:
    """The error message for a text with these characters."""
    signs = sorted(c for c in unknown if not c.isalnum())
    if signs and len(signs) == len(unknown):
        return (
            f"the text holds {_named(signs)}, which has no single usual reading: write it out as spoken, or"
            " remove it if nobody said it"
        )
    parts = {
        c: [p for p in unicodedata.normalize("NFKD", c) if p.isalnum() and p not in string.ascii_letters]
        for c in unknown
    }
    folded = sorted({part for c in unknown if c.isalnum() for part in (parts[c] or [c])})
    source = sorted(c for c in unknown if c.isalnum() and parts[c] != [c] and parts[c])
    written = f" (written {_named(source)})" if source else ""
    return (
        f"the text holds {_named(folded)}{written}, which the letters a-z cannot spell:"
        " write numbers and names out as spoken"
    )


def _named(characters: list[str]) -> str:
    """The characters with their names: '8' 'ß' (LATIN SMALL LETTER SHARP S). At most four are named."""
    shown = [
        repr(c) if c.isascii() or c.isdecimal() else f"{c!r} ({unicodedata.name(c, f'U+{ord(c):04X}')})"
        for c in characters[:4]
    ]
    return " ".join(shown) + (f" and {len(characters) - 4} more" if len(characters) > 4 else "")


class Vocabulary:
    """The fixed map between symbols and class indices: blank 0, space 1, a-z 2…27, EOS 28."""

    def __init__(self, symbols: Iterable[str] = ("<blank>", " ", *string.ascii_lowercase, "<eos>")) -> None:
        self.symbols = tuple(symbols)
        self._index = {symbol: index for index, symbol in enumerate(self.symbols)}

    def __len__(self) -> int:
        return len(self.symbols)

    def encode(self, text: str) -> list[int]:
        """Class indices of `text`, which must be normalised (`normalise`).

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
        """The text of a collapsed path; blank and EOS are omitted."""
        silent = (BLANK, len(self.symbols) - 1)
        return "".join(self.symbols[index] for index in indices if index not in silent)
