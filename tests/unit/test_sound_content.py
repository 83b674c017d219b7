"""Channels and samples as few programs write them: read, or refused by their own cause."""

import numpy as np
import pytest
import soundfile

from omni_lib.audio import examine_audio, read_audio
from omni_lib.errors import UserError


def test_channels_that_cancel_beside_a_constant_are_read_as_one(tmp_path):
    sound = 0.4 * np.sin(np.arange(16_000) / 9)
    soundfile.write(tmp_path / "a.wav", np.stack([sound, 0.05 - sound], axis=1), 16_000)
    examined = examine_audio(tmp_path / "a.wav")
    assert not examined.fault and "channels that cancel each other" in examined.notes[0]
    assert examined.waveform.abs().max() > 0.3
    soundfile.write(tmp_path / "b.wav", np.stack([sound, np.full(16_000, 0.9)], axis=1), 16_000)
    assert not any("cancel" in note for note in examine_audio(tmp_path / "b.wav").notes)


@pytest.mark.parametrize(("half", "peak"), [(128, 255), (32_768, 65_535)])
def test_unsigned_integers_as_floats_are_named(tmp_path, half, peak):
    sound = half + (half - 1) * np.sin(np.arange(16_000) / 9)
    soundfile.write(tmp_path / "a.wav", sound.astype("float32"), 16_000, subtype="FLOAT")
    with pytest.raises(UserError, match=f"samples of 0 to {peak}.* as of unsigned integers: export it again"):
        read_audio(tmp_path / "a.wav")
