"""For any text and any settings: kept, or refused in one line."""

import json
import re
import string
from pathlib import Path
from typing import Any

from hypothesis import assume, example, given
from hypothesis import strategies as st

from omni_lib.config import Config, load_config
from omni_lib.errors import UserError
from omni_lib.text import Vocabulary, normalise

LETTERS = string.ascii_lowercase + " "
SILENT = "!\"'(),-.:;?_`"
# What changes letters on purpose: abbreviations, Roman numerals, sounds in brackets, marks inside words
OTHER_RULES = re.compile(
    r"\b(?:mr|mrs|ms|dr|etc|vs|[a-z]{2,6}\.)\b|[IVX]{2}|\(|[\"?,;](?=[A-Za-z])|\?\?|\bno\.|:|[A-Za-z]\."
    r"|(?<!\S)!|\bst\b|(?<!\S)\.[A-Za-z]|[\"'(]\.[A-Za-z]",
    re.IGNORECASE,
)
APOSTROPHES = "'’‘‛′‵`´ʹʻʼʽʾʿˈˊˋ˴՚՝׳ߴߵ᾽᾿῾ꞌＩ＇｀❛❜".replace("Ｉ", "")
INVISIBLE = [
    "",
    "",
    "",
    "\u00ad",
    "\u200b",
    "\u200c",
    "\u200d",
    "\u200e",
    "\u202a",
    "\u2066",
    "\u2060",
    "\ufeff",
    "\ufe0f",
]
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=10)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=5,
)
KEYS = st.one_of(st.sampled_from(sorted(Config().to_dict())), st.text(max_size=12))


@given(st.text())
@example("\u0130stanbul \ufb01 \u2168")
def test_a_text_is_normalised_to_a_to_z_or_refused(text):
    try:
        said = normalise(text)
    except UserError as refusal:
        assert "\n" not in str(refusal)
        assert set(text) - set(LETTERS), "letters and spaces alone are never refused"
        return
    assert set(said) <= set(LETTERS)
    assert said == " ".join(said.split()), "single spaces, none at the ends"
    assert normalise(said) == said, "twice is once"


@given(st.text(string.ascii_letters + string.whitespace + SILENT))
def test_letters_and_silent_marks_are_never_refused_and_no_letter_is_lost(text):
    assume(not OTHER_RULES.search(text))
    letters = [character for character in text.lower() if character in string.ascii_lowercase]
    assert [character for character in normalise(text) if character != " "] == letters


@given(st.text("ab cd", max_size=8), st.sampled_from("#$%&*+/<=>@[\\]^{|}~"), st.text("ab cd", max_size=8))
def test_no_sign_of_ascii_is_dropped_in_silence(before, sign, after):
    """It is written as words, or separates two words (and/or), or the message of the refusal names it."""
    try:
        said = normalise(before + sign + after)
    except UserError as refusal:
        assert sign in str(refusal) or repr(sign) in str(refusal)
        return
    added = len(said.replace(" ", "")) - len((before + after).replace(" ", ""))
    assert added >= 2 or sign == "/"


@given(st.text(LETTERS + "'", min_size=1), st.data())
def test_apostrophes_are_alike_and_invisible_characters_change_nothing(text, data):
    assume(not OTHER_RULES.search(text))
    disguised = "".join(
        data.draw(st.sampled_from(APOSTROPHES))
        if character == "'"
        else character + data.draw(st.sampled_from(INVISIBLE))
        for character in text
    )
    assert normalise(disguised) == normalise(text)


@given(st.text(LETTERS))
def test_decode_undoes_encode(text):
    vocabulary = Vocabulary()
    indices = vocabulary.encode(text)
    assert len(indices) == len(text) and all(1 <= index <= 27 for index in indices), (
        "no target contains blank or EOS"
    )
    assert vocabulary.decode(indices) == text


@given(settings=st.dictionaries(KEYS, VALUES, max_size=4))
@example(settings={"learning_rate": 10**400})
def test_any_json_object_is_a_config_or_one_line_of_refusal(tmp_path: Path, settings: dict[str, Any]):
    path = tmp_path / "any.json"
    path.write_text(json.dumps(settings))
    try:
        config = load_config(path)
    except UserError as refusal:
        assert "any.json" in str(refusal) and "\n" not in str(refusal)
        return
    assert settings.items() <= config.to_dict().items(), "nothing is bent but whole numbers to floats"
    path.write_text(json.dumps(config.to_dict()))
    assert load_config(path) == config, "a config that was saved loads the same"


@given(text=st.text('{}[]",:/\\\n eE.019-truefalsn', max_size=60))
def test_any_text_is_a_config_or_one_line_of_refusal(tmp_path: Path, text: str):
    path = tmp_path / "any.json"
    path.write_text(text)
    try:
        assert isinstance(load_config(path), Config)
    except UserError as refusal:
        assert "any.json" in str(refusal) and "\n" not in str(refusal)


@given(before=st.text("ab/ :,", max_size=8), comment=st.text('ab/" :,{}\\', max_size=12))
def test_a_comment_changes_nothing(tmp_path: Path, before: str, comment: str):
    path, plain = tmp_path / "any.json", {"data_path": before, "seed": 3}
    path.write_text(json.dumps(plain, indent=1).replace("\n", f" //{comment}\n"))
    config = load_config(path)
    assert (config.data_path, config.seed) == (before, 3)
