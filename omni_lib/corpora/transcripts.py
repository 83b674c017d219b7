"""Transcripts to spoken words in the letters a-z: one rule for LibriSpeech, LJ Speech and others.

Figures are written out, and then `text.normalise` is applied. A figure is written out only if readers of
English have one usual way of saying it. Any other (B52, 3/4, 555-1234, 10:30, $1.5 million) is refused, and
its row is left out by name: a wrong text does more harm than a missing row.

Numbers   121 → one hundred twenty one (American, without "and"; if the reader said "and", one word is wrong)
          1,250,000 → one million two hundred fifty thousand        3.14 → three point one four
          1100 to 1999 and 2010 to 2099, without a comma, are years: nineteen oh five, eighteen hundred,
          twenty nineteen; 2000 to 2009 are two thousand and so on in any case; "in 1066" is refused
          1960s → nineteen sixties
          2nd → second        7% → seven percent        $5 → five dollars        £1.50 → one pound fifty
          Refused: dates (December 25), phone and room numbers (911, room 305), 1.000, 4 x 4, 10.30 am, years
          that count something (1985 dollars), leading zeros, more than 12 digits, numbers that touch
          letters, slashes, colons or hyphens, 6′ and 6" (feet and inches), units such as 5 km.
Letters   æ and œ are two letters, ß is ss, ø is o, ł is l.
Apostrophes are deleted: they are silent, and not among the 29 symbols. So we'll and well become the same
word, also for a language model of the same transcripts.
"""

from __future__ import annotations

import functools
import re
from typing import Any

from omni_lib.errors import UserError
from omni_lib.text import normalise, refuse_spellings, written_out

_CURRENCIES = {"$": ("dollar", "dollars"), "£": ("pound", "pounds"), "€": ("euro", "euros")}
_LETTERS = str.maketrans(
    {"æ": "ae", "Æ": "Ae", "œ": "oe", "Œ": "Oe", "ß": "ss", "ø": "o", "Ø": "O", "ł": "l", "Ł": "L"}
)
_FIGURES = r"(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)"
_UNITS = (
    r"(?:km|kg|mg|cm|mm|ml|mph|kph|lbs?|oz|ft|yds?|hrs?|mins?|secs?|ms|k?hz|db|kw|fps|tsps?|tbsps?|[kmgt]b|bn"
    r"|[cfghklmsvw])"
)
# A figure must be separate: no letter, digit, slash, colon or hyphen is next to it, a full stop or comma only
# at its end, and no unit follows.
_NUMBER = re.compile(
    rf"(?<![\w/:.,\-\u2010-\u2013^#])(?<![0-9][—\u2015])(?<![0-9]\s[\-\u2010-\u2014]\s)"
    rf"(?P<sign>[$£€])?(?P<whole>{_FIGURES})(?:\.(?P<part>[0-9]+))?(?P<end>st|nd|rd|th|'?s|\s?%)?"
    rf"(?![\w/:\-\u2010-\u2013%°²³]|[—\u2015][0-9]|\s[\-\u2010-\u2014]\s[0-9]|[.,][0-9]|\s{_UNITS}\b)",
    re.IGNORECASE,
)
_MAGNITUDE = re.compile(r"[$£€][0-9.,]+\s+(?:hundred|thousand|million|billion|trillion)", re.IGNORECASE)
_FEET = re.compile(r"(?<!')(?<![\w.])[0-9]+(?:'(?!s\b)|″)")  # and inches
_INCHES = re.compile(r"[0-9]\"")
_SHORT_INCHES = re.compile(r"[0-9]\s?in\.(?=\s*(?:$|[^\sA-Z]))")  # not "I let 5 in. Then I slept"
_BY = re.compile(r"[0-9]\s*[xX]\s*[0-9]")  # 4 x 4: by, or times
_CLOCK = re.compile(r"[0-9]\.[0-5][0-9]\s?[ap]\.?m\b", re.IGNORECASE)  # 10.30 am
_THOUSANDS = re.compile(r"(?<![0-9.,])[1-9][0-9]{0,2}\.[0-9]{2}0(?![0-9])")  # 1.000: a thousand, or one?
# A year-like number of things: nobody says "twenty nineteen people", but "in 2019 people …" is said.
_COUNTED = re.compile(
    r"(?:\b(?P<before>[a-z]+)\s+)?(?<![\w,.$£€])(?!1[1-9]00)(?:1[1-9][0-9]|20[1-9])[0-9]\s+"
    r"(?:people|persons|men|women|children|students|soldiers|dollars|euros|pounds|cents|years|months|days"
    r"|hours|minutes|seconds|miles|feet|yards|acres|met(?:er|re)s|kilomet(?:er|re)s|bytes|bits|votes|books"
    r"|copies|times|points|degrees|calories)\b",
    re.IGNORECASE,
)
_YEAR_AFTER = frozenset("in since of by until till from to before after during year late early mid".split())
_EARLY_YEAR = re.compile(
    r"\b(?:in|since|until|before|after|year)\s+10[1-9][0-9](?![\w,]|\.[0-9])", re.IGNORECASE
)
_GROUPS = re.compile(r"\b[0-9]+\s[0-9]{3}\b|\b[0-9]{3,}\s[0-9]{3,}\b")  # 1 500 people, call 555 1234


def spoken(transcript: str) -> str:
    """The words as spoken, in a-z and single spaces.

    Raises:
        UserError: a part of it has no single usual reading.
    """
    text = written_out(transcript)
    if any(character.isdigit() for character in text):
        text = _with_figures_said(text, transcript)
    text = text.translate(_LETTERS)
    said = normalise(text)
    # a manifest's plain letters are taken as they are; those of a table may have lost something
    return refuse_spellings(said) if said == text else said


def _with_figures_said(text: str, transcript: str) -> str:
    capitals = text.isupper()
    text = re.sub(r"(?<=[0-9])\s*\+\s*(?=[0-9])", " plus ", text)
    closing = (found for found in _INCHES.finditer(text) if text.count('"', 0, found.start()) % 2 == 0)
    counted = any((found["before"] or "").lower() not in _YEAR_AFTER for found in _COUNTED.finditer(text))
    unclear = (_MAGNITUDE, _SHORT_INCHES, _FEET, _GROUPS, _BY, _CLOCK, _THOUSANDS, _EARLY_YEAR)
    if not (counted or any(closing) or any(pattern.search(text) for pattern in unclear)):
        text = _NUMBER.sub(lambda match: f" {_say(match)} ", text)
    if any(character.isdigit() for character in text):
        raise UserError(
            f"a number in {_shown(transcript)} has no single usual reading: write it out as spoken"
        )
    return text.upper() if capitals else text


def _shown(transcript: str) -> str:
    return repr(transcript if len(transcript) <= 60 else transcript[:57] + "...")


def _say(number: re.Match[str]) -> str:
    """One figure with its sign and ending, in words; unchanged if there are several ways of saying it."""
    sign, digits, part, end = (
        number["sign"],
        number["whole"].replace(",", ""),
        number["part"],
        (number["end"] or "").strip().lower(),
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
def _engine() -> Any:
    import inflect  # slow (a second), so it is imported only when a text has a figure

    return inflect.engine()


def _words(digits: str) -> str:
    return str(_engine().number_to_words(digits, andword="")).replace(",", "")


def _ordinal(digits: str) -> tuple[str, str]:
    """In figures, for comparison (there is no 2th), and in words."""
    figures = str(_engine().ordinal(int(digits)))
    return figures, _words(figures)


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
    if len(part) != 2 or digits == "0":
        return f"{sign}{digits}.{part}"  # $1.5 million; $0.50 is fifty cents or half a dollar
    if part == "00":
        return words
    return words + (f" {_words(part)}" if part[0] != "0" else f" oh {_words(part[1])}")
