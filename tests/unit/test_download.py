"""Fetching an archive from a server of our own, which keeps ranges, breaks off, and lies."""

import functools
import hashlib
import re
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import requests

from omni_lib.corpora import download as module
from omni_lib.corpora.download import archive_name, download
from omni_lib.errors import UserError

CONTENT = bytes(range(256)) * 5_000  # 1.28 MB


class Server(ThreadingHTTPServer):
    """Serves `files`; `break_after` bytes it hangs up, as often as `breaks` says; `requests` notes the ranges
    asked for."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files: dict[str, bytes] = {"/c/speech.tar.gz": CONTENT}
        self.break_after, self.breaks, self.ranges, self.versions = 0, 0, [], 1
        self.keeps_ranges = True

    def address(self, path: str = "/c/speech.tar.gz") -> str:
        return f"http://127.0.0.1:{self.server_port}{path}"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        server: Server = self.server
        content, etag = server.files.get(self.path), f'"v{server.versions}"'
        if content is None:
            self.send_error(404)
            return
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        if self.path.endswith(".gz"):
            server.ranges.append(self.headers.get("Range"))
        start = int(asked[1]) if asked and server.keeps_ranges and self.headers.get("If-Range") == etag else 0
        if start >= len(content):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(content) - start))
        self.send_header("ETag", etag)
        self.end_headers()
        piece = content[start:]
        if server.breaks and self.path.endswith(".gz"):
            server.breaks -= 1
            piece = piece[: server.break_after]
        self.wfile.write(piece)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        thread = threading.Thread(target=functools.partial(server.serve_forever, poll_interval=0.01))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def interrupted(server: Server, folder: Path, after: int = 600_000) -> None:
    server.break_after, server.breaks = after, 1
    with pytest.raises(UserError, match="cannot be fetched.*it goes on"):
        download(server.address(), folder, lambda line: None)
    assert not (folder / "speech.tar.gz").exists()


def test_a_download_goes_on_where_it_was_cut_off(server, tmp_path):
    interrupted(server, tmp_path)
    have = (tmp_path / "speech.tar.gz.part").stat().st_size
    assert 0 < have <= 600_000
    path = download(server.address(), tmp_path, lambda line: None)
    assert path.read_bytes() == CONTENT and server.ranges == [None, f"bytes={have}-"]
    assert sorted(file.name for file in tmp_path.iterdir() if not file.name.startswith(".")) == [
        "speech.tar.gz"
    ]
    download(server.address(), tmp_path, lambda line: None)
    assert len(server.ranges) == 2, "what is there is not fetched again"


@pytest.mark.parametrize("change", ["another version", "no ranges", "nothing known", "shorter"])
def test_two_versions_are_never_joined(server, tmp_path, change):
    interrupted(server, tmp_path)
    server.files["/c/speech.tar.gz"] = wanted = CONTENT[::-1] if change != "no ranges" else CONTENT
    if change == "no ranges":
        server.keeps_ranges = False
    elif change == "nothing known":
        (tmp_path / "speech.tar.gz.part.json").unlink()
    elif change == "shorter":
        server.files["/c/speech.tar.gz"] = wanted = CONTENT[:1000]
    else:
        server.versions += 1
    assert download(server.address(), tmp_path, lambda line: None).read_bytes() == wanted


def test_the_published_sum_is_held_against_what_arrived(server, tmp_path):
    said: list[str] = []
    digest = hashlib.md5(CONTENT).hexdigest()
    server.files["/c/md5sum.txt"] = f"{'0' * 32}  other.tar.gz\n{digest}  speech.tar.gz\n".encode()
    download(server.address(), tmp_path / "right", said.append)
    assert said == ["speech.tar.gz: 1,280,000 bytes, its MD5 sum is the published one"]
    server.files["/c/md5sum.txt"] = f"{'1' * 32}  speech.tar.gz\n".encode()
    with pytest.raises(UserError, match="arrived damaged.*was removed"):
        download(server.address(), tmp_path / "wrong", said.append)
    assert not [path for path in (tmp_path / "wrong").iterdir() if path.name.startswith("speech")]


def test_without_a_published_sum_it_says_so(server, tmp_path):
    said: list[str] = []
    download(server.address(), tmp_path, said.append)
    assert said == [
        "speech.tar.gz: no md5sum.txt beside it names it; its length is right, and unpacking checks it once"
        " more"
    ]


def test_refusals_name_the_address_and_the_remedy(server, tmp_path):
    with pytest.raises(
        UserError, match=r"none\.tar\.gz cannot be fetched \(the server answers 404 Not Found\)"
    ):
        download(server.address("/c/none.tar.gz"), tmp_path)
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    with pytest.raises(UserError, match="cannot be fetched .*when you are online") as offline:
        download(f"http://127.0.0.1:{port}/c/speech.tar.gz", tmp_path)
    assert "\n" not in str(offline.value)
    for address in (
        "http://127.0.0.1/",
        "http://127.0.0.1/%2e%2e",
        "http://127.0.0.1/.hidden",
        "http://127.0.0.1/a%5Cb.tar",
    ):
        with pytest.raises(UserError, match="does not end in the name of an archive"):
            archive_name(address)


def test_a_full_disk_is_said_before_the_first_byte(server, tmp_path, monkeypatch):
    monkeypatch.setattr(module.shutil, "disk_usage", lambda path: type("Usage", (), {"free": 1000})())
    with pytest.raises(UserError, match="no room for the 1,280,000 bytes"):
        download(server.address(), tmp_path)


def test_the_server_of_this_test_keeps_ranges(server):
    answer = requests.get(server.address(), headers={"Range": "bytes=10-", "If-Range": '"v1"'}, timeout=120)
    assert answer.status_code == 206 and answer.content == CONTENT[10:]
