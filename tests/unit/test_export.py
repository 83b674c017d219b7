"""A checkpoint as a small file to hand on."""

import json

import pytest
import safetensors.torch
import torch

from omni_lib.cli import main
from omni_lib.encoder import AudioEncoder
from omni_lib.errors import UserError
from omni_lib.inference.evaluation import evaluate
from omni_lib.inference.export import export_encoder, export_for_inference, record
from omni_lib.manifest import read_manifest
from omni_lib.recogniser import load_recogniser
from omni_lib.session import train
from omni_lib.stage_e import load_encoder
from omni_lib.weights import load_checkpoint


@pytest.fixture
def exported(trained, tones_csv, tmp_path):
    out = tmp_path / "small.pt"
    checkpoint = str(trained[0].checkpoint)
    arguments = [
        "export",
        "--checkpoint",
        checkpoint,
        "--data",
        str(tones_csv),
        "--limits",
        "tones only",
        "--out",
        str(out),
    ]
    assert main(arguments) == 0
    return out


def test_it_holds_half_the_bytes_of_the_weights_and_nothing_to_resume_from(exported, trained):
    contents = load_checkpoint(exported)
    assert "resume" not in contents
    weights = sum(t.numel() for part in ("enc", "head") for t in contents[part].values())
    assert exported.stat().st_size < 2.5 * weights + 60_000
    assert exported.stat().st_size < trained[0].checkpoint.stat().st_size / 5


def test_the_error_rate_inside_is_the_one_that_it_reaches(exported, tones_csv):
    contents = load_checkpoint(exported)
    recogniser, _ = load_recogniser(exported)
    result = evaluate(recogniser, read_manifest(tones_csv).split("test"))
    assert contents["metrics"]["wer"] == result.wer
    assert contents["metrics"]["utterances"] == len(result.utterances)
    assert contents["limits"] == "tones only"


def test_loaded_again_it_computes_in_single_precision_and_nearly_the_same(exported, trained):
    mel, lengths = torch.randn(1, 100, 128), torch.tensor([100])
    small, full = load_encoder(exported), load_encoder(trained[0].checkpoint)
    assert {parameter.dtype for parameter in small.parameters()} == {torch.float32}
    torch.testing.assert_close(small(mel, lengths)[0], full(mel, lengths)[0], atol=0.02, rtol=0.02)
    assert torch.equal(small.feature_mean, full.feature_mean)


def test_it_cannot_be_resumed_and_says_so_kindly(exported, make_tiny_config, tmp_path):
    config = make_tiny_config(tmp_path / "run")
    (tmp_path / "run").mkdir()
    exported.rename(tmp_path / "run" / "audio_enc_step_3.pt")
    with pytest.raises(UserError, match="for inference only"):
        train(config, resume=True)


def test_an_export_that_is_interrupted_leaves_no_file(trained, tones_csv, tmp_path, monkeypatch, capsys):
    """A file without its error rate is not complete, and its name would be refused the next time."""

    def interrupted(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr("omni_lib.inference.evaluation.evaluate", interrupted)
    data = ["--data", str(tones_csv), "--out", str(tmp_path / "small.pt")]
    assert main(["export", "--checkpoint", str(trained[0].checkpoint), *data]) == 130
    assert list(tmp_path.iterdir()) == []


def test_an_existing_file_is_never_overwritten(exported, trained, tones_csv, capsys):
    before = exported.read_bytes()
    assert (
        main(
            [
                "export",
                "--checkpoint",
                str(trained[0].checkpoint),
                "--data",
                str(tones_csv),
                "--out",
                str(exported),
            ]
        )
        == 2
    )
    assert "remove it, or choose another name" in capsys.readouterr().err
    assert exported.read_bytes() == before


def test_a_training_checkpoint_takes_no_record(trained):
    with pytest.raises(UserError, match="export it first"):
        record(trained[0].checkpoint, {}, "")


def test_metrics_are_plain_values(exported):
    assert json.loads(json.dumps(load_checkpoint(exported)["metrics"]))["decoder"] == "greedy"


def test_the_settings_travel(exported, trained):
    assert load_recogniser(exported)[1] == trained[1]
    assert export_for_inference(exported, exported.with_name("again.pt")).exists()


@pytest.fixture
def encoder_file(trained, tmp_path):
    out = tmp_path / "encoder.safetensors"
    assert (
        main(["export", "--checkpoint", str(trained[0].checkpoint), "--safetensors", "--out", str(out)]) == 0
    )
    return out


def test_the_encoder_as_safetensors_computes_the_same_to_the_last_bit(encoder_file, trained):
    mel, lengths = torch.randn(2, 120, 128), torch.tensor([120, 77])
    expected = load_encoder(trained[0].checkpoint)(mel, lengths)[0]
    assert torch.equal(load_encoder(encoder_file)(mel, lengths)[0], expected)
    by_hand = AudioEncoder.from_config(trained[1])
    by_hand.load_state_dict(safetensors.torch.load_file(encoder_file))
    assert torch.equal(by_hand.eval()(mel, lengths)[0], expected)


def test_a_half_precision_export_becomes_single_precision_safetensors(exported, tmp_path):
    export_encoder(exported, tmp_path / "small.safetensors")
    assert {
        tensor.dtype for tensor in safetensors.torch.load_file(tmp_path / "small.safetensors").values()
    } == {torch.float32}


def damaged(contents: bytes, how: str) -> bytes:
    header = int.from_bytes(contents[:8], "little")
    return {
        "cut": contents[: len(contents) // 2],
        "empty": b"",
        "no safetensors": b"RIFF" + bytes(100),
        "no settings": safetensors.torch.save({"x": torch.zeros(2)}),
        "another's": safetensors.torch.save({"x": torch.zeros(2)}, {"config": "{}"}),
        "settings of another version": safetensors.torch.save(
            {"x": torch.zeros(2)}, {"config": '{"d_modle": 3}'}
        ),
        "header": contents[:8] + b"{" * header + contents[8 + header :],
    }[how]


@pytest.mark.parametrize(
    "how",
    ["cut", "empty", "no safetensors", "no settings", "another's", "settings of another version", "header"],
)
def test_a_damaged_safetensors_file_is_refused_in_one_line(encoder_file, how):
    encoder_file.write_bytes(damaged(encoder_file.read_bytes(), how))
    with pytest.raises(UserError) as refusal:
        load_encoder(encoder_file)
    assert "encoder.safetensors" in str(refusal.value) and "\n" not in str(refusal.value)


def test_safetensors_that_are_not_there_or_would_overwrite_or_have_no_name_of_theirs(
    encoder_file, trained, tmp_path, capsys
):
    with pytest.raises(UserError, match="does not exist"):
        load_encoder(tmp_path / "nowhere.safetensors")
    export = ["export", "--checkpoint", str(trained[0].checkpoint), "--safetensors", "--out"]
    assert main([*export, str(encoder_file)]) == 2
    assert main([*export, str(tmp_path / "encoder.pt")]) == 2
    assert "must end in .safetensors" in capsys.readouterr().err and not (tmp_path / "encoder.pt").exists()
