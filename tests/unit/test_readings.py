"""A number is read in the forms in which people write it, and nothing else is taken for one."""

import pytest

from omni_lib.course.exercises.readings import NotANumber, read

PROMPT = "How many letters a second can be spelled, if an embedding lasts 80 ms?"


@pytest.mark.parametrize(
    ("text", "unit", "value"),
    [
        ("25 letters per second", "letters", 25),
        ("25 per second", "letters", 25),
        ("25/s", "letters", 25),
        ("about 25", "letters", 25),
        ("≈ 25 letters", "letters", 25),
        ("twenty-five letters a second", "letters", 25),
        ("2 · 12.5 = 25", "letters", 25),
        ("2*12.5", "letters", 25),
        ("x16", "times", 16),
        ("16-fold", "times", 16),
        ("4²", "times", 16),
        ("16:1", "times", 16),
        ("2^4", "times", 16),
        ("62,500", "Hz", 62_500),
        ("62'500 hertz", "Hz", 62_500),
        ("0.04 kHz", "Hz", 40),
        ("0,025", "Hz", 0.025),
        ("minus 13,82", "", -13.82),
        ("minus thirteen", "", -13),
        ("-six and a half", "", -6.5),
        ("ln(1e-6)", "", -13.815510558),
        ("8 ln 29 - ln 36", "nats", 23.354848015),
        ("math.log(29)", "nats", 3.36729583),
        ("2 1/4", "h", 2.25),
        ("2:15", "h", 2.25),
        ("2h15", "h", 2.25),
        ("2 hours and 15 minutes", "h", 2.25),
        ("2 h 15 min 36 s", "h", 2.26),
        ("two and a quarter hours", "h", 2.25),
        ("8th", "", 8),
        ("in epoch 8", "", 8),
        ("the eighth", "", 8),
        ("two thousand three hundred and four", "numbers", 2304),
        ("a hundred and twenty-five", "positions", 125),
        ("120 %", "letters", 1.2),
        ("50 per cent", "%", 50),
        ("fifty percent", "%", 50),
        ("half", "%", 0.5),
        ("one half", "%", 0.5),
        ("one and a half", "", 1.5),
        ("3 out of 6", "%", 0.5),
        ("1 in 20", "%", 0.05),
        ("The answer is 2304.", "numbers", 2304),
        ("answer: 2304", "numbers", 2304),
        ("2304 in total", "numbers", 2304),
        ("2304 (12 × 192)", "numbers", 2304),
        ("there are 2304 numbers", "numbers", 2304),
        ("so it is 2304", "numbers", 2304),
        ("I'd say 2304", "numbers", 2304),
        ("I think it's 2304.", "numbers", 2304),
        ("maybe 2300 or so", "numbers", 2300),
        ("'2304'", "numbers", 2304),
        ("`2304` elements", "numbers", 2304),
        ("**2304 entries**", "numbers", 2304),
        ("5 (38 → 19 → 10 → 5)", "embeddings", 5),
        ("25 (k = 2)", "letters", 25),
        ("574 = ceil(573.48)", "points", 574),
        ("2 hours, 15 minutes", "h", 2.25),
        ("12 times 192", "numbers", 2304),
        ("512 features", "", 512),
        ("5 vectors", "embeddings", 5),
        ("25 characters per second", "letters", 25),
        ("16 to 1", "times", 16),
        ("≥ 574", "points", 574),
        ("no. 8", "", 8),
        ("16 kHz / 400", "Hz", 40),
        ("10 s / 0.08 s", "positions", 125),
        ("10 s / 80 ms", "positions", 125),
        ("10000 ms / 80 ms", "positions", 125),
        ("125 vectors", "positions", 125),
        ("1 / 0.025 s", "Hz", 40),
        ("1 / 25 ms", "Hz", 40),
        ("every 40 Hz", "Hz", 40),
        ("only five", "embeddings", 5),
        ("10 // 2", "embeddings", 5),
        ("sixteenfold", "times", 16),
        ("2 hrs 15 mins", "h", 2.25),
        ("8 log10(29) - log10(36)", "nats", 10.142881),
        ("ln 1e-6", "", -13.815510558),
        ("ln (29)", "nats", 3.36729583),
        ("8·ln 29 − ln 36", "nats", 23.354848015),
        ("26.938 - 3.584", "nats", 23.354),
    ],
)
def test_a_number_is_read(text, unit, value):
    found = read(text, unit, PROMPT)
    assert found.values[0] == pytest.approx(value) and found.unit_fits


@pytest.mark.parametrize("text", ["8/20", "Epoch 8/20", "epoch 8 of 20", "8 out of 20"])
def test_a_number_may_be_written_as_in_the_listing_of_its_question(text):
    assert read(text, "", "The listing says 'Epoch 1/20'. In which epoch is it?").values == (8.0,)


def test_three_digits_behind_a_comma_may_be_decimals():
    assert read("13,816").values == (13_816,) and read("13,816").doubtful == (13.816,)
    assert read("2.304").values == (2.304,) and read("2.304").doubtful == (2304,)


def test_a_fraction_with_three_decimals_is_not_thousands():
    assert read("0.144").doubtful == () and read("2.304").doubtful == (2304.0,)


def test_another_unit_is_noticed():
    assert not read("80 ms", "letters", PROMPT).unit_fits
    assert not read("3 errors", "%").unit_fits


@pytest.mark.parametrize(
    "text",
    [
        *("", "many", "a", "and", "not 25", "16 or 20", "24-26", "2.1 – 2.4", "12x", "25 Hz", "25 apples"),
        *(
            "1/0",
            "9**9**9",
            "10^400",
            "ln(0)",
            "__import__('os')",
            "print(25)",
            "(" * 79,
            "1+" * 60 + "1",
            "25€",
        ),
    ],
)
def test_anything_else_is_refused(text):
    with pytest.raises(NotANumber):
        read(text, "letters", PROMPT)
