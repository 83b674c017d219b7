"""Lesson 03: its questions, among them the chapter's second."""

from __future__ import annotations

import math

from omni_lib.course.exercises.questions import Choice, Number, Reflection

why_ctc = Reflection(
    key="03.why_ctc",
    hints=(
        "What does a transcript say about the frame at 0.37 s? And which paths did the cell that "
        "lists the alignments of 'ab' add up?",
    ),
    prompt="(The chapter's question 2.) Sum up: why is an encoder trained with CTC, and not with a "
    "cross-entropy at every frame? What does the loss add up?",
    model="Cross-entropy needs a label for every frame, that is an alignment, which transcripts do not "
    "have. CTC adds up the probabilities of all paths that collapse to the text, so that no frame has"
    " to be labelled.",
    points=(
        "cross-entropy needs a label for every frame, and transcripts have none",
        "CTC adds up the probabilities of paths (alignments)",
        "all paths that collapse to the text count, not only the best one",
    ),
)

hell_lo = Choice(
    key="03.hell_lo",
    hints=("Do it in two steps: first merge equal neighbours, then drop the blank.",),
    prompt="Find the mistake. The chapter collapses hell_lo to helllo, with three l. What does it collapse "
    "to?",
    options={"a": "helllo", "b": "hello", "c": "helo", "d": "hell lo"},
    right="b",
    replies={
        "a": "That takes both l of the first run as letters. What happens to equal neighbours before any "
        "blank is dropped?",
        "b": "The run of two l is one letter. The blank keeps it apart from the next l: two l in all.",
        "c": "That is what comes out when the blank is dropped before the runs are merged.",
        "d": "The blank is not a space: it writes nothing at all. The space has a class of its own.",
    },
)

frames_for_hello = Number(
    key="03.frames_for_hello",
    hints=(
        "Five frames h, e, l, l, o: what do they collapse to?",
        "One frame for each letter, and one more between two equal letters.",
    ),
    prompt="The chapter spells hello from 38 mel frames, which are 5 embeddings, at one CTC frame each. How "
    "many CTC frames does hello need at least?",
    right=6,
    unit="frames",
    tolerance=0,
    praise="Five letters and a blank between the two l. With its 5 CTC frames the chapter's own example has "
    "no path, and its loss is infinite.",
    slips=(
        (5, "Five letters, but what do five frames h, e, l, l, o collapse to?"),
        (9, "A blank between all letters is allowed, but only needed between two that are alike."),
        (11, "That counts a blank before, between and after all letters; most of these may be left out."),
        (4, "That is enough for 'helo'. The second l needs a frame too, and a blank before it."),
    ),
)

what_blank_means = Choice(
    key="03.what_blank_means",
    hints=('Take the path c_a_t. Does anybody pause between the letters of "cat"?',),
    prompt="The chapter calls the blank 'silence'. What does a blank in a frame mean?",
    options={
        "a": "No new letter is written here.",
        "b": "Nobody speaks in this frame: it is a pause, or the end.",
        "c": "A space between two words.",
        "d": "The model cannot tell which letter is spoken.",
    },
    right="a",
    replies={
        "a": "The blank says 'no new letter'. It fills the pauses, and frames in the middle of words too.",
        "b": "Look at the levels below: are the frames between the letters silent?",
        "c": "The space is class 1, and is written. The blank is class 0, and is not.",
        "d": "If a model is not certain, several symbols get a part of the probability. Many blanks here "
        "have a posterior close to 1.",
    },
)

sum_or_best = Choice(
    key="03.sum_or_best",
    hints=("How would you score a text that has 15 alignments, each with a probability of its own?",),
    prompt="'Optimizes best alignment automatically', says the chapter. What is the CTC loss?",
    options={
        "a": "Minus the log-probability of the best path that spells the text.",
        "b": "The cross-entropy of each frame with the symbol that one fixed alignment gives it.",
        "c": "The mean, over all paths that spell the text, of minus their log-probability.",
        "d": "Minus the log of the summed probability of all paths that spell the text.",
    },
    right="d",
    replies={
        "a": "That is the score of the best path alone. One path has less probability than all "
        "of them together; the next cell computes both.",
        "b": "Some recognisers are trained in that way, with an alignment from elsewhere. CTC needs none.",
        "c": "The logarithm of a sum is not the sum of the logarithms: with a mean, every unlikely path "
        "would make the loss larger.",
        "d": "The probabilities of all paths are added up. The next cell does this by listing the paths, and "
        "compares the result with torch's.",
    },
)

eos_as_target = Choice(
    key="03.eos_as_target",
    hints=("What ends the text of a CTC model: a symbol that it writes, or the last frame of the clip?",),
    prompt="One of the 29 classes is <eos>. How often is it in the target of a training utterance?",
    options={
        "a": "Once, as its last symbol.",
        "b": "Once for every sentence.",
        "c": "Never.",
        "d": "Once for every pause.",
    },
    right="c",
    replies={
        "a": "A decoder that predicts one letter after another needs a symbol for the end. CTC "
        "needs none: it ends with the last frame of the clip.",
        "b": "The transcripts have no full stops, so nothing in a target marks where a sentence ends.",
        "c": "CTC ends with the clip's last frame, and `Vocabulary.encode` never writes class "
        "28. The class exists because the chapter's CTC head has 29 outputs.",
        "d": "A pause is not written in the target at all: during a pause, the path has blanks.",
    },
)

initial_loss = Number(
    key="03.initial_loss",
    hints=(
        "Each path has the probability (1/29)^8. How much do all of them have together?",
        "The loss is minus the natural logarithm of that sum.",
    ),
    prompt="Suppose that a network gives each of 29 symbols the probability 1/29 in "
    "every frame. A text of one letter has 36 paths in 8 frames. What is its CTC loss, in "
    "nats? (One decimal will do.)",
    right=8 * math.log(29) - math.log(36),
    unit="nats",
    tolerance=0.06,
    praise="The loss is T ln 29 - ln N. It grows with the number of frames, so the chapter's "
    "range of 50 to 100 cannot hold for all clips.",
    slips=(
        (8 * math.log(29), "That is the loss of one path. There are 36, and they add up."),
        (math.log(29), "That is one frame of one path."),
        (8 * math.log(29) + math.log(36), "More paths mean more probability and less loss: check the sign."),
        (
            (8 * math.log(29) - math.log(36)) / math.log(2),
            "Those are bits; nats come from the natural logarithm.",
        ),
        (
            (8 * math.log(29) - math.log(36)) / math.log(10),
            "That is with the decimal logarithm; nats come from the natural one.",
        ),
    ),
)

letters_per_second = Number(
    key="03.letters_per_second",
    hints=(
        "How many embeddings are there in a second?",
        "Each of them gives two CTC frames, and a letter needs at least one.",
    ),
    prompt="An embedding lasts 80 ms. With two CTC frames from each (k = 2), at most how many letters a "
    "second can be spelled, if none of them is doubled?",
    right=25,
    unit="letters",
    tolerance=0.01,
    praise="12.5 embeddings a second, two CTC frames from each. The speech of the embedded corpus has nearly "
    "16 characters a second on average, more than k = 1 could spell.",
    slips=(
        (12.5, "That is with one CTC frame from each embedding."),
        (100, "Those are the mel frames. Eight of them make one embedding."),
        (80, "80 is the milliseconds of one embedding; how many of those fit into a second?"),
    ),
)

peaky = Choice(
    key="03.peaky",
    hints=(
        "Any path that collapses to the text is right for the loss. Does the loss then say where in "
        "its sound a letter must be written?",
    ),
    prompt="Trained with CTC losses alone, an encoder writes most letters for a single frame. What follows?",
    options={
        "a": "The start of a written letter tells exactly when its sound begins, its end when it ends.",
        "b": "The model is overfitted: after more clips it would write each letter as long as it sounds.",
        "c": "The letter marks one moment near its sound, and not where that begins or ends.",
        "d": "Blank frames hold no speech and can be cut away from the clip.",
    },
    right="c",
    replies={
        "a": "The loss accepts every path that collapses to the text, wherever its peaks are. "
        "Compare the width of the peaks with that of the sounds.",
        "b": "It is not a fault of this model: Zeyer et al. (2021) show that the loss itself leads there.",
        "c": "The loss does not require a letter to last as long as its sound, or to begin with it. This "
        "encoder writes the first letter at 0.32 s, and the pretrained encoder (Figure 3.4) at 0.19 s.",
        "d": "Some blanks are in the middle of words. If you cut them away, you cut away parts of the words.",
    },
)
