"""Runs one training, merge or generation in a pod: fetches what it reads, starts it, sends what it makes, and stops it
gracefully.

    python -m anneal_engine.pod_runner -- accelerate launch ...

It needs nothing but Python. In the environment:

    ANNEAL_ORDERS_URL          link to the orders (see `pod_orders.py`)
    ANNEAL_WORK                work folder; the command runs in it and writes to `output` below it
    ANNEAL_CACHE               optional folder for base models that several pods share
    ANNEAL_EVENTS              file of the reporting plugin, or of the answers; each line of it becomes a word
    ANNEAL_STOP_FILE           made when the training is to write a checkpoint and end
    ANNEAL_CHECKPOINT_SECONDS  at most how often a checkpoint is sent
    ANNEAL_GRACE_SECONDS       how long a stopped training may take to end before it is killed
    ANNEAL_POLL_SECONDS        how often the orders are read

It ends with the exit status of the command (128 + n for signal n), with 70 when the inputs could not be brought here, and
with 71 when nobody took its result.
"""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from anneal_engine.pod_offers import Offers
from anneal_engine.pod_orders import OrderBook, Voice
from anneal_engine.pod_transfer import LinkExpired, TransferError, fetch

EXIT_NO_INPUTS = 70
EXIT_NOT_TAKEN = 71
_LOOK_SECONDS = 0.2
_FRESH_LINKS = 5


class PodRunner:
    """One command, from its orders to its end."""

    def __init__(self, command: list[str], environment: dict[str, str], voice: Voice) -> None:
        self.command = command
        self.voice = voice
        self.work = Path(environment["ANNEAL_WORK"])
        self.events = Path(environment["ANNEAL_EVENTS"])
        self.stop_file = Path(environment["ANNEAL_STOP_FILE"])
        self.cache = Path(environment["ANNEAL_CACHE"]) if environment.get("ANNEAL_CACHE") else None
        self.checkpoint_seconds = float(environment.get("ANNEAL_CHECKPOINT_SECONDS", "300"))
        self.grace_seconds = float(environment.get("ANNEAL_GRACE_SECONDS", "120"))
        poll_seconds = float(environment.get("ANNEAL_POLL_SECONDS", "2"))
        self.book = OrderBook(environment["ANNEAL_ORDERS_URL"], poll_seconds)
        self.offers = Offers(self.work, self.book, voice, self.unattended)
        self.terminated = threading.Event()

    def run(self) -> int:
        """The exit status of the whole."""
        signal.signal(signal.SIGTERM, lambda *_: self.terminated.set())
        self.book.start()
        if not self.fetch_inputs():
            return EXIT_NO_INPUTS
        if self.stop_asked():
            self.fail_unbegun()
            return EXIT_NO_INPUTS
        status = self.train()
        return self.hand_over(status)

    def fetch_inputs(self) -> bool:
        """Brings all inputs here, with fresh links as long as somebody attends."""
        refused = 0
        refused_count = -1
        while not self.stop_asked():
            inputs = self.book.wait(1.0).inputs
            if inputs is None:
                continue
            try:
                for item in inputs:
                    fetch(item, self.work, self.cache)
                self.voice.say("fetched", bytes=sum(item.size for item in inputs))
                return True
            except LinkExpired as error:
                # Links may have grown old while nobody was there; fresh ones that are refused are another matter.
                if self.book.orders.count != refused_count:
                    refused_count = self.book.orders.count
                    refused += 1
                if self.unattended() or refused > _FRESH_LINKS:
                    self.fail("STORE_UNAVAILABLE", f"the store refuses the links of this pod: {error}")
                    return False
            except TransferError as error:
                self.fail(error.code, str(error))
                return False
            except (OSError, ValueError) as error:
                full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
                self.fail("DISK_FULL" if full else "INTERNAL", f"the inputs could not be written: {error}")
                return False
        self.fail_unbegun()
        return False

    def train(self) -> int:
        """Runs the training to its end, and sends checkpoints meanwhile."""
        (self.work / "output").mkdir(parents=True, exist_ok=True)
        Path(os.environ.get("HOME", self.work)).mkdir(parents=True, exist_ok=True)
        process = subprocess.Popen(
            self.command,
            cwd=self.work,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self.voice.say("started", pid=process.pid)
        handing_on = threading.Thread(target=self.hand_on, args=(process,), daemon=True)
        handing_on.start()
        told = 0
        next_offer = 0.0
        stopped_at: float | None = None
        while process.poll() is None:
            time.sleep(_LOOK_SECONDS)
            told = self.tell_events(told)
            now = time.monotonic()
            if now >= next_offer and self.offers.offer_checkpoint(wait=False):
                next_offer = now + self.checkpoint_seconds
            if self.book.orders.stop == "now":
                kill_group(process, signal.SIGKILL)
            elif stopped_at is None and self.stop_asked():
                stopped_at = now
                self.stop_file.touch()
            elif stopped_at is not None and now - stopped_at > self.grace_seconds:
                self.voice.say("killed", seconds=self.grace_seconds)
                kill_group(process, signal.SIGKILL)
        kill_group(process, signal.SIGKILL)
        handing_on.join(timeout=10)
        self.tell_events(told, last=True)
        status = process.returncode
        return 128 - status if status < 0 else status

    def hand_over(self, status: int) -> int:
        """Sends the newest checkpoint of a training that did not come to its end, or the result of one that did."""
        self.voice.say("ended", code=status)
        if self.book.orders.stop == "now":
            return status
        if status == 0 and not self.stopped_early():
            if self.offers.offer_result():
                return status
            self.fail("STORE_UNAVAILABLE", "nobody took the result of its training")
            return EXIT_NOT_TAKEN
        self.offers.offer_checkpoint(wait=True)
        return status

    def stop_asked(self) -> bool:
        """Whether Kubernetes, the service, or the absence of a service asks for the end."""
        if self.terminated.is_set() or self.book.orders.stop is not None:
            return True
        if not self.unattended():
            return False
        self.voice.say("unattended", seconds=round(self.book.unattended_seconds))
        return True

    def unattended(self) -> bool:
        """Whether no trainer has written the orders for as long as was allowed: another may have the job."""
        return self.book.unattended_seconds > self.book.orders.attended_seconds

    def stopped_early(self) -> bool:
        """Whether the plugin said that the training ended because it was asked to."""
        try:
            lines = self.events.read_text(encoding="utf-8").splitlines()
        except OSError:
            return False
        for line in reversed(lines):
            try:
                event = json.loads(line)
            except ValueError:
                continue
            if event.get("event") in ("done", "trainEnd"):
                return bool(event.get("stopped"))
        return False

    def tell_events(self, told: int, last: bool = False) -> int:
        """Says the events from an offset in bytes on; returns the next offset. Half a line waits for its end."""
        try:
            with self.events.open("rb") as file:
                file.seek(told)
                data = file.read()
        except FileNotFoundError:
            return told
        whole = len(data) if last else data.rfind(b"\n") + 1
        for line in data[:whole].splitlines():
            try:
                self.voice.say("event", event=json.loads(line))
            except ValueError:
                continue
        return told + whole

    def hand_on(self, process: subprocess.Popen[bytes]) -> None:
        """Hands on the output of the training."""
        assert process.stdout is not None
        while data := os.read(process.stdout.fileno(), 1 << 16):
            self.voice.raw(data)

    def fail_unbegun(self) -> None:
        """Says that the end was asked for too early: without a word it would be taken for a training that broke."""
        if self.unattended():
            problem = self.book.last_error or "no orders were found"
            self.fail("STORE_UNAVAILABLE", f"nobody gave this pod its inputs: {problem}")
        else:
            self.fail("KILLED", "it was told to end before its training began")

    def fail(self, code: str, message: str) -> None:
        """Says why there is no training, or no result."""
        self.voice.say("failed", code=code, message=message)


def kill_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    """Signals the training and all that it started in its session."""
    try:
        os.killpg(process.pid, number)
    except ProcessLookupError:
        pass


def main(arguments: list[str]) -> int:
    """Runs what stands after `--`."""
    if "--" not in arguments or arguments[-1] == "--":
        print("what is to be run stands after --", file=sys.stderr)
        return 2
    command = arguments[arguments.index("--") + 1 :]
    return PodRunner(command, dict(os.environ), Voice()).run()


if __name__ == "__main__":
    # PID 1 of a container: no thread of this process is waited for.
    status = main(sys.argv[1:])
    sys.stdout.flush()
    os._exit(status)
