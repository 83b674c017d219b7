"""A clip on its way to text: waveform, log-mel, embeddings, posteriors and words, and images of them."""

from __future__ import annotations

import io
from dataclasses import dataclass

import matplotlib
import numpy as np
import torch
from matplotlib.colors import to_rgb
from PIL import Image
from torch import Tensor

from omni_lib.alignment import Word, best_path, seconds_per_ctc_frame, word_times
from omni_lib.audio import SAMPLE_RATE, LogMel
from omni_lib.config import Config
from omni_lib.course.palette import BLUE, GREEN, GREY, ORANGE, PURPLE
from omni_lib.recogniser import Recogniser
from omni_lib.text import BLANK, normalise

LIKELY = 0.05  # a symbol gets a strip if its probability is higher than this in some frame
STRIP_COLOURS = (BLUE, ORANGE, GREEN, PURPLE)
_WIDTH, _HEIGHT = 1200, 96  # pixels of the image of a waveform


@dataclass(frozen=True)
class Reading:
    """Everything that the recogniser computes from one clip."""

    waveform: Tensor  # (samples,) of 16 kHz
    mel: Tensor  # (frames, 128)
    embeddings: Tensor  # (embeddings, 192)
    log_probs: Tensor  # (ctc_frames, 29)
    path: tuple[int, ...]  # one symbol for each CTC frame
    words: tuple[Word, ...]
    seconds_per_frame: float  # of a CTC frame

    @property
    def seconds(self) -> float:
        """Length of the clip."""
        return len(self.waveform) / SAMPLE_RATE

    @property
    def text(self) -> str:
        """The words, with a space between them."""
        return " ".join(word.word for word in self.words)


def read_clip(waveform: Tensor, recogniser: Recogniser, config: Config, text: str | None = None) -> Reading:
    """Compute a `Reading` of waveform (samples,).

    Args:
        recogniser: in evaluation mode.
        config: the settings that it was trained with.
        text: its best path is aligned (`alignment.best_path`). If not given, the path is the most probable
            symbol of each frame, so that the words are those that the recogniser writes.

    Raises:
        UserError: the clip is too short for the text.
    """
    mel = LogMel()(waveform)
    with torch.inference_mode():
        embeddings, lengths = recogniser.encoder(mel[None], torch.tensor([len(mel)]))
        log_probs, ctc_lengths = recogniser.head(embeddings, lengths)
    embeddings, log_probs = embeddings[0, : lengths[0]], log_probs[0, : ctc_lengths[0]]
    vocabulary = recogniser.vocabulary
    if text is None:
        path = log_probs.argmax(dim=-1).tolist()
    else:
        path = best_path(log_probs, vocabulary.encode(normalise(text)))
    seconds = seconds_per_ctc_frame(config)
    words = tuple(word_times(path, vocabulary, seconds))
    return Reading(waveform, mel, embeddings, log_probs, tuple(path), words, seconds)


def likely_symbols(log_probs: Tensor) -> list[int]:
    """Of log_probs (T, symbols): blank, and each symbol with a probability over `LIKELY` in some frame."""
    likely = (log_probs.exp().amax(dim=0) > LIKELY).nonzero().flatten().tolist()
    return [BLANK, *(symbol for symbol in likely if symbol != BLANK)]


def waveform_image(waveform: Tensor) -> bytes:
    """waveform (samples,) as a PNG on a transparent background, from its lowest to its highest sample."""
    samples = waveform.detach().double().cpu().numpy()
    columns = np.array_split(samples, _WIDTH) if len(samples) >= _WIDTH else np.split(samples, len(samples))
    peak = max(float(np.abs(samples).max(initial=0.0)), 1e-3)
    pixels = np.zeros((_HEIGHT, max(len(columns), 1), 4), dtype=np.uint8)
    pixels[..., :3] = _bytes_of(BLUE)
    rows = np.arange(_HEIGHT)[:, None]
    middle = (_HEIGHT - 1) / 2
    ends = np.array(
        [(middle * (1 - each.max() / peak), middle * (1 - each.min() / peak)) for each in columns]
    )
    if len(ends):  # at least one pixel in each column
        pixels[..., 3] = 255 * ((rows >= np.floor(ends[:, 0])) & (rows <= np.ceil(ends[:, 1])))
    return _png(pixels)


def matrix_image(values: Tensor, colour_map: str) -> bytes:
    """values (frames, channels) as a PNG: time to the right, channel 0 at the bottom.

    The darkest colour is the 1st percentile of the values, the brightest the 99th.
    """
    matrix = values.detach().float().cpu().numpy().T[::-1]
    low, high = np.percentile(matrix, (1, 99)) if matrix.size else (0.0, 1.0)
    shares = (matrix - low) / max(float(high - low), 1e-9)
    return _png((255 * matplotlib.colormaps[colour_map](np.clip(shares, 0, 1))).astype(np.uint8))


def strips_image(log_probs: Tensor, symbols: list[int]) -> bytes:
    """log_probs (T, all symbols) as a PNG with a row of pixels for each of `symbols`, from the top.

    A row is the more opaque the more probable its symbol is. Blank is grey; the others take four colours in
    turn.
    """
    shares = log_probs[:, symbols].exp().T.cpu().numpy()  # (symbols, T)
    letters = [symbol for symbol in symbols if symbol != BLANK]
    colours = [
        GREY if symbol == BLANK else STRIP_COLOURS[letters.index(symbol) % len(STRIP_COLOURS)]
        for symbol in symbols
    ]
    pixels = np.zeros((*shares.shape, 4), dtype=np.uint8)
    for row, colour in enumerate(colours):
        pixels[row, :, :3] = _bytes_of(colour)
    pixels[..., 3] = np.round(255 * shares)
    return _png(pixels)


def _bytes_of(colour: str) -> list[int]:
    return [round(255 * part) for part in to_rgb(colour)]


def _png(pixels: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels, "RGBA").save(file, format="png")
    return file.getvalue()
