"""Lesson 02: its questions. Its code exercises are in `encoder`."""

from __future__ import annotations

from omni_lib.course.exercises.questions import Choice, Number, ShortText

why_8x = ShortText(
    key="02.why_8x",
    prompt="Why does the encoder make one embedding of eight frames? Give the gain, and what limits it.",
    mentions=(
        (
            r"comput|cheap|fast|quick|cost|memory|effort|shorter|less work|attention|efficien|fewer|speed",
            "say what is gained: what becomes cheaper with fewer embeddings?",
        ),
        (
            r"letter|character|symbol|ctc|align|detail|resol|too (few|slow)|tempo|precis|blur|lose|lost|loss",
            "say what limits it as well: what happens if one embedding covers several letters?",
        ),
    ),
    model="With an eighth of the frames, the attention of the model that reads them has a 64th of the "
    "pairs to compare, and memory and time shrink; but one embedding every 80 ms is less than one "
    "for every letter of quick speech, and CTC needs at least one frame a letter.",
    contradictions=(
        (
            r"(improve|better|more|higher)\w* (time |temporal )?(resolution|detail)",
            "downsampling makes the resolution coarser",
        ),
    ),
)

hello_embeddings = Number(
    key="02.hello_embeddings",
    prompt="The chapter's 'hello' has 38 frames. With one CTC frame an embedding, how many CTC frames are "
    "missing to spell h-e-l-l-o?",
    right=1,
    tolerance=0.1,
    praise="38 frames make 5 embeddings; 'hello' has five letters and needs a blank between its two l: 6. "
    "Lesson 03 goes on from here.",
    slips=(
        (
            0,
            "five embeddings, five letters: but two l side by side would collapse to one; there must "
            "be a blank between them",
        ),
        (5, "that is how many embeddings there are; how many does 'hello' need?"),
        (6, "that is how many 'hello' needs; how many are there?"),
    ),
)

without_mask = Choice(
    key="02.without_mask",
    prompt="An encoder without masks is trained and tested in padded batches. What is the gravest "
    "consequence?",
    options={
        "a": "the embeddings of a clip depend on which other clips share its batch",
        "b": "the embeddings of the padding are not zero",
        "c": "training takes longer, since padding is computed too",
        "d": "long clips are cut off",
    },
    right="a",
    replies={
        "a": "Yes. The same recording is transcribed in one way alone and in another beside a longer one.",
        "b": "true, but harmless: the lengths say where to stop. What happens to the real frames?",
        "c": "padding is computed with masks too; they change what is seen, not what is computed",
        "d": "nothing is cut off; clips are padded to the longest",
    },
)

attention_pairs = Number(
    key="02.attention_pairs",
    prompt="10 s of speech: how many times fewer pairs (query, key) has attention at 40 ms, as in our first "
    "block, than at 10 ms a frame?",
    right=16,
    tolerance=0.5,
    praise="1000² against 250² pairs: four times fewer queries, and four times fewer keys for each of them. "
    "Behind the pool, at 80 ms, it is 64 times.",
    slips=(
        (4, "four times fewer frames; but each is compared with each"),
        (8, "4 times fewer queries, each with 4 times fewer keys: multiply"),
        (64, "that is at 80 ms, behind the pool; the first block stands before it"),
        (62_500, "that is 250², the pairs at 40 ms; how many are there at 10 ms?"),
        (1_000_000, "that is 1000², the pairs at 10 ms; how many are there at 40 ms?"),
    ),
)

rotary = Choice(
    key="02.rotary",
    prompt="A clip is moved by 40 ms within its batch's silence. What do rotary positions do to the scores "
    "of attention?",
    options={
        "a": "all change: every position has another angle",
        "b": "none between two frames of the clip changes: a score depends on their distance only",
        "c": "only those of neighbours change",
        "d": "they become zero beyond a certain distance",
    },
    right="b",
    replies={
        "a": "each query and key is turned by another angle, but both by the same amount more: which "
        "angle enters their product?",
        "b": "Yes. Query and key are turned further by the same angle, and the product of two vectors "
        "turned alike stays as it was.",
        "c": "the distance between two frames is what it was, for neighbours too",
        "d": "nothing is cut off; rotary positions turn vectors, they do not shorten them",
    },
)

how_many_blocks = Number(
    key="02.how_many_blocks",
    prompt="The chapter says 10.5 million parameters. How many encoder blocks like ours would that take, "
    "all else equal (a whole number)?",
    right=18,
    tolerance=0.5,
    praise="(10.5 M - what is no block) / 559,488 is about 18.3. With the chapter's 4 layers of 192 "
    "channels it cannot be.",
    slips=(
        (4, "that is how many there are, and together with the rest they make about 2.5 million"),
        (19, "take off the subsampler and the pooling first, then divide, and round to the nearest"),
        (17, "which block count comes nearest to 10.5 million?"),
    ),
)
