"""Utterances that the trained encoder has read: what was said, and what it heard."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from omni_lib.course import materials
from omni_lib.transcription import transcribe


@dataclass(frozen=True)
class Transcribed:
    """One utterance of the course, and its greedy transcript."""

    name: str
    path: Path  # of the sound, which may not be there
    reference: str
    hypothesis: str


def transcribed_set() -> tuple[str, list[Transcribed]]:
    """What the utterances are, in words, and the utterances."""
    recogniser, config = materials.pretrained()
    rows = [
        Transcribed(name, clip.path, clip.text, transcribe(clip.path, recogniser, config).text) for name, clip in materials.clips().items()
    ]
    return f"the course's {len(rows)} clips, read greedily by the pretrained encoder", rows
