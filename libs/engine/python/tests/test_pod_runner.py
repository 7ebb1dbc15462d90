"""The runner of a pod, against a small store over HTTP and a training of a few lines."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from unittest import mock

from anneal_engine import pod_transfer
from anneal_engine.pod_orders import Input, Loan, parse_orders
from anneal_engine.pod_transfer import LinkExpired, TransferError, below, fetch, send

PACKAGE = Path(__file__).resolve().parents[1]


class Store:
    """Objects by path; a PUT is answered with the MD5 of its bytes as ETag."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.refused: set[str] = set()
        self.broken: list[int] = []
        store = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
                self.send_response(status)
                for name, value in {"Content-Length": str(len(body)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def do_GET(self) -> None:
                if store.broken:
                    self.answer(store.broken.pop())
                elif self.path in store.refused:
                    self.answer(403, b"Request has expired")
                elif self.path in store.objects:
                    self.answer(200, store.objects[self.path])
                else:
                    self.answer(404)

            def do_PUT(self) -> None:
                data = self.rfile.read(int(self.headers["Content-Length"]))
                if self.path in store.refused:
                    self.answer(403)
                else:
                    store.objects[self.path] = data
                    self.answer(200, ETag=f'"{hashlib.md5(data).hexdigest()}"')

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}{path}"

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


def input_of(store: Store, path: str, data: bytes, cache: bool = False) -> Input:
    store.objects[f"/{path}"] = data
    return Input(path, store.url(f"/{path}"), len(data), hashlib.sha256(data).hexdigest(), cache)


class StoreTest(unittest.TestCase):
    def setUp(self) -> None:
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.work = Path(scratch.name) / "work"
        self.work.mkdir()
        self.cache = Path(scratch.name) / "cache"
        self.cache.mkdir()
        self.store = Store()
        self.addCleanup(self.store.close)


class TransferTest(StoreTest):
    def setUp(self) -> None:
        super().setUp()
        patience = mock.patch.object(pod_transfer.time, "sleep")
        patience.start()
        self.addCleanup(patience.stop)

    def test_fetches_a_file_also_when_the_store_was_away(self) -> None:
        item = input_of(self.store, "data/rows.jsonl", b"rows")
        self.store.broken = [503, 503]
        fetch(item, self.work, None)
        self.assertEqual((self.work / "data/rows.jsonl").read_bytes(), b"rows")

    def test_takes_no_other_contents_than_the_digest_says(self) -> None:
        item = input_of(self.store, "model/weights", b"right")
        self.store.objects["/model/weights"] = b"wrong"
        with self.assertRaises(TransferError) as raised:
            fetch(item, self.work, None)
        self.assertEqual(raised.exception.code, "ARTIFACT_CORRUPT")
        self.assertEqual(list((self.work / "model").iterdir()), [])

    def test_keeps_models_in_the_cache_and_mends_what_is_wrong_there(self) -> None:
        item = input_of(self.store, "model/weights", b"right", cache=True)
        fetch(item, self.work, self.cache)
        kept = (self.work / "model/weights").resolve()
        self.assertTrue(kept.is_relative_to(self.cache.resolve()))
        kept.write_bytes(b"wrong")
        fetch(item, self.work, self.cache)
        self.assertEqual((self.work / "model/weights").read_bytes(), b"right")
        del self.store.objects["/model/weights"]
        (self.work / "model/weights").unlink()
        fetch(item, self.work, self.cache)
        self.assertEqual((self.work / "model/weights").read_bytes(), b"right")

    def test_says_that_a_link_is_refused_or_an_object_gone(self) -> None:
        item = input_of(self.store, "a", b"a")
        self.store.refused.add("/a")
        self.assertRaises(LinkExpired, fetch, item, self.work, None)
        self.store.refused.clear()
        del self.store.objects["/a"]
        with self.assertRaises(TransferError) as raised:
            fetch(item, self.work, None)
        self.assertEqual(raised.exception.code, "ARTIFACT_MISSING")

    def test_writes_nowhere_but_below_the_work_folder(self) -> None:
        for path in ("../outside", "/etc/passwd", "a/../../outside", "."):
            with self.assertRaises(ValueError, msg=path):
                below(self.work, path)

    def test_sends_a_file_in_parts(self) -> None:
        file = self.work / "weights"
        file.write_bytes(b"abcdefg")
        etags = send(file, Loan("one", 3, [self.store.url(f"/part-{part}") for part in range(3)]))
        self.assertEqual([self.store.objects[f"/part-{part}"] for part in range(3)], [b"abc", b"def", b"g"])
        self.assertEqual(etags, [hashlib.md5(part).hexdigest() for part in (b"abc", b"def", b"g")])


class OrdersTest(unittest.TestCase):
    def test_refuses_what_is_no_orders(self) -> None:
        for text in (b"{}", b"[]", b"<html>", b'{"count": "many", "attendedSeconds": 1}'):
            with self.assertRaises((ValueError, KeyError, TypeError), msg=str(text)):
                parse_orders(text)


# Says the events that the plugin would say, and writes checkpoints as it does, until the stop file is there
TRAINING = """
import json, os, sys, time
sys.path.insert(0, os.environ["PYTHONPATH"])
from pathlib import Path
from anneal_engine.checkpoint_marker import write_marker
from anneal_engine.events import emit
steps, stopped = int(sys.argv[1]), False
print("loading", end="\\r", flush=True)
for step in range(1, steps + 1):
    time.sleep(0.05)
    emit("log", step=step)
    stopped = os.path.exists(os.environ["ANNEAL_STOP_FILE"]) and step < steps
    if stopped or step % 4 == 0:
        folder = Path("output") / f"checkpoint-{step}"
        folder.mkdir(parents=True)
        (folder / "state").write_text(f"state {step}")
        write_marker(folder, step)
    if stopped:
        break
(Path("output") / "adapter.bin").write_text(Path("model/weights").read_text() + " trained")
emit("done", stopped=stopped)
sys.exit(int(sys.argv[2]))
"""


class Trainer:
    """Plays the trainer: reads the words of a runner and answers in the orders."""

    def __init__(self, store: Store, work: Path, inputs: list[Input], attended_seconds: float = 30) -> None:
        self.store = store
        self.words: list[dict] = []
        self.lines: list[str] = []
        self.orders = {
            "count": 1,
            "attendedSeconds": attended_seconds,
            "stop": None,
            "inputs": [vars(item) for item in inputs],
            "loans": {},
            "stored": [],
            "again": [],
        }
        self.gone: str | None = None
        self.write()
        self.work = work

    def write(self) -> None:
        self.orders["count"] += 1
        self.store.objects["/orders"] = json.dumps(self.orders).encode()

    def run(self, *arguments: str, answers: bool = True) -> "subprocess.Popen[bytes]":
        script = self.work.parent / "training.py"
        script.write_text(TRAINING)
        environment = {
            "PATH": os.environ.get("PATH", ""),
            "HOME": str(self.work / "home"),
            "PYTHONPATH": str(PACKAGE),
            "PYTHONDONTWRITEBYTECODE": "1",
            "ANNEAL_ORDERS_URL": self.store.url("/orders"),
            "ANNEAL_WORK": str(self.work),
            "ANNEAL_EVENTS": str(self.work / "events.jsonl"),
            "ANNEAL_STOP_FILE": str(self.work / "stop"),
            "ANNEAL_CHECKPOINT_SECONDS": "0.1",
            "ANNEAL_GRACE_SECONDS": "5",
            "ANNEAL_POLL_SECONDS": "0.05",
        }
        command = [sys.executable, "-m", "anneal_engine.pod_runner", "--", sys.executable, str(script), *arguments]
        self.process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE)
        self.reader = threading.Thread(target=self.listen, args=(answers,), daemon=True)
        self.reader.start()
        return self.process

    def listen(self, answers: bool) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            text = line.decode().rstrip("\n")
            if not text.startswith("@anneal "):
                self.lines.append(text)
                continue
            word = json.loads(text[len("@anneal ") :])
            self.words.append(word)
            if not answers:
                continue
            if word["word"] == "offer":
                self.orders["loans"][word["id"]] = {
                    path: {"uploadId": "u", "partBytes": 1 << 20, "urls": [self.store.url(f"/{word['id']}/{path}")]}
                    for path in word["files"]
                }
                self.write()
            if word["word"] == "sent":
                self.orders["again" if word["id"] == self.gone else "stored"].append(word["id"])
                self.write()

    def end(self) -> int:
        status = self.process.wait(timeout=30)
        self.reader.join(timeout=10)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return status

    def until(self, word: str, step: int = 0) -> None:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            for said in self.words:
                if said["word"] == word and (step == 0 or said["event"].get("step", 0) >= step):
                    return
            time.sleep(0.02)
        raise AssertionError(f"{word} was not said: {self.words}")

    def said(self, word: str) -> list[dict]:
        return [said for said in self.words if said["word"] == word]


class PodRunnerTest(StoreTest):
    def trainer(self, **options: float) -> Trainer:
        return Trainer(self.store, self.work, [input_of(self.store, "model/weights", b"weights")], **options)

    def steps(self, trainer: Trainer) -> list[int]:
        return [said["event"]["step"] for said in trainer.said("event") if said["event"]["event"] == "log"]

    def test_runs_a_training_and_delivers_what_it_made(self) -> None:
        trainer = self.trainer()
        trainer.run("6", "0")
        self.assertEqual(trainer.end(), 0)
        self.assertEqual(self.steps(trainer), [1, 2, 3, 4, 5, 6])
        result = trainer.said("offer")[-1]
        self.assertEqual((result["what"], list(result["files"])), ("result", ["adapter.bin"]))
        data = self.store.objects[f"/{result['id']}/adapter.bin"]
        self.assertEqual(data, b"weights trained")
        self.assertEqual(result["files"]["adapter.bin"]["sha256"], hashlib.sha256(data).hexdigest())
        checkpoint = trainer.said("offer")[0]
        self.assertEqual((checkpoint["what"], checkpoint["step"]), ("checkpoint", 4))
        self.assertEqual(sorted(checkpoint["files"]), ["anneal_complete.json", "state"])
        self.assertEqual([line.strip() for line in trainer.lines], ["loading"])

    def test_offers_again_what_was_removed_meanwhile(self) -> None:
        trainer = self.trainer()
        trainer.gone = "result-1"
        trainer.run("1", "0")
        self.assertEqual(trainer.end(), 0)
        self.assertEqual([offer["id"] for offer in trainer.said("offer")], ["result-1", "result-2"])
        self.assertEqual(trainer.orders["stored"], ["result-2"])

    def test_hands_on_the_exit_status_of_a_training_that_failed(self) -> None:
        trainer = self.trainer()
        trainer.run("2", "7")
        self.assertEqual(trainer.end(), 7)
        self.assertEqual(trainer.said("offer"), [])

    def test_stops_with_a_checkpoint_that_is_sent_when_kubernetes_says_so(self) -> None:
        trainer = self.trainer()
        trainer.run("400", "0")
        trainer.until("event", step=2)
        trainer.process.send_signal(signal.SIGTERM)
        self.assertEqual(trainer.end(), 0)
        self.assertLess(len(self.steps(trainer)), 400)
        last = trainer.said("offer")[-1]
        self.assertEqual((last["what"], last["step"]), ("checkpoint", self.steps(trainer)[-1]))
        self.assertIn(last["id"], trainer.orders["stored"])

    def test_ends_at_once_when_it_is_told_to(self) -> None:
        trainer = self.trainer()
        trainer.run("400", "0")
        trainer.until("event", step=2)
        trainer.orders["stop"] = "now"
        trainer.write()
        self.assertEqual(trainer.end(), 128 + signal.SIGKILL)
        self.assertNotIn("result", [offer["what"] for offer in trainer.said("offer")])

    def test_ends_by_itself_when_nobody_attends_to_it(self) -> None:
        trainer = self.trainer(attended_seconds=1.5)
        trainer.run("4000", "0", answers=False)
        trainer.until("event", step=1)
        self.assertEqual(trainer.end(), 0)
        self.assertTrue(trainer.said("unattended"))
        self.assertLess(len(self.steps(trainer)), 4000)

    def test_gives_up_a_result_that_nobody_takes(self) -> None:
        trainer = self.trainer(attended_seconds=1.5)
        trainer.run("1", "0", answers=False)
        self.assertEqual(trainer.end(), 71)
        [failed] = trainer.said("failed")
        self.assertEqual(failed["code"], "STORE_UNAVAILABLE")

    def test_says_why_it_has_no_inputs(self) -> None:
        trainer = self.trainer()
        del self.store.objects["/model/weights"]
        trainer.run("1", "0")
        self.assertEqual(trainer.end(), 70)
        [failed] = trainer.said("failed")
        self.assertEqual(failed["code"], "ARTIFACT_MISSING")

    def test_says_that_it_was_told_to_end_before_it_began(self) -> None:
        trainer = self.trainer()
        trainer.orders["inputs"] = None
        trainer.write()
        trainer.run("1", "0")
        time.sleep(1)
        trainer.process.send_signal(signal.SIGTERM)
        self.assertEqual(trainer.end(), 70)
        [failed] = trainer.said("failed")
        self.assertEqual(failed["code"], "KILLED")

    def test_says_that_nobody_gave_it_its_inputs(self) -> None:
        trainer = self.trainer(attended_seconds=1.5)
        trainer.orders["inputs"] = None
        trainer.write()
        trainer.run("1", "0")
        self.assertEqual(trainer.end(), 70)
        [failed] = trainer.said("failed")
        self.assertEqual(failed["code"], "STORE_UNAVAILABLE")


if __name__ == "__main__":
    unittest.main()
