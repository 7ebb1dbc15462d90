"""What is chosen of a task of lm-eval is the same everywhere, and an item is named by all that it asks."""

import json
import tempfile
import unittest
from pathlib import Path
from types import SimpleNamespace

from anneal_engine.lm_eval_task import choose, digest_of, instances_of, plain, write_lines


def instance(document: int, index: int, *args: object) -> SimpleNamespace:
    return SimpleNamespace(doc_id=document, idx=index, args=args)


class ChoiceTest(unittest.TestCase):
    def test_all_are_asked_without_a_limit_below_their_number(self) -> None:
        self.assertIsNone(choose(5, None, 42))
        self.assertIsNone(choose(5, 5, 42))

    def test_a_choice_is_in_order_and_depends_on_the_seed_alone(self) -> None:
        chosen = choose(100, 10, 42)
        self.assertEqual(chosen, sorted(chosen or []))
        self.assertEqual(chosen, choose(100, 10, 42))
        self.assertNotEqual(chosen, choose(100, 10, 43))
        # A larger choice holds the smaller one.
        self.assertLess(set(chosen or []), set(choose(100, 20, 42) or []))


class ItemsTest(unittest.TestCase):
    def test_requests_are_gathered_by_document_and_named_as_in_the_data(self) -> None:
        task = SimpleNamespace(instances=[instance(0, 1, "q", "b"), instance(1, 0, "r"), instance(0, 0, "q", "a")])
        found = [(document, [one.args[-1] for one in own]) for document, own in instances_of(task, [3, 8])]
        self.assertEqual(found, [(3, ["a", "b"]), (8, ["r"])])

    def test_a_digest_tells_apart_what_is_asked_and_what_is_expected(self) -> None:
        given = {
            digest_of([instance(0, 0, "q", "a")], 0),
            digest_of([instance(0, 0, "q", "b")], 0),
            digest_of([instance(0, 0, "q", "a")], 1),
            digest_of([instance(0, 0, "q", "a"), instance(0, 1, "q", "b")], 0),
        }
        self.assertEqual(len(given), 4)


class OutputTest(unittest.TestCase):
    def test_a_file_appears_when_it_is_whole(self) -> None:
        with tempfile.TemporaryDirectory() as scratch:
            path = Path(scratch) / "items.jsonl"

            def broken():
                yield {"id": "0"}
                raise KeyboardInterrupt

            with self.assertRaises(KeyboardInterrupt):
                write_lines(path, broken())
            self.assertFalse(path.exists())
            write_lines(path, [{"id": "0", "right": SimpleNamespace(item=lambda: True)}])
            self.assertEqual(json.loads(path.read_text()), {"id": "0", "right": True})

    def test_what_json_does_not_know_is_a_text(self) -> None:
        self.assertEqual(plain(Path("a")), "a")


if __name__ == "__main__":
    unittest.main()
