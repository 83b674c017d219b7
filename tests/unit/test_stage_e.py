"""What the next stage imports."""

from dataclasses import replace

import pytest
import torch

from omni_lib.audio import LogMel, read_audio
from omni_lib.encoder import AudioEncoder
from omni_lib.errors import UserError
from omni_lib.manifest import read_manifest
from omni_lib.stage_e import AudioProjector, load_encoder
from omni_lib.trainer import Trainer
from omni_lib.training.checkpoint import save_checkpoint
from omni_lib.weights import load_checkpoint


def test_loaded_embeddings_are_the_trained_models(tiny_config, tones_csv, tmp_path):
    """Equal to the last bit: weights, running statistics and feature statistics all travel in `enc`."""
    config = replace(tiny_config, average_decay=0.0)
    trainer = Trainer(config, tmp_path, lambda line: None)
    trainer.run(max_steps=5)
    mel = LogMel()(read_audio(read_manifest(tones_csv).split("test")[0].path))[None]
    lengths = torch.tensor([mel.shape[1]])
    encoder = load_encoder(tmp_path / "audio_enc_step_5.pt")
    assert not encoder.training
    with torch.inference_mode():
        expected, expected_lengths = trainer.recogniser.encoder.eval()(mel, lengths)
        embeddings, out_lengths = encoder(mel, lengths)
    assert torch.equal(embeddings, expected) and torch.equal(out_lengths, expected_lengths)
    assert embeddings.shape == (1, encoder.output_lengths(mel.shape[1]), config.d_model)


def test_the_encoder_needs_nothing_but_enc_and_config(trained, tmp_path):
    contents = load_checkpoint(trained[0].checkpoint)
    save_checkpoint(tmp_path / "a.pt", {**contents, "head": {}, "resume": None})
    state = load_encoder(tmp_path / "a.pt").state_dict()
    plain = AudioEncoder.from_config(trained[1])
    plain.load_state_dict(torch.load(trained[0].checkpoint, weights_only=True)["enc"])
    assert all(torch.equal(state[name], value) for name, value in plain.state_dict().items())
    assert not torch.equal(plain.feature_mean, torch.zeros(128)), "the statistics of the data are in it"


def test_the_projector_maps_192_to_256_channels():
    projector = AudioProjector()
    assert projector(torch.randn(2, 12, 192)).shape == (2, 12, 256)
    assert AudioProjector(48, 64)(torch.randn(1, 3, 48)).shape == (1, 3, 64)


def test_a_missing_checkpoint_is_refused_in_one_line(tmp_path):
    with pytest.raises(UserError, match="does not exist"):
        load_encoder(tmp_path / "none.pt")


@pytest.mark.parametrize("path", [None, 5, {}])
def test_what_is_not_a_path_is_refused_in_one_line(path):
    with pytest.raises(UserError, match="name the file of a checkpoint"):
        load_encoder(path)
