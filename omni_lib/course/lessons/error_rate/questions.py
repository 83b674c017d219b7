"""Lesson 04: its questions, among them the chapter's third."""

from __future__ import annotations

from omni_lib.course.exercises.questions import Choice, Number, Reflection

mat_wer = Number(
    key="04.mat_wer",
    hints=(
        "Put the words of one text under those of the other, so that as many as possible are equal.",
        "Align 'mat' with 'mat'. What is missing before it, what is added after it, and what else differs?",
    ),
    prompt="Reference 'the cat sat on the mat', hypothesis 'the cat sit on mat today'. What is the WER, in "
    "percent? (One decimal will do.)",
    right=50.0,
    unit="%",
    tolerance=0.05,
    praise="'sat' is substituted, the second 'the' deleted, 'today' inserted: 3 errors over the 6 words "
    "of the reference. (Compared place by place, there are 3 substitutions: 3 errors as well.)",
    slips=(
        (100 / 3, "That is the chapter's pair. In this one a word is missing, and one is too many."),
        (
            200 / 3,
            "Four errors are too many. Align 'mat' with 'mat': then the 'the' before it is "
            "deleted, and 'today' is inserted after it.",
        ),
        (3, "That is the number of errors: divide it by the words of the reference."),
        (100 / 6, "That counts one kind of error only; substitutions, deletions and insertions add up."),
    ),
)

meaning_of_15 = Reflection(
    key="04.meaning_of_15",
    hints=(
        "There are three kinds of error. Their number is divided by the number of words in "
        "one of the two texts: which?",
    ),
    prompt="(The chapter's question 3.) Sum up: what does a WER of 15% mean? Write down which errors it "
    "counts, and what it divides them by.",
    model="Substitutions, deletions and insertions together are 15 for every 100 words of the reference, "
    "over the whole test set. With insertions among them, that is not the same as 15 wrong words in "
    "100.",
    points=(
        "it counts substitutions and deletions",
        'it counts insertions too, so 15% is not "15 of 100 words are wrong"',
        "it divides by the number of words in the reference",
    ),
)

mean_or_corpus = Number(
    key="04.mean_or_corpus",
    hints=(
        "Add up the errors of both utterances, and the words of both references.",
        "How many words do the two references have together, and how many of them are wrong?",
    ),
    prompt="Two utterances: 'yes', transcribed as 'no', and one of 19 words, transcribed without "
    "a mistake. The mean of their rates is 50%. What is the corpus WER, in percent?",
    right=5.0,
    unit="%",
    tolerance=0.01,
    praise="1 error over 20 words. A mean of rates gives the one word of the short utterance the weight of "
    "all 19 of the other.",
    slips=(
        (50.0, "That is the mean. Add the errors of both, and divide by the words of both."),
        (1, "That is the number of errors: divide it by the words of both references."),
        (95.0, "That is the share of right words."),
        (100 / 19, "20 words, not 19: the wrong one is in the reference too."),
    ),
)

most_errors = Number(
    key="04.most_errors",
    hints=(
        "How many words does the hypothesis have, and how many the reference?",
        "Two of the written words stand in the place of those that were said. What are the others?",
    ),
    prompt="The reference is 'hello world'. A recogniser writes 'yell oh whirled peas now', of which no "
    "word is right. What is the WER, in percent?",
    right=250.0,
    unit="%",
    tolerance=0.01,
    praise="Two substitutions and three insertions over two words. 100% is not an upper limit; "
    "writing nothing at all would have been 100%.",
    slips=(
        (100.0, "If no word is right, the WER is 100% only without insertions. How long is the hypothesis?"),
        (5, "That is the number of errors: divide it by the words of the reference."),
        (40.0, "Turn the fraction round: the words of the reference stand below."),
        (150.0, "Those are the three insertions. The two words of the reference are wrong too."),
        (
            350.0,
            "Seven errors: but two of the wrong words can stand in the place of the two of the "
            "reference, as substitutions.",
        ),
    ),
)

characters_or_words = Choice(
    key="04.characters_or_words",
    hints=("One wrong letter in a word of five: how much does it add to the CER, and how much to the WER?",),
    prompt="On the test set the WER is three times the CER. What does that suggest?",
    options={
        "a": "Most wrong words have only one or two wrong letters.",
        "b": "One of the two is computed wrongly: a wrong word is a wrong word.",
        "c": "Most errors are deleted words.",
        "d": "The model is good with long words and bad with short ones.",
    },
    right="a",
    replies={
        "a": "One wrong letter makes a whole word wrong. A language model corrects many such "
        "errors, as the line 'with a language model' below shows.",
        "b": "They count different things: one wrong letter is a whole word for the WER, and one letter for "
        "the CER.",
        "c": "A deleted word loses all its letters, so its share of the characters would be about the same "
        "as its share of the words, and the two rates would be close.",
        "d": "Neither rate looks at the length of a word. Compare what is written with what was said.",
    },
)

difference_of_half_a_point = Choice(
    key="04.difference_of_half_a_point",
    hints=("Half a point of 130 utterances of about 16 words: how many errors is that?",),
    prompt="System A has a WER of 12.3% and system B one of 11.8% on the same 130 utterances. Is B better?",
    options={
        "a": "Yes: 11.8 is less than 12.3, and both were measured in the same way.",
        "b": "No: each interval is wider than the difference, so they are equal.",
        "c": "These two numbers alone cannot tell.",
        "d": "Yes, if both were trained with the same seed.",
    },
    right="c",
    replies={
        "a": "On these 130, yes. The interval below shows how much either would vary with "
        "another 130 of the same kind.",
        "b": "Wide intervals do not make two systems equal. And both systems have the "
        "same difficult utterances, so the interval of their *difference* may be much "
        "narrower.",
        "c": "Two separate intervals would overlap widely. Look at the difference utterance by "
        "utterance (the interval of the difference, below), or test on more.",
        "d": "A seed changes the system, not the number of utterances it is judged on.",
    },
)

whom_to_draw = Choice(
    key="04.whom_to_draw",
    hints=("If one speaker is hard to understand, how many of that speaker's utterances have errors?",),
    prompt="The 200 utterances of the test set were spoken by 16 speakers. The bootstrap may draw "
    "utterances one by one, or whole speakers. You want to say how certain the WER is for speakers of this "
    "kind in general. Which interval do you report?",
    options={
        "a": "The one by utterance: it is narrower, and therefore more precise.",
        "b": "The one by speaker: the errors of one speaker are related.",
        "c": "Their mean: the truth lies between two estimates.",
        "d": "The one by utterance, because there are more utterances than speakers.",
    },
    right="b",
    replies={
        "a": "It is narrower because it treats the 12 utterances of one speaker as 12 independent "
        "samples. Look at the rates by speaker.",
        "b": "The claim is about speakers who are not in the test set. With 16 speakers "
        "there are 16 draws, however many utterances each has read. "
        "`omni_lib.metrics.bootstrap_interval` draws speakers.",
        "c": "The two intervals answer different questions: other utterances of the same speakers, or "
        "other speakers. Their mean answers neither.",
        "d": "Many utterances do not help here: a thousand utterances of one speaker say little "
        "about another speaker.",
    },
)

what_normalisation_hides = Choice(
    key="04.what_normalisation_hides",
    hints=("Delete every character but a-z and the space from both texts. Which pair is then the same?",),
    prompt="Both texts are normalised to a-z and single spaces before they are compared. Which "
    "error does the WER then no longer count?",
    options={
        "a": "'their' written for 'there'.",
        "b": "'to' written for 'to to'.",
        "c": "'twenty one' written for 'twenty nine'.",
        "d": "\"we'll\" written for 'well'.",
    },
    right="d",
    replies={
        "a": "Both are spelled with a-z, so the difference stays, and counts as an error.",
        "b": "A deletion, before and after normalisation.",
        "c": "A substitution, before and after normalisation.",
        "d": "The apostrophe is deleted, and both become 'well'. Capitals, full stops and "
        "accents disappear too, although a reader may need them.",
    },
)

human_level = Choice(
    key="04.human_level",
    hints=("Think of a person who listens to a quiet room, and then to a bad telephone line.",),
    prompt="'WER < 5%: excellent (human-level)', says the chapter. What is missing?",
    options={
        "a": "Nothing: people make about 5% errors when they write down what is said.",
        "b": "The decoder: with beam search the limit would be 10%.",
        "c": "The speech: on which recordings is it measured?",
        "d": "The loss: below 10 nats it is human-level, too.",
    },
    right="c",
    replies={
        "a": "On which recordings? Professional transcribers had a WER of 5.9% on one set of telephone "
        "calls, and of 11.3% on another (Xiong et al. 2016).",
        "b": "A decoder changes the rate, not what it is compared with.",
        "c": "A WER without the name of its test set means nothing, for a model as for people. "
        "In Table 4.2 the same model has 0.0% on one accent, and 6.8% on another.",
        "d": "The loss depends on the length of the utterances. No threshold of it means anything to a "
        "listener.",
    },
)
