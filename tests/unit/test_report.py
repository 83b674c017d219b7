"""The lines of an evaluation report what was measured, and how."""

from pathlib import Path

import pytest

from omni_lib.inference.evaluation import Evaluation
from omni_lib.inference.report import error_rates
from omni_lib.manifest import Utterance


@pytest.mark.parametrize(
    ("speakers", "unit"),
    [(("", ""), "utterance"), (("anna", "ben"), "speaker"), (("anna", ""), "speaker")],
    ids=["none known", "all known", "one known"],
)
def test_the_interval_names_what_it_was_resampled_by(speakers, unit):
    rows = [Utterance(Path(f"{n}.wav"), "hello world", who, "dev") for n, who in enumerate(speakers)]
    line = error_rates(Evaluation(rows, ["hello world", "hello"]))
    assert line.startswith("WER 25.0% (95% interval 0.0% to 50.0%, by " + unit + "), CER ")
    assert line.endswith("2 utterances, 4 words")
