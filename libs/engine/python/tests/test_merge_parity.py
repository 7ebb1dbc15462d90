"""The comparison of a merge finds what is wrong with it."""

import json
import tempfile
import unittest
from pathlib import Path
from types import SimpleNamespace

import pyarrow
import pyarrow.parquet
import torch
from safetensors.torch import save_file

from anneal_engine.merge_parity import Weights, compare_weights, prompt_of, read_rows, scaling

PREFIX = "base_model.model.layer"


class MergeParityTest(unittest.TestCase):
    def setUp(self) -> None:
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.folder = Path(scratch.name)
        random = torch.Generator().manual_seed(1)
        self.base = {
            "layer.weight": torch.randn(4, 6, generator=random),  # (out, in)
            "norm.weight": torch.randn(6, generator=random),
        }
        a = torch.randn(2, 6, generator=random)  # (r, in)
        b = torch.randn(4, 2, generator=random)  # (out, r)
        self.adapter = {f"{PREFIX}.lora_A.weight": a, f"{PREFIX}.lora_B.weight": b}
        self.merged = {**self.base, "layer.weight": self.base["layer.weight"] + 2.0 * (b @ a)}

    def weights(self, name: str, *shards: dict[str, torch.Tensor]) -> Weights:
        folder = self.folder / name
        folder.mkdir()
        for index, shard in enumerate(shards):
            save_file(shard, folder / f"model-{index}.safetensors")
        return Weights(folder)

    def compare(self, *merged: dict[str, torch.Tensor]) -> dict[str, object]:
        base, adapter = self.weights("base", self.base), self.weights("adapter", self.adapter)
        return compare_weights(base, adapter, self.weights("merged", *merged), factor=2.0)

    def test_an_exact_merge_has_no_difference(self) -> None:
        self.assertEqual(
            self.compare(self.merged),
            {"targets": 1, "changed": 1, "untouched": 1, "foreign": 0, "largestWeightDifference": 0.0},
        )

    def test_shards_are_read_as_one(self) -> None:
        layer, norm = ({name: tensor} for name, tensor in self.merged.items())
        self.assertEqual(self.compare(layer, norm)["foreign"], 0)

    def test_a_merge_that_did_nothing_is_seen(self) -> None:
        found = self.compare(self.base)
        self.assertEqual(found["changed"], 0)
        self.assertGreater(float(str(found["largestWeightDifference"])), 0.1)

    def test_tensors_of_other_origin_are_counted(self) -> None:
        foreign = {**self.merged, "norm.weight": self.base["norm.weight"] + 1, "extra.weight": torch.zeros(1)}
        self.assertEqual(self.compare(foreign)["foreign"], 2)

    def test_the_factor_is_that_of_the_kind_of_lora(self) -> None:
        self.assertEqual(scaling({"r": 16, "lora_alpha": 32}), 2.0)
        self.assertEqual(scaling({"r": 16, "lora_alpha": 32, "use_rslora": True}), 8.0)

    def test_prompts_end_before_the_answer_in_conversations_and_pairs(self) -> None:
        question, answer = {"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}
        rows = [{"messages": [question, answer]}, {"messages": [question], "chosen": "a", "rejected": "b"}]
        lines = self.folder / "train.jsonl"
        lines.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
        table = self.folder / "train.parquet"
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows[1:]), table)
        tokenizer = SimpleNamespace(chat_template=None)
        self.assertEqual([prompt_of(row, tokenizer) for row in read_rows(lines, 8)], ["q", "q"])
        self.assertEqual([prompt_of(row, tokenizer) for row in read_rows(table, 8)], ["q"])


if __name__ == "__main__":
    unittest.main()
