"""What a pod offers to the store: its newest checkpoint, and its result.

An offer is a word with the names, sizes and digests of files. The service answers in the orders with links for those that it
wants and that are not there yet, the files are sent, and the service says that the offer is stored, or is to be made again.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable
from pathlib import Path

from anneal_engine.checkpoint_marker import MARKER_NAME
from anneal_engine.pod_orders import Loan, OrderBook, Voice
from anneal_engine.pod_transfer import LinkExpired, TransferError, digest_of, send, snapshot

_TRIES = 3


def newest_checkpoint(output: Path) -> tuple[int, Path] | None:
    """The checkpoint with the highest step that has its marker, which is written last."""
    found = [
        (int(match[1]), folder)
        for folder in output.glob("checkpoint-*")
        if (match := re.fullmatch(r"checkpoint-(\d+)", folder.name)) and (folder / MARKER_NAME).is_file()
    ]
    return max(found, default=None)


def checkpoint_files(folder: Path) -> dict[str, dict[str, object]]:
    """Sizes and digests of the files of a whole checkpoint, as its marker has them; the marker is one of them."""
    marker = folder / MARKER_NAME
    listed = json.loads(marker.read_text(encoding="utf-8"))["files"]
    return {
        **{name: {"size": entry["size"], "sha256": entry["sha256"]} for name, entry in listed.items()},
        MARKER_NAME: {"size": marker.stat().st_size, "sha256": digest_of(marker)},
    }


def result_files(output: Path) -> dict[str, dict[str, object]]:
    """All files of the output folder but its checkpoints. The trainer chooses which of them are the result."""
    files = [
        path
        for path in sorted(output.rglob("*"))
        if path.is_file() and not re.match(r"checkpoint-\d+(/|$)", path.relative_to(output).as_posix())
    ]
    return {
        path.relative_to(output).as_posix(): {"size": path.stat().st_size, "sha256": digest_of(path)} for path in files
    }


class Offers:
    """Makes offers, one at a time, until nobody is there who could take them."""

    def __init__(self, work: Path, book: OrderBook, voice: Voice, given_up: Callable[[], bool]) -> None:
        self._work = work
        self._output = work / "output"
        self._book = book
        self._voice = voice
        self._given_up = given_up
        self._count = 0
        self._lock = threading.Lock()
        self._stored_step = -1

    def offer_checkpoint(self, wait: bool) -> bool:
        """Offers the newest checkpoint, unless it is stored; without `wait` in a thread, unless one is under way.

        Returns whether there was one to offer.
        """
        newest = newest_checkpoint(self._output)
        if newest is None or newest[0] <= self._stored_step:
            return False
        if wait:
            with self._lock:
                newest = newest_checkpoint(self._output)
                if newest is not None and newest[0] > self._stored_step:
                    self._send_checkpoint(newest)
            return True
        if not self._lock.acquire(blocking=False):
            return False

        def in_thread() -> None:
            try:
                self._send_checkpoint(newest)
            finally:
                self._lock.release()

        threading.Thread(target=in_thread, daemon=True).start()
        return True

    def offer_result(self) -> bool:
        """Offers the result and returns whether it is stored."""
        with self._lock:
            files = result_files(self._output)
            paths = {name: self._output / name for name in files}
            return self._deliver("result", {"files": files}, paths)

    def _send_checkpoint(self, newest: tuple[int, Path]) -> None:
        step, folder = newest
        try:
            files = checkpoint_files(folder)
            # Axolotl deletes old checkpoints while the training goes on.
            paths = snapshot({name: folder / name for name in files}, self._work / "sending")
        except (OSError, ValueError, KeyError) as error:
            self._voice.say("passedOver", step=step, why=str(error))
            return
        if self._deliver("checkpoint", {"step": step, "files": files}, paths):
            self._stored_step = step

    def _deliver(self, what: str, fields: dict[str, object], paths: dict[str, Path]) -> bool:
        for _ in range(_TRIES):
            self._count += 1
            offer = f"{what}-{self._count}"
            self._voice.say("offer", id=offer, what=what, **fields)
            loans = self._wait_for_loans(offer)
            if loans is None:
                return False
            try:
                sent = {
                    path: {"uploadId": loan.upload_id, "etags": send(paths[path], loan)}
                    for path, loan in loans.items()
                }
            except (LinkExpired, TransferError, OSError, KeyError) as error:
                self._voice.say("unsent", id=offer, why=str(error))
                continue
            self._voice.say("sent", id=offer, files=sent)
            stored = self._wait_until_stored(offer)
            if stored is not None:
                return stored
        return False

    def _wait_for_loans(self, offer: str) -> dict[str, Loan] | None:
        while not self._given_up():
            orders = self._book.wait(1.0)
            if offer in orders.loans:
                return orders.loans[offer]
            if orders.stop == "now":
                return None
        return None

    def _wait_until_stored(self, offer: str) -> bool | None:
        """Whether it is stored; None when it is to be offered again."""
        while not self._given_up():
            orders = self._book.wait(1.0)
            if offer in orders.stored:
                return True
            if offer in orders.again:
                return None
            if orders.stop == "now":
                return False
        return False
