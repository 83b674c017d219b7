"""Sound in a notebook: an audio player with a caption."""

from __future__ import annotations

import base64
import html
import io
import math
from dataclasses import dataclass

import numpy as np
import soundfile
import torch
from torch import Tensor

from omni_lib.audio import SAMPLE_RATE

# A stored notebook has no sound (`notebooks.normalise` removes it), and an empty player plays nothing. A note
# stands in its place. In an untrusted notebook, where the style has no effect, both are there.
_NOTE = (
    '<style>audio[src=""] { display: none } audio:not([src=""]) + figcaption .omni-rerun { display: none }'
    '</style><span class="omni-rerun"> · run this cell to hear it</span>'
)


@dataclass(frozen=True)
class Player:
    """An HTML audio element that contains its sound, so that it works in every notebook."""

    samples: np.ndarray  # (samples,) within -1…1
    rate: int  # Hz
    name: str

    @property
    def caption(self) -> str:
        """Name, length and level (RMS, dB below full scale)."""
        level = (
            10 * math.log10(max(float(np.mean(self.samples**2)), 1e-12)) if len(self.samples) else -math.inf
        )
        return f"▶ {self.name}: {len(self.samples) / self.rate:.2f} s, {level:.0f} dB"

    def __repr__(self) -> str:
        return self.caption

    def _repr_html_(self) -> str:
        file = io.BytesIO()
        soundfile.write(file, self.samples, self.rate, format="WAV", subtype="PCM_16")
        data = base64.b64encode(file.getvalue()).decode()
        label = html.escape(self.caption)
        audio = f'<audio controls aria-label="{label}" src="data:audio/wav;base64,{data}"></audio>'
        return f'<figure style="margin:0">{audio}<figcaption>{label}{_NOTE}</figcaption></figure>'


def play(waveform: Tensor | np.ndarray, rate: int = SAMPLE_RATE, name: str = "sound") -> Player:
    """A player for `waveform` (samples,), which is scaled down if it would clip."""
    samples = torch.as_tensor(waveform).detach().double().cpu().numpy().reshape(-1)
    peak = float(np.abs(samples).max()) if len(samples) else 0.0
    return Player(samples / peak if peak > 1 else samples, rate, name)
