"""Lesson 00: one way to write its exercise. Its docstring is also that of the blank in the notebook."""


def seconds(samples: int) -> float:
    """The length of a clip of `samples` samples, in seconds, at 16,000 samples a second.

    Compared with a relative tolerance of 1e-6. A clip of no samples lasts 0 s.
    """
    return samples / 16_000
