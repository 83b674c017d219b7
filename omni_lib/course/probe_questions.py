"""The questions that lesson 06 puts to embeddings: letters, voices, durations of words, and their meaning.

Times and letters come from forced alignment by the recogniser that is probed: no person has labelled them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from omni_lib.alignment import best_path, word_times
from omni_lib.corpora.word_lists import GRAMMAR
from omni_lib.course.probing import SOURCES, ProbeExamples
from omni_lib.encoder import AudioEncoder
from omni_lib.manifest import Utterance
from omni_lib.recogniser import Recogniser
from omni_lib.text import BLANK
from omni_lib.training.batching import evaluation_batches
from omni_lib.training.feature_cache import FeatureCache

SECONDS_PER_EMBEDDING = 0.08
CATEGORIES = {  # of meaning -> lists of the grammar of the embedded corpus
    "people": ("relative", "worker"),
    "towns": ("town",),
    "animals": ("beast",),
    "food": ("goods", "ingredient"),
    "colours": ("color",),
    "rooms": ("room",),
    "machines": ("machine", "vehicle"),
}


@dataclass(frozen=True)
class EmbeddedClip:
    """One clip: its inputs for each embedding, and the forced alignment of its text."""

    row: Utterance
    inputs: dict[str, Tensor]  # source -> (T', D)
    path: list[int]  # class index of each CTC frame, by forced alignment with the text
    frames_per_embedding: int


def embed_clips(
    recogniser: Recogniser, untrained: AudioEncoder, utterances: Sequence[Utterance]
) -> list[EmbeddedClip]:
    """The embeddings of each clip by a trained and an untrained encoder, and the 8 log-mel frames of each.

    The clips are sorted by path.
    """
    clips, k = [], recogniser.head.frames_per_embedding
    with torch.inference_mode():
        for batch in evaluation_batches(FeatureCache(utterances), batch_size=16):
            embeddings, lengths = recogniser.encoder(batch.mel, batch.lengths)
            log_probs, _ = recogniser.head(embeddings, lengths)
            others, _ = untrained(batch.mel, batch.lengths)
            for index, row in enumerate(batch.utterances):
                length = int(lengths[index])
                mel = nn.functional.pad(batch.mel[index], (0, 0, 0, 8))[: 8 * length]
                inputs = {
                    "log-mel": mel.reshape(length, -1),
                    "untrained": others[index, :length],
                    "trained": embeddings[index, :length],
                }
                path = best_path(log_probs[index, : length * k], batch.targets[index])
                clips.append(EmbeddedClip(row, inputs, path, k))
    return sorted(clips, key=lambda clip: str(clip.row.path))


def letters(clips: Sequence[EmbeddedClip], recogniser: Recogniser) -> ProbeExamples:
    """The letter aligned with each embedding.

    Embeddings with no letter, or with more than one, are left out.
    """
    rows = []
    for number, clip in enumerate(clips):
        k = clip.frames_per_embedding
        for place in range(len(clip.path) // k):
            said = set(clip.path[k * place : k * (place + 1)]) - {BLANK}
            if len(said) == 1:
                rows.append((number, place, said.pop()))
    symbols = sorted({symbol for _, _, symbol in rows})
    truth = torch.tensor([symbols.index(symbol) for _, _, symbol in rows])
    names = [recogniser.vocabulary.decode([symbol]) for symbol in symbols]
    return _moments(clips, [(number, place) for number, place, _ in rows], truth, names)


def voices(clips: Sequence[EmbeddedClip]) -> ProbeExamples:
    """The speaker of each embedding."""
    names = sorted({clip.row.speaker for clip in clips})
    # All first clips, then all second clips, …: so every voice has clips for fitting and for scoring.
    ordered = [clips[number] for number in sorted(range(len(clips)), key=lambda number: _turn(clips, number))]
    lengths = [len(clip.inputs["trained"]) for clip in ordered]
    places = [(number, place) for number, length in enumerate(lengths) for place in range(length)]
    truth = torch.tensor([names.index(ordered[number].row.speaker) for number, _ in places])
    return _moments(ordered, places, truth, names)


def _turn(clips: Sequence[EmbeddedClip], number: int) -> int:
    """How many clips of the same speaker come before this one."""
    return sum(clip.row.speaker == clips[number].row.speaker for clip in clips[:number])


def durations(clips: Sequence[EmbeddedClip], recogniser: Recogniser) -> ProbeExamples:
    """The duration of each word (seconds, by forced alignment), with the embedding in its middle.

    Further sources are what the text alone tells: the word's number of letters, which word it is, and the
    number of letters together with the trained embedding.
    """
    spoken = _words(clips, recogniser)
    truth = torch.tensor([word.seconds for word in spoken])
    examples = _moments(clips, [(word.clip, word.middle) for word in spoken], truth, [])
    vocabulary = sorted({word.text for word in spoken})
    identity = torch.tensor([vocabulary.index(word.text) for word in spoken])
    number = torch.tensor([[float(len(word.text))] for word in spoken])
    more = {
        "number of letters": number,
        "which word": nn.functional.one_hot(identity, len(vocabulary)).float(),
        "number + trained": torch.cat([number, examples.inputs["trained"]], dim=1),
    }
    return ProbeExamples(examples.inputs | more, truth, examples.units, [])


def meanings(clips: Sequence[EmbeddedClip], recogniser: Recogniser) -> ProbeExamples:
    """The category of meaning (`CATEGORIES`) of each word that has one, with the embedding in its middle.

    Whole words are held out, some of each category: a probe that has only learned words by their sound fails.
    A further source is the spelling: how often each letter occurs in the word.
    """
    category = {
        word: name
        for name, lists in CATEGORIES.items()
        for key in lists
        for word in map(str.strip, GRAMMAR[key].split("|"))
        if " " not in word
    }
    spoken = [word for word in _words(clips, recogniser) if word.text in category]
    # Words in turns: the first of each category, then the second, …, so that each has words on both sides.
    vocabulary = sorted({word.text for word in spoken})
    alike = {name: [word for word in vocabulary if category[word] == name] for name in CATEGORIES}
    share = {word: place / len(words) for words in alike.values() for place, word in enumerate(words)}
    ordered = sorted(vocabulary, key=lambda word: (share[word], word))
    names = [name for name in CATEGORIES if alike[name]]
    truth = torch.tensor([names.index(category[word.text]) for word in spoken])
    examples = _moments(clips, [(word.clip, word.middle) for word in spoken], truth, names)
    letters = "abcdefghijklmnopqrstuvwxyz"
    spelling = torch.tensor([[float(word.text.count(letter)) for letter in letters] for word in spoken])
    units = torch.tensor([ordered.index(word.text) for word in spoken])
    return ProbeExamples(examples.inputs | {"spelling": spelling}, truth, units, names)


@dataclass(frozen=True)
class _SpokenWord:
    """One word in one clip."""

    clip: int  # its index
    text: str
    middle: int  # the index of the embedding in its middle
    seconds: float


def _words(clips: Sequence[EmbeddedClip], recogniser: Recogniser) -> list[_SpokenWord]:
    spoken = []
    for number, clip in enumerate(clips):
        seconds = SECONDS_PER_EMBEDDING / clip.frames_per_embedding
        for word in word_times(clip.path, recogniser.vocabulary, seconds):
            middle = int((word.start + word.end) / 2 / SECONDS_PER_EMBEDDING)
            spoken.append(_SpokenWord(number, word.word, middle, word.end - word.start))
    return spoken


def _moments(
    clips: Sequence[EmbeddedClip], places: Sequence[tuple[int, int]], truth: Tensor, names: list[str]
) -> ProbeExamples:
    inputs = {
        source: torch.stack([clips[number].inputs[source][place] for number, place in places])
        for source in SOURCES
    }
    return ProbeExamples(inputs, truth, torch.tensor([number for number, _ in places]), names)
