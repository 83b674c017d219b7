"""Lesson 01: plausible wrong answers, each with words of the reply that it must get; and other right ones."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torchaudio
from torch import Tensor

from omni_lib.audio import LogMel
from omni_lib.course.lessons.mel_features import frames_wrong as frames
from omni_lib.course.lessons.mel_features import padded_wrong
from omni_lib.course.lessons.mel_features import scale_wrong as scale
from omni_lib.course.lessons.mel_features.scale_wrong import filters_of


def _spectrum(waveform: Tensor, n_fft: int = 1024, window: int = 400) -> Tensor:
    transform = torch.stft(
        waveform,
        n_fft,
        160,
        window,
        torch.hann_window(window),
        center=True,
        pad_mode="constant",
        return_complex=True,
    )
    return transform.T  # (frames + 1, bins)


def _mel_power(waveform: Tensor) -> Any:
    return (_spectrum(waveform).abs() ** 2 @ filters_of(1024, 128))[: len(waveform) // 160]


def _numpy_log_mel(waveform: Tensor) -> Any:
    samples = np.pad(waveform.numpy().astype(np.float64), 512)
    window = np.pad(0.5 - 0.5 * np.cos(2 * np.pi * np.arange(400) / 400), 312)
    rows = [
        np.abs(np.fft.rfft(samples[start : start + 1024] * window)) ** 2
        for start in range(0, len(waveform) // 160 * 160, 160)
    ]
    return np.log(np.array(rows) @ filters_of(1024, 128).double().numpy() + 1e-6)


def _early_window(waveform: Tensor) -> Any:
    frames = torch.nn.functional.pad(waveform, (512, 512)).unfold(0, 1024, 160)[: len(waveform) // 160, :400]
    return torch.log(
        torch.fft.rfft(frames * torch.hann_window(400), n=1024).abs() ** 2 @ filters_of(1024, 128) + 1e-6
    )


def _short_frames(waveform: Tensor) -> Any:
    """The power does not depend on where in the transform the window lies, if it is centred on the sound."""
    frames = torch.nn.functional.pad(waveform, (200, 200)).unfold(0, 400, 160)[: len(waveform) // 160]
    return torch.log(
        torch.fft.rfft(frames * torch.hann_window(400), n=1024).abs() ** 2 @ filters_of(1024, 128) + 1e-6
    )


def _by_torchaudio(**changes: Any) -> Callable[[Tensor], Any]:
    """torchaudio's log-mel with one setting changed."""
    settings = {"n_fft": 1024, "win_length": 400, "hop_length": 160, "n_mels": 128, "pad_mode": "constant"}

    def log_mel(waveform: Tensor) -> Any:
        transform = torchaudio.transforms.MelSpectrogram(16_000, **{**settings, **changes})
        return torch.log(transform(waveform) + 1e-6).T[: len(waveform) // 160]

    return log_mel


def _without_zeros(waveform: Tensor) -> Any:
    """Only the windows that fit into the clip as a whole."""
    frames = torch.nn.functional.pad(waveform, (0, max(0, 1024 - len(waveform)))).unfold(0, 1024, 160)
    window = torch.nn.functional.pad(torch.hann_window(400), (312, 312))
    return torch.log(torch.fft.rfft(frames * window).abs() ** 2 @ filters_of(1024, 128) + 1e-6)


def _almost(waveform: Tensor) -> Any:
    """The transform as a product with a matrix in float32, whose large angles are rounded."""
    angles = 2 * math.pi * torch.arange(513.0)[:, None] * torch.arange(1024.0) / 1024
    frames = torch.nn.functional.pad(waveform, (512, 512)).unfold(0, 1024, 160)[: len(waveform) // 160]
    frames = frames * torch.nn.functional.pad(torch.hann_window(400), (312, 312))
    power = (frames @ angles.cos().T) ** 2 + (frames @ angles.sin().T) ** 2
    return torch.log(power @ filters_of(1024, 128) + 1e-6)


def _by_hand(
    power: Callable[[Tensor], Tensor] = lambda spectrum: spectrum.abs() ** 2,
    filters: Any = None,
    padding: tuple[int, int] = (512, 512),
    scale: float = 1.0,
) -> Callable[[Tensor], Any]:
    """The log-mel with one step changed."""

    def log_mel(waveform: Tensor) -> Any:
        frames = torch.nn.functional.pad(scale * waveform, padding).unfold(0, 1024, 160)
        window = torch.nn.functional.pad(torch.hann_window(400), (312, 312))
        powers = power(torch.fft.rfft(frames * window))[: len(waveform) // 160]
        return torch.log(powers @ (filters_of(1024, 128) if filters is None else filters) + 1e-6)

    return log_mel


def _in_other_forms(waveform: Tensor) -> Any:
    """ln(1 + p / 1e-6) + ln(1e-6), and the sum of both squares in place of the magnitude."""
    parts = torch.view_as_real(_spectrum(waveform)).square().sum(dim=-1)  # (frames + 1, bins)
    mel = torch.einsum("tf,fm->mt", parts, filters_of(1024, 128))[:, : len(waveform) // 160]
    return (torch.log1p(1e6 * mel) + math.log(1e-6)).T


def _raises(waveform: Tensor) -> Any:
    return waveform @ filters_of(1024, 128)


WRONG: dict[str, list[tuple[Any, str]]] = {
    "frame_count": frames.WRONG,
    **scale.WRONG,
    "log_mel": [
        (
            lambda waveform: torch.log(_spectrum(waveform).abs() @ filters_of(1024, 128) + 1e-6)[
                : len(waveform) // 160
            ],
            "square it first",
        ),
        (lambda waveform: torch.log(_mel_power(waveform)), "add the floor 1e-6"),
        (lambda waveform: torch.log10(_mel_power(waveform) + 1e-6), "decimal logarithm"),
        (lambda waveform: 10 * torch.log10(_mel_power(waveform) + 1e-6), "decibels"),
        (_mel_power, "the logarithm is missing"),
        (lambda waveform: torch.log1p(_mel_power(waveform)), "`log1p` adds 1"),
        (lambda waveform: LogMel()(waveform).T, "in another order"),
        (
            lambda waveform: torch.log(_spectrum(waveform).abs() ** 2 @ filters_of(1024, 128) + 1e-6),
            "leave out the last",
        ),
        (lambda waveform: LogMel(400)(waveform), "four filters are empty"),
        (
            lambda waveform: torch.log(
                _spectrum(waveform, window=1024).abs() ** 2 @ filters_of(1024, 128) + 1e-6
            )[: len(waveform) // 160],
            "your window spans all 1024 points",
        ),
        (_early_window, "312 samples too early"),
        (_by_torchaudio(pad_mode="reflect"), "the sound is mirrored"),
        (_by_torchaudio(window_fn=lambda size: torch.tensor(np.hanning(size)).float()), "symmetric"),
        (_by_torchaudio(window_fn=torch.ones), "the window is missing"),
        (_by_torchaudio(mel_scale="slaney"), "on the Slaney scale; HTK's"),
        (_by_torchaudio(mel_scale="slaney", norm="slaney"), "as librosa's do"),
        (_by_torchaudio(norm="slaney"), "have the Slaney norm"),
        (lambda waveform: torch.log(_mel_power(waveform).clamp(min=1e-6)), "`clamp` replaces"),
        (_raises, "raises RuntimeError"),
        (lambda waveform: torch.log(_mel_power(waveform) + 1e-10), "your floor is 1e-10"),
        (lambda waveform: torch.log(_mel_power(waveform) + 1e-5), "of noise: your floor is 1e-05"),
        (lambda waveform: torch.log(_mel_power(waveform).clamp(min=1e-10)), "your floor is 1e-10"),
        (lambda waveform: torch.log2(_mel_power(waveform) + 1e-6), "to base two"),
        (
            lambda waveform: (torch.log(_spectrum(waveform).abs() ** 2 + 1e-6) @ filters_of(1024, 128))[
                : len(waveform) // 160
            ],
            "before the filters",
        ),
        (
            lambda waveform: torch.log((_spectrum(waveform).abs() ** 2 + 1e-6) @ filters_of(1024, 128))[
                : len(waveform) // 160
            ],
            "after the filters",
        ),
        (
            lambda waveform: torch.log(_spectrum(waveform).abs() ** 2 @ filters_of(1024, 128) + 1e-6)[
                1 : len(waveform) // 160 + 1
            ],
            "not the first",
        ),
        (
            lambda waveform: torch.log(_spectrum(waveform).abs() ** 2 @ filters_of(1024, 128) + 1e-6).T,
            "time comes first",
        ),
        (_by_torchaudio(window_fn=torch.hamming_window), "a Hamming window"),
        (_by_torchaudio(window_fn=torch.ones, win_length=1024), "the window is missing"),
        (_by_torchaudio(n_fft=512), "512 points"),
        (_by_torchaudio(normalized=True), "as by `normalized=True`"),
        (_without_zeros, "512 zeros"),
        (_by_hand(power=lambda spectrum: spectrum.real**2), "the real part alone"),
        (_by_hand(filters=filters_of(1024, 128) / filters_of(1024, 128).sum(dim=0)), "divided by their sums"),
        (_by_hand(padding=(0, 1024)), "begins on sample 0"),
        (_by_hand(scale=32_768.0), "every power is"),
        (_by_hand(scale=0.5), "every power is 0.25 times"),
        (lambda waveform: LogMel()(waveform) - LogMel()(waveform).mean(), "Do not normalise"),
        (lambda waveform: LogMel()(waveform / waveform.abs().max()), "Do not normalise"),
        (_by_torchaudio(window_fn=torch.blackman_window), "Compare your steps"),
        (_by_torchaudio(n_fft=2048), "2048 points"),
        (_by_torchaudio(win_length=512), "your window has 512 points"),
        (lambda waveform: 20 * torch.log10(_mel_power(waveform) + 1e-6), "as for a magnitude"),
        (_almost, "float64"),
    ],
    "normalise_padded": padded_wrong.WRONG,
    "bin_spacing": [
        (20, "201 bins"),
        (15.625, "1024 points"),
        (160, "the hop"),
        (39, "too low"),
        ("forty-five", "too high"),
        ("40 points", "not what stands behind it"),
        ("15,625", "1024 points"),
        ("0,025", "its reciprocal"),
    ],
    "smallest_fft": [
        (573, "just outside the triangle"),
        (573.477, "next whole number"),
        (1024, "fewer points are enough"),
        (512, "ends at 27.9 Hz"),
        (400, "lies at 40 Hz"),
    ],
    "zero_padding": [
        ("a", "length of the window"),
        ("c", "400 samples of sound"),
        ("d", "more bins"),
        ("e", "one of the letters"),
    ],
    "log_floor": [
        (-6, "decimal logarithm"),
        (-60, "decibels"),
        ("log2(1e-6)", "to base two"),
        ("13.82", "the sign is missing"),
        (1e-6, "the floor itself"),
        (0, "less than 1"),
        (-math.inf, "not a finite number"),
    ],
    "faster_frames": [
        (201, "on the very end"),
        (220, "before the change"),
        (242, "divide"),
        (2, "in seconds"),
        (25, "80 ms each"),
    ],
    "mask_fill": [
        ("a", "nothing becomes infinite"),
        ("c", "neither costs anything"),
        ("b", "does not depend on this clip"),
    ],
}

OTHER_RIGHT: dict[str, list[Any]] = {
    "frame_count": frames.OTHER_RIGHT,
    **scale.OTHER_RIGHT,
    "log_mel": [
        lambda waveform: torch.log(_mel_power(waveform) + 1e-6),
        lambda waveform: LogMel()(waveform),
        lambda waveform: LogMel().double()(waveform.double()),
        _numpy_log_mel,
        _short_frames,
        _in_other_forms,
    ],
    "normalise_padded": padded_wrong.OTHER_RIGHT,
    "bin_spacing": ["40", 40.0, 16_000 / 400, "40 Hz", "forty hertz", "0.04 kHz", "16,000 / 400 = 40"],
    "smallest_fft": [574.0, "574 points", "n = 574"],
    "zero_padding": ["B", " b "],
    "log_floor": [-13.82, math.log(1e-6), "ln(1e-6)", "minus 13,82"],
    "faster_frames": [200.0, "200 frames"],
}
