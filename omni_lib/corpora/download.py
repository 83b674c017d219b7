"""Download an archive: an interrupted download is continued, and the result is checked."""

from __future__ import annotations

import errno
import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit

import requests
from filelock import FileLock, Timeout
from tqdm import tqdm

from omni_lib.errors import UserError

_PATIENCE = (10, 60)  # seconds until the connection is made, and between two chunks
_CHUNK = 2**18  # bytes
_LIST = "md5sum.txt"  # OpenSLR publishes one beside its archives


def is_address(source: str) -> bool:
    """Whether `source` is an address of the web, and not a path."""
    return urlsplit(source).scheme in ("http", "https")


def archive_name(url: str) -> str:
    """The name of the file at `url`.

    Raises:
        UserError: the name is missing, or has a character that a file system does not allow.
    """
    name = Path(unquote(urlsplit(url).path)).name
    if not name or name.startswith(".") or any(c in name for c in '\\:*?"<>|\0'):
        raise UserError(f"{url} does not end in the name of an archive: give the address of the file itself")
    return name


def download(url: str, folder: Path, report: Callable[[str], None] = print) -> Path:
    """Download `url` into `folder`, from where an interrupted call stopped; return the path of the file.

    Its length is compared with the length that the server announced, and its MD5 sum with the list
    `md5sum.txt` beside it, if there is one. An incomplete file is called `<name>.part`.

    Raises:
        UserError: the connection fails, the server refuses, the disk is full, or the length or the MD5 sum
            is wrong.
    """
    folder.mkdir(parents=True, exist_ok=True)
    target, part = folder / archive_name(url), folder / f"{archive_name(url)}.part"
    state = folder / f"{part.name}.json"
    try:
        with FileLock(folder / f".{target.name}.lock", timeout=0):
            if not target.exists():
                _fetch(url, part, state)
                _check(url, part, state, report)
                part.replace(target)
                state.unlink(missing_ok=True)
    except Timeout:
        raise UserError(f"another process is fetching {target}: wait until it has ended") from None
    except requests.RequestException as error:
        raise UserError(
            f"{url} cannot be fetched ({_reason(error)}): when you are online, run the same command again,"
            " and it goes on; "
            "or download the file in another way and name it instead"
        ) from None
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise UserError(
                f"{folder} is on a full disk: free some space, and run the same command again"
            ) from None
        raise UserError(f"{target} cannot be written: {error.strerror or error}") from None
    return target


def _fetch(url: str, part: Path, state: Path) -> None:
    """Download the missing rest of `part`.

    `state` holds the ETag or date of the version on the server, so that two versions are never joined.
    """
    have, version = part.stat().st_size if part.exists() else 0, _read_version(state)
    headers = {"Accept-Encoding": "identity"}
    if have and version:
        headers |= {"Range": f"bytes={have}-", "If-Range": version}
    with requests.get(url, headers=headers, stream=True, timeout=_PATIENCE) as answer:
        if answer.status_code == 416:
            # nothing is lacking, or the file has become shorter: only a download from the start can tell
            part.unlink()
            state.unlink(missing_ok=True)
            return _fetch(url, part, state)
        answer.raise_for_status()
        if answer.status_code != 206:
            have = 0
        length = answer.headers.get("Content-Length", "")
        total = have + int(length) if length.isdigit() else None
        if total is not None and shutil.disk_usage(part.parent).free < total - have:
            raise UserError(
                f"{part.parent} has no room for the {total - have:,} bytes of {url} that are missing:"
                " free some space"
            )
        # A weak ETag does not guarantee equal bytes, so the download cannot be continued.
        strong = answer.headers.get("ETag") if not answer.headers.get("ETag", "W/").startswith("W/") else None
        state.write_text(
            json.dumps({"version": strong or answer.headers.get("Last-Modified", "")}), encoding="utf-8"
        )
        with (
            open(part, "ab" if have else "wb") as file,
            tqdm(
                total=total,
                initial=have,
                desc=part.stem,
                unit="B",
                unit_scale=True,
                leave=False,
                disable=None,
            ) as bar,
        ):
            for chunk in answer.iter_content(_CHUNK):
                file.write(chunk)
                bar.update(len(chunk))
    arrived = part.stat().st_size
    if total is not None and arrived != total:
        raise requests.ConnectionError(f"it ended after {arrived:,} of {total:,} bytes")


def _read_version(state: Path) -> str:
    try:
        return str(json.loads(state.read_text(encoding="utf-8"))["version"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def _check(url: str, part: Path, state: Path, report: Callable[[str], None]) -> None:
    """Compare the MD5 sum of `part` with the published list.

    Raises:
        UserError: it differs; the file is removed, because continuing the download would not repair it.
    """
    name, promised = archive_name(url), ""
    try:
        answer = requests.get(urljoin(url, _LIST), timeout=_PATIENCE)
        lines = answer.text.splitlines() if answer.ok else []
    except requests.RequestException:
        lines = []
    for line in lines:
        cells = line.split()
        if len(cells) == 2 and cells[1].lstrip("*") == name:
            promised = cells[0].lower()
    if not promised:
        report(
            f"{name}: no {_LIST} beside it names it; its length is right, and unpacking checks it once more"
        )
        return
    with open(part, "rb") as file:
        found = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
    if found != promised:
        part.unlink()
        state.unlink(missing_ok=True)
        raise UserError(
            f"{url} arrived damaged (MD5 {found}, published {promised}): it was removed; run the same"
            " command again"
        )
    report(f"{name}: {part.stat().st_size:,} bytes, its MD5 sum is the published one")


def _reason(error: requests.RequestException) -> str:
    """The innermost words of an error whose outer ones are addresses of objects."""
    if isinstance(error, requests.HTTPError) and error.response is not None:
        return f"the server answers {error.response.status_code} {error.response.reason}"
    cause: BaseException = error
    while inner := cause.__cause__ or cause.__context__:
        cause = inner
    return getattr(cause, "strerror", None) or str(cause) or type(error).__name__
