"""Greedy transcription of recordings of any length, block by block, in constant memory.

Long recordings are usually cut into overlapping windows. Since attention spans the whole window, a word near
an edge is then transcribed differently from one in the middle, however much the windows overlap. Here
attention is limited to `REACH` frames before and after each frame. Then no output of the network depends on
anything beyond a known distance (`AudioEncoder.context`), and windows that overlap by that distance give
exactly the output for the whole recording.

This also lowers the error rate, because an encoder trained on clips of ten seconds has never attended to
frames further away (`tests/benchmarks/long_audio.py` measures it on concatenated clips).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from pathlib import Path

import torch
from torch import Tensor

from omni_lib.audio import HOP_LENGTH, LogMel, read_blocks, resample, resampling_ratio
from omni_lib.config import Config
from omni_lib.machine.sound.content import Content
from omni_lib.recogniser import Recogniser

REACH = 200  # frames, 2 s before and after; values from 1.5 to 2.5 s gave about the same error rate
BLOCK_SECONDS = 40.0  # of sound in one block, without the context on both sides of it

_MEL_MARGIN = 4 * HOP_LENGTH  # samples: more than half a window of the Fourier transform


def in_blocks(
    blocks: Iterable[Tensor], function: Callable[[Tensor], Tensor], step: int, becomes: int, margin: int
) -> Iterator[Tensor]:
    """Apply `function` to a stream block by block; the output is the same as for the whole input at once.

    Args:
        blocks: pieces (n, …) of the input, in order.
        function: turns every `step` rows into `becomes` rows, which depend on at most `margin` rows before
            and after the `step` rows.

    Yields:
        Pieces (m, …) of the output, in order.
    """
    margin += -margin % step
    buffer: Tensor | None = None
    left = 0  # rows at the beginning of the buffer that are there only as context
    for block in chain(blocks, [None]):  # None: the stream has ended
        if block is not None:
            buffer = block if buffer is None else torch.cat([buffer, block])
        if buffer is None:
            return
        ready = len(buffer) - left
        if block is not None:
            ready -= margin
            ready -= ready % step
            if ready <= 0:
                continue
        result = function(buffer[: left + ready + margin])[left // step * becomes :]
        yield result if block is None else result[: ready // step * becomes]
        keep = max(0, left + ready - margin)
        buffer, left = buffer[keep:], left + ready - keep


def sound_stream(
    path: Path, seconds: float = BLOCK_SECONDS, *, content: Content | None = None
) -> Iterator[Tensor]:
    """The waveform that `read_audio` returns, 16 kHz mono, in blocks (samples,) of about `seconds`.

    Args:
        content: every block is added to it, as in `read_blocks`.

    Raises:
        UserError: as `read_audio`, but possibly only after some or all blocks.
    """
    rate, blocks = read_blocks(path, seconds, content or Content())
    ratio = resampling_ratio(rate)
    if ratio == 1:
        yield from blocks
        return
    # samples; torchaudio's filter spans six samples of the slower rate on either side
    margin = 8 * max(1, math.ceil(ratio)) + 8
    yield from in_blocks(
        blocks, lambda samples: resample(samples, rate), ratio.numerator, ratio.denominator, margin
    )


def mel_stream(sound: Iterable[Tensor]) -> Iterator[Tensor]:
    """Log-mels (frames, 128) of a stream of samples at 16 kHz."""
    return in_blocks(sound, LogMel(), HOP_LENGTH, 1, _MEL_MARGIN)


def greedy_path(mel: Tensor, recogniser: Recogniser, reach: int | None = None) -> Tensor:
    """The likeliest symbol of each CTC frame of mel (frames, 128), on any device: (ctc_frames,)."""
    device = next(recogniser.parameters()).device
    with torch.inference_mode():
        log_probs, lengths = recogniser(mel[None].to(device), torch.tensor([len(mel)], device=device), reach)
    path: Tensor = log_probs[0, : lengths[0]].argmax(dim=-1)
    return path


def greedy_path_stream(
    mel: Iterable[Tensor], recogniser: Recogniser, config: Config, reach: int = REACH
) -> Iterator[Tensor]:
    """`greedy_path` of a stream of log-mels, in pieces."""
    context = recogniser.encoder.context(reach)
    return in_blocks(
        mel,
        lambda window: greedy_path(window, recogniser, reach),
        config.downsample_time,
        config.ctc_frames_per_embedding,
        context,
    )
