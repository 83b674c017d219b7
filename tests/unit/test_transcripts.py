"""What published transcripts become: written out where there is one usual reading, refused where there is
none."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omni_lib.corpora.transcripts import spoken
from omni_lib.errors import UserError
from omni_lib.manifest import words_in
from omni_lib.text import Vocabulary, normalise

READINGS = {
    "GO DO YOU HEAR": "go do you hear",
    "I DON'T KNOW THE KING'S": "i dont know the kings",
    "“Don’t,” she said – twice…": "dont she said twice",
    "Mr. and Mrs. Smith, Dr Jones": "mister and missus smith doctor jones",
    "Col. Ives of Smith & Co. and Capt. Hale": "colonel ives of smith and company and captain hale",
    "St. John lives on Main St.": "saint john lives on main street",
    "No. 5 and no. six; No. Never.": "number five and number six no never",
    "The U.S. Army": "the u s army",
    "0 and 12 and 121 and 12345": (
        "zero and twelve and one hundred twenty one and twelve thousand three hundred forty five"
    ),
    "1,250,000": "one million two hundred fifty thousand",
    "999,000,000,001": "nine hundred ninety nine billion one",
    "3.14, 0.5.": "three point one four zero point five",
    "1905, 1800 and 1999": "nineteen oh five eighteen hundred and nineteen ninety nine",
    "2008 and 2019": "two thousand eight and twenty nineteen",
    "the 1960s": "the nineteen sixties",
    "1st 2nd 3rd 11th 21st 100th": "first second third eleventh twenty first one hundredth",
    "7% of $5, $1, £1.50, $2.05 and €1,000.00": (
        "seven percent of five dollars one dollar one pound fifty two dollars oh five and one thousand euros"
    ),
    "1 + 2": "one plus two",
    "In 2019 people left on December 25th": "in twenty nineteen people left on december twenty fifth",
    "December 2019, 1500 people": "december twenty nineteen fifteen hundred people",
    "route 66, $911, 1,911, 0.50": (
        "route sixty six nine hundred eleven dollars one thousand nine hundred eleven zero point five zero"
    ),
    "me @ home": "me at home",
    "naïve café, Æsop": "naive cafe aesop",
    "cafe\u0301": "cafe",
    "": "",
    " … — ": "",
}


@pytest.mark.parametrize("transcript", READINGS)
def test_one_usual_reading_is_written_out(transcript):
    assert spoken(transcript) == READINGS[transcript]


FIGURES = "B52|3/4|10:30|555-1234|1914-18|007|2th|50s|10,00|1,00,000|1234567890123|3.4.5|1..2|x²|Henry VIII"
SPACED = "5 m|100 g|2 L|20 dB|60 fps|555 1234|1 500 people|5 – 6|5\u20116|1914—1918|$0.50|£0.99"
NAMING = "Dec 25|5 Dec.|December 25, 2019|25 December|call 911|room 305|Boeing 747|10.30 am"
COUNTS = "1985 dollars|2019 people|4 x 4|4x4|1.000|2.500|USD 5|5 EUR|US$5|Rs. 500|Fig. 2|pp. 9"
OTHERS = "No 5|bus no 5|12 Elm Dr.|5 OCT|$|$5.5|$1.5 million|½|пока|日本|#1|a = b|10°"


@pytest.mark.parametrize(
    "transcript",
    [*FIGURES.split("|"), *SPACED.split("|"), *NAMING.split("|"), *COUNTS.split("|"), *OTHERS.split("|")],
)
def test_what_has_no_single_reading_is_refused_by_name(transcript):
    with pytest.raises(UserError) as refusal:
        spoken(f"see {transcript} here")
    assert "\n" not in str(refusal.value)


AT_THE_START = [
    "JOHN: hello",
    "A: hello",
    "OFFICER 2: stop",
    "MARY ANN: hello there",
    "1. hello",
    "(2) hello",
]


@pytest.mark.parametrize("transcript", AT_THE_START)
def test_names_of_speakers_and_numbers_of_lines_are_not_words(transcript):
    with pytest.raises(UserError, match="names a speaker|number of the line"):
        spoken(transcript)
    assert spoken("PS: I love you") == "ps i love you"
    assert spoken("The answer: nothing") == "the answer nothing"


@pytest.mark.parametrize(
    "letters",
    ["i don t know", "it s fine", "ten km", "chapter ii", "st louis", "five oz", "ten pct", "sil hello sil"],
)
def test_a_table_of_bare_letters_may_have_lost_something(letters):
    with pytest.raises(UserError, match="lost its apostrophe|is not a word"):
        spoken(letters)
    assert normalise(letters) == letters  # a manifest is taken as it is


def test_a_transcript_in_phones_is_refused():
    for phones in ("hh ah l ow", "sh iy hv dx", "b ae d"):
        with pytest.raises(UserError, match="is written in phones: write it in words"):
            spoken(phones)
    assert spoken("b c d e") == "b c d e" and spoken("uh ah er") == "uh ah er"


def test_a_year_before_the_twelfth_century_is_not_read_as_a_number():
    with pytest.raises(UserError, match="no single usual reading"):
        spoken("in 1066 they came")
    assert spoken("in 1,066 days") == "in one thousand sixty six days"


def test_capitals_alone_make_no_roman_numeral():
    assert spoken("THE XI OF THEM") == "the xi of them"


@given(st.integers(0, 10**12 - 1))
def test_every_whole_number_is_read(number):
    words = spoken(f"it is {number}")
    assert re.fullmatch("[a-z]+( [a-z]+)*", words) and words.startswith("it is ")
    assert words == spoken(f"it is {number:,}") or 1100 <= number <= 2099  # without a comma those are years


@given(st.text(max_size=60))
def test_any_text_is_spelled_in_the_vocabulary_or_refused(text):
    try:
        words = spoken(text)
    except UserError:
        return
    assert normalise(words) == words
    Vocabulary().encode(words)


@given(st.text("abc XYZ'.,!?-éü\"", max_size=60))
def test_text_without_figures_is_what_normalise_makes_of_it(text):
    def outcome(read):
        try:
            return read(text)
        except UserError as refusal:  # XX may be a Roman numeral, and a?b has lost a letter
            return str(refusal)

    assert outcome(spoken) == outcome(normalise)


@pytest.mark.parametrize(
    "text",
    ["_noise_ hello", "__laugh__ hello", "_background_noise_", "_unknown_", "-cough- yes", "yes --laughs--"]
    + [":laughing: hello", "hello :thumbs_up:", "(lacht) hello", "(Gelächter) yes", "(rires)", "(risas) yes"]
    + ["(none)", "(beat) yes", "the 2 nd"],
)
def test_names_of_sounds_and_emoji_in_other_signs_are_refused(text):
    with pytest.raises(UserError, match="the text holds"):
        spoken(text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("the noise - silence - stopped", "the noise silence stopped"),
        ("_very_ good", "very good"),
        ("he said: hello: no", "he said hello no"),
        ("(none of them) came", "none of them came"),
        ("(toss it) over", "toss it over"),
    ],
)
def test_words_in_such_signs_are_read(text, words):
    assert spoken(text) == words


@pytest.mark.parametrize("text", ["b@l hello", "gumma@c is good", "he said woof@o", "bonjour@s"])
def test_marks_of_chat_behind_words_are_refused(text):
    with pytest.raises(UserError, match="may be a mark of CHAT behind a word"):
        spoken(text)


@pytest.mark.parametrize(
    ("text", "words"), [("write to a@b.com", "write to a at b dot com"), ("me @ home", "me at home")]
)
def test_an_at_in_an_address_or_between_spaces_is_read(text, words):
    assert spoken(text) == words


@pytest.mark.parametrize(
    "text",
    [
        "f--- you",
        "d--n it",
        "said B---.",
        "sh_t",
        "b!tch",
        "inaudible",
        "No speech detected",
        "n.a.",
        "the 4 th",
    ],
)
def test_words_that_were_left_out_are_not_passed_over(text):
    with pytest.raises(UserError, match="letters left out|missing text|not a word"):
        words_in(text, spoken)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("we re-elected him, they re\u2010opened it", "we re elected him they re opened it"),
        ("I--I mean, a--well, damn--it", "i i mean a well damn it"),
        ("bbc@bbc.com, hello_world", "bbc at bbc dot com hello world"),
        ("don&rsquot, it&apos;s salt &amp pepper", "dont its salt and pepper"),
        ("five o' clock, o ' clock, y' all, ma' am", "five oclock oclock yall maam"),
        ("inaudible voices", "inaudible voices"),
    ],
)
def test_words_that_resemble_them_are_read(text, words):
    assert words_in(text, spoken) == words


def test_a_prefix_beside_a_lost_apostrophe_hides_nothing():
    with pytest.raises(UserError, match="'we re', which has lost its apostrophe"):
        spoken("we re-elected him and we re happy")
