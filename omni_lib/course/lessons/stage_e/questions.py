"""Lesson 06: its questions. Its code exercises are in `stage_e`."""

from __future__ import annotations

from omni_lib.course.exercises.questions import Choice, Number, Reflection

what_stays_behind = Choice(
    key="06.what_stays_behind",
    hints=(
        "Which part of the checkpoint holds the mean and the deviation of the features? And does the Thinker "
        "read letters?",
    ),
    prompt="Stage E loads checkpoint['enc']. Which other part of the checkpoint does its forward pass need?",
    options={
        "a": "'head': without the CTC head there are no letters for the Thinker to read",
        "b": "'feature_stats': the log-mels must be normalised",
        "c": "'vocabulary': the list of symbols",
        "d": "None: 'enc' is complete",
    },
    right="d",
    replies={
        "a": "The Thinker reads embeddings, not letters. The CTC head was needed to train the "
        "encoder, and is left out.",
        "b": "They must, and 'enc' holds them: the mean and deviation are its buffers. "
        "'feature_stats' only repeats them.",
        "c": "An embedding is not a symbol. The CTC head computes the symbols, and is left out.",
        "d": "Yes. 'config' is needed once, to build the encoder. The CTC head and its vocabulary write "
        "letters, which Stage E does not need.",
    },
)

why_freeze = Choice(
    key="06.why_freeze",
    hints=(
        "The projector starts with random weights. What do the gradients look like that come back "
        "through it?",
    ),
    prompt="Why is the encoder frozen when Stage E begins?",
    options={
        "a": "A frozen encoder recognises speech better, as no dropout disturbs it",
        "b": "The projector starts at random, and its gradients would spoil the encoder",
        "c": "Its weights no longer fit into the memory beside those of the whole Thinker",
        "d": "CTC forbids further training",
    },
    right="b",
    replies={
        "a": "It recognises speech exactly as well as before: dropout is off in evaluation mode anyway. What "
        "would the first gradients of Stage E do to it?",
        "b": "Yes. It is cheaper, too: it needs no gradient. Once the projector has been "
        "trained, the encoder can be trained too, at a low rate.",
        "c": "Freezing saves the memory of gradients and optimiser, but that of the weights is needed "
        "either way.",
        "d": "The CTC loss is left out together with the head. What would the first gradients of Stage E do "
        "to the encoder?",
    },
)

ten_seconds = Number(
    key="06.ten_seconds",
    hints=(
        "How many frames are 10 s?",
        "Eight frames make one embedding, and each embedding is one position.",
    ),
    prompt="How many positions of the Thinker's sequence does a clip of 10 s take?",
    right=125,
    tolerance=0,
    unit="positions",
    praise="1000 frames, 8 to an embedding. At 2.5 to 3 words a second, that is about 4 to 5 positions a "
    "word. (Above, text takes one position a letter; most language models use about one a word.)",
    slips=(
        (1000, "Those are the frames, 10 ms each. The encoder makes one embedding of 8."),
        (375, "Those are CTC frames at k = 3. Stage E reads embeddings, whose number k does not change."),
        (12.5, "That is one second."),
        (12, "That is one second."),
        (160_000, "Those are the samples. Eight frames of 10 ms make one embedding."),
        (80, "An embedding lasts 80 ms: how many of them are 10 s?"),
    ),
)

use_in_stage_e = Reflection(
    key="06.use_in_stage_e",
    hints=(
        "Follow one embedding: from which part of Stage B does it come, what changes its width, and "
        "what stands beside it in the Thinker's sequence?",
    ),
    prompt="(The chapter's question 5.) Sum up: how will the audio encoder be used in Stage E?",
    model="It turns sound into one embedding every 80 ms. A linear map takes those from 192 to 256 "
    "channels, the Thinker's width, and they are concatenated with the embeddings of text and images "
    "into one sequence. The CTC head is left out.",
    points=(
        "it turns sound into embeddings, without the CTC head and its letters",
        "a linear map (the projector) takes them to the Thinker's width",
        "they are concatenated with the embeddings of text and images into one sequence",
    ),
)

voices_forgotten = Choice(
    key="06.voices_forgotten",
    hints=("What lowers the CTC loss: information about what was said, or about who said it?",),
    prompt="A probe predicts the voice far better from untrained embeddings than from trained "
    "ones. What happened in training?",
    options={
        "a": "The trained encoder is worse in every way: it has learned the clips by heart",
        "b": "The probe of the trained embeddings was not fitted long enough",
        "c": "CTC rewards what was said, not who said it",
        "d": "The dev voices were in the training data",
    },
    right="c",
    replies={
        "a": "Look at the letters beside it: there its score is by far the highest.",
        "b": "Least squares is solved exactly, not in steps. What does CTC reward?",
        "c": "Yes: the loss does not reward information about the voice, and little of it is "
        "left in a form that one matrix can read. Whether a larger model could still find it, "
        "this probe does not tell.",
        "d": "No dev voice is in the training data. If one were, it would be easier to "
        "recognise, not harder.",
    },
)

probe_says = Choice(
    key="06.probe_says",
    hints=("A linear probe is one matrix. What can a linear map not compute?",),
    prompt="A linear probe for the pitch of the voice finds nothing. What may you conclude?",
    options={
        "a": "The embeddings do not hold the pitch",
        "b": "The pitch is not there in a form that one matrix can read",
        "c": "The encoder uses the pitch, and hides it from whoever looks for it",
        "d": "Pitch is of no use for speech recognition",
    },
    right="b",
    replies={
        "a": "A deeper probe might find it. What can a linear one not see?",
        "b": "Yes: it may be there in another form. And the other way round, what a probe finds "
        "need not be what the encoder uses "
        "(Belinkov 2022).",
        "c": "A probe says nothing about use.",
        "d": "That does not follow: it says something about this encoder's embeddings, and only about "
        "what is linear in them.",
    },
)

few_or_many = Choice(
    key="06.few_or_many",
    hints=("What can be learned by heart: a few utterances that come 80 times, or many that come once?",),
    prompt="Four trainings take 2500 steps each. The first uses 250 utterances, each 80 times. The second "
    "uses 1000, each 20 times; the third 4000, each 5 times; and the fourth 20,000, each once. Which has the "
    "lowest error rate on its training batches, and the highest on unknown voices and sentences?",
    options={
        "a": "The one on 20,000 utterances, each once",
        "b": "The one on 4000 utterances, each 5 times",
        "c": "The one on 1000 utterances, each 20 times",
        "d": "The one on 250 utterances, each 80 times",
    },
    right="d",
    replies={
        "a": "There, each utterance is new when it comes, so none of them can be learned by heart.",
        "b": "There, each utterance comes only 5 times, less often than in two of the others.",
        "c": "There, each utterance comes 20 times, but in one of the others they come more often.",
        "d": "Yes. An utterance that comes 80 times can be learned by heart, and 250 utterances contain too "
        "few voices and sentences to learn what all speech has in common.",
    },
)

what_is_measured = Choice(
    key="06.what_is_measured",
    hints=("Which rows were measured, and which were computed from others?",),
    prompt="The table below goes from one hour of speech to 10,000. Two trainings were run and timed, on 1.8 "
    "and on 0.6 hours; the rest is computed from their cost for each hour. On which rows can you rely?",
    options={
        "a": "10,000 hours: it is the measured cost of an hour times the number of hours",
        "b": "1000 hours: it lies in the middle of the table",
        "c": "All alike: the cost of an hour is the same everywhere",
        "d": "The two that were run and timed, on a machine like theirs",
    },
    right="d",
    replies={
        "a": "That extrapolates by four powers of ten. Clip lengths, epochs, the model and the "
        "machine all change the cost.",
        "b": "It is in the middle of the table, but far outside the measured range.",
        "c": "That is assumed, and nobody has tried it beyond 1.8 hours. Longer clips or a slower disk would "
        "change it.",
        "d": "Yes. The others assume that the cost grows in proportion to the hours. They give "
        "the order of magnitude, and show that so much speech needs a GPU and fewer epochs.",
    },
)
