"""Fixtures of the browser tests. Without Chromium the tests are skipped, except in CI, where they fail."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator, Sequence

import nbformat
import numpy as np
import pytest
import soundfile
from nbformat import NotebookNode
from playwright.sync_api import Browser, sync_playwright

from omni_lib.audio import SAMPLE_RATE, read_audio
from omni_lib.course.materials import clips
from tests.browser.lab import ROOT, LabServer, Notebook, chromium, write_notebook
from tests.browser.pages import new_page

NEEDED = "OMNI_BROWSER_REQUIRED"  # set by .ci/run


@pytest.fixture(scope="session")
def chromium_path() -> str:
    """The path of the browser; without one the tests are skipped, or fail where one is required."""
    path = chromium()
    if path is None:
        missing = "no Chromium here: apt-get install chromium"
        pytest.fail(missing) if os.environ.get(NEEDED) else pytest.skip(missing)
    return path


@pytest.fixture(
    scope="module"
)  # not of the session: as long as Playwright runs, no other test could run an event loop
def browser(chromium_path: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Headless Chromium, whose microphone plays "one zero zero one zero four" once.

    The sound starts two seconds after the microphone is opened: on a busy machine, a page needs some time
    until it records.
    """
    spoken = tmp_path_factory.mktemp("microphone") / "digits.wav"
    silence = np.zeros(SAMPLE_RATE, dtype=np.float32)
    clip = read_audio(clips()["digits"].path).numpy()
    soundfile.write(
        spoken,
        np.concatenate([silence, silence, clip, silence, silence]),
        SAMPLE_RATE,
        subtype="PCM_16",
    )
    options = [
        "--autoplay-policy=no-user-gesture-required",
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
    ]
    options.append(f"--use-file-for-fake-audio-capture={spoken}%noloop")
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        options.append("--no-sandbox")  # Chromium refuses to run as root with one
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium_path, args=options)
        yield running
        running.close()


@pytest.fixture(scope="session")
def server(
    tmp_path_factory: pytest.TempPathFactory, make_tiny_config: Callable, chromium_path: str
) -> Iterator[LabServer]:
    """JupyterLab; trainings of its notebooks take a small corpus and seconds."""
    folder = tmp_path_factory.mktemp("lab")
    config = folder / "tiny.json"
    config.write_text(json.dumps(make_tiny_config(folder / "checkpoints" / "tiny").to_dict()))
    running = LabServer(
        folder / "server", {"OMNI_CONFIG": str(config), "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    )
    yield running
    running.close()


@pytest.fixture
def open_notebook(browser: Browser, server: LabServer) -> Iterator[Callable[..., Notebook]]:
    """A function that opens a notebook: `open_notebook("04_wer")`, or `open_notebook(source=["1 + 1"])`.

    `notebook=` opens a notebook that the test has made itself.
    """
    contexts = []

    def opened(
        name: str = "", source: Sequence[str] = (), notebook: NotebookNode | None = None, **options
    ) -> Notebook:
        file = server.notebooks / (
            f"{name}.ipynb" if name else f"test_{len(list(server.notebooks.iterdir()))}.ipynb"
        )
        if name:
            shutil.copy(ROOT / "notebooks" / file.name, file)
        elif notebook:
            nbformat.write(notebook, file)
        else:
            write_notebook(file, source)
        size = {"width": 1280, "height": 1000}
        page = new_page(browser, viewport=size, permissions=["microphone"], **options)
        contexts.append(page.context)
        return Notebook(page, server, file.name)

    yield opened
    for context in contexts:
        context.close()
    server.end_kernels()
