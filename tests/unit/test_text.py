"""Texts become a-z and single spaces, or are refused; the 29 symbols have the places that checkpoints rely
on."""

import pytest

from omni_lib.errors import UserError
from omni_lib.text import BLANK, Vocabulary, normalise


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("Hello, World!", "hello world"),
        ("  don't   stop\t", "dont stop"),
        ("the dog’s, the dogʼs, the dog`s", "the dogs the dogs the dogs"),
        ("Café naïve", "cafe naive"),
        ("cafe\u0301", "cafe"),  # the accent as a character of its own
        ("well-known/unknown", "well known unknown"),
        ("ﬁne ＡＢＣ", "fine abc"),  # a ligature and wide letters
        ("one\nline", "one line"),
        ("?!… —", ""),
        ("don´t don‘t don′t don＇t don\x92t don&rsquo;t don&amp;#39;t", " ".join(["dont"] * 7)),
        ("don 't, do n't, it 's", "dont dont its"),  # as a tokeniser parts them
        ("sof\u00adt hy\u200bphen \u202aleft\u202c \ufeffheart\ufe0f", "soft hyphen left heart"),
        ("salt & pepper, R&amp;D", "salt and pepper r and d"),
        (
            "five % of it, me @ home, one + one, ten $, one €",
            "five percent of it me at home one plus one ten dollars one euro",
        ),
        ("[noise] hello (laughs) <sil> {breath} [00:01] world", "hello world"),
        ("<b>hello</b><br/>world", "hello world"),
        ("(see below) Nike™", "see below nike"),
        ("Mr. Smith, mr smith and Dr. Who etc.", "mister smith mister smith and doctor who et cetera"),
        ("don ' t, it ' s, don' t, it' s the boys' re-election", "dont its dont its the boys re election"),
        ("'O'Brien' t\u0301he", "obrien the"),
        ("Oh no. Two more.", "oh no two more"),
        ("On Main St. It is quiet near St. Helens.", "on main street it is quiet near saint helens"),
        ("M&Ms", "m and ms"),
        ("A CIVIL war in the best part I know", "a civil war in the best part i know"),
        (
            "St Louis, Wall St and St. John of Main St.",
            "saint louis wall street and saint john of main street",
        ),
        ("k i m, that S&P, i m b", "k i m that s and p i m b"),  # letters that are spelled
        ("example.com. Yes... well.No", "example dot com yes well no"),
        ("h e l l o", "h e l l o"),
        (
            "Thank you Dr. Sing Ave Maria. Note: salt &c.",
            "thank you doctor sing ave maria note salt et cetera",
        ),
        ("Jan met Dr. May (a friend", "jan met doctor may a friend"),
        ("b'y", "by"),
        (
            "The DEC machine had an APR of ten percent; she works at DEC.",
            "the dec machine had an apr of ten percent she works at dec",
        ),
        (
            "an MT file, the FT, the wizard of oz, mm hmm, just a min",
            "an mt file the ft the wizard of oz mm hmm just a min",
        ),
        ("Yes Dr. Smith, hello Dr May", "yes doctor smith hello doctor may"),
        ("B D F G, oh K", "b d f g oh k"),  # letters that are spelled, not phones
        ("", ""),
    ],
)
def test_normalise(written, said):
    assert normalise(written) == said


@pytest.mark.parametrize(
    ("written", "named"),
    [
        ("route 66", "'6'"),
        ("No. One moment", "may be number or no"),
        ("on Sunset Dr. Then", "Sunset Dr."),
        ("ten ft. deep", "abbreviation"),
        ("Mt. Everest", "abbreviation"),
        ("Fifth Ave.", "abbreviation"),
        ("donít", "another encoding"),
        ("itâs", "another encoding"),
        ("don”t", "inside a word"),
        ("two V's", "not short for versus"),
        ("Super Bowl LIV", "LIV"),
        ("World War I ended", "'I'"),
        ("Henry V was king", "'V'"),
        ("straße", "'ß'"),
        ("привет", "'в'"),
        ("x²", "'2'"),
        ("½", "'1' '2'"),
        ("five [?]", r"'\[\?\]'"),
        ("<unk> hello", "'<unk>'"),
        ("(inaudible)", "inaudible"),
        ("[door creaks]", "door creaks"),
        ("a = b", "'='"),
        ("C#", "'#'"),
        ("20 °", "'2'"),
        ("a °", "DEGREE SIGN"),
        ("*hm* yes", "'\\*'"),
        ("hi 😀", "GRINNING FACE"),
        ("Ⅷ", "ROMAN NUMERAL EIGHT"),
        ("Henry VIII", "VIII"),
        ("№", "NUMERO SIGN"),
        ("donâ€™t", "read as another encoding"),
        ("don?t", "stands inside a word"),
        ("h\u0435llo", "CYRILLIC SMALL LETTER IE"),
        ("km/h", "km/h"),
        ("one\\ntwo", "written|holds"),
        ("[noise", r"'\['"),
        ("AT&T", "AT&T"),
        ("SPEAKER_00: yes", "speaker"),
        ("\ufffd", "lost"),
        ("I don t know", "lost its apostrophe: write don't"),
        ("It s fine", "write it's"),
        ("I-m here", "write i'm"),
        ("We re here", "write we're"),
        ("ten km.", "'km'"),
        ("Sgt Pepper", "'sgt'"),
        ("ST. LOUIS", "'st'"),
        ("Chapter ii", "'ii'"),
        ("the Wall St. Journal", "saint or street"),
        ("Roe v. Wade", "'v.'"),
        ("fig. two", "'fig.'"),
        ("pp. nine", "'pp.'"),
        ("the dept. is", "'dept.'"),
        ("Pres. Ford", "'Pres.'"),
        ("file.txt", "said as dot"),
        ("example.co.uk", "said as dot"),
        (".NET", "said as dot"),
        ("h e l l o   w o r l d", "spaces between the letters"),
        ("(door opens) hello", "door opens"),
        ("(in Spanish) hola", "in Spanish"),
        ("I live on Oak Dr.", "Oak Dr."),
        ("at five Elm Ct", "Elm Ct"),
        ("on Mon. we go", "'Mon.'"),
        ("Sept. was cold", "'Sept.'"),
        ("Early feb", "'feb'"),
        ("The bldg is old", "'bldg'"),
        ("the max. speed", "'max.'"),
        ("S. Africa", "'S. Africa'"),
        ("Smith v Jones", "'v'"),
        ("The xxx cat", "'xxx'"),
        ("The unk cat", "'unk'"),
        ("&um hello", "filler"),
        ("hello (laughs", r"'\(laughs'"),
        ("coughs) hello", r"'coughs\)'"),
        ("(hello/hallo)", "hello/hallo"),
        ("he::llo", "inside a word"),
        ("b'hello world'", "Python"),
        ("['hello', 'world']", "list of texts"),
        ("clips/one.WAV", "name of a file"),
        ("a1/b.txt", "name of a file"),
        ("See you in DEC", "'dec'"),
        ("DEC the company, dec the month", "'dec'"),
        ("THE DEC MACHINE", "'dec'"),
        ("Ten FT", "'ft'"),
        ("Elm Dr.", "Elm Dr."),
        ("I live on Oak Dr", "Oak Dr"),
        ("Ten kms", "'kms'"),
        ("Five oz", "'five oz'"),
        ("Twenty GB", "'twenty gb'"),
        ("SIL hello sil", "'SIL'|'sil'"),
        ("HH ah l ow", "in phones"),
        ("K ae t", "in phones"),
    ],
)
def test_what_a_to_z_cannot_spell_is_refused_by_name(written, named):
    with pytest.raises(UserError, match=named) as refusal:
        normalise(written)
    assert "\n" not in str(refusal.value)


def test_the_symbols_have_their_places():
    vocabulary = Vocabulary()
    assert len(vocabulary) == 29
    assert (vocabulary.symbols[BLANK], vocabulary.symbols[1], vocabulary.symbols[28]) == (
        "<blank>",
        " ",
        "<eos>",
    )
    assert vocabulary.encode("az b") == [2, 27, 1, 3]


def test_blank_and_eos_write_nothing():
    assert Vocabulary().decode([0, 9, 0, 10, 28, 0]) == "hi"


@pytest.mark.parametrize("text", ["Hello", "a1", "<blank>", "é"])
def test_encode_refuses_what_was_not_normalised(text):
    with pytest.raises(UserError, match="normalise"):
        Vocabulary().encode(text)
