"""What a pod and its service say to each other.

The pod has one link to one object of the store, its orders, and reads them again and again. Its own words are lines of its
standard output, which the service reads as the log of the pod:

    @anneal {"word": "offer", "id": "checkpoint-40-1", ...}

Orders are one JSON object:

    count            rises with every writing: somebody attends to the pod
    attendedSeconds  for how long it may go on without
    stop             null, "checkpoint" (write one and end) or "now"
    ordersUrl        a fresh link to the orders
    inputs           [{path, url, size, sha256, cache}], as soon as they are ready
    loans            {offer: {path: {uploadId, partBytes, urls}}}: where to send the files of an offer, and which of them
    stored           offers that are in the store as a whole
    again            offers to be made once more: a file of them was in the store, and was removed
"""

from __future__ import annotations

import json
import os
import threading
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from typing import Any

MARK = "@anneal "
_ANSWER_SECONDS = 30


class Voice:
    """The only writer of standard output, so that no line is torn by another."""

    def __init__(self, descriptor: int = 1) -> None:
        self._descriptor = descriptor
        self._lock = threading.Lock()
        self._at_line_start = True

    def raw(self, data: bytes) -> None:
        """Hands on what the work said."""
        if not data:
            return
        with self._lock:
            self._write(data)
            self._at_line_start = data.endswith(b"\n")

    def say(self, word: str, **fields: object) -> None:
        """Says one word to the service."""
        line = MARK + json.dumps({"word": word, **fields}, ensure_ascii=False) + "\n"
        with self._lock:
            # A progress bar ends without a line end.
            self._write((b"" if self._at_line_start else b"\n") + line.encode())
            self._at_line_start = True

    def _write(self, data: bytes) -> None:
        while data:
            data = data[os.write(self._descriptor, data) :]


@dataclass(frozen=True)
class Input:
    """A file that the training reads; `path` is below the work folder."""

    path: str
    url: str
    size: int
    sha256: str
    cache: bool


@dataclass(frozen=True)
class Loan:
    """Links to which the parts of one file are sent."""

    upload_id: str
    part_bytes: int
    urls: list[str]


@dataclass(frozen=True)
class Orders:
    """The orders as of one reading."""

    count: int = 0
    attended_seconds: float = 900.0
    stop: str | None = None
    inputs: list[Input] | None = None
    loans: dict[str, dict[str, Loan]] = field(default_factory=dict)
    stored: frozenset[str] = frozenset()
    again: frozenset[str] = frozenset()


def parse_orders(text: bytes) -> tuple[Orders, str | None]:
    """The orders and the fresh link to them; ValueError, KeyError or TypeError when they are not in their form."""
    said: dict[str, Any] = json.loads(text)
    count = int(said["count"])
    inputs = said.get("inputs")
    orders = Orders(
        count=count,
        attended_seconds=float(said["attendedSeconds"]),
        stop=said.get("stop"),
        inputs=None
        if inputs is None
        else [
            Input(item["path"], item["url"], int(item["size"]), item["sha256"], bool(item.get("cache", False)))
            for item in inputs
        ],
        loans={
            offer: {
                path: Loan(loan["uploadId"], int(loan["partBytes"]), list(loan["urls"]))
                for path, loan in files.items()
            }
            for offer, files in said.get("loans", {}).items()
        },
        stored=frozenset(said.get("stored", [])),
        again=frozenset(said.get("again", [])),
    )
    return orders, said.get("ordersUrl")


class OrderBook:
    """Reads the orders in a thread of its own, and knows for how long nobody has written them."""

    def __init__(self, url: str, poll_seconds: float) -> None:
        self._url = url
        self._poll_seconds = poll_seconds
        self._changed = threading.Condition()
        self._orders = Orders()
        self._written_at = time.monotonic()
        self.last_error: str | None = None

    def start(self) -> None:
        """Begins to read."""
        threading.Thread(target=self._read_on, daemon=True).start()

    @property
    def orders(self) -> Orders:
        """As of the last reading."""
        with self._changed:
            return self._orders

    @property
    def unattended_seconds(self) -> float:
        """Seconds that passed since the orders were last seen to be written anew."""
        with self._changed:
            return time.monotonic() - self._written_at

    def wait(self, seconds: float) -> Orders:
        """Waits for a reading, at most for so long."""
        with self._changed:
            self._changed.wait(seconds)
            return self._orders

    def _read_on(self) -> None:
        while True:
            try:
                with urllib.request.urlopen(self._url, timeout=_ANSWER_SECONDS) as answer:
                    orders, url = parse_orders(answer.read())
                with self._changed:
                    if orders.count != self._orders.count:
                        self._written_at = time.monotonic()
                    self._orders = orders
                    self._url = url or self._url
                    self.last_error = None
                    self._changed.notify_all()
            except urllib.error.HTTPError as error:
                self.last_error = f"the store answered {error.code}: {error.read(300).decode(errors='replace')}"
            except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
                self.last_error = str(error)
            time.sleep(self._poll_seconds)
