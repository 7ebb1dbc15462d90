"""What a preference training learns from is counted as for one on answers: without prompts."""

import unittest

from anneal_engine.pair_tokens import answer_tokens, learnt_by


class PairTokensTest(unittest.TestCase):
    def test_both_answers_count_and_the_prompt_does_not(self) -> None:
        pairs = [
            {"prompt_ids": [1, 2, 3], "chosen_ids": [4, 5], "rejected_ids": [6]},
            {"prompt_ids": [1], "chosen_ids": [4], "rejected_ids": [5, 6, 7]},
        ]
        self.assertEqual(answer_tokens(pairs), 7)
        self.assertEqual(answer_tokens([]), 0)

    def test_they_grow_with_the_epochs(self) -> None:
        self.assertEqual([learnt_by(epoch, 7) for epoch in (None, 0.0, 0.5, 1.0, 3.0)], [0, 0, 4, 7, 21])


if __name__ == "__main__":
    unittest.main()
