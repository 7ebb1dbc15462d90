"""A generation goes on where a killed one was, and cuts answers where they end."""

import contextlib
import io
import json
import tempfile
import unittest
from collections.abc import Iterator
from pathlib import Path

from anneal_engine.generate import (
    Answer,
    Prompt,
    cut_at_stop,
    finished_ids,
    generate_missing,
    in_batches,
    read_items,
    trim,
)


def answer_all(batch: list[Prompt]) -> list[Answer]:
    """Stands for the model: the answer is the number of prompt tokens."""
    return [Answer(p.id, str(len(p.token_ids)), "stop", len(p.token_ids), 1, 0.1) for p in batch]


class OutputTest(unittest.TestCase):
    def setUp(self) -> None:
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.output = Path(scratch.name) / "answers.jsonl"
        self.prompts = [Prompt(f"item-{length}", [0] * length) for length in (3, 1, 2, 9)]

    def ids(self) -> list[str]:
        return [json.loads(line)["id"] for line in self.output.read_text().splitlines()]

    def test_nothing_is_finished_without_an_output(self) -> None:
        self.assertEqual(finished_ids(self.output), set())

    def test_every_batch_is_in_the_output_before_the_next_begins(self) -> None:
        seen: list[int] = []

        def complete(batch: list[Prompt]) -> list[Answer]:
            seen.append(len(self.ids()))
            return answer_all(batch)

        tokens = generate_missing(self.prompts, self.output, 2, lambda _: True, complete)
        self.assertEqual((seen, tokens), ([0, 2], 4))
        self.assertEqual(self.ids(), ["item-1", "item-2", "item-3", "item-9"])

    def test_a_killed_generation_loses_only_its_current_batch(self) -> None:
        def killed_at_the_second(batch: list[Prompt]) -> list[Answer]:
            if len(self.ids()) == 2:
                raise KeyboardInterrupt
            return answer_all(batch)

        with self.assertRaises(KeyboardInterrupt):
            generate_missing(self.prompts, self.output, 2, lambda _: True, killed_at_the_second)
        self.assertEqual(finished_ids(self.output), {"item-1", "item-2"})

    def test_a_line_cut_short_is_removed(self) -> None:
        whole = Answer("ä", "text", "stop", 1, 1, 0.0).to_line()
        self.output.write_text(whole + '{"id": "b", "te', encoding="utf-8")
        self.assertEqual(finished_ids(self.output), {"ä"})
        self.assertEqual(self.output.read_text(encoding="utf-8"), whole)

    def test_what_does_not_fit_is_said_and_not_asked(self) -> None:
        generate_missing(self.prompts, self.output, 8, lambda prompt: len(prompt.token_ids) < 9, answer_all)
        lines = [json.loads(line) for line in self.output.read_text().splitlines()]
        self.assertEqual([line["id"] for line in lines if line["finish"] == "too_long"], ["item-9"])
        self.assertEqual(len(lines), 4)


class InputTest(unittest.TestCase):
    def setUp(self) -> None:
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.input = Path(scratch.name) / "items.jsonl"

    @contextlib.contextmanager
    def refused(self, message: str) -> Iterator[None]:
        errors = io.StringIO()
        with contextlib.redirect_stderr(errors), self.assertRaises(SystemExit) as caught:
            yield
        self.assertEqual(caught.exception.code, 3)
        self.assertRegex(errors.getvalue(), message)

    def test_reads_prompts_and_messages(self) -> None:
        self.input.write_text('{"id": "a", "prompt": "x"}\n\n{"id": "b", "messages": []}\n')
        self.assertEqual([item["id"] for item in read_items(self.input)], ["a", "b"])

    def test_refuses_what_it_could_not_answer(self) -> None:
        bad = {
            '{"id": "a"}': "Line 1 .* either prompt or messages",
            '{"id": "a", "prompt": "x", "messages": []}': "Line 1 .* either prompt or messages",
            '{"id": 1, "prompt": "x"}': "Line 1 .* text id",
            "[]": "Line 1",
            '{"id": "a", "pro': "Line 1",
            '{"id": "a", "prompt": "x"}\n{"id": "a", "prompt": "y"}': "Line 2 .* repeats the id 'a'",
        }
        for content, message in bad.items():
            with self.subTest(content):
                self.input.write_text(content)
                with self.refused(message):
                    read_items(self.input)

    def test_says_that_there_is_no_input(self) -> None:
        with self.refused("cannot be read: No such file"):
            read_items(self.input)


class AnswerTest(unittest.TestCase):
    def test_an_answer_ends_at_its_first_end_token(self) -> None:
        self.assertEqual(trim([5, 6, 2, 2], [2], pad_id=2), ([5, 6], True))
        self.assertEqual(trim([5, 6, 1, 0], [1, 2], pad_id=0), ([5, 6], True))

    def test_padding_is_no_end(self) -> None:
        self.assertEqual(trim([5, 6, 0, 0], [2], pad_id=0), ([5, 6], False))
        self.assertEqual(trim([5, 0, 6], [2], pad_id=0), ([5, 0, 6], False))

    def test_a_stop_text_is_cut_off_with_what_follows(self) -> None:
        self.assertEqual(cut_at_stop("one\nQuestion: two", ["Question:", "\n"]), ("one", True))
        self.assertEqual(cut_at_stop("one", ["Question:"]), ("one", False))

    def test_batches_hold_prompts_of_similar_length(self) -> None:
        prompts = [Prompt(str(length), [0] * length) for length in (9, 1, 8, 2, 5)]
        lengths = [[len(prompt.token_ids) for prompt in batch] for batch in in_batches(prompts, 2)]
        self.assertEqual(lengths, [[1, 2], [5, 8], [9]])


if __name__ == "__main__":
    unittest.main()
