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

import contextlib
import ctypes
import json
import shutil
import sys
import tempfile
import wave
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from omni_lib.corpora.acoustics import SAMPLE_RATE, Waveform, record, resample, reverberate
from omni_lib.errors import UserError

SHORTEST, LONGEST = 1.02, 9.95  # seconds of a recording
FASTEST = 400  # words a minute

VARIANTS = Path("voices", "!v")  # the folder of the variants within espeak-ng's data

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

    path: str  # of the WAV file to write; when empty, the take is spoken, but not kept
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
    settings: str = ""  # the variant file of a drawn voice
    grain: int = 1  # the number of samples is a multiple of it


class Espeak:
    """The espeak-ng library of the package `espeakng_loader`.

    Args:
        folder: an empty folder for a copy of espeak-ng's English data, to which the variant files of drawn
            voices are added. Without it the package's own data are used, and only named voices can speak.
    """

    def __init__(self, folder: Path | None = None) -> None:
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
        if folder is not None:
            _copy_english(data, folder)
            data = folder
        self._folder = folder
        self.rate = self._library.espeak_Initialize(_SYNCHRONOUS, 0, str(data).encode(), _DONT_EXIT)  # Hz
        if self.rate <= 0:
            raise UserError(f"espeak-ng does not start on its data in {data}: {_REPAIR}")
        self._variants = {file.name for file in (data / VARIANTS).iterdir()}
        self._pieces: list[np.ndarray] = []
        self._callback = _CALLBACK(self._collect)  # kept, because ctypes would free it
        self._library.espeak_SetSynthCallback(self._callback)

    def _collect(self, samples: ctypes._Pointer, count: int, _events: int) -> int:
        if samples and count > 0:
            self._pieces.append(np.ctypeslib.as_array(samples, (count,)).copy())
        return 0  # go on

    def say(self, text: str, voice: str, rate: int, pitch: int, seed: int, settings: str = "") -> Waveform:
        """The samples of `text` at `self.rate` Hz, within -1…1, without the silence around them.

        `seed` determines the voice's breath noise, `settings` are the lines of a drawn variant's file.
        """
        self._pieces.clear()
        # espeak-ng itself would seed it with the time of day
        self._library.espeak_ng_SetRandSeed(ctypes.c_long(seed))
        variant = voice.split("+")[-1]  # espeak-ng ignores an unknown variant
        if settings and variant not in self._variants:
            assert self._folder is not None  # drawn voices need a copy of the data
            file = self._folder / VARIANTS / variant
            file.write_text(f"language variant\nname {variant}\n{settings}", encoding="ascii")
            self._variants.add(variant)
        if variant not in self._variants or self._library.espeak_SetVoiceByName(voice.encode()) != 0:
            raise UserError(f"espeak-ng has no voice '{voice}': install the pinned espeakng-loader")
        self._library.espeak_SetParameter(_RATE, rate, 0)
        self._library.espeak_SetParameter(_PITCH, pitch, 0)
        encoded = text.encode()
        self._library.espeak_Synth(encoded, len(encoded) + 1, 0, 1, 0, _UTF8 | _PHONEMES, None, None)
        waveform = np.concatenate(self._pieces).astype(np.float64) / 32768
        audible = np.flatnonzero(np.abs(waveform) > 0.01 * np.abs(waveform).max())
        return waveform[audible[0] : audible[-1] + 1]


def _copy_english(data: Path, folder: Path) -> None:
    """Copy what English needs of espeak-ng's data: espeak-ng lists 350 languages and variants at most."""
    for name in ("phondata", "phonindex", "phontab", "intonations", "en_dict"):
        shutil.copy(data / name, folder / name)
    shutil.copytree(data / VARIANTS, folder / VARIANTS)
    (folder / "lang" / "gmw").mkdir(parents=True)
    for file in (data / "lang" / "gmw").glob("en*"):
        shutil.copy(file, folder / "lang" / "gmw" / file.name)


def speak(espeak: Espeak, take: Take) -> Waveform:
    """The speech of one take at 16 kHz, short enough for a recording of `LONGEST` seconds.

    Raises:
        UserError: the text is too long, even when it is spoken as fast as possible.
    """
    longest = LONGEST - take.lead - take.tail - take.rt60

    def say(rate: int) -> Waveform:
        said = espeak.say(take.spoken, take.voice, rate, take.pitch, take.seed, take.settings)
        return resample(said, espeak.rate)

    rate = take.rate
    speech = say(rate)
    # a few variants are slow: an utterance that is too long is spoken again, faster
    while len(speech) > longest * SAMPLE_RATE:
        rate = rate * 6 // 5
        if rate > FASTEST:
            raise UserError(f"'{take.spoken}' takes more than {LONGEST} s at the highest speed: shorten it")
        speech = say(rate)
    return speech


def recorded(speech: Waveform, take: Take) -> Waveform:
    """The recording of one take's speech in its room and noise, `SHORTEST` to `LONGEST` seconds at 16 kHz."""
    rng = np.random.default_rng(take.seed)
    if take.rt60:
        speech = reverberate(speech, take.rt60, take.direct_db, rng)
    return record(
        speech, take.lead, take.tail, SHORTEST, take.snr_db, take.noise, take.level_db, rng, take.grain
    )


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
        with contextlib.ExitStack() as stack:
            folder = None
            if any(take.settings for take in takes):
                folder = Path(stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True)))
            espeak = Espeak(folder)
            for take in takes:
                speech = speak(espeak, take)
                if take.path:
                    write_wav(take.path, recorded(speech, take))
                    print(take.path, flush=True)
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
