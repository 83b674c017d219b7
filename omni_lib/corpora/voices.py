"""The speakers: espeak-ng's voice variants in six English accents. No test voice is used in training."""

from __future__ import annotations

import random
from dataclasses import dataclass

ACCENTS = ("en-us", "en-gb", "en-gb-scotland", "en-gb-x-rp", "en-gb-x-gbcwmd", "en-us-nyc")

# The variants of espeak-ng 1.52, in families. Variants belong to one family if their spectra on the same
# sentence hardly differ (about 4 dB RMS over 30 bands, also through a chain of variants), or if their
# settings show that one was made from the other. All of a family goes to one split; otherwise a test voice
# would have a near copy in training. The variants in `EXCLUDED` are not used.
FAMILIES = tuple(
    tuple(family.split(","))
    for family in """
        adam,Reed,mike2
        belinda,linda
        fast,max,john
        Diogo,Henrique,Hugo,michel,miguel
        Gene,Gene2
        iven,iven2,iven3,iven4
        klatt,klatt2
        klatt3,klatt4,edward
        RicishayMax,RicishayMax2
    """.split()
) + tuple(
    (variant,)
    for variant in """
        Alex Alicia Andrea Andy Annie AnxiousAndy anika Denis Jacky Lee Marco Mario Michael Mike Nguyen Storm
        Tweaky announcer antonio aunty boris caleb david ed f1 f2 f3 f4 f5 grandma grandpa gustave ian m1 m2
        m3 m4 m5 m6 m7 m8 marcelo norbert pablo paul pedro quincy rob robert sandro shelby steph travis victor
        zac
    """.split()
)  # fmt: skip

EXCLUDED = frozenset(
    # nearly identical to another variant (about 2 dB apart, or different only by an echo)
    "steph2 steph3 klatt5 klatt6 benjamin edward2 RicishayMax3".split()
    # hardly intelligible, judged by their names and settings: whispers, robots, a demon, a croak, and
    # kaukovalta, whose first formant is at 40% of its usual frequency, so that vowels are hard to tell apart
    + "whisper whisperf anikaRobot UniRobot robosoft robosoft2 robosoft3 robosoft4".split()
    + "robosoft5 robosoft6 robosoft7 robosoft8".split()
    + "Demonic croak kaukovalta".split()
    + ["Mr serious"]  # its name contains a space
)

TEST_VARIANTS, DEV_VARIANTS = 16, 10
LARGEST_TESTED_FAMILY = 3  # a larger one would be half of dev


@dataclass(frozen=True)
class Voice:
    """A speaker: one variant (the vocal tract and the larynx) with one accent (the sounds it makes of a
    word)."""

    variant: str
    accent: str

    @property
    def espeak_name(self) -> str:
        """`accent+variant`; British English goes by the name of its file, which is just "en"."""
        return f"{'en' if self.accent == 'en-gb' else self.accent}+{self.variant}"

    @property
    def speaker(self) -> str:
        """The name in the manifest."""
        return f"{self.accent}+{self.variant}".lower()


def cast_voices(seed: int) -> dict[str, list[Voice]]:
    """The voices of each split, in the order in which they take turns.

    Families are shuffled; they fill the test split first, then dev, then train. A family that is too large
    for a small split always goes to train. Each train variant speaks in two accents, each variant of dev and
    test in one; accents take turns.
    """
    rng = random.Random(f"voices {seed}")
    families = list(FAMILIES)
    rng.shuffle(families)
    variants: dict[str, list[str]] = {"test": [], "dev": [], "train": []}
    room = {"test": TEST_VARIANTS, "dev": DEV_VARIANTS, "train": len(families) * 10}
    for family in families:
        fits = [split for split in variants if len(variants[split]) + len(family) <= room[split]]
        split = fits[0] if len(family) <= LARGEST_TESTED_FAMILY else "train"
        variants[split] += family
    voices = {
        split: [Voice(variant, accent) for variant, accent in _in_turn(names)]
        for split, names in variants.items()
    }
    voices["train"] += [Voice(variant, accent) for variant, accent in _in_turn(variants["train"], shift=3)]
    for cast in voices.values():
        rng.shuffle(cast)
    return voices


def _in_turn(variants: list[str], shift: int = 0) -> list[tuple[str, str]]:
    return [(variant, ACCENTS[(index + shift) % len(ACCENTS)]) for index, variant in enumerate(variants)]
