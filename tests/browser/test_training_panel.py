"""A training started from a cell in JupyterLab: watched, stopped, resumed, and found by another kernel."""

import json
import re

import pytest
from playwright.sync_api import expect

from omni_lib.course.training_run import TrainingRun
from omni_lib.runs.status import State
from omni_lib.training.checkpoint import periodic_checkpoints
from omni_lib.weights import load_checkpoint

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture
def training(make_tiny_config, tmp_path):
    """A function that writes settings; the run is `tmp_path / "run"`, and ended with the test."""

    def write(**changes) -> str:
        settings = make_tiny_config(
            tmp_path / "run", log_every=1, checkpoint_freq=100_000, **changes
        ).to_dict()
        (tmp_path / "tiny.json").write_text(json.dumps(settings))
        return str(tmp_path / "tiny.json")

    yield write
    for name in ("run", "run_2"):
        if (tmp_path / name).exists():
            TrainingRun(tmp_path / name).kill()


def points(panel) -> int:
    """How many points the loss curve has; 0 if it is not drawn.

    The page is asked once, without waiting: a chart found by one request can be replaced before the next.
    """
    labels = panel.locator(".omni-chart").evaluate_all("charts => charts.map(chart => chart.ariaLabel)")
    found = re.search(r"training, (\d+) points", (labels[0] if labels else None) or "")
    return int(found.group(1)) if found else 0


def columns_of_charts(panel) -> int:
    """In how many columns the charts are."""
    lefts = "charts => charts.map(chart => Math.round(chart.getBoundingClientRect().x))"
    return len(set(panel.locator(".omni-chart").evaluate_all(lefts)))


def test_start_stop_reload_restart_resume_to_the_end(open_notebook, training, tmp_path):
    config = training(num_epochs=30)
    notebook = open_notebook(
        source=[
            "from omni_lib.course.training_run import TrainingRun",
            f"run = TrainingRun.start({config!r})\nrun.panel()",
        ]
    )
    notebook.run_all()
    panel = notebook.page.locator(".omni-training-panel")
    notebook.wait_until(lambda: points(panel) >= 2, "two points of the loss curve")
    expect(panel.locator(".omni-kill")).to_be_hidden()
    panel.locator(".omni-stop").dblclick()  # the second click must not end it without saving
    expect(panel.get_by_text("stopped")).to_be_visible(timeout=120_000)
    step = load_checkpoint(periodic_checkpoints(tmp_path / "run")[-1])["step"]
    assert 0 < step < 180
    expect(panel.get_by_text(f"it was asked to stop, and saved step {step} first")).to_be_visible()
    expect(panel.get_by_text(f"{step} of 180")).to_be_visible()
    expect(panel.locator(".omni-stop")).to_be_disabled()

    notebook.reload()  # the kernel lives on, and its widgets are shown again
    expect(panel.get_by_text("stopped")).to_be_visible()
    notebook.wait_until(lambda: points(panel) == step, "every point of the stopped run")
    expect(notebook.page.locator(".omni-still")).to_be_hidden()
    notebook.restart_kernel()
    notebook.run_cell(0)
    notebook.run_cell(1, f"run = TrainingRun.attach({str(tmp_path / 'run')!r})\nrun.panel()")
    notebook.wait_until(lambda: points(panel) == step, "every point, shown by another kernel")
    panel.locator(".omni-open-log").click()
    expect(panel.locator(".omni-console")).to_contain_text(f"Stopped at step {step}/180")
    notebook.screenshots("training_panel_stopped", notebook.cell(1))
    panel.locator(".omni-open-log").click()
    expect(panel.locator(".omni-console")).to_be_hidden()

    panel.locator(".omni-resume").click()
    expect(panel.get_by_text("finished")).to_be_visible(timeout=300_000)
    notebook.wait_until(lambda: points(panel) == 180, "every point of the finished run")
    assert (tmp_path / "run" / "audio_enc_step_180.pt").exists()
    expect(panel.locator(".omni-transcripts tr")).to_have_count(1 + 5)
    expect(panel.locator(".omni-resume")).to_be_disabled()
    assert TrainingRun(tmp_path / "run").status().state is State.FINISHED
    notebook.screenshots("training_panel_finished", notebook.cell(1))
    for width, height in ((1024, 768), (1152, 720)):  # the latter: 1440 by 900 at a zoom of 125%
        notebook.page.set_viewport_size({"width": width, "height": height})
        notebook.wait_until(lambda: columns_of_charts(panel) == 2, f"two columns at {width} pixels")
        notebook.wait_until(
            lambda height=height: panel.bounding_box()["height"] < height - 90,
            f"it fits into {height} pixels",
        )
    panel.locator(".omni-compare").click()
    expect(panel.get_by_text("there is no other run beside")).to_be_visible()
    panel.locator(".omni-again").click()
    expect(panel.get_by_text("run_2")).to_have_count(2, timeout=120_000)  # the title and what was pressed
    expect(panel.get_by_text("predicted for an untrained model")).to_be_visible(timeout=120_000)
    panel.locator(".omni-stop").click()
    expect(panel.get_by_text("■ stopped")).to_be_visible(timeout=120_000)
    assert TrainingRun(tmp_path / "run").status().state is State.FINISHED, "it stays as it was"
    notebook.assert_clean()

    expect(notebook.page.locator(".omni-still")).to_contain_text("■ stopped")  # hidden beside the panel
    notebook.server.end_kernels()  # as when the notebook is opened another day
    notebook.reload()
    expect(notebook.page.locator(".omni-still .omni-chart").first).to_be_visible()
    expect(notebook.page.locator(".omni-still").get_by_text("stopped")).to_be_visible()
    assert notebook.page.get_by_text("Error displaying widget").filter(visible=True).count() == 0
    notebook.screenshots("training_panel_still", notebook.cell(1))


def test_a_running_training_outlives_kernel_and_page_and_is_stopped_while_a_cell_waits(
    open_notebook, training, tmp_path
):
    config = training(num_epochs=5000)
    notebook = open_notebook(
        source=[
            "from omni_lib.course.training_run import TrainingRun",
            f"run = TrainingRun.start_or_attach({config!r})\nrun.panel()",
            "print('it ended:', (await run.ended()).value)",
        ]
    )
    notebook.run_cell(0)
    notebook.run_cell(1)
    panel = notebook.page.locator(".omni-training-panel")
    notebook.wait_until(lambda: points(panel) >= 2, "two points of the loss curve")
    pid = TrainingRun(tmp_path / "run").process().pid

    notebook.restart_kernel()
    before = TrainingRun(tmp_path / "run").status().step
    notebook.run_cell(0)
    notebook.run_cell(1)
    assert TrainingRun(tmp_path / "run").process().pid == pid, (
        "the same process, though the same cell was run again"
    )
    notebook.wait_until(lambda: points(panel) > before, "the curve goes on")
    notebook.reload()
    seen = notebook.wait_until(lambda: points(panel), "the curve is shown again")
    notebook.wait_until(lambda: points(panel) > seen, "the panel lives on after the page was loaded anew")
    notebook.screenshots("training_panel_running", notebook.cell(1))

    notebook.start_cell(2)
    seen = points(panel)
    notebook.wait_until(lambda: points(panel) > seen, "the panel goes on while the cell waits")
    panel.locator(".omni-stop").click()
    expect(notebook.cell(2).get_by_text("it ended: stopped")).to_be_visible(timeout=120_000)
    expect(panel.get_by_text("stopped")).to_be_visible()
    assert load_checkpoint(periodic_checkpoints(tmp_path / "run")[-1])["step"] >= before
    notebook.assert_clean()


def test_a_training_that_is_killed_says_why(open_notebook, training, tmp_path):
    config = training(num_epochs=5000)
    notebook = open_notebook(
        source=[
            f"from omni_lib.course.training_run import TrainingRun\nTrainingRun.start({config!r}).panel()"
        ]
    )
    notebook.run_all()
    panel = notebook.page.locator(".omni-training-panel")
    expect(panel.get_by_text("running")).to_be_visible()
    TrainingRun(tmp_path / "run").process().kill()
    expect(panel.get_by_text("killed by SIGKILL")).to_be_visible(timeout=120_000)
    expect(panel.locator(".omni-resume")).to_be_enabled()
    notebook.assert_clean()
