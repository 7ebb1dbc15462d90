"""What is chosen of a task of lm-eval is the same everywhere, and an item is named by all that it asks."""

import json
import tempfile
import unittest
from pathlib import Path
from types import SimpleNamespace

from anneal_engine.lm_eval_loading import Part, choose, choose_each, holds, shares
from anneal_engine.lm_eval_prompts import Conversation, as_conversation
from anneal_engine.lm_eval_task import (
    UnusableAnswer,
    demanding,
    digest_of,
    instances_of,
    plain,
    scoring_of,
    write_lines,
)


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


    def test_each_task_of_a_group_keeps_its_share(self) -> None:
        self.assertEqual(shares([4, 8], 9), [3, 6])
        self.assertEqual(shares([1, 1, 1], 2), [1, 1, 0])
        self.assertEqual(sum(shares([7, 11, 13, 100], 50)), 50)
        few, many = choose_each([4, 8], 9, 42)
        self.assertEqual((few, many), (choose(4, 3, 42), choose(8, 6, 42)))
        self.assertEqual(choose_each([4, 8], 12, 42), [None, None])
        # One task alone is chosen from as it always was.
        self.assertEqual(choose_each([100], 10, 42), [choose(100, 10, 42)])

    def test_an_empty_choice_is_not_asked(self) -> None:
        part = Part("sums", SimpleNamespace(), shots=0, size=9, chosen=[], in_group=True)
        self.assertFalse(part.is_asked)


class GroupTest(unittest.TestCase):
    def test_own_folders_are_enough_only_with_all_members(self) -> None:
        index = {
            "sums": SimpleNamespace(cfg={"task": "sums"}),
            "tag": SimpleNamespace(cfg=None),
            "group": SimpleNamespace(cfg={"group": "group", "task": ["sums", "tag", {"task": "sums", "repeats": 1}]}),
            "wide": SimpleNamespace(cfg={"group": "wide", "task": [{"group": "in", "task": ["group", "arc_easy"]}]}),
            "inline": SimpleNamespace(cfg={"group": "inline", "task": [{"task": "new", "dataset_path": "json"}]}),
        }
        self.assertTrue(holds(index, ["sums"]) and holds(index, ["group"]) and holds(index, ["inline"]))
        self.assertFalse(holds(index, ["arc_easy"]) or holds(index, ["wide"]))


class ConversationTest(unittest.TestCase):
    def test_it_is_a_text_that_names_all_of_its_messages(self) -> None:
        messages = [{"role": "user", "content": "Wie geht es?"}]
        conversation = as_conversation(messages, add_generation_prompt=True)
        self.assertIsInstance(conversation, Conversation)
        self.assertEqual((json.loads(conversation), conversation.messages), (messages, messages))


class ServerTest(unittest.TestCase):
    def test_what_has_no_choice_is_no_empty_answer(self) -> None:
        lm = demanding(SimpleNamespace(parse_generations=lambda outputs, **_: ["" for _ in outputs]))
        self.assertEqual(lm.parse_generations(outputs=[{"choices": [{}]}]), [""])
        for broken in ({}, {"choices": []}, [{"error": "busy"}], "half a"):
            with self.assertRaises(UnusableAnswer):
                lm.parse_generations(outputs=broken)


class ItemsTest(unittest.TestCase):
    def test_requests_are_gathered_by_document_and_named_as_in_the_data(self) -> None:
        task = SimpleNamespace(instances=[instance(0, 1, "q", "b"), instance(1, 0, "r"), instance(0, 0, "q", "a")])
        part = Part("sums", task, shots=0, size=9, chosen=[3, 8], in_group=True)
        found = [(part.item(document), [one.args[-1] for one in own]) for document, own in instances_of(part)]
        self.assertEqual(found, [("sums/3", ["a", "b"]), ("sums/8", ["r"])])

    def test_a_digest_tells_apart_what_is_asked_and_what_is_expected(self) -> None:
        given = {
            digest_of([instance(0, 0, "q", "a")], 0, "acc"),
            digest_of([instance(0, 0, "q", "b")], 0, "acc"),
            digest_of([instance(0, 0, "q", "a")], 1, "acc"),
            digest_of([instance(0, 0, "q", "a")], 0, "exact_match"),
            digest_of([instance(0, 0, "q", "a"), instance(0, 1, "q", "b")], 0, "acc"),
        }
        self.assertEqual(len(given), 5)

    def test_how_answers_are_read_is_told_by_filters_and_metrics_and_not_by_places_in_memory(self) -> None:
        def task(pattern: str, **more: object) -> SimpleNamespace:
            config = {"filter_list": [{"name": "first", "filter": [{"function": "regex", "regex_pattern": pattern}]}]}
            return SimpleNamespace(dump_config=lambda: {**config, **more})

        self.assertEqual(scoring_of(task("a")), scoring_of(task("a", metadata={"version": 2})))
        self.assertNotEqual(scoring_of(task("a")), scoring_of(task("b")))
        self.assertNotEqual(scoring_of(task("a")), scoring_of(task("a", metric_list=[{"metric": "acc"}])))
        places = [scoring_of(task("a", process_results=f"<function f at 0x{place}>")) for place in ("7f0", "1ab")]
        self.assertEqual(*places)


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
