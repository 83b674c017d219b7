"""Reads a number as people write it: "about 2,26 h", "12 × 192 = 2304", "16-fold", "twenty-five letters".

    found = read("12 × 192 = 2304 numbers", unit="numbers", prompt="How many numbers is that?")
    found.values    # (2304.0,)

Words behind the number are accepted if they name the unit, or stand in the question.
"""

from __future__ import annotations

import ast
import math
import operator
import re
from collections.abc import Callable
from dataclasses import dataclass

# Other ways to write a unit, without the plural s.
_SPELLINGS = {
    "Hz": ("hertz",),
    "h": ("hour", "hr"),
    "times": ("x", "×", "fold"),
    "%": ("percent", "pct"),
    "numbers": ("num", "value", "float", "element", "entry", "entrie", "feature"),
    "points": ("pt",),
    "positions": ("embedding", "token", "vector"),
    "embeddings": ("vector",),
    "letters": ("character", "char", "symbol"),
}
_COUNTED = {"value", "number", "feature", "input"}  # what a number without a unit may count
_OTHER_UNITS = set(
    "s sec second min minute h hour day ms bit nat error sample frame embedding letter word".split()
)
_GLUE = set("a an and as at each every for in is it many much number of on one per so that the".split())
_IN_ALL = {"in", "total", "all", "altogether", "or", "so"}
_ORDINALS = {"st", "nd", "rd", "th"}

_BEFORE = re.compile(
    r"(?:(?:about|approximately|approx|roughly|around|circa|ca|nearly|exactly|only|just|every|each|minimum|"
    r"at (?:least|most)|it is|it's|"
    r"there are|they are|that is|that's|so|in|"
    r"(?:(?:my|the) )?(?:answer|result)(?: is)?:?|i (?:get|have|found|think|guess)|i'd say|maybe|probably|"
    r"number|no|the|epoch|(?:a )?factor(?: of)?)(?:\b|(?<=:))\.?|[~≈=≥≤]|[x×](?=\s*\d))\s*",
    re.IGNORECASE,
)
_RESULT = re.compile(r"[=≈→]|->")  # "12 · 192 = 2304": what counts stands behind the last of them
_COMMA = re.compile(r"(?<=\d),(?=\d)")
_THOUSANDS = re.compile(r"(?<=\d)[,'’_\s](?=\d{3}(?!\d))")  # the comma of 62,500, the space of 62 500
_WITH_COMMA = re.compile(r"-?\d{1,3},\d{3}")  # thousands, or a decimal fraction: 13,816
_WITH_DOTS = re.compile(r"-?[1-9]\d{0,2}(?:\.\d{3})+")  # thousands, as in 2.304; none begin with 0
_HOURS = re.compile(  # 2h 15m, 2:15, 2 hours and 15 minutes, 2 h 15 min 25 s
    r"(\d+)\s*(?:h|hrs?|hours?|:)\s*(?:and\s*)?(\d+(?:\.\d+)?)\s*(?:m|mins?|minutes?)?"
    r"(?:\s*(?::|and)?\s*(\d+(?:\.\d+)?)\s*(?:s|secs?|seconds?)?)?",
    re.IGNORECASE,
)
_RANGE = re.compile(r"(\d[\d.,]*)\s*[-–]\s*(\d[\d.,]*)")  # 2.1-2.4, which is not one number
_REMARK = re.compile(r"(?<=[\w%)])(?<!ln)(?<!log)(?<!log10)(?<!log2)(?<!sqrt)\s+\([^()]*\)$")  # 6 (5 + 1)
_AROUND = " \n\t'\"`*“”‘’"  # quotation marks and Markdown around a number
_OF_HOW_MANY = re.compile(r"(\d+)\s*(?:/|(?:out )?of)\s*(\d+)")  # 8/20, where a listing says 'Epoch 1/20'
_MIXED = re.compile(r"(\d+)\s+(\d+\s*/\s*\d+)")  # 2 1/4


class NotANumber(ValueError):
    """A text without a number, or with something else besides the number."""


@dataclass(frozen=True)
class Reading:
    """What a text can mean: `values`, the most likely one first, and whether its unit is the one asked for.

    Of `doubtful` values, such as the 13.816 of "13,816", a usual mistake may be recognised.
    """

    values: tuple[float, ...]
    doubtful: tuple[float, ...] = ()
    unit_fits: bool = True
    percent: bool = False  # whether a percent sign stands behind it


def read(text: str, unit: str = "", prompt: str = "") -> Reading:
    """The number in `text`, the answer to the question `prompt` in `unit`.

    Raises:
        NotANumber: the text lacks a number, or holds words that are not part of the question or the unit.
    """
    text = _REMARK.sub("", text.strip(_AROUND).rstrip(" .!"))
    sides = [side for side in _RESULT.split(text) if side.strip()] or [text]
    try:
        return _read_side(sides[-1], unit, prompt)
    except NotANumber:
        if len(sides) == 1:
            raise
        return _read_side(sides[0], unit, prompt)  # 574 = ceil(573.48)


def _read_side(text: str, unit: str, prompt: str) -> Reading:
    """The number on one side of an equals sign."""
    text = re.sub(r"^(?:minus\s+|[-−–]\s*)", "-", _REMARK.sub("", text.strip()), flags=re.IGNORECASE)
    while found := _BEFORE.match(text):
        text = text[found.end() :]
    text = re.sub(r"^(?:minus\s+|[-−–]\s*)", "-", text, flags=re.IGNORECASE).rstrip(" .!")
    if re.fullmatch(r"-?(?:inf|infinity|nan)", text, re.IGNORECASE):
        return Reading((float(text),))
    if unit == "h" and (found := _HOURS.fullmatch(re.sub(r",(?!\d)", "", text).replace(",", "."))):
        hours, minutes, seconds = (float(part or 0) for part in found.groups())
        return Reading((hours + minutes / 60 + seconds / 3600,))
    if (found := _OF_HOW_MANY.fullmatch(text)) and re.search(rf"\b[A-Z]\w+ \d+/{found[2]}\b", prompt):
        return Reading((float(found[1]),))
    if unit == "%":
        text = re.sub(r"(?<=\d)\s+(?:in|(?:out )?of)\s+(?=\d+$)", "/", text)
    if unit == "times":
        text = re.sub(r"(?<=\d)\s+to\s+(?=\d)", ":", text)
    number, behind = _parted(_without_units(text, unit))
    values, doubtful = _values(number)
    fits, factor = _unit(behind, unit, prompt)
    percent = bool(re.search(r"%|\bper\s?cent|\bpct", behind, re.IGNORECASE))
    if percent and unit != "%":
        factor = 0.01
    return Reading(
        tuple(factor * value for value in values), tuple(factor * value for value in doubtful), fits, percent
    )


def _without_units(text: str, unit: str) -> str:
    """A calculation without the units of its numbers, if all have one: "10 s / 0.08 s", "16 kHz / 400"."""
    if unit == "Hz":
        text = re.sub(r"(?<=/)(\s*\d[\d.,]*)\s*(ms|s)$", _in_seconds, text)  # 1 / 0.025 s
    if not re.search(r"\d\s*[a-z]+\s*[-+*/·×÷]", text, re.IGNORECASE):
        return text
    if unit == "Hz":
        text = re.sub(r"(?<=\d)\s*khz\b", "*1000", text, flags=re.IGNORECASE)
        return re.sub(r"(?<=\d)\s*(?:hz|hertz)\b", "", text, flags=re.IGNORECASE)
    if set(re.findall(r"\d\s*([a-z]+)\s*(?:[-+*/·×÷]|$)", text)) <= {"s", "ms"}:
        return re.sub(r"(\d[\d.,]*)\s*(ms|s)\b", _in_seconds, text)
    return text


def _in_seconds(found: re.Match[str]) -> str:
    """A number of seconds or milliseconds, as part of a calculation in seconds."""
    return f"({found[1]}*0.001)" if found[2] == "ms" else found[1]


def _parted(text: str) -> tuple[str, str]:
    """The number, in digits or in words, and what stands behind it."""
    if found := re.fullmatch(r"(.*[\d²³)])\s*(.*)", text, re.DOTALL):
        return found[1], found[2]
    words = re.findall(r"[a-z]+|%", re.sub(r"(?<=[a-z])fold\b", " fold", text.lower()))  # sixteenfold
    count = next((n for n, word in enumerate(words) if word not in _WORDS), len(words))
    while count and words[count - 1] in ("a", "and"):
        count -= 1
    if not count:
        raise NotANumber(text)
    sign = "minus " if text.startswith("-") else ""
    return sign + " ".join(words[:count]), " ".join(words[count:])


def _unit(behind: str, unit: str, prompt: str) -> tuple[bool, float]:
    """Whether the words behind a number name the unit asked for, and the factor that they stand for."""
    words = [_singular(word) for word in re.findall(r"[^\W\d_]+|[%×]", behind)]
    if behind and not words and re.search(r"[^\s./,;:!)-]", behind):
        raise NotANumber(behind)
    names = {_singular(unit), *_SPELLINGS.get(unit, ())}
    if unit == "%" and words[:2] == ["per", "cent"]:
        words = ["%"]
    if unit == "Hz" and words == ["khz"]:
        return True, 1000.0
    if not words or names & set(words) or (words == ["%"] and unit != "%"):
        return True, 1.0
    if set(words) <= _IN_ALL:
        return True, 1.0
    asked = {_singular(word) for word in re.findall(r"[^\W\d_]+", prompt)} | _GLUE | _ORDINALS
    if set(words) <= asked | _COUNTED and not unit:
        return True, 1.0
    if (words[0] in ("per", "a") or behind.startswith("/")) and set(words) <= asked | {"s"}:
        return True, 1.0  # "25 per second", if letters per second are asked for
    if set(words) <= asked | _OTHER_UNITS:
        return False, 1.0
    raise NotANumber(behind)


def _singular(word: str) -> str:
    word = word.lower()
    return word[:-1] if len(word) > 1 and word.endswith("s") and word != "ms" else word


def _values(number: str) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """The likely and the doubtful values of a number in digits or in words, or of a calculation."""
    if re.search(r"[a-z]", number) and not re.search(r"\d", number):
        return (_in_words(number),), ()
    if found := _MIXED.fullmatch(number):
        return (float(found[1]) + _calculated(found[2]),), ()
    if found := _RANGE.fullmatch(number):
        low, high = (float(_COMMA.sub(".", _THOUSANDS.sub("", end)).rstrip(".")) for end in found.groups())
        if low < high:  # else it is a difference
            raise NotANumber(number)
    if re.fullmatch(r"-?0,\d+", number):  # no thousands begin with 0
        return (float(number.replace(",", ".")),), ()
    plain = _COMMA.sub(".", _THOUSANDS.sub("", number))
    doubtful: tuple[float, ...] = ()
    if _WITH_COMMA.fullmatch(number):
        doubtful = (float(number.replace(",", ".")),)
    elif _WITH_DOTS.fullmatch(number):
        doubtful = (float(number.replace(".", "")),)
    try:
        return (float(plain),), doubtful
    except ValueError:
        return (_calculated(plain),), ()


# Calculations


_OPERATORS: dict[type[ast.AST], Callable[..., float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
}
_FUNCTIONS = {"ln": math.log, "log": math.log, "log10": math.log10, "log2": math.log2, "sqrt": math.sqrt}
_LONGEST = 80  # characters


def _calculated(text: str) -> float:
    """The value of a calculation: "12 × 192", "8 ln 29 - ln 36", "math.log(1e-6)", "2^9", "16:1"."""
    if len(text) > _LONGEST:
        raise NotANumber(text)
    text = re.sub(r"\b(?:math|np|numpy|torch)\.", "", text)
    text = re.sub(r"(?<=[\d)])\s*(?:[x×·⋅]|\btimes\b)\s*(?=[\d(]|ln\b|log|sqrt)", "*", text)
    for written, meant in (("÷", "/"), (":", "/"), ("^", "**"), ("²", "**2"), ("³", "**3"), ("−", "-")):
        text = text.replace(written, meant)
    text = re.sub(r"\b(ln|log10|log2|log|sqrt)\s+(\d+(?:\.\d+)?(?:e[-+]?\d+)?)", r"\1(\2)", text)
    text = re.sub(r"(?<=[\d)])\s+(?=(?:ln|log(?:10|2)?|sqrt)\b)|(?<=\d)(?=\()(?<!log10)(?<!log2)", "*", text)
    try:
        return _value_of(ast.parse(text.strip(), mode="eval").body)
    except (SyntaxError, ValueError, ArithmeticError, RecursionError, MemoryError) as error:
        raise NotANumber(text) from error


def _value_of(node: ast.AST) -> float:
    match node:
        case ast.Constant(value=int() | float() as value):
            return float(value)
        case ast.UnaryOp(op=op, operand=operand) if type(op) in _OPERATORS:
            return _OPERATORS[type(op)](_value_of(operand))
        case ast.BinOp(left=left, op=ast.Pow(), right=right):
            return math.pow(_value_of(left), _value_of(right))
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
            return _OPERATORS[type(op)](_value_of(left), _value_of(right))
        case ast.Call(func=ast.Name(id=name), args=[argument], keywords=[]) if name in _FUNCTIONS:
            return float(_FUNCTIONS[name](_value_of(argument)))
    raise NotANumber(ast.dump(node))


# Words


_ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen"
).split()
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
_NTH = "first second third fourth fifth sixth seventh eighth ninth tenth".split()
_SMALL = {
    **{word: value for value, word in enumerate(_ONES)},
    **{word: 10 * value for value, word in enumerate(_TENS, 2)},
    **{word: value for value, word in enumerate(_NTH, 1)},
}
_SHARES = {"half": 0.5, "quarter": 0.25}
_WORDS = {*_SMALL, *_SHARES, "hundred", "thousand", "million", "a", "and", "minus"}


def _in_words(text: str) -> float:
    """The value of "two thousand three hundred and four", "a half" or "two and a quarter"."""
    total = current = 0.0
    written = text.split()
    words = [word for word in written if word not in ("and", "minus")]
    for place, word in enumerate(words):
        if word in _SMALL:
            current += _SMALL[word]
        elif word in _SHARES and written[written.index(word) - 1] in _SMALL:  # one half
            current *= _SHARES[word]
        elif word in _SHARES:  # a half, two and a half
            current += _SHARES[word]
        elif word == "hundred":
            current = 100 * (current or 1)
        elif word in ("thousand", "million"):
            total, current = total + (current or 1) * (1000 if word == "thousand" else 1e6), 0.0
        elif place + 1 == len(words):  # "a" that ends the number
            raise NotANumber(text)
    return -(total + current) if text.startswith("minus") else total + current
