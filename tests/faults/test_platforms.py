"""Linux, macOS and Windows; paths of any kind; a read-only installation; spawned processes."""

import ast
import json
import multiprocessing
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import omni_lib
from omni_lib.corpora.clips import write_clip
from omni_lib.corpora.sound_lengths import SoundCache
from omni_lib.session import train
from omni_lib.weights import load_checkpoint

ROOT = Path(omni_lib.__file__).parent
SOURCES = {path: ast.parse(path.read_text(encoding="utf-8")) for path in sorted(ROOT.rglob("*.py"))}

# What Windows does not have. Calls of these must be guarded by hasattr, os.name, sys.platform, or
# an except.
POSIX_MODULES = {"fcntl", "grp", "pty", "pwd", "readline", "resource", "termios", "tty", "syslog"}
POSIX_NAMES = {
    *(
        "os.fork",
        "os.forkpty",
        "os.getuid",
        "os.geteuid",
        "os.getgid",
        "os.getpgid",
        "os.killpg",
        "os.setsid",
        "os.mkfifo",
        "os.nice",
    ),
    *(
        "os.statvfs",
        "os.uname",
        "os.getloadavg",
        "os.sched_getaffinity",
        "os.sched_setaffinity",
        "os.wait",
        "os.chown",
        "os.chroot",
    ),
    *(
        "os.sync",
        "os.O_DIRECTORY",
        "os.posix_fadvise",
        "os.waitid",
        "os.WNOHANG",
        "os.register_at_fork",
        "os.getpriority",
        "os.setpriority",
    ),
    *(
        "signal.SIGKILL",
        "signal.SIGHUP",
        "signal.SIGUSR1",
        "signal.SIGUSR2",
        "signal.SIGALRM",
        "signal.alarm",
        "signal.setitimer",
    ),
    *(
        "signal.SIGCHLD",
        "signal.SIGPIPE",
        "signal.pthread_kill",
        "signal.SIGSTOP",
        "signal.SIGCONT",
        "time.tzset",
    ),
}
GUARDS = ("hasattr(", "os.name", "sys.platform", "platform.system(", "getattr(", "is_posix", "on_posix")


def unguarded(tree: ast.AST) -> list[str]:
    """Uses of POSIX-only functions outside a branch or a `try` that guards them."""
    found: list[str] = []

    def asks(test: ast.AST) -> bool:
        return any(guard in ast.unparse(test) for guard in GUARDS)

    def leaves(body: list[ast.stmt]) -> bool:
        return isinstance(body[-1], ast.Return | ast.Raise | ast.Continue)

    def visit(node: ast.AST, guarded: bool) -> None:
        if not guarded:
            if isinstance(node, ast.Import):
                found.extend(
                    f"import {name.name}, line {node.lineno}"
                    for name in node.names
                    if name.name.split(".")[0] in POSIX_MODULES
                )
            elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in POSIX_MODULES:
                found.append(f"from {node.module}, line {node.lineno}")
            elif isinstance(node, ast.Attribute) and ast.unparse(node) in POSIX_NAMES:
                found.append(f"{ast.unparse(node)}, line {node.lineno}")
        if isinstance(node, ast.If | ast.IfExp) and asks(node.test):
            guarded = True
        if isinstance(node, ast.Try) and any(
            handler.type is None
            or any(
                name in ast.unparse(handler.type)
                for name in ("ImportError", "AttributeError", "ModuleNotFound")
            )
            for handler in node.handlers
        ):
            guarded = True
        for _, value in ast.iter_fields(node):
            inside = guarded
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.AST):
                    visit(child, inside)
                    if isinstance(child, ast.If) and asks(child.test) and leaves(child.body):
                        inside = True  # what follows "if there is none: return" is guarded too

    visit(tree, False)
    return found


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_posix_only_call_outside_a_guarded_branch(path):
    assert unguarded(SOURCES[path]) == []


@pytest.mark.parametrize(
    ("source", "uses"),
    [
        ("import fcntl", 1),
        ("import os\nos.fork()", 1),
        ("import signal\nsignal.signal(signal.SIGHUP, None)", 1),
        ("from resource import getrusage", 1),
        ("try:\n    import resource\nexcept ImportError:\n    resource = None", 0),
        ("import os\nif hasattr(os, 'fork'):\n    os.fork()", 0),
        ("import os\nif os.name != 'posix':\n    raise SystemExit\nos.fork()", 0),
        ("import os\nif os.name != 'posix':\n    print()\nos.fork()", 1),
        ("import os\nx = os.getuid() if hasattr(os, 'getuid') else 0", 0),
    ],
)
def test_an_unguarded_posix_call_is_found(source, uses):
    assert len(unguarded(ast.parse(source))) == uses


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_text_is_read_and_written_as_utf_8(path):
    """Windows has another default encoding. Binary modes and calls that are not on files need none."""
    for node in ast.walk(SOURCES[path]):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in ("read_text", "write_text")
        ):
            named = "encoding" in {keyword.arg for keyword in node.keywords}
            ascii_only = any(
                kernel in ast.unparse(node) for kernel in ("/proc/", "/sys/")
            )  # the kernel's own files
            assert named or ascii_only, f"line {node.lineno}: {ast.unparse(node)}"


NAMES = [
    "with spaces, ünïcödé 日本語 \N{GRINNING FACE}",
    "x" * 200,
    "#'quotes' & $HOME; (brackets) %PATH%",
    "-dash.",
]


@pytest.mark.parametrize("name", NAMES, ids=["unicode", "long", "quotes", "dash"])
def test_a_run_in_a_folder_of_any_name(make_tiny_config, tones_csv, tmp_path, omni, monkeypatch, name):
    """Train, resume and transcribe in it, with relative paths, from the command line."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(tones_csv.parent, tmp_path / name)
    config = make_tiny_config(Path(name) / "run", data_path=f"{name}/asr.csv")
    (tmp_path / name / "config.json").write_text(json.dumps(config.to_dict()), encoding="utf-8")
    assert omni(["train", f"--config={name}/config.json", "--max-steps", "1"])[0] == 0
    status, out, _ = omni(["train", f"--config={name}/config.json", "--resume", "--max-steps", "2"])
    assert status == 0 and "audio_enc_step_2.pt" in out
    sound = f"./{name}/wav/test_0.wav"
    status, out, _ = omni(["transcribe", f"--checkpoint={name}/run/audio_enc_step_2.pt", sound])
    assert status == 0 and Path(sound).name in out


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has names that are not UTF-8")
def test_a_folder_whose_name_is_not_utf_8(tmp_path, monkeypatch):
    """As from an old archive. SQLite and soundfile refuse such a name as text."""
    monkeypatch.setenv("OMNI_CACHE", str(tmp_path / "cache"))
    path = tmp_path / os.fsdecode(b"K\xf6ln") / "a.wav"
    write_clip(path, torch.linspace(-0.5, 0.5, 16_000))
    for _ in range(2):  # the second time from the cache
        with SoundCache() as cache:
            assert cache.sound(path).samples == 16_000


def test_an_installation_that_cannot_be_written(make_tiny_config, tmp_path):
    """Shared by a class: the package's folder is read-only, and no byte code is written there."""
    if sys.platform != "linux" or not shutil.which("mount"):
        pytest.skip("needs Linux' mount to make a folder that root cannot write either")
    shutil.copytree(ROOT, tmp_path / "installed" / "omni_lib", ignore=shutil.ignore_patterns("__pycache__"))
    installed = tmp_path / "installed"
    options = (["--bind", str(installed)], ["-o", "remount,bind,ro"])
    mounts = [["mount", *option, str(installed)] for option in options]
    done = [subprocess.run(mount, capture_output=True, check=False).returncode for mount in mounts]
    if any(done):
        pytest.skip("needs the right to mount (root on Linux)")
    try:
        (tmp_path / "config.json").write_text(json.dumps(make_tiny_config(tmp_path / "run").to_dict()))
        environment = {**os.environ, "PYTHONPATH": str(installed), "OMP_NUM_THREADS": "1"}
        program = (
            "import omni_lib.cli, sys; assert 'installed' in omni_lib.cli.__file__; "
            "sys.exit(omni_lib.cli.main(sys.argv[1:]))"
        )
        command = [sys.executable, "-c", program, "train", "--config", "config.json", "--max-steps", "2"]
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        assert (tmp_path / "run" / "audio_enc_step_2.pt").exists()
    finally:
        subprocess.run(["umount", "-l", installed], check=True)


def _quiet(line: str) -> None:
    """Receives what training reports, and drops it."""


def _train(config) -> None:
    import torch

    torch.set_num_threads(1)
    train(config, report=_quiet)


def test_a_training_in_a_spawned_process_ends_with_the_same_weights(make_tiny_config, tmp_path, unlike):
    """`spawn` is how Windows and macOS start processes: nothing of the parent is inherited."""
    process = multiprocessing.get_context("spawn").Process(
        target=_train, args=(make_tiny_config(tmp_path / "spawned"),)
    )
    process.start()
    process.join()
    assert process.exitcode == 0
    here = train(make_tiny_config(tmp_path / "here"), report=_quiet)
    there = load_checkpoint(tmp_path / "spawned" / here.checkpoint.name)
    assert unlike(load_checkpoint(here.checkpoint), there) == []


def test_this_python_is_a_supported_version():
    assert (3, 11) <= sys.version_info[:2] <= (3, 13)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_file_is_python_3_11(path):
    ast.parse(path.read_text(encoding="utf-8"), feature_version=(3, 11))
