"""Lesson 02: its questions. Its code exercises are in `encoder`."""

from __future__ import annotations

from omni_lib.course.exercises.questions import Choice, Number, Reflection

why_8x = Reflection(
    key="02.why_8x",
    hints=(
        "The gain grows with the square of the number of frames. For the limit, think of quick "
        "speech: how many letters does a person say in a second, and how many embeddings are there?",
    ),
    prompt="Why does the encoder make one embedding of eight frames, and why not of sixteen? Write down what"
    " is gained, and what limits it.",
    model="An eighth of the frames means a 64th of the pairs for attention, and so less time and memory. But "
    "the letters are written from the embeddings. Quick speech has more than 12.5 letters a second, so "
    "some embeddings of 80 ms must contain two letters. At 160 ms an embedding would have to contain two or "
    "three all the time.",
    points=(
        "fewer embeddings make attention cheaper, in time and memory",
        "the letters are written from the embeddings, and quick speech has many letters a second",
    ),
)

hello_embeddings = Number(
    key="02.hello_embeddings",
    hints=(
        "The subsampler halves the number of frames twice, and rounds up each time. The pool halves "
        "once more, and rounds down.",
        "38 → 19 → 10 → …",
    ),
    prompt="The chapter's 'hello' has 38 frames, and 38 / 8 is 4.75. How many embeddings does the "
    "encoder make "
    "of them?",
    right=5,
    unit="embeddings",
    tolerance=0.1,
    praise="38 → 19 → 10 → 5. A convolution of stride 2 with padding rounds up, twice; the pool rounds down. "
    "Lesson 03 asks whether five embeddings are enough for 'hello'.",
    slips=(
        (4, "only the pool rounds down; the two convolutions round up"),
        (4.75, "the number of embeddings is whole: each of the three halvings rounds"),
        (9.5, "that is a quarter; the pool halves once more"),
        (10, "that is after the subsampler; the pool halves once more"),
        (19, "that is after the first convolution; another one and the pool halve again"),
        (38, "those are the mel frames, which are halved three times"),
    ),
)

without_mask = Choice(
    key="02.without_mask",
    hints=(
        "Convolutions and attention look at neighbours. Which neighbours does the last real frame of "
        "a short clip have?",
    ),
    prompt="An encoder without masks is trained and tested in padded batches. What is the worst consequence?",
    options={
        "a": "a clip's embeddings depend on the rest of its batch",
        "b": "the embeddings of the padding are not zero, and the CTC head writes letters there",
        "c": "training takes longer, since the padding is computed as well as the speech",
        "d": "long clips are cut off",
    },
    right="a",
    replies={
        "a": "Yes. The same recording is transcribed in one way alone and in another beside a longer one.",
        "b": "true, but harmless: the lengths say where to stop. What happens to the real frames?",
        "c": "the padding is computed with masks too, so they save no time",
        "d": "nothing is cut off; clips are padded to the longest",
    },
)

projection_inputs = Number(
    key="02.projection_inputs",
    hints=(
        "Three strides of 2 over frequency: how many of the 128 filters remain as bands?",
        "16 bands remain. How many are left after the means, and how many channels does each of them have?",
    ),
    prompt="The subsampler's last convolution gives 64 channels in each frequency band. Then the subsampler "
    "takes the mean of every two neighbouring bands. How many numbers does its linear layer read for each "
    "frame?",
    right=512,
    tolerance=0.5,
    praise="128 filters become 16 bands and then 8, and 8 bands of 64 channels are 512 numbers.",
    slips=(
        (1024, "the means of two neighbouring bands leave 8 of the 16 bands, each with 64 channels"),
        (8192, "each of the three strides over frequency halves the number of bands"),
        (4096, "each of the three strides over frequency halves the number of bands"),
        (2048, "over frequency there are three strides of 2, and over time two"),
        (8, "that is the number of bands; each has 64 channels"),
        (64, "that is one band; how many are there?"),
        (192, "that is how many numbers the linear layer gives"),
    ),
)

attention_pairs = Number(
    key="02.attention_pairs",
    hints=(
        "How many frames are 10 s at 40 ms, and how many at 10 ms?",
        "Every frame is compared with every frame: the number of pairs is the square.",
    ),
    prompt="Attention compares every frame with every frame. For 10 s of speech, how many times larger is "
    "the number of pairs with frames of 10 ms than with frames of 40 ms, on which our first block works?",
    right=16,
    unit="times",
    tolerance=0.5,
    praise="1000² against 250² pairs: a quarter of the frames, and each of them is compared with a "
    "quarter as many. After the pool, at 80 ms, the factor is 64.",
    slips=(
        (4, "that is the ratio of the frames; but each frame is compared with every other"),
        (8, "there are 4 times as many frames, and each is compared with 4 times as many: multiply"),
        (64, "that is at 80 ms, after the pool; the first block comes before it"),
        (0.0625, "that is the other way round: how many times as many are there at 10 ms?"),
        (62_500, "that is 250², the pairs at 40 ms; how many are there at 10 ms?"),
        (1_000_000, "that is 1000², the pairs at 10 ms; how many are there at 40 ms?"),
    ),
)

rotary = Choice(
    key="02.rotary",
    hints=(
        "The query at position i is turned by i times an angle, the key at position j by j times that"
        " angle. What remains in their product?",
    ),
    prompt="A clip begins 80 ms later than before, with silence in front of it. Suppose that its frames have "
    "the same queries and keys as before. With rotary positions, which attention scores between two frames "
    "of the clip change?",
    options={
        "a": "all of them change, because every position is turned by another angle",
        "b": "those of distant frames, which become zero",
        "c": "only those of neighbouring frames change, for which the order matters",
        "d": "none of them: all of these scores stay the same",
    },
    right="d",
    replies={
        "a": "every query and key is rotated further, but all of them by the same angle. Which "
        "angle enters the product of a query and a key?",
        "b": "nothing is cut off; rotary positions turn vectors, they do not shorten them",
        "c": "the distance between two frames is what it was, for neighbours too",
        "d": "Yes. Query and key are rotated further by the same angle, and that leaves their "
        "product unchanged: a score depends only on how far the key stands before or after the query.",
    },
)

how_many_blocks = Number(
    key="02.how_many_blocks",
    hints=(
        "Subtract the subsampler, the pool and the norm from 10.5 million. The rest is for the blocks.",
        "One block has 559,488 parameters.",
    ),
    prompt="The chapter says 10.5 million parameters. How many encoder blocks like ours would that take, "
    "all else equal? (Round to the nearest whole number.)",
    right=18,
    unit="blocks",
    tolerance=0.5,
    praise="(10.5 million - the other parts) / 559,488 is about 18.3. Four layers of the chapter's sizes "
    "cannot have 10.5 million parameters.",
    slips=(
        (4, "that is how many there are, and together with the rest they make about 2.5 million"),
        (
            19,
            "subtract the subsampler and the pool first, then divide, and round to the nearest whole number",
        ),
        (17, "which block count comes nearest to 10.5 million?"),
    ),
)
