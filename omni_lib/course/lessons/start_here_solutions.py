"""Lesson 00: one way to write its exercise."""


def seconds(samples: int) -> float:
    return samples / 16_000
