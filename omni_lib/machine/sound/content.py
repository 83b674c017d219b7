"""Whether the content of a recording is usable. Every command that reads sound makes this check.

Left out by name, because no word can be learned from them or recognised in them:

- silence, and a constant: nothing was recorded
- samples that were read in a wrong format. With their bytes in the wrong order, or with bytes inserted in a
  transfer, they are as loud and irregular as uniform random numbers. Floats that are read as integers are
  loud, and hardly ever near zero. Unsigned samples that are read as signed ones, or the reverse, jump from
  one end of the scale to the other and are never near zero; 8 bits that are read as 16 stay at one end
- samples far beyond full scale: integers that were taken for floats. Scaled down they might be sound, but
  only whoever made the file can know the factor.

Kept, with a note:

- nearly all clipped: speech clipped to its sign alone is still understood (Licklider and Pollack 1948,
  "Effects of differentiation, integration, and infinite peak clipping upon the intelligibility of speech"),
  but it is not what a model should mostly be trained on
- very quiet: a model that was not trained at such a level leaves out words
- over full scale, but not by far: a copy as 16-bit PCM cuts the peaks off
- an offset far larger than the sound
- sound that stops within a wave and goes on as exact zeros, as where a part of a download is missing
- each sample twice, or zeros between the samples: two channels were read as one, or a rate was doubled
- channels that cancel when they are averaged, at least in a part of the recording: one of them is read
  instead, which loses nothing
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
_LOUD = 0.4  # RMS
_IRREGULAR = 0.5  # correlation of neighbouring samples
_UNCLIPPED = 0.05  # share of the samples near the peak
_NEAR_ZERO = 0.1  # amplitude
_RARELY_ZERO = 0.02  # share of the samples near zero: no wave has so few
_RATHER_LOUD = 0.28  # RMS
# correlation of neighbouring samples: that of speech clipped to its sign, at 8 kHz, was never below 0.18
_UNCORRELATED = 0.1
# shares of the samples near zero and near the peak. A wave that jumps from one end of the scale to the other
# has nearly none near zero, and so has clipped speech, but that has all its samples near the peak
_NEVER_ZERO, _ALL_CLIPPED = 0.001, 0.98
_OFFSET = 0.75  # the mean, of full scale, of no recording
_BESIDE_OFFSET = 0.1  # the share of a constant that its sound should have at least
_HOLE = 0.1  # seconds of exact zeros
_LOUD_BEFORE_HOLE = 0.03  # amplitude, in the last samples before the zeros
_LAST = 16  # number of these samples
_QUIET = 0.05  # of full scale: below it, 8 bits have so few steps that many samples share the largest
# peak, -46 dB of full scale: near it, audio_enc_tiny.pt leaves out words of two clips in four whose texts it
# writes without an error at their own level
_VERY_QUIET = 0.005
_REPEATED = 0.01  # the share of pairs that may differ where samples repeat
_SEGMENT = 1600  # samples in which channels may cancel, while they do not in others
_OFTEN = 0.2  # the share of the power in such segments from which one channel is read
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
        self._sum = self._power = self._neighbours = 0.0  # of samples, squares, products of neighbours
        self._zeros, self._before_zeros = 0, 0.0  # exact zeros at the end so far, and the peak before them
        # the longest stretch of zeros after a loud sample: its first sample and its length
        self._hole = (0, 0)
        # pairs of a sample and the next: of the samples 0 and 1, 2 and 3 …, and of 1 and 2, 3 and 4 …
        self._unlike = [0, 0]  # pairs that differ
        self._filled = [0, 0]  # samples that are not zero, of even and of odd numbers
        self._notes = list(notes)

    @property
    def peak(self) -> float:
        """The largest amplitude so far."""
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
        self._neighbours += float(wide[1:] @ wide[:-1])
        self._add_zeros(block)
        for first in (0, 1):
            number = (first + self.samples) % 2  # of the first sample of these, even or odd
            pairs = min(len(block[first::2]), len(block[first + 1 :: 2]))
            unlike = block[first::2][:pairs] != block[first + 1 :: 2][:pairs]
            self._unlike[number] += int(unlike.sum())
            self._filled[number] += int(np.count_nonzero(block[first::2]))
        self.samples += len(block)

    def _add_zeros(self, block: np.ndarray) -> None:
        """Find the stretches of exact zeros that follow a loud sample, also across blocks."""
        sound = np.flatnonzero(block)
        if len(sound) == 0:
            self._zeros += len(block)
            return

        def peak(last: int) -> float:
            return float(np.abs(block[max(0, last + 1 - _LAST) : last + 1]).max())

        self._note_hole(self.samples - self._zeros, self._zeros + int(sound[0]))
        gaps = np.diff(sound) - 1
        for gap in np.flatnonzero(gaps > max(self._hole[1], _LAST)).tolist():
            self._before_zeros = peak(int(sound[gap]))
            self._note_hole(self.samples + int(sound[gap]) + 1, int(gaps[gap]))
        self._before_zeros, self._zeros = peak(int(sound[-1])), len(block) - 1 - int(sound[-1])

    def _note_hole(self, first: int, length: int) -> None:
        if self._before_zeros >= _LOUD_BEFORE_HOLE and length > self._hole[1]:
            self._hole = (first, length)

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
        if self.samples >= 1000 and abs(self._sum) > _OFFSET * self.samples:
            return (
                f"stays near {self._sum / self.samples:.2g}, at one end of the scale, as if its samples were"
                " in another format than its header says: export it again"
            )
        if self.samples < 2 or self.highest - self.lowest >= 2 * SILENCE:
            return ""
        if self.peak == 0:
            return "is silent: nothing to transcribe or to learn; record it again, or leave it out"
        if self.peak < SILENCE:
            return (
                f"is silent, with a peak of {self.peak:.1g} of full scale: export it again if it should hold"
                " sound, or leave it out"
            )
        return f"is constant at {self.highest:.3g}, which is not sound: record it again, or leave it out"

    def _is_misread(self) -> bool:
        count = max(1, self.samples)
        square = (self._sum / count) ** 2
        power, neighbours = self._power / count - square, self._neighbours / count - square
        unclipped = self._near_peak < _UNCLIPPED * count
        noise = neighbours < _IRREGULAR * power or self._near_zero < _RARELY_ZERO * count
        jumps = self._near_zero < _NEVER_ZERO * count and self._near_peak < _ALL_CLIPPED * count
        random = power >= _RATHER_LOUD**2 and abs(neighbours) < _UNCORRELATED * power
        return self.samples >= 1000 and (random or (power >= _LOUD**2 and (noise and unclipped or jumps)))

    def _has_twice_the_samples(self) -> bool:
        """Whether the samples repeat in pairs, or those of even or odd numbers are all zero."""
        half = self.samples / 2
        for few, many in (sorted(self._unlike), sorted(self._filled)):
            if half >= 500 and few < _REPEATED * many and many > half / 4:
                return True
        return False

    @property
    def notes(self) -> tuple[str, ...]:
        """What should be said about it, though it is used."""
        found = list(self._notes)
        share = self._near_peak / max(1, self.samples)
        mean = abs(self._sum) / max(1, self.samples)
        if mean > _QUIET and self.highest - self.lowest < _BESIDE_OFFSET * mean and not self.fault:
            found.append(
                f"has an offset of {mean:.2g}, far larger than its sound: remove it with a high-pass"
            )
        elif not self.fault and share >= _CLIPPED and self.peak >= _QUIET:
            found.append(f"is clipped in {share:.0%} of its samples: record it again with less gain")
        if not self.fault and SILENCE <= self.peak < _VERY_QUIET:
            found.append(
                f"is very quiet, with a peak of {self.peak:.2g} of full scale: its words may be missed, so"
                " record it again with more gain, or amplify it"
            )
        if self.peak > _OVERSHOOT:
            found.append(
                f"reaches {self.peak:.3g}, over full scale (1), where it may be clipped: turn it down"
            )
        if not self.fault and self._has_twice_the_samples():
            found.append(
                "has the same sample, or zero, in every second place, as where two channels were read as one:"
                " check that it does not play at half speed, and export it again"
            )
        first, length = self._hole
        if self._before_zeros >= _LOUD_BEFORE_HOLE and self._zeros > length:  # those at the end of the file
            first, length = self.samples - self._zeros, self._zeros
        if not self.fault and self.rate and length >= _HOLE * self.rate:
            found.append(
                f"stops within a wave at {first / self.rate:.2f} s and goes on with"
                f" {length / self.rate:.2f} s of exact zeros: copy it again if a part is missing"
            )
        return tuple(found)


class Channels:
    """The power of each channel and of their mean, without what is constant in them."""

    def __init__(self) -> None:
        self._samples = 0
        self._channels, self._mean = np.zeros(1), 0.0  # squares
        self._offsets, self._offset = np.zeros(1), 0.0  # sums
        self._all, self._lost = 0.0, 0.0  # power in all segments, and in those that cancel

    def add(self, block: np.ndarray) -> None:
        """Take a block into account: (samples, channels)."""
        wide = block.astype(np.float64)
        power = np.square(wide).sum(axis=0)
        size = max(len(power), len(self._channels))
        self._channels = _wider(self._channels, size) + _wider(power, size)
        self._offsets = _wider(self._offsets, size) + _wider(wide.sum(axis=0), size)
        mean = wide.mean(axis=1)
        self._mean += float(mean @ mean)
        self._offset += float(mean.sum())
        self._samples += len(block)
        for segment in np.array_split(wide, max(1, len(wide) // _SEGMENT)):
            power_of_each, power_of_mean = segment.var(axis=0), float(segment.mean(axis=1).var())
            energy = len(segment) * float(power_of_each.mean())
            cancels = power_of_mean < _CANCELLED * float(power_of_each.mean()) / wide.shape[1]
            self._all += energy
            self._lost += energy if cancels else 0.0

    def to_read(self) -> int | None:
        """The loudest channel, where the channels cancel when they are averaged; else None.

        The mean of n uncorrelated channels keeps 1/n of their mean power, and so
        does the mean of one voice and n - 1 silent channels.
        """
        count, samples = len(self._channels), max(1, self._samples)
        channels = self._channels - np.square(self._offsets) / samples
        mean = self._mean - self._offset**2 / samples
        often = self._lost > _OFTEN * self._all
        if count < 2 or (not often and mean >= _CANCELLED * float(channels.mean()) / count):
            return None
        return int(channels.argmax())


def _wider(values: np.ndarray, size: int) -> np.ndarray:
    return np.pad(values, (0, size - len(values)))
