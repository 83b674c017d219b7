"""The command line: its exit status, and what goes to which stream."""

import json
import os
import shutil
import subprocess
import sys

import pytest
import soundfile
import torch

from omni_lib.cli import main
from omni_lib.inference.evaluation import evaluate, evaluate_each
from omni_lib.machine.clone import ROOT
from omni_lib.manifest import read_manifest
from omni_lib.recogniser import load_recogniser


@pytest.fixture
def config_file(tiny_config, tmp_path):
    (tmp_path / "run.json").write_text(json.dumps(tiny_config.to_dict()))
    return str(tmp_path / "run.json")


def test_train_ends_with_error_rate_examples_and_checkpoint(config_file, tmp_path, capsys):
    assert main(["train", "--config", config_file, "--set", "num_epochs=1"]) == 0
    out = capsys.readouterr().out
    assert "test, greedy: WER" in out and "test, prefix search, without a language model: WER" in out
    assert "test, beam search with a 3-gram" in out and "95% interval" in out
    assert out.count("said:") == out.count("written:") == 3
    assert str(tmp_path / "run" / "audio_enc_step_6.pt") in out


def test_max_steps_is_a_success_and_says_how_to_go_on(config_file, capsys):
    assert main(["train", "--config", config_file, "--max-steps", "3"]) == 0
    assert "Stopped at step 3/18" in (out := capsys.readouterr().out) and "--resume" in out
    assert main(["train", "--config", config_file, "--max-steps", "2", "--resume"]) == 0, (
        "it is past step 2 already: nothing to do"
    )
    assert main(["train", "--config", config_file, "--max-steps", "3"]) == 2, "without --resume"
    assert "--resume" in capsys.readouterr().err


def test_evaluate_json_is_all_there_is_on_stdout(trained, tones_csv, capsys):
    assert (
        main(["evaluate", "--checkpoint", str(trained[0].checkpoint), "--data", str(tones_csv), "--json"])
        == 0
    )
    figures = json.loads(capsys.readouterr().out)
    assert figures.keys() == {"wer", "cer", "wer_ci95", "utterances", "words", "decoder"}
    expected = evaluate(
        load_recogniser(trained[0].checkpoint)[0], rows := read_manifest(tones_csv).split("test")
    )
    assert (figures["wer"], figures["cer"]) == (expected.wer, expected.cer)
    assert figures["wer_ci95"][0] <= figures["wer"] <= figures["wer_ci95"][1]
    assert figures["utterances"] == 8 and figures["words"] == sum(len(row.text.split()) for row in rows)
    assert figures["decoder"] == "greedy"


def test_evaluate_decodes_as_it_is_told(trained, tones_csv, capsys):
    assert (
        main(
            [
                "evaluate",
                "--checkpoint",
                str(trained[0].checkpoint),
                "--data",
                str(tones_csv),
                "--decoder",
                "prefix",
                "--json",
            ]
        )
        == 0
    )
    figures = json.loads(capsys.readouterr().out)
    recogniser = load_recogniser(trained[0].checkpoint)[0]
    expected = evaluate(recogniser, read_manifest(tones_csv).split("test"), recogniser.prefix_search)
    assert figures["decoder"] == "prefix" and (figures["wer"], figures["cer"]) == (expected.wer, expected.cer)


def test_several_decoders_read_what_the_encoder_heard_once(trained, tones_csv, monkeypatch):
    recogniser, rows = load_recogniser(trained[0].checkpoint)[0], read_manifest(tones_csv).split("test")
    alone = [evaluate(recogniser, rows, decoder) for decoder in (recogniser.greedy, recogniser.prefix_search)]
    passes, forward = [], recogniser.forward
    monkeypatch.setattr(recogniser, "forward", lambda *given: passes.append(1) or forward(*given))
    together = evaluate_each(recogniser, rows, [recogniser.greedy, recogniser.prefix_search], batch_size=4)
    assert [each.hypotheses for each in together] == [each.hypotheses for each in alone]
    assert len(passes) == -(-len(rows) // 4)


def test_an_evaluation_that_fails_leaves_the_recogniser_in_training_mode(trained, tones_csv):
    recogniser, rows = load_recogniser(trained[0].checkpoint)[0], read_manifest(tones_csv).split("test")
    with pytest.raises(ZeroDivisionError):
        evaluate(recogniser.train(), rows, lambda *given: 1 / 0)
    assert recogniser.training


def test_evaluate_takes_the_split_that_is_named(trained, tones_csv, capsys):
    command = ["evaluate", "--checkpoint", str(trained[0].checkpoint), "--data", str(tones_csv)]
    assert main([*command, "--split", "dev", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["utterances"] == 6
    assert main([*command, "--split", "train"]) == 0
    assert "WER" in (out := capsys.readouterr().out) and "24 utterances" in out
    assert main([*command, "--split", "nothing"]) == 2


def test_evaluate_leaves_out_what_cannot_be_read_and_says_so_on_stderr(trained, write_rows, capsys):
    path = write_rows([("bad", "bad", "test"), ("cab", "cab", "test")])
    (path.parent / "clip_0.wav").write_bytes(b"no sound")
    assert main(["evaluate", "--checkpoint", str(trained[0].checkpoint), "--data", str(path), "--json"]) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out)["utterances"] == 1
    assert "clip_0.wav" in captured.err


def test_evaluate_hears_nothing_in_clips_that_are_too_short(trained, write_rows, capsys):
    path = write_rows([("bad", "bad", "test"), ("cab", "cab", "test")])
    for name in ("clip_0.wav", "clip_1.wav"):
        soundfile.write(path.parent / name, torch.linspace(-0.1, 0.1, 100).numpy(), 16_000)
    assert main(["evaluate", "--checkpoint", str(trained[0].checkpoint), "--data", str(path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["wer"] == 1.0


def test_transcribe_json(trained, tones_csv, capsys):
    rows = read_manifest(tones_csv).split("train")[:2]
    files = [str(row.path) for row in rows]
    assert main(["transcribe", "--checkpoint", str(trained[0].checkpoint), *files, "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert [entry["path"] for entry in answer] == files
    for entry in answer:
        assert entry.keys() == {"path", "text", "words"}
        assert [word["word"] for word in entry["words"]] == entry["text"].split()
        assert all(
            word.keys() == {"word", "start", "end"} and word["start"] < word["end"] for word in entry["words"]
        )


def test_transcribe_answers_for_the_other_files_when_one_is_bad(trained, tones_csv, tmp_path, capsys):
    good = read_manifest(tones_csv).split("train")[0]
    command = [
        "transcribe",
        "--checkpoint",
        str(trained[0].checkpoint),
        str(tmp_path / "none.wav"),
        str(good.path),
    ]
    assert main(command) == 2
    captured = capsys.readouterr()
    assert captured.out == f"{good.path}: {good.text}\n"
    assert captured.err.startswith("omni: ") and "none.wav" in captured.err and captured.err.count("\n") == 1
    assert main([*command, "--json"]) == 2
    assert len(json.loads(capsys.readouterr().out)) == 1


def test_transcribe_warns_of_silence_on_stderr(trained, tmp_path, capsys):
    soundfile.write(tmp_path / "silent.wav", torch.zeros(16_000).numpy(), 16_000)
    assert (
        main(
            ["transcribe", "--checkpoint", str(trained[0].checkpoint), str(tmp_path / "silent.wav"), "--json"]
        )
        == 0
    )
    captured = capsys.readouterr()
    assert json.loads(captured.out)[0]["text"] == "" and "silent" in captured.err


@pytest.mark.parametrize(
    ("command", "named"),
    [
        ("train --config {tmp}/none.json", "none.json does not exist"),
        ("train --config {config} --set d_modle=3", "d_modle"),
        ("train --config {config} --set batch_size=none", "batch_size"),
        ("train --config {config} --set batch_size", "key=value"),
        ("train --config {config} --set data_path={tmp}/none.csv", "none.csv does not exist"),
        (
            "train --config {config} --set ctc_frames_per_embedding=1 --set data_path={long}",
            "ctc_frames_per_embedding",
        ),
        ("train --config {config} --set save_dir={config}/x --max-steps 1", "cannot be written"),
        ("evaluate --checkpoint {tmp}/none.pt --data {data}", "none.pt does not exist"),
        ("evaluate --checkpoint {config} --data {data}", "run.json is damaged or not a checkpoint"),
        ("evaluate --checkpoint {tmp} --data {data}", "is a folder: name a checkpoint in it"),
        ("export --checkpoint {checkpoint} --data {data} --out {tmp}", "is a folder: name a file in it"),
        (
            "export --checkpoint {checkpoint} --data {data} --out {tmp}/x.safetensors",
            "choose an ending such as .pt",
        ),
        ("lm build --data {data} --out {tmp}", "is a folder: name a file in it"),
        ("train --config {config} --set gradient_clip=0", "gradient_clip"),
        ("evaluate --checkpoint {checkpoint} --data {tmp}/none.csv", "none.csv does not exist"),
        ("evaluate --checkpoint {checkpoint} --data {checkpoint}", "a checkpoint, an Excel workbook or"),
        ("transcribe --checkpoint {tmp}/none.pt {data}", "none.pt does not exist"),
        ("transcribe --checkpoint {checkpoint} {data}", "cannot be read as sound"),
        ("data check {tmp}/none.csv", "none.csv does not exist"),
    ],
)
def test_a_users_mistake_exits_2_with_one_line(
    command, named, trained, tones_csv, config_file, write_rows, tmp_path, capsys
):
    long = write_rows([("abe", "abcdeabcdeabcde", "train"), ("abe", "abe", "dev")])
    places = {
        "tmp": tmp_path,
        "config": config_file,
        "data": tones_csv,
        "checkpoint": trained[0].checkpoint,
        "long": long,
    }
    assert main([part.format(**places) for part in command.split()]) == 2
    captured = capsys.readouterr()
    assert named in captured.err
    assert (
        captured.err.startswith("omni: ")
        and captured.err.count("\n") == 1
        and "Traceback" not in captured.err
    )


@pytest.mark.parametrize(
    "command",
    [
        "",
        "fly",
        "train",
        "train --conf a",
        "train --config a --max-steps ²",
        "train --config a --max-steps 0",
        "train --config a --max-steps -1",
        "transcribe",
    ],
)
def test_a_command_that_makes_no_sense_exits_2(command, capsys):
    with pytest.raises(SystemExit) as exit_:
        main(command.split())
    assert exit_.value.code == 2
    assert capsys.readouterr().out == ""


def test_help_exits_0(capsys):
    with pytest.raises(SystemExit) as exit_:
        main(["--help"])
    assert exit_.value.code == 0
    out = capsys.readouterr().out
    assert all(command in out for command in ("data", "train", "evaluate", "transcribe", "doctor", "lab"))


def test_ctrl_c_before_the_first_step_exits_130(config_file, monkeypatch, capsys):
    def interrupted(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr("omni_lib.session.train", interrupted)
    assert main(["train", "--config", config_file]) == 130
    assert capsys.readouterr().err == "omni: interrupted\n"


def test_a_bug_is_not_dressed_up_as_the_users_mistake(config_file, monkeypatch):
    def buggy(*arguments, **options):
        raise RuntimeError("ours")

    monkeypatch.setattr("omni_lib.session.train", buggy)
    with pytest.raises(RuntimeError, match="ours"):
        main(["train", "--config", config_file])


def test_a_moved_checkpoint_still_works(trained, tones_csv, tmp_path, capsys):
    """Nothing in it points to where it was trained."""
    shutil.copy(trained[0].checkpoint, tmp_path / "elsewhere.pt")
    assert (
        main(["evaluate", "--checkpoint", str(tmp_path / "elsewhere.pt"), "--data", str(tones_csv), "--json"])
        == 0
    )
    assert json.loads(capsys.readouterr().out)["utterances"] == 8


def test_a_reader_that_stops_reading_is_not_an_error():
    """As `omni data an4 | head -0` does: the other end of the pipe is closed before the first line."""
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "omni_lib.cli", "data", "an4"]
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, text=True, cwd=ROOT)
    os.close(writing)
    assert "Traceback" not in done.stderr and "BrokenPipe" not in done.stderr
