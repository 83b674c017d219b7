"""The pictures of lesson 01: a waveform, one frame of it, the mel filters, and log-mels one above another."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib.pyplot as plt
import torch
from torch import Tensor

from omni_lib.audio import HOP_LENGTH, N_MELS, SAMPLE_RATE, WINDOW_LENGTH
from omni_lib.course.figures import Picture, page_style, shown
from omni_lib.course.palette import BLUE, INK, ORANGE
from omni_lib.course.spectra import Settings, mel_filters


def waveform(samples: Tensor, start: float, description: str) -> Picture:
    """The whole of a waveform (samples,), and the 25 ms from second `start` on."""
    first = round(start * SAMPLE_RATE)
    window = samples[first : first + WINDOW_LENGTH]
    with page_style():
        figure, (whole, near) = plt.subplots(2, 1, figsize=(9, 3.8), layout="constrained")
        whole.plot(torch.arange(len(samples)) / SAMPLE_RATE, samples, color=BLUE, linewidth=0.6)
        whole.axvspan(start, start + len(window) / SAMPLE_RATE, color=ORANGE, alpha=0.5)
        whole.set(xlabel="time (s)", ylabel="amplitude", xlim=(0, len(samples) / SAMPLE_RATE))
        near.plot(
            1000 * (start + torch.arange(len(window)) / SAMPLE_RATE), window, color=ORANGE, linewidth=1.2
        )
        near.set(xlabel="time (ms)", ylabel="amplitude", title="The 25 ms that are marked above")
        near.margins(x=0)
    return shown(figure, description)


def one_frame(samples: Tensor, start: float, description: str) -> Picture:
    """25 ms from second `start` on under a Hann window, and the power spectrum at the bins of 400 and of 1024 points."""
    first = round(start * SAMPLE_RATE)
    window = torch.hann_window(WINDOW_LENGTH)
    frame = samples[first : first + WINDOW_LENGTH]
    with page_style():
        figure, (time, frequency) = plt.subplots(
            1, 2, figsize=(9, 3.2), layout="constrained", width_ratios=(1, 1.4)
        )
        milliseconds = 1000 * torch.arange(WINDOW_LENGTH) / SAMPLE_RATE
        time.plot(milliseconds, frame, color=INK, linewidth=1, linestyle=":", label="samples")
        time.plot(milliseconds, frame * window, color=BLUE, linewidth=1.2, label="under the window")
        time.set(xlabel="time in the frame (ms)", ylabel="amplitude")
        time.legend(fontsize=8)
        for points, colour, marker in ((1024, BLUE, "."), (WINDOW_LENGTH, ORANGE, "o")):
            power = torch.fft.rfft(frame * window, n=points).abs().square()
            bins = torch.arange(len(power)) * SAMPLE_RATE / points
            line = "-" if points == 1024 else ""
            decibels = 10 * torch.log10(power + 1e-9)
            frequency.plot(
                bins,
                decibels,
                color=colour,
                marker=marker,
                linestyle=line,
                markersize=4,
                linewidth=1,
                label=f"{points} points",
            )
        frequency.set(xlabel="frequency (Hz)", ylabel="power (dB)", xlim=(0, 1500))
        frequency.legend(fontsize=8)
    return shown(figure, description)


def filters(sizes: Sequence[int], highest: float, description: str) -> Picture:
    """The triangles of the 128 mel filters below `highest` Hz, and the bins of a transform of each of `sizes` points on them."""
    fine = Settings(n_fft=2**15)
    frequencies = torch.arange(fine.bins) * fine.bin_hertz
    triangles = mel_filters(fine)  # sampled so densely that they look like what they are
    below = frequencies <= highest
    with page_style():
        figure, panels = plt.subplots(
            len(sizes), 1, figsize=(9, 1.9 * len(sizes)), layout="constrained", sharex=True
        )
        for axes, points in zip(panels, sizes, strict=True):
            settings = Settings(n_fft=points)
            seen = mel_filters(settings)
            blind = seen.amax(dim=0) == 0
            for number in range(N_MELS):
                if triangles[below, number].any():
                    empty = bool(blind[number])
                    axes.plot(
                        frequencies[below],
                        triangles[below, number],
                        color=ORANGE if empty else BLUE,
                        linewidth=2.2 if empty else 0.8,
                        linestyle="--" if empty else "-",
                    )
            bins = torch.arange(settings.bins) * settings.bin_hertz
            bins = bins[bins <= highest]
            axes.plot(
                bins,
                torch.zeros_like(bins),
                color=INK,
                marker="|",
                markersize=14,
                linestyle="",
                clip_on=False,
            )
            axes.set(
                ylabel="weight",
                title=f"{points} points: a bin every {settings.bin_hertz:.1f} Hz, {int(blind.sum())} filters empty",
            )
        panels[-1].set(
            xlabel="frequency (Hz); grey ticks are the bins, dashed filters contain none", xlim=(0, highest)
        )
    return shown(figure, description)


def log_mels(
    named: Sequence[tuple[str, Tensor]], description: str, lowest: int = 0, highest: int = N_MELS
) -> Picture:
    """Log-mels (frames, 128) one above another, on one axis of time and one scale of colours; filters `lowest` to `highest`."""
    longest = max(len(mel) for _, mel in named) * HOP_LENGTH / SAMPLE_RATE
    low, high = (
        f([float(extreme(mel)) for _, mel in named]) for f, extreme in ((min, torch.min), (max, torch.max))
    )
    with page_style():
        figure, panels = plt.subplots(
            len(named),
            1,
            figsize=(9, 1.8 * len(named) + 0.4),
            layout="constrained",
            sharex=True,
            squeeze=False,
        )
        for axes, (title, mel) in zip(panels[:, 0], named, strict=True):
            image = axes.imshow(
                mel[:, lowest:highest].T.numpy(),
                origin="lower",
                aspect="auto",
                cmap="magma",
                vmin=low,
                vmax=high,
                interpolation="nearest",
                extent=(0, len(mel) * HOP_LENGTH / SAMPLE_RATE, lowest - 0.5, highest - 0.5),
            )
            axes.set_title(title, fontsize=10)
            axes.set(ylabel="mel filter", xlim=(0, longest))
            axes.grid(False)
        panels[-1, 0].set_xlabel("time (s)")
        figure.colorbar(image, ax=panels[:, 0].tolist(), label="log-mel (nats)", shrink=0.9)
    return shown(figure, description)


def distributions(power: Tensor, log_mel: Tensor, description: str) -> Picture:
    """How the values of a mel power spectrogram and of its logarithm are spread."""
    with page_style():
        figure, (left, right) = plt.subplots(1, 2, figsize=(9, 2.6), layout="constrained")
        left.hist(power.flatten().numpy(), bins=60, color=ORANGE)
        left.set(xlabel="mel power", ylabel="values", title="before the logarithm")
        right.hist(log_mel.flatten().numpy(), bins=60, color=BLUE)
        right.set(xlabel="log-mel (nats)", ylabel="values", title="after it")
    return shown(figure, description)
