"""JupyterLab, opened on the learner's own copies of the notebooks (`notebook_copies.py`).

    omni lab                        the copies are in notebooks/my (`make lab` does the same)
    omni lab --workspace FOLDER     the copies are in FOLDER

JupyterLab serves the whole project if the copies are in it, so that the links of a lesson lead to the code.
If they are elsewhere, it serves that folder, and a lesson names its code without links.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import FrameType

from omni_lib.course.notebook_copies import refresh_copies, shipped_notebooks, sign
from omni_lib.errors import UserError
from omni_lib.machine.clone import INSTALL, ROOT
from omni_lib.machine.files import replaced_atomically

LOG = ".jupyter.log"  # what the server prints
SERVED = "OMNI_LAB_ROOT"  # variable of the kernels: the folder that JupyterLab serves
CONFIG = ".jupyter"  # defaults for JupyterLab, below what the learner has set
SETTINGS = {
    "@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False},
    "@jupyterlab/filebrowser-extension:browser": {"showLastModifiedColumn": False},  # room for the names
}


def lab_command(root: Path, first: str = "", extra: Sequence[str] = ()) -> list[str]:
    """The command that serves the folder `root`, and opens the notebook `first` in it if one is named.

    The server listens on this machine only. Jupyter draws a new token at each start and requires it. The
    token is not on the command line, where other users of the machine could read it.
    """
    command = [
        sys.executable,
        "-m",
        "jupyterlab",
        "--ServerApp.ip=127.0.0.1",
        f"--ServerApp.root_dir={root}",
        "--ServerApp.answer_yes=True",  # on Windows Ctrl-C reaches the server: stop it without a question
    ]
    if first:
        command.append(f"--LabApp.default_url=/lab/tree/{first}")
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.append("--ServerApp.allow_root=True")  # in a container, root is often the only user
    return [*command, *extra]


def open_lab(workspace: Path | None = None, extra: Sequence[str] = ()) -> int:
    """Refresh the copies, serve them with JupyterLab until Ctrl-C is pressed, and return the exit code.

    It prints three lines: the address, the folder, and how to stop. Before them there is a line for all
    copies that were updated, and one for each new original beside a copy.

    Args:
        workspace: the folder of the copies; `notebooks/my` in the project if not given.
        extra: more arguments for JupyterLab, such as `--no-browser`.

    Raises:
        UserError: JupyterLab or the notebooks are not installed, or the workspace cannot be written.
    """
    if importlib.util.find_spec("jupyterlab") is None:
        raise UserError(
            f"JupyterLab is not installed in {sys.prefix}: run `{INSTALL}` in the project's folder"
        )
    folder = (workspace or ROOT / "notebooks" / "my").expanduser().resolve()
    copies = refresh_copies(shipped_notebooks(), folder)
    for name in (*copies.fresh, *copies.updated, *copies.offered.values()):
        sign(folder / name)
    for line in copies.lines():
        print(line)
    root = ROOT if folder.is_relative_to(ROOT) else folder
    # The first time, open the first lesson. Later, JupyterLab itself restores what was open.
    first = (folder / copies.fresh[0]).relative_to(root).as_posix() if copies.fresh else ""
    return _serve(lab_command(root, first, extra), root, folder, f"lab/tree/{first}" if first else "lab")


def server_environment(config: Path, root: Path) -> Mapping[str, str]:
    """The variables of the server. Our defaults are written to the folder `config`, which it reads last.

    Its kernels learn which folder it serves, `root`.

    JupyterLab layers `labconfig/default_setting_overrides.json` of each configuration folder below the
    settings that its user has changed.
    """
    with replaced_atomically(config / "labconfig" / "default_setting_overrides.json") as file:
        file.write(json.dumps(SETTINGS, indent=2).encode())
    before = os.environ.get("JUPYTER_CONFIG_PATH", "")
    paths = os.pathsep.join(filter(None, [before, str(config)]))
    return os.environ | {"JUPYTER_CONFIG_PATH": paths, SERVED: str(root)}


def _addresses(root: Path, page: str = "lab") -> dict[int, str]:
    """Process number → address of a page, with its token, of each server of this user that serves `root`."""
    from jupyter_server.serverapp import list_running_servers

    return {
        server["pid"]: f"{server['url']}{page}?token={server['token']}"
        for server in list_running_servers()
        if Path(server["root_dir"]) == root
    }


def _announce(server: subprocess.Popen[bytes], root: Path, before: set[int], folder: Path, page: str) -> None:
    """Print the three lines as soon as the server has said its address, or has ended."""
    while server.poll() is None:
        new = {pid: address for pid, address in _addresses(root, page).items() if pid not in before}
        if new:
            address = new.get(server.pid, next(iter(new.values())))
            print(f"address  {address}\nfolder   {folder}\nstop     Ctrl-C", flush=True)
            return
        time.sleep(0.2)


def _serve(
    command: Sequence[str], root: Path | None = None, folder: Path | None = None, page: str = "lab"
) -> int:
    """Run the server until it ends. Ctrl-C, SIGHUP and SIGTERM stop it cleanly, with exit code 0.

    Args:
        root: the folder that it serves; its address is printed if it is given.
        folder: of the copies, where the server's own messages are written.
        page: what the printed address opens.
    """
    asked_to_stop = False
    server: subprocess.Popen[bytes] | None = None

    def stop(_signal: int, _frame: FrameType | None) -> None:
        nonlocal asked_to_stop
        asked_to_stop = True
        if server is not None and os.name == "posix":  # on Windows Ctrl-C reaches the server by itself
            server.terminate()

    with contextlib.ExitStack() as files:
        log, environment, before = None, None, set[int]()
        if root is not None and folder is not None:
            log = files.enter_context(open(folder / LOG, "wb"))
            environment, before = server_environment(folder / CONFIG, root), set(_addresses(root))
        # before the server starts, so that a signal in between cannot end this process alone
        numbers = [signal.SIGINT, signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else [])]
        previous = {number: signal.signal(number, stop) for number in numbers}
        try:
            # The server gets a session of its own, so that it receives one signal, from here. If the terminal
            # sent a second one, the server would cut its shutdown short, and might leave kernels running.
            server = subprocess.Popen(
                list(command), start_new_session=os.name == "posix", stdout=log, stderr=log, env=environment
            )
            if asked_to_stop and os.name == "posix":
                server.terminate()
            if root is not None and folder is not None:
                _announce(server, root, before, folder, page)
            code = server.wait()
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)
    if code and not asked_to_stop and folder is not None:
        said = (folder / LOG).read_text(encoding="utf-8", errors="replace").splitlines()[-15:]
        print("\n".join(said), file=sys.stderr)
    return 0 if asked_to_stop else code
