"""The figures of a log line, also of steps that hold no word."""

import json

import torch

from omni_lib.manifest import Utterance
from omni_lib.runs.log import FILE_NAME, TrainingLog
from omni_lib.runs.log_window import Window
from omni_lib.training.batching import Batch
from omni_lib.training.objective import Loss


def test_a_window_of_pauses_only_can_be_logged(tmp_path):
    batch = Batch(torch.zeros(1, 16, 128), torch.tensor([16]), [[]], [Utterance(tmp_path / "a.wav", "")])
    log_probs = torch.zeros(1, 4, 29).log_softmax(-1)
    loss = Loss(torch.tensor(1.0), torch.tensor([2.0]), log_probs, torch.tensor([4]))
    figures = {hypothesis: Window.of_step(loss, batch, [hypothesis]).figures() for hypothesis in ("", "a b")}
    assert (figures[""]["wer"], figures["a b"]["wer"]) == (0, 2), "each inserted word counts"
    log = TrainingLog(tmp_path, {})
    log.add(type="step", step=1, **figures["a b"])
    log.add(type="step", step=2, **figures[""])
    entries = json.loads((tmp_path / FILE_NAME).read_text())["entries"]
    assert [entry["wer"] for entry in entries] == [2, 0]
