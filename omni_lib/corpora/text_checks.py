"""Texts of a whole table that look like words and are something else.

One text alone cannot show it: `2 yes` may be said, but not in a table whose rows begin with 1, 2, 3. What
nearly always is a mistake is refused, with the remedy. What may be right is noted.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from statistics import mean

from omni_lib.corpora.table import Row
from omni_lib.errors import UserError
from omni_lib.manifest import SPLITS, split_hint
from omni_lib.text_rules.patterns import NOT_SPEECH
from omni_lib.text_rules.refusals import PHONE

_NAMED = re.compile(r"[A-Za-z][\w.]*(?: [A-Za-z]\w*)?\s?:(?=\s)|[A-Z][a-z]+ [-\u2013\u2014](?=\s)")
_TIMES = re.compile(r"\[?\d+\.\d+[\s,:-]+\d+\.\d+\]?\s+\D")
# words that begin a notice or a line of prose, and name nobody
_NO_NAMES = frozenset(
    "note notes notice warning caution attention danger remember reminder question answer title chapter part"
    " section unit lesson scene step tip rule example exercise figure table number no yes well oh ah ok okay"
    " hope because please thanks today tomorrow tonight first second third finally one two"
    " three four five six seven eight nine ten".split()
)
# not behind these: "set the dose to 0.5", "open section 1.2"
_SCORE = re.compile(
    r"(?<!\bto)(?<!\bis)(?<!\bat)(?<!\bof)(?<!\bby)(?<!\bin)(?<!\bpoint)(?<!\bequals)(?<!\bplus)(?<!\bminus)"
    r"(?<!\bversion)(?<!\bsection)(?<!\bchapter)(?<!\btable)(?<!\bfigure)(?<!\bexercise)(?<!\blevel)"
    r"\s(?<!\d\s)[01]\.\d+",
    re.IGNORECASE,
)
# as in files of NIST's sclite: a name with a figure or a hyphen, unlike (laughs)
_UTTERANCE_NAME = r"\([\w.-]*[-_\d][\w.-]*\)"
_REMARK = re.compile(r"\([^()]*[A-Za-z][^()]*\)\s[^()]+|[^()]+\s\([^()]*[A-Za-z][^()]*\)")  # (happy) I see
# not names such as McDonald, DeVito and iPhone
_GLUED = re.compile(
    r"[A-Za-z]{26,}|(?!(?:Ma?c|De|Di|Du|La|Le|Van|Von|Fitz|[a-z])[A-Z][a-z]+$)[A-Z]?[a-z]+(?:[A-Z][a-z]+)+"
)
_NO_TEXT = frozenset("unknown unclear empty blank crosstalk foreign other garbage".split())
_SENTENCE = 2.5  # words, in the mean, of texts that are not a list of single words
_SPELLED = re.compile(r"(?:[A-Za-z] ){4,}[A-Za-z]")
# Frequent words of other languages, without accents; those that are English words too do not count
_FOREIGN = {
    "German": "und der das nicht ist ich wir sie ein eine mit auf fur dem zu auch sich werden aber wie noch"
    " nach bei oder wenn haben sind wird dass diese keine dir dich es",
    "French": "les des et est une dans que qui pas vous nous je il elle avec ce cette sont mais ou au aux ne"
    " suis etes avons sais le",
    "Spanish": "que y es una por con para como pero su mas esta lo muy tambien hay hacer usted esto no se una"
    " son del",
    "Italian": "che di non una sono con del della gli anche questo ma piu come il e per cosa molto so",
    "Portuguese": "que nao uma com os mas foi ele seu voce isso muito esta um para eu por",
    "Dutch": "het een van niet dat ik zijn voor met aan ook maar wat deze naar heeft bij weet",
    "Swedish or Danish": "och att det inte jag ar pa med for ett har ikke jeg er til af vad",
    "Polish": "nie sie na jest jak ale czy po dla tego przez ze jestem wiem to",
    "Turkish": "bir ve bu icin ne cok daha gibi ama var ben",
}
ENGLISH = frozenset(  # words that are frequent in sentences
    "the of and to in is that it he was for on are with his they i at be this have from or had by not but"
    " what all were we when your can said there an which she do how their if will up about out many then them"
    " these so some her would make him into has look two more you my no yes me us am go see way could people"
    " than been who its now down did get come may hello a as one like time".split()
)
_FOREIGN_WORDS = {name: frozenset(words.split()) - ENGLISH for name, words in _FOREIGN.items()}


def check_texts(path: Path, rows: Sequence[Row]) -> list[str]:
    """Notes on the texts of a table, which may be right.

    Args:
        path: the file of the table, for messages.
        rows: all rows; those with a problem are skipped.

    Raises:
        UserError: most of the texts are not the words of an English transcript, or hold something besides.
    """
    used = [row for row in rows if not row.problem and row.cells.get("text")]
    texts = [row.cells["text"] for row in used]
    if len(texts) > 1:
        for what, found in (
            ("names of splits", _are_splits(texts)),
            ("decimal numbers", _are_decimals(texts)),
        ):
            if found and len(set(texts)) > 1:
                said = "; if the numbers were said, write them in words" if what == "decimal numbers" else ""
                raise UserError(
                    f"{path} has only {what}, such as {texts[0][:40]!r}, in its column of texts: rename the"
                    f" column with what was said to transcription{said}"
                )
        names = [row.cells["text"] for row in used if _holds_name(row)]
        if len(names) > 1 and 2 * len(names) > len(texts):
            raise UserError(
                f"{path} has the name of the sound file in brackets in most of its texts, such as"
                f" {names[0][:40]!r}: remove it"
            )
        for pattern, words in _MOSTLY:
            found_in = [text for text in texts if pattern.match(text)]
            if len(found_in) > 1 and 2 * len(found_in) > len(texts):
                raise UserError(f"{path} {words.format(repr(found_in[0][:40]))}")
        beginnings = _beginnings(texts)
        names = [each for each in beginnings if _may_name(each)]
        recur = len(set(names)) < len(names) or len(names) < 3  # titles differ, as in Macbeth: a tragedy
        if len(names) > 1 and 2 * len(names) > len(texts) and recur:
            raise UserError(
                f"{path} has a name before most of its texts, such as {names[0][:40]!r}: write the names into"
                " a column speaker, and only what was said into the texts; if they were said, remove the"
                f" {'colons' if names[0].endswith(':') else 'dashes'}"
            )
        _refuse_counted(path, texts)
    # a number names no language
    _refuse_foreign(path, [row for row in used if not row.cells.get("language", "").strip("0123456789")])
    return _notes(used)


_MOSTLY = (  # what most texts of a table must not match, and the message
    (_TIMES, "has times before most of its texts, such as {}: write them into columns start and end"),
    (
        re.compile(rf".*{_SCORE.pattern}$", re.IGNORECASE),
        "has a number such as a score behind most of its texts, as in {}: remove it; if it was said, write it"
        " in words",
    ),
    (
        re.compile(rf"(?:.*\s{_UTTERANCE_NAME}|{_UTTERANCE_NAME}\s.*)$"),
        "has a name in brackets beside most of its texts, such as {}: remove it if nobody said it; if"
        " somebody did, remove the brackets",
    ),
    (
        re.compile(rf"(?:{_GLUED.pattern})$"),
        "has no spaces between the words of most of its texts, such as {}: write them with spaces, and"
        " names such as YouTube in small letters",
    ),
    (
        re.compile(
            rf"(?=.*\b(?:a[aehowxy]|e[hry]|i[hxy]|o[wy]|u[hwx])\b)(?=.*\b[b-hj-np-tv-z]\b)"
            rf"(?:{PHONE}(?: |$)){{3,}}$",
            re.IGNORECASE,
        ),
        "has texts in phones, such as {}: write them in words",
    ),
)


def _holds_name(row: Row) -> bool:
    stem = re.escape(Path(row.cells["path"].replace("\\", "/")).stem)
    return re.search(rf"(?:^|\s)\({stem}\)(?:\s|$)", row.cells["text"]) is not None


def _beginnings(texts: Sequence[str]) -> list[str]:
    """What stands before a colon or a dash in the texts that begin with one or two words and such a sign."""
    return [found[0] for text in texts if (found := _NAMED.match(text))]


def _may_name(beginning: str) -> bool:
    """Whether a beginning such as "Ann:", "A:" or "Me:" may name a speaker, unlike "Note:" and "But -"."""
    word = re.findall("[a-z]+", beginning.lower())[0]
    return word not in _NO_NAMES and (beginning.endswith(":") or word not in ENGLISH)


def _are_splits(texts: Sequence[str]) -> bool:
    """Whether all are names of splits: not "test one two", and not only the words test and testing."""
    split = all(" " not in text and (text.lower() in SPLITS or split_hint(text)) for text in texts)
    return split and any(not text.lower().startswith("test") for text in texts)


def _are_decimals(texts: Sequence[str]) -> bool:
    return all(re.fullmatch(r"-?\d*[.,]\d+", text) for text in texts)


def _refuse_counted(path: Path, texts: Sequence[str]) -> None:
    """Refuse texts that are numbered.

    Raises:
        UserError: they begin with 1, 2, 3 … (or with other numbers that grow by one).
    """
    numbers = [int(found[1]) for text in texts if (found := re.match(r"(\d{1,7})[\s:.)-]+[A-Za-z]", text))]
    if len(texts) > 2 and len(numbers) == len(texts) and all(b - a == 1 for a, b in pairwise(numbers)):
        raise UserError(
            f"{path} has the number of the row before each text, such as {texts[0][:40]!r}: remove the"
            " numbers; if they were said, write them in words"
        )


def _refuse_foreign(path: Path, rows: Sequence[Row]) -> None:
    """Refuse texts of another language; figures and abbreviations in them would be read as English.

    Raises:
        UserError: they hold several of its frequent words, and hardly any of English.
    """
    plain = unicodedata.normalize("NFKD", " ".join(row.cells["text"] for row in rows).lower())
    words = re.findall("[a-z]+", "".join(c for c in plain if not unicodedata.combining(c)))
    english = sum(word in ENGLISH for word in words)
    for language, known in _FOREIGN_WORDS.items():
        found = [word for word in words if word in known]
        if len(set(found)) > 2 and len(found) > 2 * english and 8 * len(found) > len(words):
            raise UserError(
                f"{path} seems to hold {language} texts ({', '.join(sorted(set(found))[:4])}), and the rules"
                " for transcripts are for English; if the texts are English, add a column language with en"
            )


def _notes(rows: Sequence[Row]) -> list[str]:
    texts = [row.cells["text"] for row in rows]
    notes = []
    speakers = len({row.cells.get("speaker") for row in rows})
    if len(set(texts)) == 1 and len({row.cells["path"] for row in rows}) > 2 and 2 * speakers < len(texts):
        notes.append(f"all {len(texts)} rows have the text {texts[0][:40]!r}: check that each was said")
    sounds = [text for text in texts if _is_of_a_sound(text.strip(" .!").lower())]
    others = [len(text.split()) for text in texts if text not in sounds]
    if sounds and others and mean(others) > _SENTENCE:
        notes.append(
            f"{len(sounds)} texts are only the name of a sound or a mark, such as {sounds[0][:40]!r}: if"
            " nobody said the word, leave the rows out"
        )
    folders = {part.lower() for row in rows for part in Path(row.cells["path"]).parts[:-1]} & {*SPLITS}
    if len(folders) > 1 and not any(row.cells.get("split") for row in rows):
        notes.append(
            f"its files lie in folders {' and '.join(sorted(folders))}, which do not become splits: write a"
            " column split to keep them apart"
        )
    spelled = [text for text in texts if _SPELLED.fullmatch(text)]
    if len(spelled) > 1 and 2 * len(spelled) > len(texts):
        notes.append(
            f"most texts are single letters, such as {spelled[0][:40]!r}: if they are words, remove the"
            " spaces between the letters"
        )
    beginnings = _beginnings(texts)
    if len(beginnings) > 1 and 2 * len(beginnings) > len(texts):
        sign = "colon" if beginnings[0].endswith(":") else "dash"
        notes.append(
            f"most texts begin with a word and a {sign}, such as {beginnings[0][:40]!r}: if nobody said them,"
            " remove them"
        )
    remarks = [text for text in texts if _REMARK.fullmatch(text) and not NOT_SPEECH.fullmatch(_inside(text))]
    if len(remarks) > 2 and 2 * len(remarks) > len(texts):
        notes.append(
            "most texts begin or end with words in round brackets, which are read, such as"
            f" {remarks[0][:40]!r}: if nobody said them, remove them"
        )
    longest = max(map(len, texts), default=0)
    cut = {text for text in texts if len(text) == longest and _may_be_cut(text)}
    whole = len({text.split()[-1] for text in cut}) == 1  # as in "a timer for six minutes"
    if longest >= 20 and len(cut) > 2 and 5 * len(cut) >= len(set(texts)) and not whole:
        notes.append(
            f"{len(cut)} texts have exactly {longest} characters, and none has more: check that they were not"
            " cut off"
        )
    return notes


def _is_of_a_sound(text: str) -> bool:
    """Whether a text, in small letters, may name what is heard in place of words: noise, laughter."""
    return text in _NO_TEXT or NOT_SPEECH.fullmatch(text) is not None


def _inside(text: str) -> str:
    """The words in the first round brackets of a text."""
    return text[text.index("(") + 1 : text.index(")")].strip().lower()


def _may_be_cut(text: str) -> bool:
    return text[-1] not in '.?!"”' or text.endswith(("...", "…"))
