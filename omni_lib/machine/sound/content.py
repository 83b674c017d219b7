"""Whether the content of a recording is usable. Every command that reads sound makes this check.

Left out by name, because no word can be learned from them or recognised in them:

- silence, and a constant: nothing was recorded
- samples that were read in a wrong format. With their bytes in the wrong order, or with bytes inserted in a
  transfer, they are as loud and irregular as uniform random numbers. Floats that are read as integers are
  loud, and hardly ever near zero
- samples far beyond full scale: integers that were taken for floats. Scaled down they might be sound, but
  only whoever made the file can know the factor.

Kept, with a note:

- nearly all clipped: speech clipped to its sign alone is still understood (Licklider and Pollack 1948,
  "Effects of differentiation, integration, and infinite peak clipping upon the intelligibility of speech"),
  but it is not what a model should mostly be trained on
- over full scale, but not by far: a copy as 16-bit PCM cuts the peaks off
- channels that cancel when they are averaged: one of them is read instead, which loses nothing
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

SILENCE = 1e-4  # amplitude, -80 dB of full scale: what stays within ± this is silence
# twice the true full scale, 1: lossy decoders and mixers overshoot 1, but not by as much as that
FULL_SCALE = 2.0
_OVERSHOOT = 1.2  # what no lossy decoder adds to speech at full scale
_NEAR_PEAK = 0.98  # of the peak
_CLIPPED = 0.5  # of the samples; a sine has 13% of them so near its peak, speech well under 1%
# Speech so loud and irregular is clipped. In 1800 combinations of a clip, a gain and a rate, it had at least
# 8% of its samples near the peak; samples that were misread had 2% there at most.
_LOUD, _IRREGULAR = 0.4, 0.5  # RMS, and the correlation of neighbouring samples
_UNCLIPPED = 0.05  # share of the samples near the peak
_NEAR_ZERO, _RARELY = 0.1, 0.02  # amplitude, and the share of samples below it: no wave has so few
_QUIET = 0.05  # of full scale: below it, 8 bits have so few steps that many samples share the largest
_CANCELLED = 0.1  # of the power that would be left if the channels were uncorrelated


class Content:
    """Statistics of a recording that is read in blocks: `add` each block, then read `fault` and `notes`.

    Attributes:
        samples: number of samples added, at the file's own rate.
        rate: Hz, where the reader of a file has set it.
    """

    def __init__(self, notes: Iterable[str] = ()) -> None:
        self.samples, self.rate = 0, 0
        self.lowest, self.highest = 0.0, 0.0
        self._near_peak = self._near_zero = 0
        self._sum = self._power = self._next = 0.0  # of samples, their squares, products of neighbours
        self._notes = list(notes)

    @property
    def peak(self) -> float:
        return max(-self.lowest, self.highest, 0.0)

    def add(self, block: np.ndarray) -> None:
        """Take a mono block into account: (samples,), full scale ±1."""
        if len(block) == 0:
            return
        low, high, before = float(block.min()), float(block.max()), self.peak
        self.lowest = min(low, self.lowest) if self.samples else low
        self.highest = max(high, self.highest) if self.samples else high
        if self.peak * _NEAR_PEAK > before:
            self._near_peak = 0  # all that came before was lower
        self._near_peak += int((np.abs(block) >= self.peak * _NEAR_PEAK).sum())
        self._near_zero += int((np.abs(block) < _NEAR_ZERO).sum())
        wide = block.astype(np.float64)
        self._sum += float(wide.sum())
        self._power += float(wide @ wide)
        self._next += float(wide[1:] @ wide[:-1])
        self.samples += len(block)

    def remark(self, note: str) -> None:
        """Add a note that was found in another way; its words follow the file's name."""
        self._notes.append(note)

    @property
    def fault(self) -> str:
        """Why nothing can be learned from it, or ""; the words follow the file's name."""
        if self._is_misread():
            return (
                "is loud noise from end to end, as if its samples were in another format than its header"
                " says: export it again"
            )
        if self.samples < 2 or self.highest - self.lowest >= 2 * SILENCE:
            return ""
        if self.peak < SILENCE:
            return "is silent: nothing to transcribe or to learn; record it again, or leave it out"
        return f"is constant at {self.highest:.3g}, which is not sound: record it again, or leave it out"

    def _is_misread(self) -> bool:
        count = max(1, self.samples)
        square = (self._sum / count) ** 2
        power, neighbours = self._power / count - square, self._next / count - square
        unclipped = self._near_peak < _UNCLIPPED * count
        noise = neighbours < _IRREGULAR * power or self._near_zero < _RARELY * count
        return self.samples >= 1000 and power >= _LOUD**2 and noise and unclipped

    @property
    def notes(self) -> tuple[str, ...]:
        """What should be said about it, though it is used."""
        found = list(self._notes)
        share = self._near_peak / max(1, self.samples)
        if not self.fault and share >= _CLIPPED and self.peak >= _QUIET:
            found.append(f"is clipped in {share:.0%} of its samples: record it again with less gain")
        if self.peak > _OVERSHOOT:
            found.append(
                f"reaches {self.peak:.3g}, over full scale (1), where it may be clipped: turn it down"
            )
        return tuple(found)


class Channels:
    """The power of each channel and of their mean."""

    def __init__(self) -> None:
        self._channels, self._mean = np.zeros(1), 0.0

    def add(self, block: np.ndarray) -> None:
        """Take a block into account: (samples, channels)."""
        wide = block.astype(np.float64)
        power = np.square(wide).sum(axis=0)
        size = max(len(power), len(self._channels))
        self._channels = np.pad(self._channels, (0, size - len(self._channels)))
        self._channels += np.pad(power, (0, size - len(power)))
        self._mean += float(np.square(wide.mean(axis=1)).sum())

    def to_read(self) -> int | None:
        """The loudest channel, where the channels cancel when they are averaged; else None.

        The mean of n uncorrelated channels keeps 1/n of their mean power, and so
        does the mean of one voice and n - 1 silent channels.
        """
        count = len(self._channels)
        if count < 2 or self._mean >= _CANCELLED * float(self._channels.mean()) / count:
            return None
        return int(self._channels.argmax())
