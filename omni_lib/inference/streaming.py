"""Recordings of any length in constant memory, without seams: blocks of sound in, the best path of their CTC frames out.

Windows that overlap are usually merged by rule of thumb, because attention sees the whole window: a word at its edge comes out
another way than in its middle, and there is no overlap that cures it. Here attention is held to `REACH` before and after each
frame. Then nothing in the network depends on what lies beyond a known distance (`AudioEncoder.context`), and what windows with that
much overlap say in their middles is what the whole recording would say, frame for frame.

It also hears better: an encoder that was trained on clips of ten seconds has never attended to what is further away
(`tests/benchmarks/long_audio.py` measures both on clips put end to end).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from pathlib import Path

import torch
from torch import Tensor

from omni_lib.audio import HOP_LENGTH, LogMel, read_blocks, resample, resampling_ratio
from omni_lib.config import Config
from omni_lib.machine.sound.content import Content
from omni_lib.recogniser import Recogniser

REACH = 200  # frames: attention sees 2 s before and 2 s after; measured, 1.5 to 2.5 s are about as good as one another
BLOCK_SECONDS = 40.0  # of sound that is heard at a time, beside its surroundings

_MEL_MARGIN = 4 * HOP_LENGTH  # samples: more than half a window of the Fourier transform


def in_blocks(
    blocks: Iterable[Tensor], function: Callable[[Tensor], Tensor], step: int, becomes: int, margin: int
) -> Iterator[Tensor]:
    """`function` of a stream, as if of all its blocks at once.

    Args:
        blocks: pieces (n, …) of what `function` would be given.
        function: makes `becomes` rows of every `step` rows, and looks at most `margin` rows to either side of them.

    Yields:
        pieces (m, …) of what it would return, in order.
    """
    margin += -margin % step
    left, buffer = 0, None  # rows of the buffer that are there as surroundings only
    for block in chain(blocks, [None]):
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
    """The file as `read_audio` reads it, 16 kHz mono, in blocks (samples,) of about `seconds`.

    Args:
        content: is told what goes by, as in `read_blocks`.

    Raises:
        UserError: as `read_audio`, perhaps only at the end.
    """
    rate, blocks = read_blocks(path, seconds, content or Content())
    ratio = resampling_ratio(rate)
    if ratio == 1:
        yield from blocks
        return
    margin = (
        int(8 * max(1, ratio)) + 8
    )  # samples: torchaudio's filter reaches six of the slower rate's to either side
    yield from in_blocks(
        blocks, lambda samples: resample(samples, rate), ratio.numerator, ratio.denominator, margin
    )


def mel_stream(sound: Iterable[Tensor]) -> Iterator[Tensor]:
    """Log-mels (frames, 128) of a stream of samples at 16 kHz."""
    return in_blocks(sound, LogMel(), HOP_LENGTH, 1, _MEL_MARGIN)


def greedy_path(mel: Tensor, recogniser: Recogniser, reach: int | None = None) -> Tensor:
    """The likeliest symbol of each CTC frame of mel (frames, 128): (ctc_frames,)."""
    with torch.inference_mode():
        log_probs, lengths = recogniser(mel[None], torch.tensor([len(mel)]), reach)
    return log_probs[0, : lengths[0]].argmax(dim=-1)


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
