"""Files between a pod and the store, by links: nothing here has a key of the store."""

from __future__ import annotations

import errno
import hashlib
import http.client
import os
import shutil
import time
import urllib.error
import urllib.request
from pathlib import Path

from anneal_engine.pod_orders import Input, Loan

_BLOCK_BYTES = 1 << 20
_IDLE_SECONDS = 60
_ATTEMPTS = 6


class TransferError(RuntimeError):
    """A file could not be moved. `code` is one of the trainer's failure codes."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class LinkExpired(RuntimeError):
    """The store refused a link: it is too old, or the clocks of store and trainer differ."""


def below(folder: Path, path: str) -> Path:
    """The place of a file below a folder; ValueError when the path leads out of it."""
    # By its words: a file that is in the cache is a link out of the folder.
    target = Path(os.path.normpath(folder / path))
    if not target.is_relative_to(folder) or target == folder:
        raise ValueError(f"{path} leads out of {folder}")
    return target


def fetch(item: Input, work: Path, cache: Path | None) -> None:
    """Brings an input to its place and checks its digest; one that is in the cache is linked.

    Raises LinkExpired when the link is no longer good, TransferError for everything else.
    """
    target = below(work, item.path)
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.is_file() and digest_of(target) == item.sha256:
        return
    if cache is not None and item.cache:
        kept = cache / item.sha256[:2] / item.sha256
        if not (kept.is_file() and kept.stat().st_size == item.size and digest_of(kept) == item.sha256):
            kept.parent.mkdir(parents=True, exist_ok=True)
            _download(item, kept)
        target.unlink(missing_ok=True)
        target.symlink_to(kept)
    else:
        target.unlink(missing_ok=True)
        _download(item, target)


def _download(item: Input, target: Path) -> None:
    # Several pods may fill one cache.
    part = target.with_name(f".{target.name}.{os.uname().nodename}.{os.getpid()}")
    try:
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                digest, size = _download_once(item.url, part)
            except urllib.error.HTTPError as error:
                if error.code in (401, 403):
                    raise LinkExpired(f"the store answered {error.code} for {item.path}") from error
                if error.code == 404:
                    raise TransferError("ARTIFACT_MISSING", f"{item.path} is not in the store") from error
                _pause(attempt, f"{item.path} could not be fetched: the store answered {error.code}")
                continue
            except (OSError, http.client.HTTPException) as error:
                if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT):
                    raise TransferError("DISK_FULL", f"the disk is full: {item.path} does not fit") from error
                _pause(attempt, f"{item.path} could not be fetched: {error}")
                continue
            if (digest, size) == (item.sha256, item.size):
                part.replace(target)
                return
            _pause(attempt, f"{item.path} arrived with other contents", "ARTIFACT_CORRUPT")
    finally:
        part.unlink(missing_ok=True)


def _download_once(url: str, part: Path) -> tuple[str, int]:
    digest = hashlib.sha256()
    size = 0
    with urllib.request.urlopen(url, timeout=_IDLE_SECONDS) as answer, part.open("wb") as file:
        while block := answer.read(_BLOCK_BYTES):
            digest.update(block)
            file.write(block)
            size += len(block)
    return digest.hexdigest(), size


def send(path: Path, loan: Loan) -> list[str]:
    """Sends the parts of a file, one after the other, and returns the ETags that the store gave them.

    Raises LinkExpired or TransferError.
    """
    etags: list[str] = []
    with path.open("rb") as file:
        for url in loan.urls:
            etags.append(_send_part(url, file.read(loan.part_bytes), path.name))
    return etags


def _send_part(url: str, data: bytes, name: str) -> str:
    for attempt in range(1, _ATTEMPTS + 1):
        request = urllib.request.Request(url, data=data, method="PUT")
        # urllib would say that it is a form; no header but the host is signed
        request.add_header("Content-Type", "application/octet-stream")
        try:
            with urllib.request.urlopen(request, timeout=_IDLE_SECONDS) as answer:
                etag = answer.headers.get("ETag")
            if etag:
                return str(etag).strip('"')
            _pause(attempt, f"the store gave no ETag for a part of {name}")
        except urllib.error.HTTPError as error:
            if error.code in (401, 403, 404):
                raise LinkExpired(f"the store answered {error.code} for a part of {name}") from error
            _pause(attempt, f"a part of {name} could not be sent: the store answered {error.code}")
        except (OSError, http.client.HTTPException) as error:
            _pause(attempt, f"a part of {name} could not be sent: {error}")
    raise AssertionError("the last pause raises")


def _pause(attempt: int, message: str, code: str = "STORE_UNAVAILABLE") -> None:
    if attempt == _ATTEMPTS:
        raise TransferError(code, message)
    time.sleep(min(5.0, 0.2 * 2**attempt))


def digest_of(path: Path) -> str:
    """SHA-256 of a file as hex digits."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()


def snapshot(files: dict[str, Path], folder: Path) -> dict[str, Path]:
    """The same files under names of their own, so that nobody deletes them while they are sent.

    Raises FileNotFoundError when one of them is gone already.
    """
    shutil.rmtree(folder, ignore_errors=True)
    taken: dict[str, Path] = {}
    for name, path in files.items():
        target = below(folder, name)
        target.parent.mkdir(parents=True, exist_ok=True)
        os.link(path, target)
        taken[name] = target
    return taken
