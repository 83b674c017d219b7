"""The patterns and word lists by which `text.py` recognises what a transcript contains besides plain words.

This module holds data only. `text.py` describes the rule with examples, and applies the patterns in its own
order. Each pattern is narrow, since one that matches too much would change what was said.

Characters      variants of the apostrophe, invisible and silent characters, HTML entities
Tags            text in brackets: formatting, the name of a sound, or spoken words
Abbreviations   short forms with one usual reading; St. (saint or street) and No. (number or no) in context
Numbers, signs  amounts of money, Roman numerals, and signs with one usual reading
Contractions    those that a tokeniser has split (do n't, it 's, don ' t) or that lost the apostrophe (don t)
Refusals        what a text must not contain, with the reason and the remedy
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
    r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,30});|&(?:amp|apos|gt|lt|nbsp|quot|shy)\b"
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
    r"|^[a-z]*(?:unk|spn|sil)$"
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
    rf"\b({'|'.join(ABBREVIATIONS)}|{'|'.join(map(str.upper, ABBREVIATIONS.keys() - {'Ft'}))}"
    rf"|{'|'.join(map(str.lower, _NO_WORDS))})\."
)
BARE = re.compile(r"(?<!&)\b(Mr|MR|mr|Mrs|MRS|mrs|Ms|Dr|DR|dr|etc|Etc|ETC|vs|VS)\b")
# words that begin a sentence after "St.", and never name a saint
_BEGINS = (
    r"(?:It|He|She|We|They|You|I|The|There|This|That|These|Those|Then|And|But|So|In|On|At|A|An"
    r"|What|When|Where|Who|How|Why|If|As|My|His|Her|Our|Their|Its|Is|Are|Was|Turn|Go|Take|Yes|No|Please)\b"
)
SAINT = re.compile(rf"\bSt\b\.?(?=\s+[A-Z])(?!\s+{_BEGINS})")
STREET = re.compile(rf"(?<=[a-z] )St\b\.?(?:(?!\s+[A-Z])|(?=\s+{_BEGINS}))")
# between two names, as in "the Wall St. Journal", it may be either; not behind these
_BEFORE_SAINT = (
    rf"(?:{_BEGINS}|(?:From|To|Near|Of|With|By|For|Between|Via|Visit|Dear|Old|New|East|West|North|South|Mount"
    r"|Port|Fort|Lake|Cape|Hotel)\b)"
)
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
ROMAN = re.compile(  # the eighth, or eight? Of single letters, only those behind a word that is numbered
    r"\b(?:[IVX]{2,}|(?:XL|LX{1,3}|XC)(?:IX|IV|V?I{0,3})|L(?:IX|IV|VI{0,3}|I{1,3}))\b"
    r"|(?<=\bWorld War )I\b|(?<=\bElizabeth )I\b|(?<=\bChapter )[IVXLC]\b|(?<=\bVolume )[IVXLC]\b"
    r"|(?<=\bPart )[IVX]\b|(?<=\bAct )[IVX]\b|(?<=\bScene )[IVX]\b|(?<=\bBowl )[VXLC]\b"
    r"|(?<=\bHenry )V\b|(?<=\bGeorge )V\b|(?<=\bCharles )[VX]\b|(?<=\bEdward )V\b"
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

# Spellings that are not words: abbreviations without a full stop, and Roman numerals in small letters. They
# are looked for at the end, when a text has only the letters a-z.
NO_WORD = re.compile(
    r"\b(?:st|blvd|hwy|rd|mt|ft|jr|sgt|lt|capt|messrs|dept|govt|corp|inc|ltd|approx|mph|kph|km|kg|cm|lbs?"
    r"|tsp|tbsp|feb|apr|aug|sept|oct|nov|dec|tues|thurs|bldg|pkwy|rte|natl|intl|assn|cpt|mgr|mgmt|qty|hrs|yrs"
    r"|wks|ppl|pls|thx|unk|xxx|yyy"
    r"|kms|kgs|cms|kwh|[kmg]hz|pct|misc|sil|spn|nsn"
    r"|v?i{2,3}|x{1,3}(?:i[vx]|vi{0,3}|i{2,3}))\b"
    # these are words or interjections, except behind a number
    rf"|\b(?:{'|'.join(COUNTED)}) (?:oz|ml|mm|hr|min|yds?|[kmgt]b|hz|sq|pts?)\b"
)
# In capitals, in a text that has small letters too, these are names of their own: the DEC computer, an APR
# of five percent. Behind such a word or beside a number they are months and units all the same.
_BEFORE_MONTHS = "".join(
    rf"(?<!\b{word}[ -])"
    for word in [*"in of by last next this since until early late mid".split(), *COUNTED]
)
ACRONYM = re.compile(
    rf"(?i:{_BEFORE_MONTHS})(?<![\d.] )(?<!\d)"
    r"\b(?:DEC|APR|OCT|NOV|AUG|FEB|MT|FT|RD|CPT|RTE)\b(?!\.\s+[a-z]|\.?\s*\d)"
)
# A transcript in phones (ARPABET or TIMIT) instead of letters, such as hh ah l ow. Some of the phones are
# neither a word nor the name of a letter.
_NO_LETTERS = r"\b(?:aa|ae|ao|axr?|ey|ih|ix|iy|uw|ux|hh|hv|dh|jh|zh|ng|nx|dx|[bdgptk]cl|pau|epi)\b"
PHONE = (
    "(?:aa|ae|ah|ao|aw|axr?|ay|eh|er|ey|ih|ix|iy|ow|oy|uh|uw|ux|b|ch|d|dh|dx|el|em|en|eng|f|g|hh|hv|h|jh|k|l"
    "|m|n|ng|nx|p|q|r|s|sh|t|th|v|w|y|z|zh|[bdgptk]cl|pau|epi|sp|sil)"
)
PHONES = re.compile(
    rf"(?:(?=.*{_NO_LETTERS})(?=.*\b[a-z]\b)|(?=.*{_NO_LETTERS}.*{_NO_LETTERS}))(?:{PHONE}(?: |$)){{3,}}"
)

# Contractions ------------------------------------------------

# do n't, it 's, don 't
SPLIT_OFF = re.compile(r"\s+(n't|'(?:s|m|d|re|ve|ll)|(?<=n )'t)\b(?!')", re.IGNORECASE)
_ENDING = r"'\s((?<=n'\s)t|(?<=n\s'\s)t|s|m|d|re|ve|ll)\b(?![-'\u0300-\u036f])"
APART = re.compile(rf"(?<=[A-Za-z])\s{_ENDING}", re.IGNORECASE)  # don ' t
HALF_APART = re.compile(rf"(?<=[A-Za-z]){_ENDING}", re.IGNORECASE)  # it' s
# A contraction whose apostrophe became a space, in a normalised text: don t, it s, we re. Letters that are
# spelled (k i m) and abbreviations (s and p) are something else.
LOST_APOSTROPHE = re.compile(
    r"\b(?:ain|aren|can|couldn|didn|doesn|don|hadn|hasn|haven|isn|mightn|mustn|needn|shan|shouldn|wasn"
    r"|weren|won|wouldn) t\b(?! [a-z]\b)|\b(?:we|you|they) (?:re|ve|ll)\b"
    r"|\b(?:i|he|she|it|that|there|who) ll\b|\bi ve\b|(?<!\b[a-z] )\bi m\b(?! [a-z]\b)"
    r"|\b(?:he|she|it|that|what|there|here|let|who|where|how) s\b(?! (?:[a-z]|and)\b)"
)
OPENING_QUOTE = re.compile(r"(?<!\w)'(?=\w)")

# Refusals ----------------------------------------------------

# UTF-8 that was decoded as Windows-1252: é as Ã©, ’ as â€™.
_HIGH = "[\u0080-\u00bf€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ]"
_MISDECODED = re.compile(f"[ÂÃ]{_HIGH}|[âï]{_HIGH}{{2}}|ð{_HIGH}{{3}}")
_SHORT_MONTHS = "jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec"
_MONTHS = "january|february|march|april|may|june|july|august|september|october|november|december"
_CURRENCIES = "USD|US\\$|EUR|GBP|JPY|CHF|CAD|AUD|NZD|INR|CNY|RMB"
REFUSED = (  # pattern, and why a text with it is refused
    (_MISDECODED, "is UTF-8 that was read as another encoding: save the table as UTF-8 again"),
    (
        re.compile(rf"\bN[Oo]\.\s+(?:{'|'.join(word.upper() + '|' + word.title() for word in COUNTED)})\b"),
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
    (re.compile(r"(?<=[A-Za-z])::+(?=[a-z])"), "stands inside a word: write the word as it is spelt"),
    (
        re.compile(r"^\s*(?:[^\s/]+/[A-Z]{1,4}\$?(?:\s+|$)){2,}$"),
        "has parts of speech behind its words: remove them",
    ),
    (re.compile(r"^\s*[bru](['\"]).*\1\s*$"), "is how Python shows a text: write only its words"),
    (re.compile(r"^\s*\[\s*['\"].*"), "is how programs write a list of texts: write only the words"),
    (re.compile(r"\b[Nn][Oo]\s+(?=\d)"), "may be number or no: write what was said"),
    (
        re.compile(r"(?<!\S)&-?(?!c\b)[a-z]+\b(?!;)"),
        "may be said as and, or mark an unfinished word or a filler: write what was said",
    ),
    (
        re.compile(r"(?<!\S)(?:\?{2,}|⁇+)(?!\S)"),
        "stands for words that somebody said: write them, or leave the row out",
    ),
    (
        re.compile(
            r"^\s*(?:(?i:speaker|spk)[\s_-]*\w{0,3}\s*:"
            r"|(?!(?:P?PS|NB|OK|SOS|FYI|VIP|NASA)\b)[A-Z]+(?: [A-Z]+)?\s?\d*:(?=\s.*[a-z]))"
        ),
        "names a speaker: use a column speaker, and write only what was said",
    ),
    (
        re.compile(r"^\s*\(?\d{1,2}[.)](?=\s+\w)"),
        "may be the number of the line: remove it, or write it in words",
    ),
    (
        re.compile(
            r"\bPh\. ?D\b|\b(?:ft|FT)\.|(?:(?<=[a-z] )|(?<=\d )|(?<=^))[A-Z][a-z]+ Dr(?:\.(?=\s+"
            rf"(?:[a-z]|{_BEGINS}))|\.?(?=\s*(?:,|$)))"
            r"|\b(?:Mts?|Ave|Rd|Bros|Brig|Supt)\."
            r"|\b[A-Z][a-z]+ (?:Ct|Ln|Pl|Sq|Ter|Cir|Ave)\b(?! Maria)"
            r"|\b(?:Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec|Mon|Tues?|Wed|Thurs?|Fri|Sat|Sun)\.(?=\s+[a-z])"
            r"|\b(?i:avg|max|min|temp|incl|excl)\.(?=\s+[a-z])"
            r"|\b[NSEW]\.\s?(?:America|Africa|Korea|Ireland|Carolina|Dakota|Virginia|Wales)\b"
            r"|\b(?i:inc|corp|dept|blvd|approx|hwy|pvt|cpl|univ|thurs|misc|cf)\."
            r"|\b(?:Pres|Rep|Adm|Cmdr|Fr|Msgr|Amb|Atty|Asst|Insp|Pt|Ens)\.(?=\s+[A-Z])"
            r"|(?<=[a-z] )v\.?(?= [A-Z])"
            r"|\b(?i:figs?|vols?|pp?|ch|chap|sec|ed|nos|nr|eq|tel|ext|ca|pt|art)\."
            rf"(?=\s*(?:[0-9]|(?:{'|'.join(COUNTED)})\b))"
            rf"|\b(?i:{_SHORT_MONTHS})\b\.?(?=\s*\d)|\b\d+(?:st|nd|rd|th)?\s+(?i:{_SHORT_MONTHS})\b\.?"
        ),
        "is an abbreviation: write it out as spoken",
    ),
    (
        re.compile(rf"\b(?!{_BEFORE_SAINT})[A-Z][a-z]+ St\b\.?(?=\s+[A-Z])(?!\s+{_BEGINS})"),
        "may be saint or street: write what was said",
    ),
    (
        re.compile(
            rf"\b(?:{_MONTHS})\s+\d{{1,2}}\b(?!\s*(?:st|nd|rd|th)\b|[.:]\d)"
            rf"|(?<![\d.,:/])\b\d{{1,2}}\s+(?:{_MONTHS})\b",
            re.IGNORECASE,
        ),
        "is a date with several readings: write it out as spoken",
    ),
    (
        re.compile(rf"\b(?:{_CURRENCIES})\s?(?=[\d.])|(?<=\d)\s?(?:{_CURRENCIES})\b|\bRs\.?\s?(?=\d)"),
        "is a currency: write it out as spoken",
    ),
    (
        re.compile(
            r"\b(?:room|suite|apartment|apt|flight|route|highway|interstate|channel|extension|code"
            r"|boeing|airbus)\s+[0-9]{3,}\b|\b(?:call|dial)\s+[0-9]{3,}\b(?![,.]?\d|\s+\w)|(?<![\w,.$£€-])[49]11\b(?![,.:/-]?\d|\s?%)",
            re.IGNORECASE,
        ),
        "is read in several ways: write it out as spoken",
    ),
    (
        re.compile(
            r"(?<=[a-z]{2})\.(?!(?:com|org|net|edu|gov)\b(?!\.\w))(?=[a-z]{2})\w+"
            r"|(?<![^\s(\"'])\.(?=[A-Za-z])\w+"
        ),
        "may be said as dot, or end a sentence: write dot, or put a space behind the full stop",
    ),
    (
        re.compile(r"^\s*(?:\w )+\w(?:\s{2,}(?:\w )*\w)+\s*$"),
        "has spaces between the letters of its words: remove them",
    ),
    (
        re.compile(
            r"^\s*\S+\.(?:wav|flac|mp3|ogg|opus|m4a|aiff?|txt|lab|json|phn|wrd|textgrid|srt|vtt)\s*$",
            re.IGNORECASE,
        ),
        "is the name of a file: write what is said in it",
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
