"""Axolotl's own schema: the generated file is current, and misspelt keys are found."""

import json
import unittest
from pathlib import Path
from typing import Any

from anneal_engine.check_config import unknown_key_errors, unknown_keys, validation_errors
from anneal_engine.config_schema import describe

GENERATED = Path(__file__).parents[2] / "generated" / "axolotl-schema.json"


def config(**changes: Any) -> dict[str, Any]:
    """A small valid LoRA configuration for the CPU."""
    return {
        "base_model": "model",
        "datasets": [{"path": "rows.jsonl", "ds_type": "json", "type": "chat_template", "field_messages": "messages"}],
        "adapter": "lora",
        "lora_r": 8,
        "lora_alpha": 16,
        "lora_target_linear": True,
        "bf16": False,
        "learning_rate": 0.0005,
        "micro_batch_size": 1,
        "gradient_accumulation_steps": 1,
        "plugins": ["anneal_engine.reporter.ReporterPlugin"],
        **changes,
    }


class SchemaTest(unittest.TestCase):
    def test_the_generated_file_is_that_of_the_installed_axolotl(self) -> None:
        self.assertEqual(
            json.loads(GENERATED.read_text(encoding="utf-8")),
            describe(),
            "regenerate it: python -m anneal_engine.config_schema > ../generated/axolotl-schema.json",
        )

    def test_holds_both_spellings_of_a_key_with_an_alias(self) -> None:
        self.assertLessEqual({"revision_of_model", "model_revision", "base_model"}, set(describe()["root"]))


class CheckConfigTest(unittest.TestCase):
    def test_accepts_a_good_configuration(self) -> None:
        self.assertEqual(unknown_keys(config()), [])
        self.assertEqual(validation_errors(config(), gpus=0, compute_capability="sm_90"), [])

    def test_finds_misspelt_keys_that_axolotl_ignores(self) -> None:
        misspelt = config(learning_rte=1, datasets=[{"path": "x", "type": "chat_template", "field_mesages": "m"}])
        self.assertEqual(
            unknown_keys(misspelt),
            [
                "the configuration has no key learning_rte, did you mean learning_rate.",
                "datasets[0] has no key field_mesages, did you mean field_messages.",
            ],
        )
        sharded = config(fsdp_config={"ofload_params": False})
        self.assertEqual(unknown_keys(sharded), ["fsdp_config has no key ofload_params, did you mean offload_params."])
        self.assertEqual(unknown_key_errors(["zzz"], ["adapter"], "it"), ["it has no key zzz."])

    def test_finds_what_axolotl_refuses(self) -> None:
        for changes, message in [
            ({"micro_batch_size": "many"}, "micro_batch_size"),
            ({"save_steps": 5, "saves_per_epoch": 1}, "save"),
            ({"adapter": "qlora", "load_in_4bit": False}, "4bit"),
        ]:
            with self.subTest(message):
                errors = validation_errors(config(**changes), gpus=1, compute_capability="sm_90")
                self.assertRegex(" ".join(errors), message)


if __name__ == "__main__":
    unittest.main()
