"""Lesson 01: its questions. Its code exercises stand in `mel_features`."""

from __future__ import annotations

import math

from omni_lib.audio import LOG_FLOOR
from omni_lib.course.exercises.questions import Choice, Number

bin_spacing = Number(
    key="01.bin_spacing",
    prompt="A Fourier transform of 400 points at 16 kHz: how many hertz lie between two of its bins?",
    right=40,
    tolerance=0.01,
    praise="16,000 Hz / 400 points = 40 Hz; the 1024 points of `LogMel` bring it down to 15.625 Hz.",
    slips=(
        (
            20,
            "8000 Hz over 400 bins? There are 201 bins up to 8 kHz; the rate divided by the points "
            "is quicker",
        ),
        (15.625, "that is the spacing of 1024 points; the question has 400"),
        (0.025, "that is the length of the window in seconds; its reciprocal is what you look for"),
        (160, "that is the hop, in samples"),
    ),
)

smallest_fft = Number(
    key="01.smallest_fft",
    prompt="Which is the smallest power of two, as the number of points, that leaves none of the 128 "
    "filters empty?",
    right=1024,
    tolerance=0.1,
    praise="512 still leaves filter 0 without a bin. That is why `LogMel` has 1024 points.",
    slips=(
        (512, "almost: ask your `empty_filters(512, 128)`"),
        (2048, "that leaves none empty, but a smaller one does too"),
        (400, "400 is no power of two, and leaves four filters empty"),
        (10, "2 to the power of 10 it is; the number of points is wanted"),
    ),
)

zero_padding = Choice(
    key="01.zero_padding",
    prompt="The window has 400 samples, the transform 1024 points: 624 of them are zeros. What do the zeros "
    "bring?",
    options={
        "a": "a sharper spectrum: tones that lie closer together can be told apart",
        "b": "the same spectrum, read off at more frequencies",
        "c": "a longer stretch of sound in each frame",
        "d": "nothing, they only cost time",
    },
    right="b",
    replies={
        "a": "how close two tones may lie depends on the length of the window, which is still 25 ms; "
        "zeros are no sound",
        "b": "Yes. The spectrum of 25 ms is a smooth curve; zeros sample it every 15.6 Hz instead of "
        "every 40, so each filter has a bin.",
        "c": "the frame still holds 400 samples of sound; the rest is zeros",
        "d": "look at the empty filters at 400 points and at 1024 again",
    },
)

log_floor = Number(
    key="01.log_floor",
    prompt="What is the lowest value that a log-mel can have (two digits behind the point)?",
    right=math.log(LOG_FLOOR),
    tolerance=0.02,
    praise="ln(1e-6) = -13.82: digital silence. Without the floor it would be minus infinity, and one such "
    "frame ruins a training.",
    slips=(
        (-6, "that is the decimal logarithm of the floor; the log-mel is a natural one"),
        (-60, "that is the floor in decibels; the log-mel is a natural logarithm"),
        (0, "log-mels are negative where the power is less than 1, and the floor is far less"),
        (1e-6, "that is the floor itself; the log-mel is its logarithm"),
    ),
)

faster_frames = Number(
    key="01.faster_frames",
    prompt="A clip of 2.2 s is played at speed 1.1. How many frames has its log-mel?",
    right=200,
    tolerance=0.5,
    praise="2.2 s / 1.1 = 2.0 s. The same letters now have fewer frames: lesson 03 counts whether they "
    "still suffice.",
    slips=(
        (220, "that is before the change of speed"),
        (242, "faster is shorter: divide, do not multiply"),
        (2, "that is its length in seconds"),
        (25, "those are embeddings, 80 ms each; frames are 10 ms"),
    ),
)

mask_fill = Choice(
    key="01.mask_fill",
    prompt="SpecAugment fills its masks with the feature mean. Why not with 0?",
    options={
        "a": "0 would make the loss infinite",
        "b": "a raw log-mel of 0 is a rather loud sound; the mean says nothing either way, and becomes 0 "
        "when it is normalised",
        "c": "the mean is quicker to compute",
        "d": "so that the masked sound can still be guessed from the fill",
    },
    right="b",
    replies={
        "a": "the encoder takes any finite log-mel; nothing becomes infinite",
        "b": "Yes. Filled with 0, masks would be bright bars to look at, rather than gaps to be filled "
        "from what is around them.",
        "c": "both are constants; neither costs anything",
        "d": "the mean over the training set knows nothing about this clip; the gap has to be filled from "
        "its surroundings",
    },
)
