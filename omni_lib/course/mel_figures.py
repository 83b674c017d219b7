"""Figures of lesson 01: a waveform, its windows, one frame, the mel filters, log-mels above each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
import torch
from torch import Tensor

from omni_lib.audio import HOP_LENGTH, N_MELS, SAMPLE_RATE, WINDOW_LENGTH
from omni_lib.course.figures import MATRIX, Picture, page_style, shown
from omni_lib.course.palette import BLUE, GREY, INK, ORANGE
from omni_lib.course.spectra import Settings, mel_filters


def waveform(samples: Tensor, start: float, description: str) -> Picture:
    """A whole waveform (samples,), and 25 ms of it from second `start` on."""
    first = round(start * SAMPLE_RATE)
    window = samples[first : first + WINDOW_LENGTH]
    with page_style():
        figure, (whole, near) = plt.subplots(2, 1, figsize=(9, 3.8), layout="constrained")
        whole.plot(torch.arange(len(samples)) / SAMPLE_RATE, samples, color=BLUE, linewidth=0.6)
        whole.axvspan(start, start + len(window) / SAMPLE_RATE, color=ORANGE, alpha=0.5)
        whole.set(xlabel="time (s)", ylabel="amplitude", xlim=(0, len(samples) / SAMPLE_RATE))
        milliseconds = 1000 * (start + torch.arange(len(window)) / SAMPLE_RATE)
        near.plot(milliseconds, window, color=ORANGE, linewidth=1.2)
        near.set(xlabel="time (ms)", ylabel="amplitude", title="The 25 ms that are marked above")
        near.margins(x=0)
    return shown(figure, description)


def windows(samples: int, description: str) -> Picture:
    """The windows of a clip of `samples` samples as bars: those that fit as a whole, and the centred ones.

    A dot marks the middle of a window, and shading the zeros that are added at the ends of the clip.
    """
    inside = range(0, samples - WINDOW_LENGTH + 1, HOP_LENGTH)
    centred = range(-WINDOW_LENGTH // 2, samples - WINDOW_LENGTH // 2 + 1, HOP_LENGTH)
    panels = (("every window must fit", inside), ("centred windows", centred))
    with page_style():
        figure, both = plt.subplots(1, 2, figsize=(9, 2.6), layout="constrained", sharex=True, sharey=True)
        for axes, (title, starts) in zip(both, panels, strict=True):
            for row, start in enumerate(starts):
                axes.barh(row, WINDOW_LENGTH, left=start, height=0.6, color=BLUE, alpha=0.6)
                axes.plot(start + WINDOW_LENGTH / 2, row, color=INK, marker="o", markersize=4)
            for end in (0, samples):
                axes.axvline(end, color=ORANGE, linewidth=1.5)
            if starts.start < 0:
                for outside in ((starts.start, 0), (samples, starts[-1] + WINDOW_LENGTH)):
                    axes.axvspan(*outside, color=GREY, alpha=0.3, linewidth=0)
            axes.set(xlabel="sample", title=f"{title}: {len(starts)} frames")
            axes.set_yticks(range(len(centred)))
        both[0].set_ylabel("frame")
        both[0].invert_yaxis()
    return shown(figure, description)


def one_frame(samples: Tensor, start: float, description: str) -> Picture:
    """25 ms from second `start` on with a Hann window, and their power by FFTs of 400 and 1024 points."""
    first = round(start * SAMPLE_RATE)
    window = torch.hann_window(WINDOW_LENGTH)
    frame = samples[first : first + WINDOW_LENGTH]
    with page_style():
        figure, (time, frequency) = plt.subplots(
            1, 2, figsize=(9, 3.2), layout="constrained", width_ratios=(1, 1.4)
        )
        milliseconds = 1000 * torch.arange(WINDOW_LENGTH) / SAMPLE_RATE
        time.plot(milliseconds, frame, color=INK, linewidth=1, linestyle=":", label="samples")
        time.plot(milliseconds, frame * window, color=BLUE, linewidth=1.2, label="multiplied by the window")
        time.set(xlabel="time in the frame (ms)", ylabel="amplitude")
        time.legend(loc="lower center", bbox_to_anchor=(0.5, 1), borderaxespad=0)  # above the curves
        for points, colour, marker in ((1024, BLUE, "."), (WINDOW_LENGTH, ORANGE, "o")):
            power = torch.fft.rfft(frame * window, n=points).abs().square()
            bins = torch.arange(len(power)) * SAMPLE_RATE / points
            line = "-" if points == 1024 else ""
            style: dict[str, Any] = {"marker": marker, "markersize": 4, "linestyle": line, "linewidth": 1}
            decibels = 10 * torch.log10(power + 1e-9)
            frequency.plot(bins, decibels, color=colour, label=f"{points} points", **style)
        frequency.set(xlabel="frequency (Hz)", ylabel="power (dB)", xlim=(0, 1500))
        frequency.legend(loc="lower center", bbox_to_anchor=(0.5, 1), borderaxespad=0, ncols=2)
    return shown(figure, description)


def filters(sizes: Sequence[int], highest: float, description: str) -> Picture:
    """The triangles of the mel filters up to `highest` Hz and the bins of an FFT, a panel for each FFT size.

    Args:
        sizes: FFT sizes in points.
        highest: end of the frequency axis in Hz.
        description: the alternative text.
    """
    fine = Settings(n_fft=2**15)
    frequencies = torch.arange(fine.bins) * fine.bin_hertz
    triangles = mel_filters(fine)  # sampled so densely that the triangles are smooth
    below = frequencies <= highest
    with page_style():
        figure, panels = plt.subplots(
            len(sizes), 1, figsize=(9, 1.9 * len(sizes)), layout="constrained", sharex=True
        )
        for axes, points in zip(panels, sizes, strict=True):
            settings = Settings(n_fft=points)
            empty = mel_filters(settings).amax(dim=0) == 0
            filled_style: dict[str, Any] = {"color": BLUE, "linewidth": 0.8, "linestyle": "-"}
            empty_style: dict[str, Any] = {"color": ORANGE, "linewidth": 2.2, "linestyle": "--"}
            for number in range(N_MELS):
                if triangles[below, number].any():
                    style = empty_style if empty[number] else filled_style
                    axes.plot(frequencies[below], triangles[below, number], **style)
            bins = torch.arange(settings.bins) * settings.bin_hertz
            bins = bins[bins <= highest]
            ticks: dict[str, Any] = {"marker": "|", "markersize": 14, "linestyle": "", "clip_on": False}
            axes.plot(bins, torch.zeros_like(bins), color=INK, **ticks)
            spacing = f"{points} points: a bin every {settings.bin_hertz:.1f} Hz"
            axes.set(ylabel="weight", title=f"{spacing}, {int(empty.sum())} filters empty")
        legend = "short ticks are the bins, dashed filters contain none"
        panels[-1].set(xlabel=f"frequency (Hz); {legend}", xlim=(0, highest))
    return shown(figure, description)


def log_mels(
    named: Sequence[tuple[str, Tensor]], description: str, lowest: int = 0, highest: int = N_MELS
) -> Picture:
    """Log-mels (frames, 128) one above another, with the same time axis and colour scale.

    Args:
        named: title and log-mel of each panel.
        description: the alternative text.
        lowest, highest: the filters that are drawn.
    """
    longest = max(len(mel) for _, mel in named) * HOP_LENGTH / SAMPLE_RATE
    low, high = min(float(mel.min()) for _, mel in named), max(float(mel.max()) for _, mel in named)
    with page_style():
        size = (9, 1.8 * len(named) + 0.4)
        figure, panels = plt.subplots(
            len(named), 1, figsize=size, layout="constrained", sharex=True, squeeze=False
        )
        for axes, (title, mel) in zip(panels[:, 0], named, strict=True):
            extent = (0, len(mel) * HOP_LENGTH / SAMPLE_RATE, lowest - 0.5, highest - 0.5)
            rows = mel[:, lowest:highest].T.numpy()
            image = axes.imshow(rows, cmap="magma", vmin=low, vmax=high, extent=extent, **MATRIX)
            axes.set_title(title)
            axes.set(ylabel="mel filter", xlim=(0, longest))
            axes.grid(False)
        panels[-1, 0].set_xlabel("time (s)")
        figure.colorbar(image, ax=panels[:, 0].tolist(), label="log-mel (nats)", shrink=0.9)
    return shown(figure, description)


def distributions(power: Tensor, log_mel: Tensor, description: str) -> Picture:
    """Histograms of the values of a mel power spectrogram and of its logarithm."""
    with page_style():
        figure, (left, right) = plt.subplots(1, 2, figsize=(9, 2.6), layout="constrained")
        left.hist(power.flatten().numpy(), bins=60, color=ORANGE)
        left.set(xlabel="mel power", ylabel="number of values", title="before the logarithm")
        right.hist(log_mel.flatten().numpy(), bins=60, color=BLUE)
        right.set(xlabel="log-mel (nats)", ylabel="number of values", title="after the logarithm")
    return shown(figure, description)
