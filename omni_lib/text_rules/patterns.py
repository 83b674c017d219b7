"""The patterns and word lists by which `text.py` writes a transcript in plain words.

This module holds data only; `refusals.py` has the patterns of what is refused. `text.py` describes the
rule with examples, and applies the patterns in its own order. Each pattern is narrow, since one that matches
too much would change what was said.

Characters      variants of the apostrophe, invisible and silent characters, HTML entities
Tags            text in brackets: formatting, the name of a sound, or spoken words
Abbreviations   short forms with one usual reading; St. (saint or street) and No. (number or no) in context
Numbers, signs  amounts of money, and signs with one usual reading
Contractions    those that a tokeniser has split (do n't, it 's, don ' t)
"""

from __future__ import annotations

import re

# Characters --------------------------------------------------

# Characters that look like ' (Unicode's confusables.txt, without three letters of other alphabets), and the
# comma quotation marks.
APOSTROPHES = re.compile(
    "[`\u00b4\u02b9\u02bb-\u02bf\u02c8\u02ca\u02cb\u02f4\u0374\u0384\u055a\u055d\u05f3\u07f4\u07f5\u16cc"
    "\u1fbd\u1fbf\u1fef\u1ffd\u1ffe\u2018\u2019\u201b\u2032\u2035\u275b\u275c"
    "\ua78b\ua78c\uff07\uff40\U00016f51\U00016f52]"
)
# Unicode's property Default_Ignorable_Code_Point: characters without a visible form.
INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
WIDE = re.compile("[\u3000\uff01-\uff5e\uffe0-\uffe6]")  # full-width forms of ASCII
SILENT = frozenset('.,;:!?"()_¡¿·•‣…‥‧‽‿⁇⁈⁉‼“”„‟«»‹›\u2800')  # these are not spoken
# digraphs and ligatures: <compat> for Unicode, letters for readers
TAKEN_APART = frozenset("ŉſĲĳǄǅǆǇǈǉǊǋǌǱǲǳﬀﬁﬂﬃﬄﬅﬆ")
ENTITY = re.compile(
    r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,30});"
    r"|&(?:amp|apos|gt|lt|nbsp|quot|shy|[lr]squo|[lr]dquo|hellip|[mn]dash)\b"
    # without its semicolon, within a contraction
    r"|(?<=[A-Za-z])&(?:apos|[lr]squo|acute|prime)(?=(?:t|s|m|d|re|ve|ll)\b)"
)

# Tags --------------------------------------------------------

TAG = re.compile(r"<+[^<>]*>+|\[+[^\[\]]*\]+|\{+[^{}]*\}+|\(+[^()]*\)+|\+\+[^+]*\+\+|(?<!\S)!\w+(?!\S)")
FORMATTING = re.compile(
    r"<\s*/?\s*(?:b|big|c|em|font|i|small|span|strong|tt|u)(?:[\s.][^<>]*)?/?\s*>", re.IGNORECASE
)
BREAK = re.compile(r"<\s*/?\s*(?:br|div|li|p|space|wbr)\s*/?\s*>", re.IGNORECASE)
NOT_SPEECH = re.compile(  # in any brackets: what a transcriber writes for a sound that is not speech
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
MARKER = re.compile(  # in all but round brackets: a special symbol, a time or a speaker
    r"s|bos|eos|sos|eps|epsilon|blank|pad|enter|exit|sil|sp|spn|nsn|smack|pause|short pause|long pause"
    r"|ring(?:s|ing)?|comma|period|questionmark|exclamationpoint|\d+(?: \d+)+ ?s?"
    r"|(?:spk|speaker|v|voice)(?: ?[a-z]?\d*| \w+)"
)
EVENT = re.compile(  # in round brackets: the name of a sound, or words that somebody read aloud?
    r"\b(?:laugh|chuckl|giggl|breath|inhal|exhal|cough|sneez|sniff|sigh|gasp|yawn|groan|grunt|sob|throat"
    r"|smack|click|applau|clap|cheer|silen|pause|music|static|beep|bleep|ring|slam|knock|footstep|typing|hiss"
    r"|buzz|nois|unk|oov|inaudible|unintelligible|indiscernible|incomprehensible|unclear|unknown"
    r"|crosstalk|overlap|foreign|speak|mumbl|whisper|sing|hum|whistl|bark|cry|scream|shout|mutter|stutter"
    r"|redact|censor|background|audience|door (?:open|clos|creak)|siren|gunshot|thunder|indistinct|sarcastic"
    r"|in (?:english|french|spanish|german|italian|russian|arabic|chinese|japanese|latin)$)"
    r"|^[a-z]*(?:unk|spn|sil)$|^(?:beat|blank|empty|none|null)$"
    # in German, French, Spanish, Italian, Portuguese and Dutch
    r"|^(?:lach(?:t|en)?|gelächter|geräusche?|hust(?:et|en)|seufzt?|seufzen|räuspert|atmet|rauschen|stille"
    r"|rires?|rit|bruits?|toux|tousse|soupirs?|musique|risas?|risos?|ruidos?|tos|tose|suspiros?|suspira"
    r"|música|silencio|rumor[ei]|risat[ae]|tossisce|sospir[oa]|ruído|gelach|lacht|geluid|zucht)$"
)

STRAY = re.compile(r"\(\s*(\w+)|(\w+)\s*\)")  # a word at a bracket that has no partner

# Abbreviations -----------------------------------------------

ABBREVIATIONS = {
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
# these are not words of their own, so their forms in small letters are read too
_NO_WORDS = "Mr Mrs Messrs Dr Drs Jr Sr Lt Sgt Capt Esq Ltd Prof etc vs".split()
WITH_STOP = re.compile(
    rf"\b({'|'.join(ABBREVIATIONS)}|{'|'.join(word.upper() for word in ABBREVIATIONS if word != 'Ft')}"
    rf"|{'|'.join(map(str.lower, _NO_WORDS))})\."
)
BARE = re.compile(r"(?<!&)\b(Mr|MR|mr|Mrs|MRS|mrs|Ms|Dr|DR|dr|etc|Etc|ETC|vs|VS)\b")
# words that begin a sentence after "St.", and never name a saint
SENTENCE_STARTS = (
    r"(?:It|He|She|We|They|You|I|The|There|This|That|These|Those|Then|And|But|So|In|On|At|A|An"
    r"|What|When|Where|Who|How|Why|If|As|My|His|Her|Our|Their|Its|Is|Are|Was|Turn|Go|Take|Yes|No|Please)\b"
)
SAINT = re.compile(rf"\bSt\b\.?(?=\s+[A-Z])(?!\s+{SENTENCE_STARTS})")
STREET = re.compile(rf"(?<=[a-z] )St\b\.?(?:(?!\s+[A-Z])|(?=\s+{SENTENCE_STARTS}))")
COUNTED = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"
    " seventeen eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety"
    " hundred thousand million billion trillion"
).split()
# before a number in small letters: in "Oh no. Two more.", a new sentence begins
NUMBERED = re.compile(rf"\b(?:No|NO|no)\.(?=\s*(?:[0-9]|(?:{'|'.join(COUNTED)})\b))")

# Numbers and signs -------------------------------------------

MONEY = {"$": "dollar", "£": "pound", "€": "euro", "¢": "cent", "₹": "rupee"}
AMOUNT = re.compile(
    rf"(?P<before>\b\w+[\s-]+)?\b(?P<last>{'|'.join(COUNTED)})\s*(?P<sign>[$£€¢₹])(?!\w)", re.IGNORECASE
)
SIGNS = (  # a sign where it has one usual reading, and its words
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

# Contractions ------------------------------------------------

# do n't, it 's, don 't
SPLIT_OFF = re.compile(r"\s+(n't|'(?:s|m|d|re|ve|ll)|(?<=n )'t)\b(?!')", re.IGNORECASE)
_ENDING = r"'\s((?<=n'\s)t|(?<=n\s'\s)t|s|m|d|re|ve|ll)\b(?![-'\u0300-\u036f])"
APART = re.compile(rf"(?<=[A-Za-z])\s{_ENDING}", re.IGNORECASE)  # don ' t
HALF_APART = re.compile(rf"(?<=[A-Za-z]){_ENDING}", re.IGNORECASE)  # it' s
WITHIN = re.compile(r"\b(?:(o)\s?'\s?(clock)|(y)\s?'\s(all)|(ma)\s?'\s(am))\b", re.IGNORECASE)  # o' clock
OPENING_QUOTE = re.compile(r"(?<!\w)'(?=\w)")
