"""Speech synthesis in a separate process: `python -m omni_lib.corpora.espeak_worker < job.json`.

There are two reasons for a separate process. First, espeak-ng's samples depend on what it has spoken before
in the same process, so only the same sequence of sentences in a fresh process gives the same corpus. Second,
espeak-ng is licensed under the GPL: here it runs as a program of its own, and it is never linked into the
training process.

The job is a list of `Take`s in JSON. Each finished recording is reported by a line on standard output. Exit
code 2 means that espeak-ng is missing or does not work; the only line on standard error then names the
remedy.
"""

from __future__ import annotations

import ctypes
import json
import sys
import wave
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from omni_lib.corpora.acoustics import SAMPLE_RATE, Waveform, record, resample, reverberate
from omni_lib.errors import UserError

SHORTEST, LONGEST = 1.02, 9.95  # seconds of a recording
FASTEST = 400  # words a minute

REMEDY = "install it with 'pip install espeakng-loader'"
_REPAIR = "install it anew with 'pip install --force-reinstall espeakng-loader'"

# From espeak-ng's speak_lib.h
_SYNCHRONOUS, _DONT_EXIT = 2, 0x8000
_RATE, _PITCH = 1, 3
_UTF8, _PHONEMES = 1, 0x100
_CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)


@dataclass(frozen=True)
class Take:
    """How one utterance is spoken and recorded."""

    path: str  # of the WAV file to write
    spoken: str  # the text given to espeak
    voice: str  # espeak's name of accent and variant
    rate: int  # words a minute
    pitch: int  # 0…99; 50 is the voice's default
    rt60: float  # seconds that the reverberation takes to decay by 60 dB; 0 means no reverberation
    direct_db: float  # energy of the direct sound relative to the reverberation
    noise: str  # one of acoustics.NOISES
    snr_db: float
    level_db: float  # dBFS
    lead: float  # seconds before and after the speech
    tail: float
    seed: int  # of the breath, the room and the noise


class Espeak:
    """The espeak-ng library of the package `espeakng_loader`."""

    def __init__(self) -> None:
        try:
            import espeakng_loader

            self._library = ctypes.CDLL(str(espeakng_loader.get_library_path()))
            data = Path(espeakng_loader.get_data_path())
        except ImportError:
            raise UserError(
                f"the package espeakng_loader, which speaks the corpus, is missing: {REMEDY}"
            ) from None
        except (OSError, RuntimeError) as error:
            raise UserError(f"espeak-ng's library does not load ({error}): {_REPAIR}") from None
        self.rate = self._library.espeak_Initialize(_SYNCHRONOUS, 0, str(data).encode(), _DONT_EXIT)  # Hz
        if self.rate <= 0:
            raise UserError(f"espeak-ng does not start on its data in {data}: {_REPAIR}")
        self._variants = {file.name for file in (data / "voices" / "!v").iterdir()}
        self._pieces: list[np.ndarray] = []
        self._callback = _CALLBACK(self._collect)  # kept, because ctypes would free it
        self._library.espeak_SetSynthCallback(self._callback)

    def _collect(self, samples: ctypes._Pointer, count: int, _events: int) -> int:
        if samples and count > 0:
            self._pieces.append(np.ctypeslib.as_array(samples, (count,)).copy())
        return 0  # go on

    def say(self, text: str, voice: str, rate: int, pitch: int, seed: int) -> Waveform:
        """The samples of `text` at `self.rate` Hz, within -1…1, without the silence around them.

        `seed` determines the voice's breath noise.
        """
        self._pieces.clear()
        self._library.espeak_ng_SetRandSeed(
            ctypes.c_long(seed)
        )  # espeak-ng itself seeds it with the time of day
        variant = voice.split("+")[-1]  # espeak-ng ignores an unknown variant
        if variant not in self._variants or self._library.espeak_SetVoiceByName(voice.encode()) != 0:
            raise UserError(f"espeak-ng has no voice '{voice}': install the pinned espeakng-loader")
        self._library.espeak_SetParameter(_RATE, rate, 0)
        self._library.espeak_SetParameter(_PITCH, pitch, 0)
        encoded = text.encode()
        self._library.espeak_Synth(encoded, len(encoded) + 1, 0, 1, 0, _UTF8 | _PHONEMES, None, None)
        waveform = np.concatenate(self._pieces).astype(np.float64) / 32768
        audible = np.flatnonzero(np.abs(waveform) > 0.01 * np.abs(waveform).max())
        return waveform[audible[0] : audible[-1] + 1]


def speak(espeak: Espeak, take: Take) -> Waveform:
    """The recording of one take, `SHORTEST` to `LONGEST` seconds at 16 kHz."""
    rng = np.random.default_rng(take.seed)
    room_for_speech = LONGEST - take.lead - take.tail - take.rt60
    rate = take.rate
    speech = resample(espeak.say(take.spoken, take.voice, rate, take.pitch, take.seed), espeak.rate)
    # a few variants are slow: an utterance that is too long is spoken again, faster
    while len(speech) > room_for_speech * SAMPLE_RATE:
        rate = rate * 6 // 5
        if rate > FASTEST:
            raise UserError(
                f"'{take.spoken}' takes more than {LONGEST} s however fast it is said: shorten it"
            )
        speech = resample(espeak.say(take.spoken, take.voice, rate, take.pitch, take.seed), espeak.rate)
    if take.rt60:
        speech = reverberate(speech, take.rt60, take.direct_db, rng)
    return record(speech, take.lead, take.tail, SHORTEST, take.snr_db, take.noise, take.level_db, rng)


def write_wav(path: str, waveform: Waveform) -> None:
    """Write 16 kHz mono PCM16."""
    with wave.open(path, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        file.writeframes(np.round(waveform * 32767).astype("<i2").tobytes())


def main() -> int:
    """Synthesise the job that is read from standard input."""
    takes = [Take(**fields) for fields in json.load(sys.stdin)]
    try:
        espeak = Espeak()
        for take in takes:
            write_wav(take.path, speak(espeak, take))
            print(take.path, flush=True)
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
