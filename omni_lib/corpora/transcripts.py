"""From a published transcript to what was said, in the letters a-z: one rule set for LibriSpeech, LJSpeech and Common Voice.

The rule behind the rules: a mark is written out only where readers of English have one usual way of saying it. Anything else
(B52, 3/4, 555-1234, 10:30, Henry VIII, $1.5 million) is refused, and the row is left out by name: a wrong text
teaches wrong, and a row less hardly teaches less.

Numbers       121 → one hundred twenty one (American, without "and"; whoever read "and" is one word off)
              1,250,000 → one million two hundred fifty thousand        3.14 → three point one four
              1100 to 1999 and 2010 to 2099, without a comma, are years: nineteen oh five, eighteen hundred, twenty nineteen;
              2000 to 2009 are two thousand and so on either way        1960s → nineteen sixties
              2nd → second        7% → seven percent        $5 → five dollars        £1.50 → one pound fifty
              leading zeros, more than 12 digits, numbers that touch letters, slashes, colons, hyphens: refused
Abbreviations Mr. → mister, Dr. → doctor and the like, as the readers of LJSpeech were told; St. → saint before a name, street
              after one. The full stop is optional for Mr, Mrs, Ms and Dr alone, since Co and No are words as well.
              No. → number, before a figure or a number word only. Initials stay letters: U.S. → u s, as they are said.
Apostrophes   are deleted: don't → dont, the king's → the kings. The 29 symbols have none, and nobody hears one. So we'll and
              well are one word to the encoder; a language model of the same transcripts makes the same of them.
Other marks   & → and, @ → at, + between figures → plus. Hyphens and dashes are spaces. Accents are folded (é → e), æ and œ are
              two letters. A letter of another alphabet is refused.
"""

from __future__ import annotations

import functools
import re
import unicodedata

from omni_lib.errors import UserError
from omni_lib.text import normalise

_ABBREVIATIONS = {
    "Mr": "mister",
    "Mrs": "missus",
    "Ms": "miz",
    "Messrs": "messers",
    "Dr": "doctor",
    "Drs": "doctors",
    "Co": "company",
    "Jr": "junior",
    "Sr": "senior",
    "Maj": "major",
    "Gen": "general",
    "Rev": "reverend",
    "Lt": "lieutenant",
    "Hon": "honorable",
    "Sgt": "sergeant",
    "Capt": "captain",
    "Esq": "esquire",
    "Ltd": "limited",
    "Col": "colonel",
    "Ft": "fort",
    "Prof": "professor",
    "Gov": "governor",
    "Sen": "senator",
    "etc": "et cetera",
    "vs": "versus",
}
_WITHOUT_STOP = ("Mr", "Mrs", "Ms", "Dr")
_CURRENCIES = {"$": ("dollar", "dollars"), "£": ("pound", "pounds"), "€": ("euro", "euros")}
_LETTERS = str.maketrans(
    {"æ": "ae", "Æ": "Ae", "œ": "oe", "Œ": "Oe", "ß": "ss", "ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "…": " "}
)
_COUNTED = "one two three four five six seven eight nine ten eleven twelve twenty thirty forty fifty sixty seventy eighty ninety".split()

_WITH_STOP = re.compile(rf"\b({'|'.join(_ABBREVIATIONS)})\.")
_BARE = re.compile(rf"\b({'|'.join(_WITHOUT_STOP)})\b")
_SAINT = re.compile(r"\bSt\.(?=\s+[A-Z])")
_STREET = re.compile(r"(?<=[a-z] )St\.(?!\s+[A-Z])")
_NUMBERED = re.compile(rf"\bNo\.(?=\s*(?:\d|{'|'.join(_COUNTED)})\b|\s*\d)", re.IGNORECASE)
_ROMAN = re.compile(r"\b[IVX]{2,}\b")  # the eighth, or eight?
_FIGURES = r"(?:\d{1,3}(?:,\d{3})+|\d+)"
# A figure stands by itself: no letter, digit, slash, colon or hyphen touches it, and a full stop or comma only at its end.
_NUMBER = re.compile(
    rf"(?<![\w/:.,\-–])(?P<sign>[$£€])?(?P<whole>{_FIGURES})(?:\.(?P<part>\d+))?(?P<end>st|nd|rd|th|'?s|\s?%)?(?![\w/:\-–%]|[.,]\d)"
)
_SILENT = re.compile(r"[\s.,;:!?\"“”„«»()\[\]{}\-–—'’‘ʼ`´*_]")  # says nothing, or only where to breathe


def spoken(transcript: str) -> str:
    """What was said, in a-z and single spaces.

    Raises:
        UserError: something in it has no single usual reading.
    """
    text = transcript.translate(_LETTERS).replace("’", "'")
    text = _SAINT.sub("saint", _NUMBERED.sub("number ", text))
    text = _STREET.sub("street", text)
    text = _WITH_STOP.sub(lambda match: _ABBREVIATIONS[match[1]] + " ", text)
    text = _BARE.sub(lambda match: _ABBREVIATIONS[match[1]], text)
    text = re.sub(r"(?<=\d)\s*\+\s*(?=\d)", " plus ", text)
    text = _NUMBER.sub(lambda match: f" {_say(match)} ", text)
    text = text.replace("&", " and ").replace("@", " at ")
    roman = _ROMAN.search(
        "" if transcript.isupper() else text
    )  # in capitals only, VI could be any word; LibriSpeech spells its numbers
    for mark in text:
        if mark.isdigit() or roman:
            raise UserError(
                f"a number in {_shown(transcript)} has no single usual reading: write it out as spoken"
            )
        if not mark.isalpha() and not _SILENT.fullmatch(mark) and not unicodedata.combining(mark):
            raise UserError(
                f"{mark!r} in {_shown(transcript)} has no single usual reading: write it out as spoken"
            )
    return normalise(text)


def _shown(transcript: str) -> str:
    return repr(transcript if len(transcript) <= 60 else transcript[:57] + "...")


def _say(number: re.Match[str]) -> str:
    """One figure with its sign and ending, in words; as it stood where there is no one way of saying it."""
    sign, digits, part, end = (
        number["sign"],
        number["whole"].replace(",", ""),
        number["part"],
        (number["end"] or "").strip(),
    )
    grouped, plain = "," in number["whole"], not (sign or part or end)
    if len(digits) > 12 or (len(digits) > 1 and digits[0] == "0"):
        return number[0]
    if end in ("st", "nd", "rd", "th"):
        ordinal = _ordinal(digits)
        return ordinal[1] if ordinal[0] == digits + end and not sign and not part else number[0]
    year = len(digits) == 4 and not grouped and 1100 <= int(digits) <= 2099 and digits[:3] != "200"
    if end in ("s", "'s"):
        decade = digits[-1] == "0" and year and not sign and not part
        return _plural(_year(digits)) if decade else number[0]
    if sign:
        return number[0] if end else _money(sign, digits, part)
    if plain and year:
        return _year(digits)
    words = _words(digits) + (" point " + " ".join(_words(digit) for digit in part) if part else "")
    return words + (" percent" if end == "%" else "")


@functools.cache
def _engine():
    import inflect  # a second to load: only who meets a figure waits for it

    return inflect.engine()


def _words(digits: str) -> str:
    return _engine().number_to_words(digits, andword="").replace(",", "")


def _ordinal(digits: str) -> tuple[str, str]:
    """In figures, for comparison (no 2th), and in words."""
    figures = _engine().ordinal(int(digits))
    return figures, _engine().number_to_words(figures, andword="").replace(",", "")


def _year(digits: str) -> str:
    century, rest = digits[:2], digits[2:]
    if rest == "00":
        return f"{_words(century)} hundred"
    return f"{_words(century)} " + (f"oh {_words(rest[1])}" if rest[0] == "0" else _words(rest))


def _plural(words: str) -> str:
    return words[:-1] + "ies" if words.endswith("y") else words + "s"


def _money(sign: str, digits: str, part: str | None) -> str:
    one, many = _CURRENCIES[sign]
    words = f"{_words(digits)} {one if digits == '1' else many}"
    if part is None:
        return words
    if len(part) != 2:
        return f"{sign}{digits}.{part}"  # $1.5 million, and the like
    return words + (
        "" if part == "00" else f" {_words(part.lstrip('0'))}" if part[0] != "0" else f" oh {_words(part[1])}"
    )
