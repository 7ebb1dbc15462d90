"""The marker that makes a checkpoint trustworthy.

A folder `checkpoint-N` may be half written, and a checkpoint that lacks its optimizer resumes without any complaint with
a fresh one. So the last file written into a checkpoint is `anneal_complete.json`, which lists every other file:

    {"step": 40, "files": {"adapter_model.safetensors": {"size": 19573472, "sha256": "..."}, ...}}
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

MARKER_NAME = "anneal_complete.json"
_UNFINISHED_NAME = f".{MARKER_NAME}.tmp"
_BLOCK_BYTES = 1 << 20


def _fsync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sha256_of(path: Path, *, sync: bool = False) -> str:
    """SHA-256 of a file as hex digits; with `sync` the file is flushed to the disk first."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        if sync:
            os.fsync(file.fileno())
        while block := file.read(_BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()


def _listed_files(checkpoint: Path) -> list[Path]:
    ignored = {MARKER_NAME, _UNFINISHED_NAME}
    return sorted(path for path in checkpoint.rglob("*") if path.is_file() and path.name not in ignored)


def write_marker(checkpoint: Path, step: int) -> dict[str, dict[str, object]]:
    """Flushes every file of the checkpoint to the disk, then writes the marker atomically.

    Returns the listed files: relative path -> {"size": bytes, "sha256": hex digits}.
    """
    files: dict[str, dict[str, object]] = {}
    directories = {checkpoint}
    for path in _listed_files(checkpoint):
        digest = sha256_of(path, sync=True)
        files[path.relative_to(checkpoint).as_posix()] = {"size": path.stat().st_size, "sha256": digest}
        directories.add(path.parent)
    for directory in directories:
        _fsync_directory(directory)
    unfinished = checkpoint / _UNFINISHED_NAME
    with unfinished.open("w", encoding="utf-8") as file:
        json.dump({"step": step, "files": files}, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    os.replace(unfinished, checkpoint / MARKER_NAME)
    _fsync_directory(checkpoint)
    return files


def problem_with(checkpoint: Path) -> str | None:
    """Why the checkpoint must not be used, or None if it is exactly what the marker says."""
    try:
        marker = json.loads((checkpoint / MARKER_NAME).read_text(encoding="utf-8"))
        listed = {name: (entry["size"], entry["sha256"]) for name, entry in marker["files"].items()}
    except FileNotFoundError:
        return "no marker"
    except (ValueError, KeyError, TypeError, AttributeError):
        return "unreadable marker"
    for name, (size, digest) in listed.items():
        path = checkpoint / name
        if not path.is_file():
            return f"{name} is missing"
        if path.stat().st_size != size:
            return f"{name} has {path.stat().st_size} bytes, not {size}"
        if sha256_of(path) != digest:
            return f"{name} has other contents"
    return None
