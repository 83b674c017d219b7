"""Runs `omni` commands that a test will kill, each in its own process, without importing torch for each.

    python victim_server.py        then, line by line, JSON in and JSON out:
    {"start": ["train", …], "folder": "…", "strike": null, "ignored": [], "out": "…", "error": "…"}
                                   → {"pid": 123}
    {"wait": 123}                  → {"status": -9}

The server imports what a training imports and then forks.
It computes nothing itself: a fork would lose its threads.

A `strike` makes the process kill itself by SIGKILL inside one of its writes. For example, {"file":
"training_log.json", "number": 3, "at": "half"} means: in the middle of the third write of a file whose
name begins like that. The library contains no code for this.
"""

import builtins
import importlib
import json
import os
import signal
import sys

STAGES = ("open", "half", "written", "synced", "replaced")  # what of the write is done when the process dies

if __name__ == "__main__":
    os.environ["CUDA_VISIBLE_DEVICES"] = ""
    for module in (
        "torch",
        "torchaudio",
        "torch._dynamo",
        "omni_lib.cli",
        "omni_lib.train",
        "omni_lib.inference.report",
        "omni_lib.corpora.synth",
    ):
        importlib.import_module(module)


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class DyingFile:
    """A file opened for writing, whose process dies at one stage of it."""

    def __init__(self, file, at: str) -> None:
        self.file, self.at = file, at
        if at == "open":
            die()

    def __enter__(self):
        return self

    def __exit__(self, *exception) -> None:
        self.file.close()

    def __getattr__(self, name: str):
        return getattr(self.file, name)

    def write(self, data: bytes) -> int:
        if self.at == "half":
            self.file.write(data[: len(data) // 2])
            self.file.flush()
            die()
        written = self.file.write(data)
        if self.at == "written":
            self.file.flush()
            die()
        return written


def arm(strike: dict) -> None:
    """Make this process kill itself inside the write that `strike` describes."""
    seen, true_open, true_replace = 0, builtins.open, os.replace
    armed = False

    def watched_open(path, mode="r", *arguments, **options):
        nonlocal seen, armed
        file = true_open(path, mode, *arguments, **options)
        if (
            "w" in mode
            and isinstance(path, str | os.PathLike)
            and os.path.basename(path).startswith(strike["file"])
        ):
            seen += 1
            if seen == strike["number"]:
                armed = True
                return DyingFile(file, strike["at"])
        return file

    def watched_replace(source, target, **options):
        if armed and strike["at"] == "synced":
            die()
        true_replace(source, target, **options)
        if armed and strike["at"] == "replaced":
            die()

    builtins.open, os.replace = watched_open, watched_replace


def victim(request: dict) -> None:
    """Run the command in the child process, and end it."""
    for descriptor, name in ((1, "out"), (2, "error")):
        os.dup2(os.open(request[name], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), descriptor)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for name in request["ignored"]:
        signal.signal(getattr(signal, name), signal.SIG_IGN)
    if request["strike"]:
        arm(request["strike"])
    import torch

    from omni_lib.cli import main

    torch.set_num_threads(1)
    os.chdir(request["folder"])
    status = 1  # an exception: Python's own exit status
    try:
        status = main(request["start"])
    except SystemExit as asked:
        status = asked.code
    except BaseException:
        import traceback

        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def serve() -> None:
    print(json.dumps({"ready": os.getpid()}), flush=True)
    for line in iter(sys.stdin.readline, ""):
        request = json.loads(line)
        if "start" in request:
            if pid := os.fork():
                answer = {"pid": pid}
            else:
                victim(request)
        else:
            _, state = os.waitpid(request["wait"], 0)
            answer = {"status": os.waitstatus_to_exitcode(state)}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    serve()
