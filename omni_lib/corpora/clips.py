"""Write a recording in the format of this project's corpora."""

from __future__ import annotations

import os
from pathlib import Path

import soundfile
import torch
from torch import Tensor

from omni_lib.audio import SAMPLE_RATE
from omni_lib.errors import UserError


def write_clip(path: Path, waveform: Tensor) -> None:
    """Write waveform (samples,), full scale ±1, as a 16 kHz mono WAV file of 16-bit samples.

    A sample that came from 16 bits is written as it was; libsndfile's own rounding of floats would shift it
    by one.

    Raises:
        UserError: the samples are far beyond full scale, so that clipping would leave a square wave.
        OSError: the file cannot be written.
    """
    peak = waveform.abs().max().item()
    if peak > 2.0:
        raise UserError(
            f"its samples reach {peak:.3g}, far beyond full scale (1): export it again as 16-bit PCM"
        )
    samples = (waveform * 32_768).round().clamp(-32_768, 32_767).to(torch.int16)
    path.parent.mkdir(parents=True, exist_ok=True)
    # as bytes, because soundfile refuses a name that is not UTF-8; Windows has no such names
    name = path if os.name == "nt" else os.fsencode(path)
    try:
        soundfile.write(name, samples.numpy(), SAMPLE_RATE, subtype="PCM_16", format="WAV")
    except soundfile.SoundFileError as error:  # for example a full disk: the clip is not at fault
        raise OSError(f"{path.name}: {error}") from None
