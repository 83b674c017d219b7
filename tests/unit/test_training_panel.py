"""The panel of a training, and the comparison of two."""

import asyncio
import re

import matplotlib.pyplot as plt
import nbformat
import pytest
from nbclient import NotebookClient

from omni_lib.course.figures import compared_curves
from omni_lib.course.still import RULES, WIDGET_VIEW
from omni_lib.course.training_run import TrainingRun, compare
from omni_lib.course.widgets import training_panel
from omni_lib.course.widgets.live_curves import round_numbers, training_charts
from omni_lib.course.widgets.machine_use import MachineUse
from omni_lib.course.widgets.training_panel import TrainingPanel
from omni_lib.errors import UserError
from omni_lib.runs import discovery
from omni_lib.runs.lock import RECORD, RunLock
from omni_lib.runs.log_window import Window
from omni_lib.runs.progress import ProgressFile, StepBar
from omni_lib.runs.status import State, Status
from omni_lib.training.checkpoint import periodic_checkpoints
from omni_lib.training.diagnosis import Posteriors
from omni_lib.training.outlook import Outlook
from omni_lib.weights import load_checkpoint
from tests.unit.training_runs import files, suspended


def test_two_runs_are_compared_in_one_figure(trained, tmp_path):
    plt.close("all")  # figures of other tests in this process
    run = TrainingRun(trained[0].folder)
    (loss, wer) = compared_curves([("first", run.status().entries), ("second", run.status().entries)]).axes
    assert len(loss.lines) == len(wer.lines) == 2 and "dev" in wer.get_title()
    picture = compare(trained[0].folder, run)
    assert picture.png.startswith(b"\x89PNG") and run.folder.name in picture.description
    assert not [number for number in plt.get_fignums() if plt.figure(number).axes[0] is not loss], (
        "none is left open"
    )
    plt.close("all")
    (tmp_path / RECORD).write_text("{}")
    with pytest.raises(UserError, match="has logged nothing yet"):
        compare(trained[0].folder, tmp_path)


def panel_text(panel: TrainingPanel) -> str:
    return " ".join(child.value for child in panel.children if isinstance(getattr(child, "value", None), str))


def test_the_panel_shows_what_the_log_says(trained):
    panel = TrainingRun(trained[0].folder).panel()
    last = [entry for entry in panel.run.status().entries if entry["type"] == "step"][-1]
    text = panel_text(panel)
    assert (
        f"{last['step']} of {last['step']}" in text
        and f"{last['ctc_loss']:.1f}" in text
        and f"{last['blank_rate']:.0%}" in text
    )
    assert text.count("<svg") == 4 and "the chapter's timeline" in text.replace("&#x27;", "'")
    heard = panel.run.status().of_type("epoch")[-1]["transcripts"]
    assert all(each["said"] in text and each["heard"] in text for each in heard)
    assert panel._bar.value == 1.0 and panel.buttons.stop.disabled


def test_the_panels_buttons_stop_resume_and_show_the_log(long_run):
    panel = long_run.panel()
    assert not panel.buttons.stop.disabled and panel.buttons.resume.disabled
    panel.buttons.open_log.click()
    assert "Loading audio data" in panel._console.value
    assert panel.buttons.kill.layout.display == "none"
    panel.buttons.stop.click()
    assert long_run.wait() is State.STOPPED
    step = load_checkpoint(periodic_checkpoints(long_run.folder)[-1])["step"]
    assert f"stopped</b>: it was asked to stop, and saved step {step} first" in panel._title.value
    assert f"{step} of 1200" in panel._figures.value
    assert panel.buttons.stop.disabled and not panel.buttons.resume.disabled
    assert panel.buttons.kill.layout.display == "none"
    panel.buttons.resume.click()
    assert long_run.process() and "running" in panel._title.value
    with suspended(long_run):  # it cannot react to the first click yet
        panel.buttons.stop.click()
        assert (panel.buttons.stop.disabled, panel.buttons.stop.description) == (True, "Stopping…")
        panel.buttons.stop.click()  # the second of a double click
        assert long_run.process(), "only “End without saving” ends it"
        lost = f"the steps after {step}, its newest checkpoint, are lost"
        assert f"With “End without saving”, {lost}" in panel._note.value
        assert (
            panel.buttons.kill.layout.display == "" and panel.buttons.kill.description == "End without saving"
        )
        panel.buttons.kill.click()
    assert long_run.process() is None and panel.buttons.kill.layout.display == "none"
    assert f"ended early</b>: it was ended without saving: {lost}" in panel._title.value


def test_a_finished_run_is_trained_again_beside_it_and_compared(write_config, tmp_path):
    run = TrainingRun.start(write_config(num_epochs=2))
    panel = run.panel()
    assert panel.buttons.train_again.layout.display == panel.buttons.compare.layout.display == "none"
    run.wait()
    assert panel.buttons.train_again.layout.display == panel.buttons.compare.layout.display == ""
    panel.buttons.compare.click()
    assert "there is no other run beside" in panel._note.value and "<img" not in panel._comparison.value
    before = files(tmp_path / "run")
    panel.buttons.train_again.click()
    assert run.folder == tmp_path / "run_2" and "The new training is in" in panel._note.value
    assert panel.buttons.train_again.layout.display == "none", "not while it is going on"
    assert run.wait() is State.FINISHED and "run_2</code>" in panel._title.value
    assert run.settings().save_dir == str(tmp_path / "run_2") and run.trained_with(
        TrainingRun(tmp_path / "run").settings()
    )
    assert files(tmp_path / "run") == before, "the old run stays as it was"
    panel.buttons.compare.click()
    assert panel._comparison.layout.display == "" and "of the runs run_2, run" in panel._comparison.value
    panel.buttons.compare.click()
    assert panel._comparison.layout.display == "none"


def test_a_log_that_cannot_be_read_for_a_moment_does_not_stop_the_panel(tmp_path, monkeypatch):
    """On Windows a file cannot be opened in the instant in which the training replaces it."""
    monkeypatch.setattr(training_panel, "INTERVAL", 0.0)
    looks, notes = [], []

    async def watch() -> None:
        panel = TrainingRun(tmp_path / "run").panel()
        look = panel.run.status

        def status() -> Status:
            looks.append(1)
            notes.append(panel._note.value)
            if len(looks) == 1:
                raise UserError("the log cannot be read")
            return look()

        monkeypatch.setattr(panel.run, "status", status)
        while len(looks) < 3:
            await asyncio.sleep(0.01)
        panel.retire()

    with RunLock(tmp_path / "run"):
        asyncio.run(asyncio.wait_for(watch(), 60))
    assert "cannot be read" in notes[1] and notes[2] == ""


def test_a_run_whose_command_is_unknown_cannot_be_trained_again(trained):
    panel = TrainingRun(trained[0].folder).panel()
    panel.buttons.train_again.click()
    assert "does not record how its run was started" in panel._note.value


def test_the_panel_shows_each_step_before_the_first_line_of_the_log(make_tiny_config, tmp_path):
    """A run of which only the progress file is there yet."""
    outlook = Outlook(total_steps=40, steps_per_epoch=10, frames_per_step=50.0, first_loss=123.0)
    with RunLock(tmp_path):
        file = ProgressFile(tmp_path)
        file.add(doing="computing training features", done=340, of=1000)
        panel = TrainingRun(tmp_path).panel()
        assert "computing training features, 340 of 1000" in panel._figures.value
        with StepBar(file, 0, outlook, make_tiny_config(tmp_path, log_every=100)) as bar:
            for _ in range(13):
                bar.update(Window(1, 77.0, Posteriors(frames=50)))
        panel.refresh()
    assert panel._bar.value == 13 / 40 and "13 of 40" in panel._figures.value
    assert "computing" not in panel._figures.value and "77.0" in panel._figures.value
    assert "predicted for an untrained model, 2 points, 123 at step 40" in panel._charts.value
    assert "training, 1 points, 77 at step 10" in panel._charts.value


def test_the_panel_says_that_the_machine_is_busy_only_after_a_while(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(discovery, "ROOT", tmp_path)
    run, use = TrainingRun(tmp_path / "checkpoints" / "mine"), MachineUse()
    for busy in (1.4, 1.4, 0.1, 1.4, 1.4):
        use.notice(run, busy)
        assert use.note == ""
    use.notice(run, 1.4)
    assert "other programs use 1.4 of its" in use.note
    with RunLock(tmp_path / "checkpoints" / "other"):
        use.notice(run, 1.4)
        assert "Another training is going on in checkpoints/other" in use.note
    use.notice(run, 0.0)
    assert use.note == ""


def test_the_panel_shows_what_else_uses_the_machine_while_the_run_goes_on(tmp_path):
    panel = TrainingRun(tmp_path / "mine").panel()
    panel._machine.note = "The machine is busy"
    for state, shown in ((State.RUNNING, "⚠ The machine is busy"), (State.STOPPED, "")):
        panel._show(Status(state, None, "", []))
        assert (shown in panel._neighbours.value) and bool(panel._neighbours.value) == bool(shown)


def test_the_panel_has_a_picture_for_where_no_kernel_runs(trained):
    data, metadata = TrainingRun(trained[0].folder).panel().still_bundle()
    assert data["image/png"].startswith("iVBOR") and "dev word error rate" in metadata["image/png"]["alt"]
    assert data["text/html"].count("<svg") == 4 and "finished</b>" in data["text/html"]


@pytest.mark.parametrize(
    "interval", [0.01, 2.0]
)  # seconds: the panel itself sees the end first, or the cell that waits does
def test_an_executed_notebook_keeps_the_curves_of_the_whole_training(write_config, interval):
    """The picture beside the widget is renewed at the end, so that a code host shows the whole training."""
    source = [
        f"from omni_lib.course.widgets import training_panel\ntraining_panel.INTERVAL = {interval}\n"
        "from omni_lib.course.training_run import TrainingRun\n"
        f"run = TrainingRun.start({str(write_config())!r})\nrun.panel()",
        "print((await run.ended()).value)",
    ]
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    cells = [nbformat.v4.new_code_cell(text) for text in source]
    notebook = nbformat.v4.new_notebook(metadata={"kernelspec": kernel}, cells=cells)
    NotebookClient(notebook, timeout=300).execute()
    view, rules, panel = notebook.cells[0].outputs
    assert list(view.data) == [WIDGET_VIEW] and rules.data["text/html"] == RULES
    assert (
        "finished" in panel.metadata["image/png"]["alt"]
        and "at step 18" in panel.metadata["image/png"]["alt"]
    )
    assert panel.data["image/png"] and "finished</b>" in panel.data["text/html"]
    assert notebook.cells[1].outputs[0].text == "finished\n"


def test_a_newer_panel_retires_the_one_before_it(trained):
    run = TrainingRun(trained[0].folder)
    before = run.panel()
    run.panel()
    assert "newer panel" in panel_text(before)


def test_nothing_of_a_transcript_is_taken_for_markup(trained):
    entry = {
        "type": "epoch",
        "step": 1,
        "epoch": 1,
        "dev_wer": 1.0,
        "transcripts": [{"said": "<b>", "heard": "<script>"}],
    }
    from omni_lib.course.widgets.panel_html import transcripts_table

    assert "<script>" not in transcripts_table(Status(State.RUNNING, None, "", [entry]))


def test_a_comparison_is_drawn_once_by_a_new_kernel(trained):
    folder = str(trained[0].folder)
    source = f"from omni_lib.course.training_run import compare\ncompare({folder!r}, {folder!r})"
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    cells = [nbformat.v4.new_code_cell(source)]
    notebook = nbformat.v4.new_notebook(metadata={"kernelspec": kernel}, cells=cells)
    NotebookClient(notebook, timeout=300).execute()
    (output,) = notebook.cells[0].outputs
    assert output.output_type == "execute_result" and output.data["image/png"]


def test_charts_have_a_point_for_each_entry_within_the_picture():
    steps = [
        {"type": "step", "step": s, "ctc_loss": 100 / s, "wer": 1.3, "blank_rate": 0.5, "learning_rate": 1e-3}
        for s in (10, 20, 30)
    ]
    svg = training_charts(steps, 100)
    lines = [points.split() for points in re.findall(r'points="([^"]*)"', svg)]
    assert [len(points) for points in lines] == [
        3,
        5,
        3,
        0,
        3,
        3,
    ]  # loss; timeline, training, dev; blank; rate
    for points in lines:
        for point in points:
            x, y = map(float, point.split(","))
            assert 0 <= x <= 400 and 0 <= y <= 165
    assert "dev, nothing yet" in svg and "training batches, 3 points, 130 at step 30" in svg
    assert "<svg" in training_charts([], None), "before the first line"


@pytest.mark.parametrize("top", [0.0004, 0.003, 0.9, 1.0, 7.3, 100, 105, 2500, 123456])
def test_round_numbers_reach_nearly_to_the_top(top):
    numbers = round_numbers(top)
    assert numbers[0] == 0 and 0.6 * top < numbers[-1] <= top * 1.000001 and 4 <= len(numbers) <= 6
