"""A recording transcribed in blocks gives the same result as the whole recording."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import soundfile
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from omni_lib import cli
from omni_lib.alignment import word_times
from omni_lib.audio import LogMel, read_audio
from omni_lib.encoder import AudioEncoder
from omni_lib.errors import UserError
from omni_lib.inference.streaming import (
    REACH,
    greedy_path,
    greedy_path_stream,
    in_blocks,
    mel_stream,
    sound_stream,
)
from omni_lib.inference.transcription import transcribe
from omni_lib.machine.clone import ROOT
from omni_lib.manifest import read_manifest
from omni_lib.metrics import total, word_errors
from omni_lib.recogniser import load_recogniser

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def pretrained():
    return load_recogniser(ROOT / "data" / "pretrained" / "audio_enc_tiny.pt")


@pytest.fixture(scope="module")
def speech() -> tuple[torch.Tensor, str]:
    """The committed clips of the embedded corpus end to end, three times: (samples,) and their text."""
    rows = read_manifest(ROOT / "data" / "clips" / "asr.csv").utterances
    waveform = torch.cat([read_audio(row.path) for row in rows]).repeat(3)
    assert 50 < len(waveform) / 16_000 < 120
    return waveform, " ".join([row.text for row in rows] * 3)


def test_log_mels_go_to_the_device_of_the_recogniser():
    """The device "meta" has no memory, and so no result: this one is made up."""

    class Elsewhere(nn.Linear):
        def forward(self, mel, lengths, reach=None):
            assert mel.device == lengths.device == self.weight.device
            return torch.zeros(1, 40, 29), torch.tensor([40])

    assert len(greedy_path(torch.zeros(160, 128), Elsewhere(1, 1, device="meta"))) == 40


@given(
    st.lists(st.integers(0, 40), max_size=12), st.sampled_from([(1, 1, 0), (4, 1, 3), (3, 2, 7), (8, 3, 20)])
)
def test_blocks_of_any_size_give_what_the_whole_gives(sizes, geometry):
    step, becomes, margin = geometry
    whole = torch.arange(sum(sizes), dtype=torch.float32)[:, None]

    def function(rows: torch.Tensor) -> torch.Tensor:
        """Sums over everything within the margin of each group of `step` rows, `becomes` times."""
        groups = []
        for start in range(0, len(rows) // step * step, step):
            near = rows[max(0, start - margin) : start + step + margin].sum()
            groups += [near * 10 + part for part in range(becomes)]
        return torch.tensor(groups)

    pieces = list(in_blocks(whole.split(sizes) if sizes else [], function, step, becomes, margin))
    assert torch.equal(torch.cat([torch.zeros(0), *pieces]), function(whole))


@pytest.mark.parametrize("rate", [8_000, 16_000, 22_050, 44_100, 44_101, 48_000])
@pytest.mark.parametrize("seconds", [0.3, 1.0])
def test_sound_and_log_mels_of_a_stream_are_those_of_the_file(tmp_path, rate, seconds):
    torch.manual_seed(0)
    path = tmp_path / "a.wav"
    soundfile.write(path, 0.1 * torch.randn(int(2.77 * rate), 2).numpy(), rate)
    whole = read_audio(path)
    streamed = torch.cat(list(sound_stream(path, seconds)))
    assert streamed.shape == whole.shape and torch.allclose(streamed, whole, atol=1e-6)
    mel = torch.cat(list(mel_stream(sound_stream(path, seconds))))
    assert torch.allclose(mel, LogMel()(whole), atol=1e-3) and len(mel) == len(whole) // 160


@pytest.mark.parametrize(("downsample_time", "before_pool"), [(4, 3), (8, 3), (8, 1)])
def test_nothing_beyond_the_context_reaches_an_embedding_and_what_is_within_does(
    downsample_time, before_pool
):
    torch.manual_seed(0)
    encoder, reach = AudioEncoder(16, 3, 2, 32, 0.0, downsample_time, before_pool).double().eval(), 40
    mel, lengths = torch.randn(1, 1600, 128, dtype=torch.float64), torch.tensor([1600])
    middle = 800 // downsample_time
    mel.requires_grad_()
    encoder(mel, lengths, reach)[0][0, middle].square().sum().backward()
    seen = mel.grad[0].abs().sum(dim=1).nonzero().squeeze(1)
    before, after = 800 - seen[0].item(), seen[-1].item() - 800
    context = encoder.context(reach)
    assert 0.9 * context < max(before, after) <= context


@pytest.mark.parametrize("block_seconds", [3.0, 7.0, 40.0])
def test_the_words_of_a_stream_are_those_of_the_whole(pretrained, speech, block_seconds):
    recogniser, config = pretrained
    waveform = speech[0]
    whole = greedy_path(LogMel()(waveform), recogniser, REACH)
    sound = waveform.split(int(block_seconds * 16_000))
    streamed = torch.cat(list(greedy_path_stream(mel_stream(sound), recogniser, config)))
    assert len(streamed) == len(whole)
    assert word_times(streamed.tolist(), recogniser.vocabulary, 0.08 / 3) == word_times(
        whole.tolist(), recogniser.vocabulary, 0.08 / 3
    )


def test_half_a_minute_is_the_same_text_in_blocks_and_at_once(pretrained, speech, monkeypatch, tmp_path):
    recogniser, config = pretrained
    soundfile.write(tmp_path / "a.flac", speech[0][: 30 * 16_000].numpy(), 16_000)
    at_once = transcribe(tmp_path / "a.flac", recogniser, config)
    monkeypatch.setattr(sound_stream, "__defaults__", (5.0,))
    assert transcribe(tmp_path / "a.flac", recogniser, config) == at_once


def test_a_long_recording_has_fewer_errors_than_with_attention_over_all_of_it(pretrained, speech):
    recogniser, _ = pretrained
    waveform, said = speech
    errors = {}
    for reach in (REACH, None):
        path = greedy_path(LogMel()(waveform), recogniser, reach).tolist()
        heard = " ".join(word.word for word in word_times(path, recogniser.vocabulary, 0.08 / 3))
        errors[reach] = total([word_errors(said, heard)]).rate
    assert errors[REACH] < errors[None]


def test_times_of_words_go_on_past_the_seams(tmp_path, capsys):
    checkpoint, clip = (
        ROOT / "data" / "pretrained" / "audio_enc_tiny.pt",
        ROOT / "data" / "clips" / "cat.flac",
    )
    own = transcribe(clip, *load_recogniser(checkpoint)).words
    torch.manual_seed(0)
    # All starts are at whole embeddings, as in the clip alone: shifted by half an embedding, an encoder may
    # transcribe "salt" for "sat", with or without seams.
    waveform, sound, starts = 0.001 * torch.randn(130 * 16_000), read_audio(clip), (5.04, 40.0, 79.04, 121.28)
    for start in starts:  # 40 s: across the first seam
        waveform[int(start * 16_000) :][: len(sound)] += sound
    soundfile.write(tmp_path / "long.flac", waveform.numpy(), 16_000)
    assert (
        cli.main(["transcribe", "--json", "--checkpoint", str(checkpoint), str(tmp_path / "long.flac")]) == 0
    )
    words = json.loads(capsys.readouterr().out)[0]["words"]
    assert len(own) >= 5
    for start in starts:
        for word in own:
            assert any(
                heard["word"] == word.word and abs(heard["start"] - start - word.start) < 0.05
                for heard in words
            ), (start, word)


@pytest.mark.parametrize("name", ["audio_enc_tiny.pt", "audio_enc_voice.pt"])
@pytest.mark.parametrize("level", [0.0, 1e-4, 1e-3, 1e-2])
def test_silence_is_transcribed_as_nothing(name, level):
    """An encoder trained on clips alone transcribes noise as words if it attends to nothing else."""
    recogniser, _ = load_recogniser(ROOT / "data" / "pretrained" / name)
    noise = level * torch.randn(40 * 16_000, generator=torch.Generator().manual_seed(0))
    path = greedy_path(LogMel()(noise), recogniser, REACH)
    assert word_times(path.tolist(), recogniser.vocabulary, 0.08 / 3) == []


def test_the_command_takes_the_length_of_the_training_clips(pretrained, speech, tmp_path, capsys):
    recogniser, config = pretrained
    soundfile.write(tmp_path / "a.wav", speech[0][: 12 * 16_000].numpy(), 16_000)
    checkpoint = str(ROOT / "data" / "pretrained" / "audio_enc_tiny.pt")
    heard = {}
    for longest in ("10", "12"):
        assert (
            cli.main(
                ["transcribe", "--checkpoint", checkpoint, "--longest", longest, str(tmp_path / "a.wav")]
            )
            == 0
        )
        heard[longest] = capsys.readouterr().out.strip().split(": ")[-1]
    mel = LogMel()(read_audio(tmp_path / "a.wav"))
    for longest, reach in (("10", REACH), ("12", None)):
        path = greedy_path(mel, recogniser, reach).tolist()
        assert heard[longest] == " ".join(
            word.word for word in word_times(path, recogniser.vocabulary, 0.08 / 3)
        )
    with pytest.raises(SystemExit):
        cli.main(["transcribe", "--checkpoint", checkpoint, "--longest", "nan", "a.wav"])


def test_what_is_cut_off_is_refused_at_its_end(tmp_path):
    path = tmp_path / "a.flac"
    soundfile.write(path, 0.1 * torch.randn(16_000 * 20).numpy(), 16_000)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(UserError, match=r"a\.flac"):
        for _ in sound_stream(path, 1.0):
            pass


MEMORY = """
import re, sys
from pathlib import Path
from omni_lib.recogniser import load_recogniser
from omni_lib.inference.transcription import transcribe
transcribe(sys.argv[2], *load_recogniser(sys.argv[1]))
print(re.search(r"VmHWM:\\s*(\\d+) kB", Path("/proc/self/status").read_text())[1])
"""


@pytest.mark.skipif(
    not Path("/proc/self/status").exists(),
    reason="only Linux tells the peak of a process that was started by a larger one",
)
def test_memory_does_not_grow_with_the_recording(trained, tmp_path):
    torch.manual_seed(0)
    peaks = []
    # conftest.py lets the processes of tests keep freed memory; here glibc's own settings are wanted, and one
    # arena: the peak differs by up to 50 MB from run to run, and by more with an arena for each thread
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")}
    environment["MALLOC_ARENA_MAX"] = "1"
    for minutes in (2, 32):
        path = tmp_path / f"{minutes}.flac"
        with soundfile.SoundFile(path, "w", 16_000, 1) as file:
            for _ in range(minutes):
                file.write(0.1 * torch.randn(60 * 16_000).numpy())
        command = [sys.executable, "-c", MEMORY, str(trained[0].checkpoint), str(path)]
        told = subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=True,
            env={**environment, "OMP_NUM_THREADS": "1"},
            cwd=ROOT,
        )
        peaks.append(int(told.stdout.split()[-1]) * 1024)
    assert peaks[1] - peaks[0] < 80e6, (
        "thirty more minutes are 115 MB of samples, 92 MB of log-mels, and more inside the subsampler"
    )
