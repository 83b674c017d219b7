"""The speakers: espeak-ng's voice variants in six English accents, and voices drawn at random.

No voice of dev or test is used in training.
"""

from __future__ import annotations

import math
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

KLATT_SHARE = 0.25  # of the drawn voices
KLATT_SYNTHESISERS = (1, 2, 3, 4, 6)  # 5 is a robot's

TEST_VARIANTS, DEV_VARIANTS = 16, 10
LARGEST_TESTED_FAMILY = 3  # a larger one would be half of dev


@dataclass(frozen=True)
class Voice:
    """A speaker: one variant (the vocal tract and the larynx) with one accent (the sounds it makes of a
    word)."""

    variant: str
    accent: str
    settings: str = ""  # the text of a drawn variant's file; a named variant is one of espeak-ng's own

    @property
    def espeak_name(self) -> str:
        """`accent+variant`; British English goes by the name of its file, which is just "en"."""
        return f"{'en' if self.accent == 'en-gb' else self.accent}+{self.variant}"

    @property
    def speaker(self) -> str:
        """The name in the manifest."""
        return f"{self.accent}+{self.variant}".lower()


def named_voices(seed: int) -> list[Voice]:
    """The train split's named variants, each in all six accents, in random order."""
    variants = sorted({voice.variant for voice in cast_voices(seed)["train"]})
    voices = [Voice(variant, accent) for variant in variants for accent in ACCENTS]
    random.Random(f"named voices {seed}").shuffle(voices)
    return voices


def drawn_voice(seed: int, number: int) -> Voice:
    """The `number`-th voice drawn by chance: the settings of an espeak-ng variant, and an accent.

    Every setting is drawn independently of the named variants, from a range in which speech stays
    intelligible: pitch (Hz), the eight formants' frequency, height and width (percent of the default),
    roughness, flutter, breath, voicing, consonants and tone. A quarter of the voices use one of espeak-ng's
    klatt synthesisers in place of its own. The file format is described in espeak-ng's docs/voices.md.
    """
    rng = random.Random(f"drawn voice {seed} {number}")

    def between(low: float, high: float) -> int:
        return round(rng.uniform(low, high))

    pitch = round(math.exp(rng.uniform(math.log(60), math.log(240))))  # Hz, of men to children
    lines = [f"pitch {pitch} {round(pitch * rng.uniform(1.05, 1.75))}"]
    if rng.random() < KLATT_SHARE:
        lines.append(f"klatt {rng.choice(KLATT_SYNTHESISERS)}")
    # the formants move together with the length of the vocal tract, and each a little by itself
    tract = math.exp(rng.uniform(math.log(0.84), math.log(1.22)))
    lines.append(f"formant 0 {between(80, 115)} {between(70, 170)} {between(60, 160)}")
    for formant in range(1, 9):
        frequency = round(100 * min(max(tract * rng.gauss(1, 0.05), 0.75), 1.35))
        lowest = 60 if formant <= 3 else 0  # the first three make a vowel what it is
        lines.append(f"formant {formant} {frequency} {between(lowest, 130)} {between(50, 170)}")
    for share, setting, low, high in (
        (0.5, "flutter", 0, 14),
        (0.4, "roughness", 0, 6),
        (0.6, "voicing", 35, 170),
    ):
        if rng.random() < share:
            lines.append(f"{setting} {between(low, high)}")
    if rng.random() < 0.6:
        lines.append(f"consonants {between(45, 160)} {between(40, 160)}")
    if rng.random() < 0.25:
        lines.append("breath " + " ".join(str(between(0, 8)) for _ in range(8)))
    if rng.random() < 0.5:
        lines.append(f"tone 600 {between(150, 255)} 1200 {between(60, 255)} 2000 {between(50, 255)}")
    if rng.random() < 0.15:
        lines.append(f"echo {between(10, 150)} {between(5, 40)}")
    if rng.random() < 0.4:
        lines.append(f"intonation {rng.randint(1, 4)}")
    return Voice(f"drawn{number + 1}", rng.choice(ACCENTS), "".join(f"{line}\n" for line in lines))


def cast_voices(seed: int) -> dict[str, list[Voice]]:
    """The voices of each split, in the order in which they take turns.

    Families are shuffled; they fill the test split first, then dev, then train. A family that is too large
    for a small split always goes to train. Each train variant speaks in two accents, each variant of dev and
    test in one; accents take turns. The corpus uses these train voices only for its first three training
    utterances.
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
