"""The audit: what cannot be read, what has no CTC path, and which setting mends it."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from omni_lib.audio import LogMel, change_speed
from omni_lib.cli import main
from omni_lib.config import Config
from omni_lib.encoder import AudioEncoder, embedding_lengths
from omni_lib.errors import UserError
from omni_lib.manifest import Utterance, read_manifest, write_manifest
from omni_lib.training.audit import (
    Audit,
    audit,
    ctc_frames,
    describe,
    duplicates_across_splits,
    fastest,
    mending_frames_per_embedding,
    rows_to_evaluate,
    trainable,
)
from omni_lib.training.augmentation import stretch_time


@pytest.fixture
def corpus(tmp_path: Path):
    """A function that writes clips of given samples and reads their manifest: `corpus([(16_000, "one",
    "speaker", "train"), …])`.
    """

    def write(rows: list[tuple[int, str, str, str]], rate: int = 16_000):
        utterances = []
        for number, (samples, text, speaker, split) in enumerate(rows):
            soundfile.write(tmp_path / f"{number}.wav", 0.1 * np.sin(np.arange(samples)), rate)
            utterances.append(Utterance(tmp_path / f"{number}.wav", text, speaker, split))
        write_manifest(tmp_path / "asr.csv", utterances)
        return read_manifest(tmp_path / "asr.csv")

    return write


@pytest.mark.parametrize("speed_perturb", [False, True])
@pytest.mark.parametrize("downsample_time", [4, 8])
@pytest.mark.parametrize("k", [1, 2])
@pytest.mark.parametrize("samples", [0, 159, 160, 5000, 16_000, 17_599, 17_600, 48_001])
def test_frames_are_those_that_training_will_have_at_its_fastest(samples, k, downsample_time, speed_perturb):
    config = Config(ctc_frames_per_embedding=k, downsample_time=downsample_time, speed_perturb=speed_perturb)
    waveform = change_speed(torch.zeros(samples), 1.1) if speed_perturb and samples else torch.zeros(samples)
    encoder = AudioEncoder(d_model=12, n_layers=1, n_heads=1, d_ff=12, downsample_time=downsample_time)
    assert ctc_frames(samples, config) == k * encoder.output_lengths(len(LogMel()(waveform)))


def test_the_chapter_s_hello_has_no_path_with_one_frame_per_embedding(corpus):
    manifest = corpus([(38 * 160, "hello", "a", "train")])
    (problem,) = audit(manifest, Config()).impossible
    assert problem.line == 2 and "5 CTC frames" in problem.reason and "needs 6" in problem.reason
    assert audit(manifest, Config(ctc_frames_per_embedding=2)).impossible == []


def test_a_row_may_be_possible_at_speed_1_and_impossible_at_speed_1_1(corpus):
    manifest = corpus(
        [(16_000, "abcdefghijkl", "a", "train")]
    )  # 12 letters in 100 → 12 frames, 90 → 11 when played faster
    assert audit(manifest, Config()).impossible == []
    (problem,) = audit(manifest, Config(speed_perturb=True)).impossible
    assert "11 CTC frames" in problem.reason and "needs 12" in problem.reason


@pytest.mark.parametrize(
    ("text", "k"), [("abcdefghijklm", 2), ("a" * 13, 3), ("ab" * 40, 7), ("ab" * 48, 8), ("ab" * 49, None)]
)
def test_the_smallest_k_that_mends_is_named(corpus, text, k):
    manifest, config = corpus([(16_000, text, "a", "train")]), Config()
    assert mending_frames_per_embedding(audit(manifest, config), config) == k
    remedy = f"set ctc_frames_per_embedding to {k}" if k else "check that texts and files belong together"
    with pytest.raises(UserError, match=remedy):
        trainable(manifest, config, lambda line: None)
    if k:
        assert len(trainable(manifest, Config(ctc_frames_per_embedding=k), lambda line: None)) == 1


def test_the_k_that_is_named_may_leave_out_the_share_that_max_impossible_allows():
    """Of fifty clips of a second, ten need two frames per embedding, and one has no path with any."""
    texts = ["a" * 200] + 10 * ["abcdefghijklmnopqr"] + 39 * ["abc"]
    rows = [Utterance(Path("a.wav"), text, line=line) for line, text in enumerate(texts)]
    result = Audit(readable=rows, samples=dict.fromkeys(rows, 16_000))
    assert mending_frames_per_embedding(result, Config(max_impossible=0.02)) == 2
    assert mending_frames_per_embedding(result, Config(max_impossible=0.01)) is None


def test_training_leaves_out_by_name_what_is_below_max_impossible_and_refuses_above(corpus):
    rows = [(16_000, "one", f"s{index}", "train") for index in range(49)] + [
        (16_000, "one two three four", "t", "train")
    ]
    said: list[str] = []
    kept = trainable(corpus(rows), Config(max_impossible=0.02), said.append)
    assert len(kept) == 49 and all(row.text == "one" for row in kept)
    assert said[0] == "left out, rows without a CTC path: 1" and "line 51: 49.wav" in said[1]
    with pytest.raises(UserError, match=r"1 of 50 training utterances \(2\.0%\)"):
        trainable(corpus(rows), Config(max_impossible=0.019), said.append)


def test_only_the_training_part_is_held_to_a_path(corpus):
    rows = [(16_000, "one", "a", "train"), (16_000, "one two three four", "b", "dev")]
    assert len(trainable(corpus(rows), Config(max_impossible=0.0), lambda line: None)) == 1


def test_nothing_left_to_train_on_is_refused(corpus):
    with pytest.raises(UserError, match="no training utterance"):
        trainable(
            corpus([(16_000, "one two three four", "a", "train")]),
            Config(max_impossible=1.0),
            lambda line: None,
        )


def test_files_that_cannot_be_read_are_listed_with_their_line(corpus, tmp_path):
    rows = [(16_000, "one", "a", "train"), (16_000, "two", "b", "train"), (16_000, "three", "c", "train")]
    manifest = corpus(rows)
    (tmp_path / "1.wav").write_bytes((tmp_path / "1.wav").read_bytes()[:-100])
    result = audit(manifest, Config())
    assert [row.text for row in result.readable] == ["one", "three"]
    assert [problem.line for problem in result.unreadable] == [3] and "truncated" in result.unreadable[
        0
    ].reason
    assert len(result.readable) + len(result.unreadable) == len(rows)
    said: list[str] = []
    assert len(trainable(manifest, Config(), said.append)) == 2
    assert said[0] == "left out, rows that cannot be read: 1" and "line 3" in said[1]
    assert [row.text for row in rows_to_evaluate(tmp_path / "asr.csv", "train", Config(), said.append)] == [
        "one",
        "three",
    ]
    assert "left out, line 3" in said[-1]


def test_rows_to_evaluate_of_a_split_or_of_all_where_none_is_named(corpus, tmp_path):
    corpus([(16_000, "one", "a", "train"), (16_000, "two", "b", "test")])
    assert [row.text for row in rows_to_evaluate(tmp_path / "asr.csv", None, Config(), print)] == ["two"]
    assert [row.text for row in rows_to_evaluate(tmp_path / "asr.csv", "train", Config(), print)] == ["one"]
    with pytest.raises(UserError, match="'dev'"):
        rows_to_evaluate(tmp_path / "asr.csv", "dev", Config(), print)
    corpus([(16_000, "one", "a", ""), (16_000, "two", "b", "")])
    assert len(rows_to_evaluate(tmp_path / "asr.csv", None, Config(), print)) == 2
    with pytest.raises(UserError, match="has no row with a split: leave out --split"):
        rows_to_evaluate(tmp_path / "asr.csv", "dev", Config(), print)


def test_the_description_has_the_figures(corpus):
    rows = [
        (44_100 * 2, "one", "a", "train"),
        (44_100 * 3, "two", "b", "train"),
        (44_100, "one two three four", "a", "dev"),
    ]
    manifest = corpus(rows, rate=44_100)
    text = describe(manifest, audit(manifest, Config()), Config())
    for words in (
        "3 rows, 3 readable, 0 not",
        "0.00 hours, 2 speakers",
        "train: 2 rows, 0.1 minutes, 2 speakers, longest 3.0 s",
        "3 at 44100 Hz (resampled",
        "in more than one split: 1 x speaker, such as 'a'",
        "rows without a CTC path: 1 (33.3%), with ctc_frames_per_embedding 1 and speed 1.0",
        "set ctc_frames_per_embedding to 2",
    ):
        assert words in text


def test_duplicates_across_splits_are_told_from_those_within_one():
    def row(path: str, text: str, speaker: str, split: str) -> Utterance:
        return Utterance(Path(path), text, speaker, split)

    within = [row("a.wav", "one", "s", "train")] * 2 + [
        row("b.wav", "two", "", "dev"),
        row("c.wav", "three", "", "test"),
    ]
    assert duplicates_across_splits(within) == {"speaker": [], "transcription": [], "audio file": []}
    across = [row("a.wav", "one", "s", "train"), row("a.wav", "one", "s", "dev")]
    assert duplicates_across_splits(across) == {
        "speaker": ["s"],
        "transcription": ["one"],
        "audio file": ["a.wav"],
    }


@pytest.mark.parametrize("speed_perturb", [False, True])
def test_the_shortest_rendition_counts_too(speed_perturb):
    config = Config(ctc_frames_per_embedding=2, speed_perturb=speed_perturb, tempo_perturb=0.12)
    samples = 48_000
    mel = LogMel()(change_speed(torch.zeros(samples), 1.1) if speed_perturb else torch.zeros(samples))
    shortest = stretch_time(mel, 1 - config.tempo_perturb)
    assert ctc_frames(samples, config) == 2 * embedding_lengths(len(shortest))
    assert fastest(config) == pytest.approx((1.1 if speed_perturb else 1.0) / 0.88)


@pytest.fixture
def odd_corpus(corpus, tmp_path):
    """Four rows: an ordinary clip, digital silence, channels that cancel, and a clip nearly all clipped."""
    sine = 0.3 * np.sin(np.arange(16_000) / 9)
    manifest = corpus([(16_000, text, text, "train") for text in ("one", "two", "three", "four")])
    soundfile.write(tmp_path / "1.wav", np.zeros(16_000), 16_000)
    soundfile.write(tmp_path / "2.wav", np.stack([sine, -sine], axis=1), 16_000)
    soundfile.write(tmp_path / "3.wav", np.clip(sine * 100, -1, 1), 16_000)
    return manifest


def test_the_content_of_every_clip_is_judged(odd_corpus):
    result = audit(odd_corpus, Config())
    assert [row.text for row in result.readable] == ["one", "three", "four"]
    assert [problem.line for problem in result.soundless] == [3] and "is silent" in str(result.soundless[0])
    assert [note.line for note in result.notes] == [4, 5]
    again = audit(odd_corpus, Config())
    assert (again.soundless, again.notes) == (result.soundless, result.notes), "from the cache, too"
    text = describe(odd_corpus, result, Config())
    for words in (
        "4 rows, 3 readable, 1 not",
        "holds no sound, line 3",
        "note, line 4",
        "channels that cancel",
        "is clipped in",
    ):
        assert words in text


def test_training_and_evaluation_leave_silence_out_by_name(odd_corpus, tmp_path):
    said: list[str] = []
    assert len(trainable(odd_corpus, Config(), said.append)) == 3
    assert said[0] == "left out, rows without sound: 1" and "line 3" in said[1] and "is silent" in said[1]
    assert [line.split(":")[0] for line in said[2:]] == ["note, line 4", "note, line 5"]
    said.clear()
    assert len(rows_to_evaluate(tmp_path / "asr.csv", "train", Config(), said.append)) == 3
    assert [line.split(":")[0] for line in said] == ["left out, line 3", "note, line 4", "note, line 5"]


def test_a_corpus_of_silence_is_refused_for_its_silence(corpus, tmp_path, capsys):
    corpus([(16_000, "one", "a", "train"), (16_000, "two", "b", "dev")])
    for name in ("0.wav", "1.wav"):
        soundfile.write(tmp_path / name, np.zeros(16_000), 16_000)
    settings = {"data_path": str(tmp_path / "asr.csv"), "save_dir": str(tmp_path / "run")}
    (tmp_path / "config.json").write_text(json.dumps(settings))
    assert main(["train", "--config", str(tmp_path / "config.json")]) == 2
    said = capsys.readouterr().err.splitlines()[-1]
    assert "no training utterance that can be used" in said and "0.wav is silent" in said
