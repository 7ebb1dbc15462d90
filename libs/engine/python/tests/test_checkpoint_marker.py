"""The marker tells a whole checkpoint from a damaged one."""

import json
import tempfile
import unittest
from pathlib import Path

from anneal_engine.checkpoint_marker import MARKER_NAME, problem_with, write_marker


class CheckpointMarkerTest(unittest.TestCase):
    def setUp(self) -> None:
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.checkpoint = Path(scratch.name) / "checkpoint-7"
        (self.checkpoint / "global_step7").mkdir(parents=True)
        (self.checkpoint / "optimizer.pt").write_bytes(b"moments")
        (self.checkpoint / "global_step7" / "shard.pt").write_bytes(b"weights")

    def test_lists_every_file_with_size_and_digest(self) -> None:
        files = write_marker(self.checkpoint, 7)
        marker = json.loads((self.checkpoint / MARKER_NAME).read_text())
        self.assertEqual(marker, {"step": 7, "files": files})
        self.assertEqual(sorted(files), ["global_step7/shard.pt", "optimizer.pt"])
        # sha256 of b"moments", computed with coreutils
        digest = "690a8d18f75dfaa79dd8134ac62cdad42fffe0f34cb78dd14e2d3aae3ae83ad3"
        self.assertEqual(files["optimizer.pt"], {"size": 7, "sha256": digest})

    def test_leaves_nothing_else_behind_and_can_be_repeated(self) -> None:
        first = write_marker(self.checkpoint, 7)
        self.assertEqual(write_marker(self.checkpoint, 7), first)
        names = sorted(path.name for path in self.checkpoint.iterdir())
        self.assertEqual(names, [MARKER_NAME, "global_step7", "optimizer.pt"])

    def test_accepts_a_whole_checkpoint(self) -> None:
        write_marker(self.checkpoint, 7)
        self.assertIsNone(problem_with(self.checkpoint))

    def test_says_what_is_wrong(self) -> None:
        optimizer = self.checkpoint / "optimizer.pt"
        damages = [
            (lambda: optimizer.unlink(), "optimizer.pt is missing"),
            (lambda: optimizer.write_bytes(b"mom"), "optimizer.pt has 3 bytes, not 7"),
            (lambda: optimizer.write_bytes(b"MOMENTS"), "optimizer.pt has other contents"),
            (lambda: (self.checkpoint / MARKER_NAME).write_text('{"files": [1]}'), "unreadable marker"),
            (lambda: (self.checkpoint / MARKER_NAME).write_text('{"st'), "unreadable marker"),
            (lambda: (self.checkpoint / MARKER_NAME).unlink(), "no marker"),
        ]
        for damage, problem in damages:
            with self.subTest(problem):
                optimizer.write_bytes(b"moments")
                write_marker(self.checkpoint, 7)
                damage()
                self.assertEqual(problem_with(self.checkpoint), problem)


if __name__ == "__main__":
    unittest.main()
