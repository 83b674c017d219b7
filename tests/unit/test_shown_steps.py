"""The line that counts the steps of `try_in_training`."""

from types import SimpleNamespace

import pytest

from omni_lib.course.exercises.shown_steps import ShownSteps

LINES = ["Using device: cpu", "[Step 1/20] ctc_loss=3.0", "[Step 2/20] ctc_loss=2.9"]


def test_in_a_notebook_one_line_counts_the_steps(monkeypatch: pytest.MonkeyPatch):
    shown = []
    handle = SimpleNamespace(update=lambda data, raw: shown.append(data["text/plain"]))
    monkeypatch.setattr("IPython.get_ipython", lambda: "a kernel")
    monkeypatch.setattr(
        "IPython.display.display", lambda data, **_: shown.append(data["text/plain"]) or handle
    )
    steps = ShownSteps(20)
    for whose in ("your function", "the library's function"):
        steps.begin(whose)
        for line in LINES:
            steps.report(line)
    assert shown[:3] == [f"training with your function: step {done} of 20" for done in (0, 1, 2)]
    assert shown[3:] == [f"training with the library's function: step {done} of 20" for done in (0, 1, 2)]


def test_in_a_script_it_says_nothing(capsys: pytest.CaptureFixture):
    steps = ShownSteps(20)
    steps.begin("your function")
    for line in LINES:
        steps.report(line)
    assert steps.done == 2 and capsys.readouterr().out == ""
