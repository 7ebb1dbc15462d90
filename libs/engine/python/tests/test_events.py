"""Events are whole lines of strict JSON, written by the first process only."""

import json
import os
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from anneal_engine.events import emit


class EventsTest(unittest.TestCase):
    def setUp(self) -> None:
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.path = Path(scratch.name) / "events.jsonl"

    def environment(self, **extra: str) -> mock._patch_dict:
        return mock.patch.dict(os.environ, {"ANNEAL_EVENTS": str(self.path), **extra})

    def test_appends_one_line_an_event(self) -> None:
        with self.environment():
            emit("log", step=1, loss=0.5)
            emit("log", step=2, loss=0.25)
        lines = [json.loads(line) for line in self.path.read_text().splitlines()]
        self.assertEqual([(line["event"], line["step"], line["loss"]) for line in lines], [("log", 1, 0.5), ("log", 2, 0.25)])
        self.assertTrue(all(line["pid"] == os.getpid() and line["time"] > 0 for line in lines))

    def test_writes_numbers_that_are_not_finite_as_words(self) -> None:
        with self.environment():
            emit("log", loss=float("nan"), nested={"high": float("inf"), "low": [float("-inf")]})
        line = json.loads(self.path.read_text(), parse_constant=self.fail)
        self.assertEqual((line["loss"], line["nested"]), ("NaN", {"high": "Infinity", "low": ["-Infinity"]}))

    def test_keeps_silent_on_other_ranks_and_without_a_file(self) -> None:
        with self.environment(RANK="1"):
            emit("log", step=1)
        with mock.patch.dict(os.environ):
            os.environ.pop("ANNEAL_EVENTS", None)
            emit("log", step=1)
        self.assertFalse(self.path.exists())


if __name__ == "__main__":
    unittest.main()
