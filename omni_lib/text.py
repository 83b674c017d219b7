"""The vocabulary of 29 symbols that the CTC head predicts, and the rule that normalises texts to them.

The chapter's list of symbols is "26 letters + blank + space + EOS". Blank is not a letter and never a target:
CTC emits it for "nothing new in this frame" (Graves et al. 2006, section 3.1). EOS is included so that the
head has the chapter's shape. No target contains it, because in CTC an utterance ends with its last frame.

The function `normalise` is the rule for texts. It never drops anything that was spoken. Each character must
be a letter, be known to be silent, or have a reading in words; otherwise the text is refused, and the message
contains the character. A manifest uses this rule directly. `corpora/transcripts.py` first writes numbers in
words and then uses the rule.

Apostrophes     are deleted, in all their variants: don't, don’t, don`t, don´t become dont.
Invisible       soft hyphens, zero-width characters, direction marks and variation selectors are deleted.
HTML            entities are decoded (&amp; is &), and formatting tags such as <b> are deleted.
Signs           are written as words if they have one usual reading: & and, % percent, @ at, + plus between
                spaces, "ten $" dollars. ™ and ® after a word are silent. Others (#, =, *, ° …) are refused.
Tags            [noise], <sil>, {breath} and (laughs) are not speech and are deleted. But <unk>, [inaudible]
                and (?) stand for words that somebody said. Without those words the text would not match the
                sound, so it is refused. Other text in [], {} or <> is refused too, since it may be either.
                Text in round brackets is kept as speech, unless it looks like the name of a sound.
Abbreviations   Mr. is mister, Dr. is doctor and so on; St. is saint before a name and street after one; No.
                is number before a number. The full stop is optional only for Mr, Mrs, Ms, Dr, etc and vs,
                because others, such as Co and No, are also words. Initials stay letters: U.S. becomes u s.
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
from collections.abc import Iterable

from omni_lib.errors import UserError

BLANK, SPACE = 0, 1

_PLAIN = re.compile(r"(?:[a-z]+(?: [a-z]+)*)?")  # a text that is normalised already

# Characters that look like ' (Unicode's confusables.txt, without three letters of other alphabets), and the
# comma quotation marks.
_APOSTROPHES = re.compile(
    "[`\u00b4\u02b9\u02bb-\u02bf\u02c8\u02ca\u02cb\u02f4\u0374\u0384\u055a\u055d\u05f3\u07f4\u07f5\u16cc"
    "\u1fbd\u1fbf\u1fef\u1ffd\u1ffe\u2018\u2019\u201b\u2032\u2035\u275b\u275c"
    "\ua78b\ua78c\uff07\uff40\U00016f51\U00016f52]"
)
# Unicode's property Default_Ignorable_Code_Point: characters without a visible form.
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
_WIDE = re.compile("[\u3000\uff01-\uff5e\uffe0-\uffe6]")  # full-width forms of ASCII
_SILENT = frozenset('.,;:!?"()_¡¿·•‣…‥‧‽‿⁇⁈⁉‼“”„‟«»‹›\u2800')  # these are not spoken
_ENTITY = re.compile(
    r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,30});|&(?:amp|apos|gt|lt|nbsp|quot|shy)\b"
)
# UTF-8 that was decoded as Windows-1252: é as Ã©, ’ as â€™.
_HIGH = "[\u0080-\u00bf€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ]"
_MISDECODED = re.compile(f"[ÂÃ]{_HIGH}|[âï]{_HIGH}{{2}}|ð{_HIGH}{{3}}")

_TAG = re.compile(r"<+[^<>]*>+|\[+[^\[\]]*\]+|\{+[^{}]*\}+|\(+[^()]*\)+|\+\+[^+]*\+\+|(?<!\S)!\w+(?!\S)")
_FORMATTING = re.compile(
    r"<\s*/?\s*(?:b|big|c|em|font|i|small|span|strong|tt|u)(?:[\s.][^<>]*)?/?\s*>", re.IGNORECASE
)
_BREAK = re.compile(r"<\s*/?\s*(?:br|div|li|p|space|wbr)\s*/?\s*>", re.IGNORECASE)
_NOT_SPEECH = re.compile(  # in any brackets: what a transcriber writes for a sound that is not speech
    r"(?:(?:begin|end|start|stop|background|bg|loud|soft|long|short|brief|heavy|v|n|vocalized|audience) )*"
    r"(?:blank audio|no (?:audio|speech)|non ?speech|noises?|nse|nsn|laugh(?:s|ing|ter)?|chuckl(?:e|es|ing)"
    r"|giggl(?:e|es|ing)|breath(?:s|e|es|ing)?|inhal(?:e|es|ing)|exhal(?:e|es|ing)|cough(?:s|ing)?"
    r"|sneez(?:e|es|ing)|sniff(?:s|ing|les?)?|sigh(?:s|ing)?|gasp(?:s|ing)?|yawn(?:s|ing)?|groan(?:s|ing)?"
    r"|grunt(?:s|ing)?|sob(?:s|bing)?|clears? (?:his |her )?throat"
    r"|clearing (?:his |her )?throat|throat clear(?:s|ing)?|lip ?smack(?:s|ing)?|click(?:s|ing)?|applause"
    r"|applauds|clap(?:s|ping)|cheer(?:s|ing)|silence|music(?: playing)?|static|beep(?:s|ing)?|dtmf"
    r"|phone ring(?:s|ing)?|door slam(?:s|ming)?|footsteps|typing|hiss(?:ing)?|buzz(?:ing)?)"
    r"(?: (?:noises?|sounds?|begins?|ends?))?"
)
_MARKER = re.compile(  # in all but round brackets: a special symbol, a time or a speaker
    r"s|bos|eos|sos|eps|epsilon|blank|pad|enter|exit|sil|sp|spn|nsn|smack|pause|short pause|long pause"
    r"|ring(?:s|ing)?|comma|period|questionmark|exclamationpoint|\d+(?: \d+)+ ?s?"
    r"|(?:spk|speaker|v|voice)(?: ?[a-z]?\d*| \w+)"
)
_EVENT = re.compile(  # in round brackets: the name of a sound, or words that somebody read aloud?
    r"\b(?:laugh|chuckl|giggl|breath|inhal|exhal|cough|sneez|sniff|sigh|gasp|yawn|groan|grunt|sob|throat"
    r"|smack|click|applau|clap|cheer|silen|pause|music|static|beep|bleep|ring|slam|knock|footstep|typing|hiss"
    r"|buzz|nois|unk|oov|inaudible|unintelligible|indiscernible|incomprehensible|unclear|unknown"
    r"|crosstalk|overlap|foreign|speak|mumbl|whisper|sing|hum|whistl|bark|cry|scream|shout|mutter|stutter"
    r"|redact|censor|background|audience)"
    r"|^[a-z]*(?:unk|spn|sil)$"
)

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
_NO_WORDS = "Mr Mrs Messrs Dr Drs Jr Sr Lt Sgt Capt Esq Ltd Prof etc vs".split()
_WITH_STOP = re.compile(
    rf"\b({'|'.join(_ABBREVIATIONS)}|{'|'.join(map(str.upper, _ABBREVIATIONS.keys() - {'Ft'}))}"
    rf"|{'|'.join(map(str.lower, _NO_WORDS))})\."
)
_BARE = re.compile(r"(?<!&)\b(Mr|MR|mr|Mrs|MRS|mrs|Ms|Dr|DR|dr|etc|Etc|ETC|vs|VS)\b")
# words that begin a sentence after "St.", and never name a saint
_BEGINS = (
    r"(?:It|He|She|We|They|You|I|The|There|This|That|These|Those|Then|And|But|So|In|On|At|A|An"
    r"|What|When|Where|Who|How|Why|If|As|My|His|Her|Our|Their|Its|Is|Are|Was|Turn|Go|Take|Yes|No|Please)\b"
)
_SAINT = re.compile(rf"\bSt\.(?=\s+[A-Z])(?!\s+{_BEGINS})")
_STREET = re.compile(rf"(?<=[a-z] )St\.(?:(?!\s+[A-Z])|(?=\s+{_BEGINS}))")
_COUNTED = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"
    " seventeen"
    " eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred thousand million"
    " billion trillion"
).split()
# before a number in small letters: in "Oh no. Two more.", a new sentence begins
_NUMBERED = re.compile(rf"\b(?:No|NO|no)\.(?=\s*(?:[0-9]|(?:{'|'.join(_COUNTED)})\b))")

_MONEY = {"$": "dollar", "£": "pound", "€": "euro", "¢": "cent", "₹": "rupee"}
_AMOUNT = re.compile(
    rf"(?P<before>\b\w+[\s-]+)?\b(?P<last>{'|'.join(_COUNTED)})\s*(?P<sign>[$£€¢₹])(?!\w)", re.IGNORECASE
)
_ROMAN = re.compile(  # the eighth, or eight? Of single letters, only those behind a word that is numbered
    r"\b(?:[IVX]{2,}|(?:XL|LX{1,3}|XC)(?:IX|IV|V?I{0,3})|L(?:IX|IV|VI{0,3}|I{1,3}))\b"
    r"|(?<=\bWorld War )I\b|(?<=\bElizabeth )I\b|(?<=\bChapter )[IVXLC]\b|(?<=\bVolume )[IVXLC]\b"
    r"|(?<=\bPart )[IVX]\b|(?<=\bAct )[IVX]\b|(?<=\bScene )[IVX]\b|(?<=\bBowl )[VXLC]\b"
    r"|(?<=\bHenry )V\b|(?<=\bGeorge )V\b|(?<=\bCharles )[VX]\b|(?<=\bEdward )V\b"
)
_SIGNS = (  # a sign where it has one usual reading, and its words
    (re.compile(r"(?<![\w&])&c\b\.?"), " et cetera "),
    (re.compile(r"(?<!&)&(?![&=~+\-])"), " and "),
    (re.compile(r"(?<=[A-Za-z0-9])\s?%(?![\w%])"), " percent "),
    (re.compile(r"(?<=\w)@(?=\w)|(?<!\S)@(?=\s*\w[^@]*(?:\s@|$))"), " at "),
    (re.compile(r"(?<=[A-Za-z0-9])\s+\+\s+(?=[A-Za-z0-9])"), " plus "),
    (re.compile(r"(?<=[A-Za-z0-9])\s+\u2212\s*(?=[A-Za-z0-9])"), " minus "),  # the minus sign, not a hyphen
    (re.compile(r"(?<=\s)÷(?=\s)"), " divided by "),
    (re.compile(r"(?<=\s)±(?=\s)"), " plus or minus "),
    (re.compile(r"(?<=\w)\.(?=(?:com|org|net|edu|gov)\b)"), " dot "),
    (re.compile(r"(?<=[A-Za-z]{2})/(?=[A-Za-z]{2})"), " "),  # and/or; not km/h
    (re.compile(r"(?<=\w)[™®©℠]"), ""),
)
_SPLIT_OFF = re.compile(
    r"\s+(n't|'(?:s|m|d|re|ve|ll)|(?<=n )'t)\b(?!')", re.IGNORECASE
)  # do n't, it 's, don 't
_ENDING = r"'\s((?<=n'\s)t|(?<=n\s'\s)t|s|m|d|re|ve|ll)\b(?![-'\u0300-\u036f])"
_APART = re.compile(rf"(?<=[A-Za-z])\s{_ENDING}", re.IGNORECASE)  # don ' t
_HALF_APART = re.compile(rf"(?<=[A-Za-z]){_ENDING}", re.IGNORECASE)  # it' s
_OPENING_QUOTE = re.compile(r"(?<!\w)'(?=\w)")
_NEVER_SAID = (  # pattern, and why a text with it is refused
    (_MISDECODED, "is UTF-8 that was read as another encoding: save the table as UTF-8 again"),
    (
        re.compile(rf"\bN[Oo]\.\s+(?:{'|'.join(word.upper() + '|' + word.title() for word in _COUNTED)})\b"),
        "may be number or no: write what was said",
    ),
    (
        re.compile(r"\b(?:UNK|OOV)\b|(?<!\S)SPN(?!\S)"),
        "stands for a word that somebody said: write it, or leave the row out",
    ),
    (re.compile(r"(?<!\S)(?:SIL|NSN)(?!\S)"), "marks a stretch without words: write [noise], or remove it"),
    (re.compile("\ufffd"), "stands for a character that was lost: save the table as UTF-8 again"),
    (
        re.compile(r"ignore_time_segment_in_scoring|inter_segment_gap", re.IGNORECASE),
        "marks a stretch without a transcript: leave the row out",
    ),
    (
        re.compile(r"(?<=[A-Za-z])(?:[\"“”„?¿,‚;]|\"\")(?=(?:t|s|m|d|re|ve|ll)\b)", re.IGNORECASE),
        "stands inside a word: if it is an apostrophe, write '",
    ),
    (  # ’ in the encodings of old Macs and of DOS, read as another; â: what is left of â€™ without controls
        re.compile(
            r"(?<=[a-z])[ÕÆ](?=(?:t|s|m|d|re|ve|ll)\b)|(?<=n)[íâÔ](?=t\b)|\bI[íâÔ](?:m|d|ve|ll)\b"
            r"|\b(?i:it|that|what|there|here|who|let|he|she)[íâÔ]s\b|\b(?i:you|we|they)[íâÔ](?:re|ve|ll|d)\b"
        ),
        "was an apostrophe in another encoding: save the table as UTF-8 again",
    ),
    (re.compile(r"(?<=[A-Za-z])[?¿](?=[A-Za-z])"), "stands inside a word: write the letter that was lost"),
    (
        re.compile(r"(?<!\S)(?:\?{2,}|⁇+)(?!\S)"),
        "stands for words that somebody said: write them, or leave the row out",
    ),
    (
        re.compile(
            r"^\s*(?:(?i:speaker|spk)[\s_-]*\w{0,3}\s*:|(?!PS|NB)[A-Z]+(?: [A-Z]+)?\s?\d*:(?=\s.*[a-z]))"
        ),
        "names a speaker: use a column speaker, and write only what was said",
    ),
    (
        re.compile(r"^\s*\(?\d{1,2}[.)](?=\s+\w)"),
        "may be the number of the line: remove it, or write it in words",
    ),
    (
        re.compile(
            r"\bPh\. ?D\b|\b(?:ft|FT)\.|(?<=[a-z] )[A-Z][a-z]+ Dr\.(?=\s+"
            rf"{_BEGINS})"
            r"|\b(?:Inc|Corp|Dept|Blvd|approx|Mts?|Ave|Rd|Hwy|Bros|Pvt|Cpl|Brig|Supt|Univ|Thurs)\."
            r"|\b(?:Jan|Feb|Aug|Sept?|Oct|Nov|Dec)\.(?=\s*\d)|\b\d+\s+(?:Jan|Feb|Aug|Sept?|Oct|Nov|Dec)\."
        ),
        "is an abbreviation: write it out as spoken",
    ),
    (
        re.compile(r"\b[A-Z]{2,3}&[A-Z]{1,3}\b|\b[A-Z]&[A-Z]{2,3}\b"),
        "has no single usual reading: write it out as spoken (AT&T: a t and t)",
    ),
    (
        re.compile(r"\b(?:km|mi|kg|mg|ml|cm|mm|ft|lbs?|hrs?|secs?|mins?)/\w+|&\w+;", re.IGNORECASE),
        "has no single usual reading: write it out as spoken",
    ),
)


def normalise(text: str) -> str:
    """Write `text` with only the letters a-z and single spaces, by the rule described above.

    Raises:
        UserError: a part of the text has no single usual reading: a digit ("7" may be seven, seventh or part
            of seventy), a letter of another alphabet, a sign, or a tag that stands for words. Without it, the
            text would not match what was said.
    """
    if _PLAIN.fullmatch(text) and not _BARE.search(text):
        return text
    written = written_out(text)
    if not written.isupper() and (
        numeral := _ROMAN.search(written)
    ):  # in capitals only, VI could be any word
        raise UserError(f"the text holds the number {numeral[0]!r}: write it out as spoken")
    for sign, words in _SIGNS:
        written = sign.sub(words, written)
    letters = [_letters(character) for character in written]
    if None in letters:
        raise UserError(_refusal({c for c, spelled in zip(written, letters, strict=True) if spelled is None}))
    normalised = " ".join("".join(filter(None, letters)).split())
    if found := _BARE.search(normalised):  # V's would be read as versus when the manifest is read
        words = _abbreviated(found[0])
        raise UserError(f"the text holds {found[0]!r}, which is not short for {words}: write it as spoken")
    return normalised


def written_out(text: str) -> str:
    """`text` without entities, tags and invisible characters; abbreviations and amounts of money in words.

    Capitals, punctuation, digits and signs remain.

    Raises:
        UserError: a tag stands, or may stand, for words that somebody said.
    """
    text = _refuse(_WIDE.sub(lambda wide: unicodedata.normalize("NFKC", wide[0]), _decoded(text)))
    text = _APOSTROPHES.sub("'", _INVISIBLE.sub("", text))
    text = _BREAK.sub(" ", _FORMATTING.sub("", text))
    before = ""
    while before != text:  # brackets inside brackets
        before, text = text, _TAG.sub(_without_tag, text)
    text = _APART.sub(r"'\1", _SPLIT_OFF.sub(r"\1", text))
    if not _OPENING_QUOTE.search(text):  # else the apostrophe may close the quotation
        text = _HALF_APART.sub(r"'\1", text)
    text = _STREET.sub("street", _SAINT.sub("saint", _NUMBERED.sub("number ", text)))
    text = _WITH_STOP.sub(lambda found: _abbreviated(found[1]) + " ", text)
    text = _BARE.sub(lambda found: _abbreviated(found[1]), text)
    return _AMOUNT.sub(_amount, text)


def _decoded(text: str) -> str:
    """Replace HTML entities by their characters, even if they were escaped twice (&amp;amp;).

    The control characters U+0080 to U+009F are read as Windows-1252, as in HTML.
    """
    for _ in range(4):
        decoded = _ENTITY.sub(lambda entity: html.unescape(entity[0].rstrip(";") + ";"), text)
        if decoded == text:
            break
        text = decoded
    return re.sub("[\x80-\x9f]", lambda c: bytes([ord(c[0])]).decode("cp1252", "ignore") or "\ufffd", text)


def _refuse(text: str) -> str:
    for pattern, why in _NEVER_SAID:
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
    if _NOT_SPEECH.fullmatch(name) or (tag[0] != "(" and _MARKER.fullmatch(name)) or tag.startswith("<|"):
        return " "
    beside = found.string[max(0, found.start() - 1) : found.start()] + found.string[found.end() :][:1]
    within_word = " " not in name and any(map(str.isalpha, beside))  # (be)cause, wan(t)
    pause = re.fullmatch(r"[0-9]*\.[0-9]+", inside)  # (0.5): a pause of half a second
    event = len(name.split()) <= 4 and _EVENT.search(name)
    if tag[0] == "(" and name and not (event or within_word or pause):
        return f" {inside} "
    if tag[0] == "!":
        return tag
    raise UserError(
        f"the text holds {tag[:40]!r}, which may stand for words that somebody said: write those words, or"
        " leave the row out; if it is only a sound, write [noise]"
    )


def _abbreviated(short: str) -> str:
    key = short if short in _ABBREVIATIONS else short.capitalize()
    words = _ABBREVIATIONS.get(key) or _ABBREVIATIONS[short.lower()]
    return words.upper() if len(short) > 1 and short.isupper() else words


def _amount(found: re.Match[str]) -> str:
    """ten $ → ten dollars; one $ → one dollar, but twenty one $ → twenty one dollars."""
    before, last = found["before"] or "", found["last"]
    single = last.lower() == "one" and before.strip(" -\t").lower() not in _COUNTED
    return f"{before}{last} {_MONEY[found['sign']]}{'' if single else 's'}"


_TAKEN_APART = frozenset(
    "ŉſĲĳǄǅǆǇǈǉǊǋǌǱǲǳﬀﬁﬂﬃﬄﬅﬆ"
)  # digraphs and ligatures: <compat> for Unicode, letters for readers


@functools.lru_cache(maxsize=4096)
def _letters(character: str) -> str | None:
    """The spelling of one character: letters a-z, a space or ""; None if it cannot be spelled."""
    category = unicodedata.category(character)
    if character == "'" or category in ("Mn", "Mc"):  # combining accents
        return ""
    if character.isspace() or character in _SILENT or category in ("Pd", "Pi", "Pf"):
        return " "
    kind = unicodedata.decomposition(character).partition(" ")[0]
    if (
        kind.startswith("<")
        and kind not in ("<wide>", "<narrow>", "<font>")
        and character not in _TAKEN_APART
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
