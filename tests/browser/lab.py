"""A real JupyterLab in a real Chromium, for tests of what a learner sees and does.

In a test, mark the module `pytestmark = pytest.mark.browser` and ask for the fixture `open_notebook`
(conftest.py):

    def test_the_mel_explorer_answers(open_notebook):
        source = ["from omni_lib.course.widgets.mel_explorer import mel_explorer", "mel_explorer()"]
        notebook = open_notebook(source=source)
        notebook.run_all()
        explorer = notebook.page.locator(".omni-mel-explorer")
        before = notebook.appearance(explorer)                  # its text and pictures
        notebook.move_slider(explorer.get_by_role("slider").first, "ArrowRight")
        notebook.wait_until(lambda: notebook.appearance(explorer) != before, "the picture follows the slider")
        notebook.play(explorer.locator("audio").first)          # loads, and its time advances
        notebook.screenshots("mel_explorer", explorer)   # light and dark, into tests/browser/screenshots/
        notebook.assert_clean()                          # no traceback in a cell, no error in the console

`open_notebook("03_ctc_alignment")` opens a copy of that notebook, `open_notebook(source=[...])` a new one
with a cell for each string. `notebook.page` is Playwright's page: everything it can do is there
(`page.locator`, `expect(...)`, `page.keyboard`). Wait for conditions, never for seconds: `wait_until`,
`expect`, `run_all`, `wait_idle` all do.

The server listens on loopback, asks for a token, and gets folders of its own for settings, workspaces,
progress and notebooks, so a test neither sees nor changes anything of yours.
"""

from __future__ import annotations

import http.client
import json
import os
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import nbformat
from playwright.sync_api import ConsoleMessage, Locator, Page

from tests.browser.pages import PATIENCE
from tests.browser.playing import play

ROOT = Path(__file__).resolve().parents[2]
SCREENSHOTS = Path(__file__).parent / "screenshots"
# Nobody looks at the pictures of an ordinary run, and they take time: OMNI_SCREENSHOTS=1 or =all takes them.
WIDTHS = {"": (), "1": (1280,), "all": (1280, 1920)}[os.environ.get("OMNI_SCREENSHOTS", "")]
THEMES = {"light": "JupyterLab Light", "dark": "JupyterLab Dark"}
SETTINGS: dict[str, dict[str, Any]] = {
    # every cell is on the page, not only those in view: a test can look for any; and the page ends where the
    # notebook does
    "notebook-extension/tracker": {"windowingMode": "none", "scrollPastEnd": False},
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    "docmanager-extension/plugin": {"autosave": False},
}


def chromium() -> str | None:
    """Where the system's Chromium is."""
    return next(
        (
            found
            for name in ("chromium", "chromium-browser", "google-chrome")
            if (found := shutil.which(name))
        ),
        None,
    )


class LabServer:
    """JupyterLab on a free port of loopback, in folders of its own below `folder`."""

    def __init__(self, folder: Path, environment: Mapping[str, str] | None = None) -> None:
        """Start it, and wait until it answers.

        Args:
            environment: variables that kernels get besides those of this process.
        """
        self.notebooks = folder / "notebooks"
        self.notebooks.mkdir(parents=True)
        self.token = secrets.token_hex(16)
        self.url = ""  # the server chooses a free port
        self._runtime = folder / "runtime"
        for plugin, settings in SETTINGS.items():
            file = folder / "settings" / "@jupyterlab" / f"{plugin}.jupyterlab-settings"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps(settings))
        own = {
            "JUPYTER_CONFIG_DIR": folder / "config",
            "JUPYTER_RUNTIME_DIR": self._runtime,
            "JUPYTERLAB_SETTINGS_DIR": folder / "settings",
            "JUPYTERLAB_WORKSPACES_DIR": folder / "workspaces",
            "IPYTHONDIR": folder / "ipython",
            "OMNI_HOME": folder / "home",
        }
        self._log = folder / "server.log"
        variables = {
            **os.environ,
            **{name: str(path) for name, path in own.items()},
            "JUPYTER_TOKEN": self.token,
            **(environment or {}),
        }
        command = [
            sys.executable,
            "-m",
            "jupyterlab",
            "--no-browser",
            "--expose-app-in-browser",
            "--ServerApp.ip=127.0.0.1",
        ]
        command += [
            "--ServerApp.port=0",
            "--ServerApp.allow_root=True",
        ]
        command += [f"--ServerApp.root_dir={self.notebooks}", "--LabApp.extension_manager=readonly"]
        with open(self._log, "wb") as log:
            self._process = subprocess.Popen(
                command, env=variables, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
            )
        try:
            _until(self._answers, PATIENCE, "JupyterLab answers")
        except BaseException:
            self.close()
            raise

    def _answers(self) -> bool:
        assert self._process.poll() is None, self._log.read_text(errors="replace")
        try:
            written = (self._runtime / f"jpserver-{self._process.pid}.json").read_text()
            self.url = f"http://127.0.0.1:{json.loads(written)['port']}"
            return "kernels" in self.api("api/status")
        except (OSError, ValueError, http.client.HTTPException):  # not there yet, or half-written
            return False

    def api(self, path: str, method: str = "GET") -> Any:
        """The response of the server's REST interface."""
        connection = http.client.HTTPConnection(self.url.removeprefix("http://"), timeout=PATIENCE)
        try:
            connection.request(method, f"/{path}", headers={"Authorization": f"token {self.token}"})
            return json.loads(connection.getresponse().read() or b"null")
        finally:
            connection.close()

    def end_kernels(self) -> None:
        """End every kernel, as closing the notebook's tab does not."""
        for session in self.api("api/sessions"):
            self.api(f"api/sessions/{session['id']}", "DELETE")

    def close(self) -> None:
        """End the server, which ends its kernels."""
        self._process.terminate()
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


class Notebook:
    """A notebook, open in a page of its own."""

    def __init__(self, page: Page, server: LabServer, name: str) -> None:
        """Open `name` (in the server's folder) in a workspace that has never been used."""
        self.page, self.server, self.name = page, server, name
        self.console_errors: list[str] = []
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self._note(str(error)))
        self._cut_short = False
        self._workspace = secrets.token_hex(4)
        self._load(f"{server.url}/lab/workspaces/{self._workspace}/tree/{name}?token={server.token}")

    # What a learner does

    def run_all(self, timeout: float = PATIENCE) -> None:
        """Run all cells, and wait for the last to end."""
        self.start_all()
        self._wait_for_end("all cells have run", timeout)
        self.wait_idle()

    def start_all(self) -> None:
        """Run all cells, and do not wait."""
        self._start("notebook:run-all-cells")

    def run_cell(self, index: int, source: str | None = None, timeout: float = PATIENCE) -> None:
        """Run one cell, with another text if one is given, and wait for its end."""
        self.start_cell(index, source)
        self._wait_for_end(f"cell {index} has run", timeout)

    def start_cell(self, index: int, source: str | None = None) -> None:
        """Run one cell, and do not wait."""
        self.page.evaluate(
            """([index, source]) => { const notebook = window.jupyterapp.shell.currentWidget.content;
                if (source !== null) notebook.model.cells.get(index).sharedModel.setSource(source);
                notebook.deselectAll(); notebook.activeCellIndex = index; }""",
            [index, source],
        )
        self._start("notebook:run-cell")

    def restart_kernel(self) -> None:
        """Kernel → Restart Kernel…, and yes."""
        self._cut_short = True
        self._start("kernelmenu:restart")
        self.page.locator(".jp-Dialog button.jp-mod-accept").click()
        self.page.locator(".jp-Dialog").wait_for(state="detached")
        self._wait_for_end("the kernel is restarted")
        self.wait_idle()

    def reload(self) -> None:
        """Save, and reload the page."""
        self._cut_short = True
        self.page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
        self._load(self.page.url)

    def move_slider(self, slider: Locator, key: str = "ArrowRight", times: int = 1) -> None:
        """Move a slider by the keyboard, as anybody can who has no mouse."""
        slider.focus()
        for _ in range(times):
            self.page.keyboard.press(key)

    def play(self, audio: Locator) -> float:
        """Play an `<audio>` element until its time has advanced; its length in seconds."""
        return play(audio)

    # What a learner sees

    def cell(self, index: int) -> Locator:
        """The cell at `index`, input and output."""
        return self.page.locator(".jp-Notebook .jp-Cell").nth(index)

    def index_of(self, kind: str, name: str) -> int:
        """The place of the stub of an "exercise", or of a "question", by its name in the lesson."""
        return int(
            self.page.evaluate(
                """([kind, name]) => window.jupyterapp.shell.currentWidget.content.model.sharedModel
                        .toJSON().cells.findIndex(cell => cell.metadata.omni?.[kind] === name)""",
                [kind, name],
            )
        )

    def appearance(self, part: Locator) -> str:
        """The texts and pictures of a widget, without its controls."""
        return str(
            part.evaluate(
                """part => [...part.querySelectorAll(".widget-html, .omni-sound-picture")]
                              .map(words => words.innerText).join()
                        + [...part.querySelectorAll("img")].map(image => image.src).join()
                        + [...part.querySelectorAll("svg, table")].map(drawing => drawing.outerHTML).join()
                        + [...part.querySelectorAll("canvas")].map(canvas => canvas.toDataURL()).join()"""
            )
        )

    def settled_appearance(self, part: Locator) -> str:
        """Its appearance once the kernel has answered everything: two looks with an idle kernel are equal."""
        before, seen = None, self.appearance(part)
        while before != seen:
            self.wait_idle()
            before, seen = seen, self.appearance(part)
        return seen

    def contents(self) -> dict[str, Any]:
        """The notebook as it would be saved."""
        return dict(
            self.page.evaluate(
                "() => window.jupyterapp.shell.currentWidget.content.model.sharedModel.toJSON()"
            )
        )

    def tracebacks(self) -> list[str]:
        """Every error among the cells' outputs."""
        outputs = [output for cell in self.contents()["cells"] for output in cell.get("outputs", [])]
        return [
            f"{output['ename']}: {output['evalue']}" for output in outputs if output["output_type"] == "error"
        ]

    def assert_clean(self) -> None:
        """No cell raised an error, the browser console has none, and every widget is displayed."""
        complaints = [*self.tracebacks(), *self.console_errors]
        assert not complaints, "\n".join(complaints)
        assert not self.page.get_by_text("Error displaying widget").count(), "a widget could not be shown"

    def screenshots(self, name: str, part: Locator | None = None) -> list[Path]:
        """Pictures of a part of the page, or of the whole notebook, in light and dark, for people to look at.

        They are taken if OMNI_SCREENSHOTS is "1" (1280 pixels wide) or "all" (also 1920). Otherwise
        nothing is done.
        """
        if not WIDTHS:
            return []
        SCREENSHOTS.mkdir(exist_ok=True)
        taken = []
        before = self.page.viewport_size
        for theme in THEMES:
            self.theme(theme)
            for width in WIDTHS:
                self._fit(width)
                file = SCREENSHOTS / f"{name}_{theme}_{width}.png"
                (part or self.page.locator(".jp-NotebookPanel:visible")).screenshot(path=file)
                taken.append(file)
        self.theme("light")
        self.page.set_viewport_size(before or {"width": 1280, "height": 1000})
        return taken

    def theme(self, name: str) -> None:
        """Switch to "light" or "dark", and wait until JupyterLab's splash screen is gone.

        Another switch before that makes JupyterLab remove the screen twice, which is an error of its own.
        """
        light = str(name == "light").lower()
        if self.page.evaluate("document.body.dataset.jpThemeLight") == light:
            return
        self.page.evaluate(
            "theme => window.jupyterapp.commands.execute('apputils:change-theme', { theme })", THEMES[name]
        )
        self.page.wait_for_function(
            """light => document.body.dataset.jpThemeLight === light
                        && !document.getElementById("jupyterlab-splash")""",
            arg=light,
        )

    # Waiting

    def wait_until(self, condition: Callable[[], Any], what: str, timeout: float = PATIENCE) -> Any:
        """Wait for `condition` to return something true, and return that."""
        return _until(condition, timeout, what, lambda seconds: self.page.wait_for_timeout(1000 * seconds))

    def wait_idle(self, timeout: float = PATIENCE) -> None:
        """Wait for a kernel that is connected and has nothing to do."""
        self.page.wait_for_function(
            """() => { const kernel = window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel;
                       return kernel?.connectionStatus === "connected" && kernel.status === "idle" }""",
            timeout=1000 * timeout,
        )

    # Internal

    def _start(self, command: str) -> None:
        """Start a command of JupyterLab, and do not wait."""
        self.page.evaluate(
            """command => { window.omniRun = null;
                            window.jupyterapp.commands.execute(command)
                                  .then(() => { window.omniRun = "done" },
                                        error => { window.omniRun = String(error) }); }""",
            command,
        )

    def _wait_for_end(self, what: str, timeout: float = PATIENCE) -> None:
        """Wait for the end of the command that was started last."""
        self.wait_until(lambda: self.page.evaluate("window.omniRun"), what, timeout)

    def _load(self, url: str) -> None:
        self.page.goto(url)
        self.page.wait_for_function(
            "name => window.jupyterapp?.shell.currentWidget?.context?.path === name",
            arg=self.name,
        )
        self.page.evaluate("() => window.jupyterapp.shell.currentWidget.context.ready")
        self.page.evaluate("() => { window.jupyterapp.shell.collapseLeft() }")
        choice = self.page.locator(
            ".jp-Dialog button.jp-mod-accept"
        )  # "Select Kernel", for a notebook that names none
        if choice.count():
            choice.click()
        self.wait_idle()

    def _fit(self, width: int) -> None:
        """Make the window so high that nothing of the notebook has to be scrolled to."""
        height = 1000
        for _ in range(3):  # the new layout may be higher still
            self.page.set_viewport_size({"width": width, "height": min(height, 15_000)})
            self.page.evaluate(
                "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
            )
            height += int(
                self.page.evaluate(
                    """() => { let box = window.jupyterapp.shell.currentWidget.node.querySelector(".jp-Cell");
                               while (box && !/auto|scroll/.test(getComputedStyle(box).overflowY))
                                   box = box.parentElement;
                               return box ? box.scrollHeight - box.clientHeight : 0 }"""
                )
            )

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self._note(f"{message.text} ({message.location.get('url', '')})")

    def _note(self, error: str) -> None:
        """Keep an error of the console.

        Dropped are those of JupyterLab about requests to a restarted kernel or from a page that was left.
        """
        if not (self._cut_short and "Canceled future for" in error):
            self.console_errors.append(error)


def write_notebook(path: Path, source: Sequence[str]) -> None:
    """A notebook of code cells."""
    kernel = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
    notebook = nbformat.v4.new_notebook(
        metadata={"kernelspec": kernel}, cells=[nbformat.v4.new_code_cell(text) for text in source]
    )
    nbformat.write(notebook, path)


def _until(
    condition: Callable[[], Any], timeout: float, what: str, pause: Callable[[float], None] = time.sleep
) -> Any:  # the page's own pause lets its events through
    end = time.monotonic() + timeout
    while not (value := condition()):
        assert time.monotonic() < end, f"waited {timeout:.0f} s in vain: {what}"
        pause(0.1)
    return value
