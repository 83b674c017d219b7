"""Lesson 01: its questions. Its code exercises stand in `mel_features`."""

from __future__ import annotations

import math

from omni_lib.audio import LOG_FLOOR
from omni_lib.course.exercises.questions import Choice, Number

bin_spacing = Number(
    key="01.bin_spacing",
    hints=(
        "The bins divide the whole range of frequencies, up to the sampling rate, into as many steps "
        "as there are points.",
        "The range is 16,000 Hz wide. Into how many steps do 400 points divide it?",
    ),
    prompt="A Fourier transform of 400 points at 16 kHz: how many hertz lie between two of its bins?",
    right=40,
    tolerance=0.01,
    praise="16,000 Hz / 400 points = 40 Hz. With more points the bins lie closer together.",
    unit="Hz",
    slips=(
        (
            20,
            "the 400 points cover the whole 16,000 Hz; you divided its lower half, which has 201 bins",
        ),
        (15.625, "that is the spacing of 1024 points; the question has 400"),
        (0.025, "that is the length of the window in seconds; take its reciprocal"),
        (160, "that is the hop, in samples"),
    ),
)

smallest_fft = Number(
    key="01.smallest_fft",
    hints=(
        "The bins of n points lie 16,000 / n hertz apart, and one of them must lie inside the triangle.",
        "512 points have a bin every 31.25 Hz. Is one of them between 0 and 27.9 Hz?",
    ),
    prompt="The narrowest of the 128 filters is a triangle from 0 to 27.9 Hz. What is the smallest number of "
    "points with which a bin lies inside this triangle? (Bin 0 lies on its edge, so it does not count.)",
    right=574,
    tolerance=0.1,
    unit="points",
    praise="16,000 / 574 is 27.87 Hz. A Fourier transform is fast if its number of points is a power of two, "
    "and the next one is 1024. That is why `LogMel` has 1024 points.",
    slips=(
        (573, "almost: 16,000 / 573 is 27.92 Hz, just outside the triangle"),
        (573.48, "that is 16,000 / 27.9; the next whole number is wanted"),
        (1024, "that is enough, with a bin every 15.6 Hz, but fewer points are enough too"),
        (512, "its first bin above 0 lies at 31.25 Hz, and the triangle ends at 27.9 Hz"),
        (400, "its first bin above 0 lies at 40 Hz"),
    ),
)

zero_padding = Choice(
    key="01.zero_padding",
    hints=("How much sound is in the window, with the zeros and without them?",),
    prompt="The window has 400 samples and the transform has 1024 points, so 624 of them are zeros. What "
    "do the zeros add?",
    options={
        "a": "a sharper spectrum: tones that lie closer together can be told apart",
        "b": "the same spectrum, read off at more frequencies",
        "c": "a longer stretch of sound in each frame",
        "d": "nothing, they only cost time",
    },
    right="b",
    replies={
        "a": "how well two close tones can be told apart depends on the length of the window, which is "
        "still 25 ms; zeros add no sound",
        "b": "Yes. The spectrum of 25 ms is a smooth curve; the zeros make the transform read it "
        "every 15.6 Hz "
        "instead of every 40 Hz.",
        "c": "the frame still holds 400 samples of sound; the rest is zeros",
        "d": "they cost time, and they bring more bins: that is good for filters that are narrower "
        "than 40 Hz",
    },
)

log_floor = Number(
    key="01.log_floor",
    hints=(
        "How much power does digital silence have, before and after 1e-6 is added?",
        "In digital silence only the floor is left. The logarithm is the natural one, `math.log`.",
    ),
    prompt="What is the lowest value that a log-mel can have (with two decimals)?",
    right=math.log(LOG_FLOOR),
    tolerance=0.02,
    praise="Digital silence has the value ln(1e-6) = -13.82. Without the floor it would be minus infinity, "
    "and one such frame would ruin the training.",
    slips=(
        (-math.log(LOG_FLOOR), "the sign is missing: the logarithm of a number below 1 is negative"),
        (-6, "that is the decimal logarithm of the floor; the log-mel is a natural one"),
        (-19.93, "that is the logarithm to base two; the log-mel is a natural one"),
        (-60, "that is the floor in decibels; the log-mel is a natural logarithm"),
        (0, "log-mels are negative where the power is less than 1, and the floor is far less"),
        (1e-6, "that is the floor itself; the log-mel is its logarithm"),
    ),
)

faster_frames = Number(
    key="01.faster_frames",
    hints=(
        "How long does the clip last at speed 1.1?",
        "A frame starts every 10 ms: 100 frames a second.",
    ),
    prompt="A clip of 2.2 s is played at speed 1.1. How many frames does its log-mel have?",
    right=200,
    tolerance=0.5,
    unit="frames",
    praise="2.2 s / 1.1 = 2.0 s. The same letters now have fewer frames: lesson 03 checks "
    "whether they are still enough.",
    slips=(
        (220, "that is before the change of speed"),
        (201, "that counts the frame on the very end, which `LogMel` leaves out"),
        (242, "faster is shorter: divide, do not multiply"),
        (2, "that is its length in seconds"),
        (25, "those are embeddings, 80 ms each; frames are 10 ms"),
    ),
)

mask_fill = Choice(
    key="01.mask_fill",
    hints=(
        "Look at the scale of a raw log-mel: from about -14, which is silence, to about 7. Where is "
        "0, and where is the mean?",
    ),
    prompt="SpecAugment fills its masks with the feature mean. Why not with 0?",
    options={
        "a": "a 0 becomes minus infinity when the logarithm is taken, and with it the loss of the "
        "whole batch",
        "b": "so that the masked sound can still be guessed from the fill",
        "c": "the mean is quicker to compute, since it is kept as a buffer of the encoder",
        "d": "a raw log-mel of 0 is a rather loud sound; the mean is neutral",
    },
    right="d",
    replies={
        "a": "the logarithm was taken before the masks are drawn; nothing becomes infinite",
        "b": "the mean over the training set does not depend on this clip, so it says nothing about the "
        "sound that a mask covers",
        "c": "both are constants; neither costs anything",
        "d": "Yes. The mean becomes 0 when it is normalised. A raw 0 lies about one deviation above the "
        "mean of most filters: the masks would look like sound, not like gaps.",
    },
)
