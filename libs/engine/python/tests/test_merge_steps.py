"""The steps of a merge in a pod, with commands of a few lines in the place of the engine's."""

import json
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]
PATTERN = r"^(tokenizer.*\.json|chat_template\.jinja)$"


class MergeStepsTest(unittest.TestCase):
    def setUp(self) -> None:
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.work = Path(scratch.name)
        (self.work / "adapter").mkdir()
        (self.work / "adapter" / "tokenizer.json").write_text("trained")
        (self.work / "adapter" / "adapter_config.json").write_text("{}")

    def run_steps(self, merge: str, compare: str) -> subprocess.CompletedProcess[str]:
        commands = ["--", sys.executable, "-c", merge, "--", sys.executable, "-c", compare]
        options = ["--adapter=adapter", "--merged=output/merged", f"--tokenizer={PATTERN}"]
        return subprocess.run(
            [sys.executable, "-m", "anneal_engine.merge_steps", *options, *commands],
            cwd=self.work,
            env={**os.environ, "PYTHONPATH": str(PACKAGE), "ANNEAL_EVENTS": str(self.work / "events.jsonl")},
            capture_output=True,
            text=True,
            check=False,
        )

    def events(self) -> list[tuple[str, str, str | None]]:
        lines = (self.work / "events.jsonl").read_text().splitlines()
        return [(event["event"], event["step"], event.get("text")) for event in map(json.loads, lines)]

    def merge_of(self, *files: str) -> str:
        writes = "; ".join(f"(m / {name!r}).write_text('base')" for name in files)
        return f"from pathlib import Path; m = Path('output/merged'); m.mkdir(parents=True); {writes}; print('merged')"

    def test_merges_gives_the_trained_tokenizer_and_compares(self) -> None:
        names = "import os; print(sorted(os.listdir('output/merged')))"
        done = self.run_steps(self.merge_of("model.safetensors", "tokenizer.json", "tokenizer_config.json"), names)
        self.assertEqual(done.returncode, 0, done.stderr)
        kept = "['model.safetensors', 'tokenizer.json']\n"
        self.assertEqual(done.stdout, f"merged\n{kept}")
        self.assertEqual((self.work / "output/merged/tokenizer.json").read_text(), "trained")
        said = [("said", "merge", "merged\n"), ("said", "compare", kept)]
        self.assertEqual(self.events(), [("step", "merge", None), said[0], ("step", "compare", None), said[1]])

    def test_keeps_the_tokenizer_of_the_base_when_the_training_left_none(self) -> None:
        (self.work / "adapter" / "tokenizer.json").unlink()
        self.assertEqual(self.run_steps(self.merge_of("tokenizer.json"), "pass").returncode, 0)
        self.assertEqual((self.work / "output/merged/tokenizer.json").read_text(), "base")

    def test_ends_with_the_status_of_the_step_that_failed(self) -> None:
        self.assertEqual(self.run_steps("raise SystemExit(7)", "print('compared')").returncode, 7)
        self.assertEqual(self.events(), [("step", "merge", None)])
        killed = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
        self.assertEqual(self.run_steps(self.merge_of("a"), killed).returncode, 137)

    def test_says_that_a_merge_wrote_nothing(self) -> None:
        done = self.run_steps("pass", "print('compared')")
        self.assertEqual((done.returncode, done.stdout), (3, ""))
        self.assertIn("wrote no model", done.stderr)

    def test_needs_two_commands(self) -> None:
        done = subprocess.run(
            [sys.executable, "-m", "anneal_engine.merge_steps", "--", "true"],
            env={**os.environ, "PYTHONPATH": str(PACKAGE)},
            capture_output=True,
            text=True,
            check=False,
        )
        self.assertEqual((done.returncode, done.stderr), (2, "Two commands are needed, each after --.\n"))


if __name__ == "__main__":
    unittest.main()
