"""The patterns of what a transcript must not contain, because it has no single reading: `text.py` uses them.

This module holds data only. Two groups of patterns are searched for at different times: first in a text with
its capitals, digits and signs, and at the end in what became of it, which has only the letters a-z.
"""

from __future__ import annotations

import re

from omni_lib.text_rules.patterns import COUNTED, NOT_SPEECH, SENTENCE_STARTS

# In a text with capitals, digits and signs -------------------

# UTF-8 that was decoded as Windows-1252: é as Ã©, ’ as â€™.
_HIGH = "[\u0080-\u00bf€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ]"
_MISDECODED = re.compile(f"[ÂÃ]{_HIGH}|[âï]{_HIGH}{{2}}|ð{_HIGH}{{3}}")
_SHORT_MONTHS = "jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec"
_MONTHS = "january|february|march|april|may|june|july|august|september|october|november|december"
_CURRENCIES = "USD|US\\$|EUR|GBP|JPY|CHF|CAD|AUD|NZD|INR|CNY|RMB"
# between two names, as in "the Wall St. Journal", it may be either; not behind these
_BEFORE_SAINT = (
    rf"(?:{SENTENCE_STARTS}|(?:From|To|Near|Of|With|By|For|Between|Via|Visit|Dear|Old|New|East|West"
    r"|North|South|Mount|Port|Fort|Lake|Cape|Hotel)\b)"
)
_CONSONANTS = "[b-df-hj-np-tv-xz]"
_SOUND = NOT_SPEECH.pattern.replace(" ", "[ _]")  # background_noise too
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
    (
        re.compile(r"(?<![\w:]):[A-Za-z][A-Za-z0-9+-]*(?:_[A-Za-z0-9+-]+)*:(?![\w:])"),
        "may be the name of an emoji or of a sound: remove it, or write the word if somebody said it",
    ),
    (
        re.compile(r"(?<=\w)@[a-z]{1,2}(?![\w.@-])"),
        "may be a mark of CHAT behind a word, such as b@l for a letter: remove it, or write at if said",
    ),
    (  # _noise_, -laughs-, and the labels of Speech Commands
        re.compile(
            rf"(?<!\w)(?:(_+)|-+)(?:{_SOUND})(?(1)_+|-+)(?!\w)|^_(?:unknown|silence)_$",
            re.IGNORECASE,
        ),
        "may be the name of a sound: write [noise], or only the word if somebody said it",
    ),
    (re.compile(r"(?<!\S)(?:SIL|NSN)(?!\S)"), "marks a stretch without words: write [noise], or remove it"),
    (  # f--- you, d--n, sh_t, f@ck: but "I--I mean" and "a--well"
        re.compile(
            r"(?<![\w'-])(?![aio]-)[a-z]-{2,}(?:[a-z]{0,2}|c?king)(?!\w)"
            rf"|\b{_CONSONANTS}{{1,3}}[_@!]+{_CONSONANTS}{{1,4}}\b(?!\.\w)",
            re.IGNORECASE,
        ),
        "may be a word with letters left out: write the whole word as it was said",
    ),
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
    (re.compile(r"(?<=[A-Za-z])::+(?=[a-z])"), "stands inside a word: write the word as it is spelled"),
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
            rf"(?:[a-z]|{SENTENCE_STARTS}))|\.?(?=\s*(?:,|$)))"
            r"|\b(?:Mts?|Ave|Rd|Bros|Brig|Supt)\."
            r"|\b[A-Z][a-z]+ (?:Ct|Ln|Pl|Sq|Ter|Cir|Ave)\b(?! Maria)"
            r"|\b(?:Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec|Mon|Tues?|Wed|Thurs?|Fri"
            r"|Sat|Sun)\.(?=\s+[a-z])"
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
        re.compile(rf"\b(?!{_BEFORE_SAINT})[A-Z][a-z]+ St\b\.?(?=\s+[A-Z])(?!\s+{SENTENCE_STARTS})"),
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
            r"|boeing|airbus)\s+[0-9]{3,}\b|\b(?:call|dial)\s+[0-9]{3,}\b(?![,.]?\d|\s+\w)"
            r"|(?<![\w,.$£€-])[49]11\b(?![,.:/-]?\d|\s?%)",
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

ROMAN = re.compile(  # the eighth, or eight? Of single letters, only those behind a word that is numbered
    r"\b(?:[IVX]{2,}|(?:XL|LX{1,3}|XC)(?:IX|IV|V?I{0,3})|L(?:IX|IV|VI{0,3}|I{1,3}))\b"
    r"|(?<=\bWorld War )I\b|(?<=\bElizabeth )I\b|(?<=\bChapter )[IVXLC]\b|(?<=\bVolume )[IVXLC]\b"
    r"|(?<=\bPart )[IVX]\b|(?<=\bAct )[IVX]\b|(?<=\bScene )[IVX]\b|(?<=\bBowl )[VXLC]\b"
    r"|(?<=\bHenry )V\b|(?<=\bGeorge )V\b|(?<=\bCharles )[VX]\b|(?<=\bEdward )V\b"
)

# In the letters a-z ------------------------------------------

# Spellings that are not words: abbreviations without a full stop, and Roman numerals in small letters.
NO_WORD = re.compile(
    r"\b(?:st|blvd|hwy|rd|mt|ft|jr|sgt|lt|capt|messrs|dept|govt|corp|inc|ltd|approx|mph|kph|km|kg|cm|lbs?"
    r"|tsp|tbsp|feb|apr|aug|sept|oct|nov|dec|tues|thurs|bldg|pkwy|rte|natl|intl|assn|cpt|mgr|mgmt|qty|hrs|yrs"
    r"|wks|ppl|pls|thx|unk|xxx|yyy"
    r"|nd|kms|kgs|cms|kwh|[kmg]hz|pct|misc|sil|spn|nsn"
    r"|v?i{2,3}|x{1,3}(?:i[vx]|vi{0,3}|i{2,3}))\b"
    # these are words or interjections, except behind a number
    rf"|\b(?:{'|'.join(COUNTED)}) (?:oz|ml|mm|hr|min|yds?|[kmgt]b|hz|sq|pts?|th)\b"
)
# Exceptions to `NO_WORD`: in capitals, in a text that has small letters too, these are names (the DEC
# computer, an APR of five percent). After such a word, or beside a number, they are months and units again.
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
# A contraction whose apostrophe became a space, in a normalised text: don t, it s, we re. Letters that are
# spelled (k i m) and abbreviations (s and p) are something else.
PREFIX = re.compile(r"\b(?:re|ve|ll|s|m|t)(?=[-\u2010\u2011]\w)", re.IGNORECASE)  # we re-elect; it S-shaped
LOST_APOSTROPHE = re.compile(
    r"\b(?:ain|aren|can|couldn|didn|doesn|don|hadn|hasn|haven|isn|mightn|mustn|needn|shan|shouldn|wasn"
    r"|weren|won|wouldn) t\b(?! [a-z]\b)|\b(?:we|you|they) (?:re|ve|ll)\b"
    r"|\b(?:i|he|she|it|that|there|who) ll\b|\bi ve\b|(?<!\b[a-z] )\bi m\b(?! [a-z]\b)"
    r"|\b(?:he|she|it|that|what|there|here|let|who|where|how) s\b(?! (?:[a-z]|and)\b)"
)
