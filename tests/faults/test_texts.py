"""Texts as people and programs write them: every word that was said is in the result and no other, or the
text is refused."""

import random
import unicodedata

from omni_lib.corpora.transcripts import spoken
from omni_lib.errors import UserError
from omni_lib.text import normalise

WORDS = (
    "hello world the cat sat on mat how are you morning suitcase zero seven going sister quite fine".split()
)
APOSTROPHES = [
    chr(c)
    for c in (0x27, 0x60, 0x91, 0x92, 0xB4, 0x2B9, *range(0x2BB, 0x2C0), 0x2C8, 0x2CA, 0x2CB, 0x2F4, 0x384)
]
APOSTROPHES += [
    chr(c)
    for c in (0x55A, 0x55D, 0x5F3, 0x7F4, 0x7F5, 0x16CC, 0x1FBD, 0x1FBF, 0x1FEF, 0x1FFD, 0x1FFE, 0x2018)
]
APOSTROPHES += [
    chr(c) for c in (0x2019, 0x201B, 0x2032, 0x2035, 0x275B, 0x275C, 0xA78B, 0xA78C, 0xFF07, 0xFF40, 0x16F51)
]
ENTITIES = (
    "&#39;",
    "&apos;",
    "&rsquo;",
    "&#8217;",
    "&#x2019;",
    "&amp;#39;",
    "&lsquo;",
    "&prime;",
    "&acute;",
    "&grave;",
)
CONTRACTIONS = (
    "don't",
    "it's",
    "o'clock",
    "we'll",
    "they're",
    "I'm",
    "king's",
    "'tis",
    "rock'n'roll",
    "O'Brien",
)
INVISIBLE = [
    chr(c)
    for c in [*range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x2070), *range(0xFE00, 0xFE10)]
] + [
    "\u00ad",
    "\ufeff",
    "\u034f",
    "\u061c",
    "\u180e",
    "\u115f",
    "\U000e0020",
    "\U000e0100",
    "&shy;",
    "&#8203;",
    "&zwj;",
    "&lrm;",
]
AROUND = [
    "{}.",
    "{},",
    "{}!",
    "{}?",
    "{}…",
    "“{}”",
    '"{}"',
    "«{}»",
    "({})",
    "{};",
    "{}:",
    "¿{}",
    "‘{}’",
    "'{}'",
    "{}—",
    "– {}",
    "_{}_",
]
FORMATTED = [
    "<b>{}</b>",
    "<i>{}</i>",
    '<font color="red">{}</font>',
    "<c.yellow>{}</c>",
    "<em>{}</em>",
    "{}<br/>",
    "{}™",
    "{}®",
]
NOT_SPEECH = [
    "[noise]", "<noise>", "{noise}", "(noise)", "[NOISE]", "[laughter]", "(laughs)", "[breath]", "{breath}",
    "<sil>", "<SIL>", "<s>",
    "</s>", "(coughs)", "[background noise]", "<cough/>", "++noise++", "[clears throat]", "(clears throat)",
    "[00:01:02]", "<|en|>",
    "<|0.00|>", "[spk1]", "<spk:1>", "[Speaker 1]", "[music]", "<MUSIC>", "(sighs)", "[sigh]", "[applause]",
    "<eps>", "{COUGH}",
    "[[noise]]", "&lt;noise&gt;", "［noise］", "[door slam]", "<COMMA>", "<PERIOD>", "[pause]",
    "[vocalized-noise]", "&nbsp;", "<v Ann>", "[BLANK_AUDIO]", "(no speech)",
]  # fmt: skip
SAID = {
    "&": "and",
    "&amp;": "and",
    "＆": "and",
    "@": "at",
    "+": "plus",
    "−": "minus",
    "÷": "divided by",
    "±": "plus or minus",
}
UNKNOWN = [
    "<unk>", "<UNK>", "[unk]", "[inaudible]", "(inaudible)", "(unintelligible)", "[?]", "(?)", "(...)",
    "[…]", "{unclear}", "[crosstalk]",
    "(speaking French)", "[laughter-yes]", "[foreign]", "*laughs*", "++um++", "%hesitation", "@reject@",
    "#", "=", "*", "~", "^", "|", "\\n", "<", ">", "[", "}", "§", "°", "½", "x²", "Ⅷ", "№", "①", "℃", "ª",
    "😀", "♪", "→", "привет",
    "日本", "h\u0435llo", "donâ€™t", "cafÃ©", "\ufffd", "don?t", "???", "km/h", "AT&T", "C++", "C#", "B52",
    "3/4", "10:30", "6'", "5′",
    "$5 million", "5 km", "007", "¥", "ignore_time_segment_in_scoring", "Henry VIII", "©", "&foo;", "\\",
    "¨", "⟨noise⟩", "【noise】", "⁇", "SPN", "SIL", "donÕt", "itÆs", 'don""t', "(be)cause", "wan(t)", "(2.5)",
    "Ph.D.", "Inc.", "5 Jan.", "Dec. 25",
]  # fmt: skip


def plain(word: str) -> str:
    return word.lower().replace("'", "")


def disguised(rng: random.Random, word: str) -> str:
    """The same word written with other characters."""
    if "'" in word:
        word = "".join(rng.choice([*APOSTROPHES, *ENTITIES]) if c == "'" else c for c in word)
    match rng.randrange(9):
        case 0:
            place = rng.randint(1, len(word)) if "&" not in word else 0
            return word[:place] + rng.choice(INVISIBLE) + word[place:]
        case 1:
            return rng.choice(AROUND).format(word)
        case 2:
            return rng.choice(FORMATTED).format(word)
        case 3 if word.isascii() and word.isalpha():
            return "".join(chr(ord(c) + 0xFEE0) for c in word)  # full width
        case 4 if word.isascii() and word.isalpha():
            return word[0] + rng.choice("\u0300\u0301\u0308") + word[1:]
        case 5:
            return (
                unicodedata.normalize("NFD", word.replace("e", "é"))
                if "&" not in word and "<" not in word
                else word
            )
        case 6:
            return word.replace("fi", "ﬁ")
        case _:
            return word


def a_text(rng: random.Random) -> tuple[str, str]:
    """A text that can be read aloud in one way only, and that reading."""
    written, read = [], []
    for _ in range(rng.randint(1, 6)):
        word = rng.choice(WORDS if rng.random() < 0.7 else CONTRACTIONS)
        written.append(disguised(rng, word))
        read.append(plain(word))
        if rng.random() < 0.15:
            sign = rng.choice(sorted(SAID))
            following = rng.choice(WORDS)
            written[-1:] = [read[-1], sign, following]
            read += [SAID[sign], following]
        if rng.random() < 0.1:
            written[-1:], read[-1:] = [read[-1] + rng.choice(["%", " %", "&#37;"])], [read[-1], "percent"]
        if rng.random() < 0.25:
            written.append(rng.choice(NOT_SPEECH))
    return rng.choice([" ", "  ", "\u00a0", "\t"]).join(written), " ".join(read)


def test_what_has_one_reading_is_read(inputs):
    for number in range(inputs(0.15)):
        text, reading = a_text(random.Random(f"text {number}"))
        assert normalise(text) == reading, (number, text)
        assert spoken(text) == reading, (number, text)


def test_what_has_no_reading_is_refused_whatever_stands_beside_it(inputs, judged):
    for number in range(inputs(0.15)):
        rng = random.Random(f"unknown {number}")
        before, _ = a_text(rng)
        after, _ = a_text(rng)
        unknown = rng.choice(UNKNOWN)
        outcome = judged(spoken, f"{before} {unknown} {after}")
        assert isinstance(outcome, UserError), (number, before, unknown, after, outcome)
        assert isinstance(judged(normalise, f"{before} {unknown} {after}"), UserError)


def test_any_characters_are_spelled_or_refused_and_letters_are_kept(inputs, judged):
    """Characters of every kind in any order; and what is accepted holds each ASCII letter of the text in its
    order."""
    pool = [chr(c) for c in range(0x20, 0x2FFF) if unicodedata.category(chr(c)) != "Cn"] + list(
        "abcdefgh  .,'"
    ) * 400
    for number in range(inputs(0.1)):
        rng = random.Random(f"characters {number}")
        text = "".join(rng.choices(pool, k=rng.randint(1, 12)))
        outcome = judged(spoken, text)
        if isinstance(outcome, UserError):
            continue
        assert normalise(outcome) == outcome
        letters = iter(outcome)
        assert all(c in letters for c in text.lower() if "a" <= c <= "z"), (number, text, outcome)
