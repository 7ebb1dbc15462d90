"""Proves that a merged model is its base model plus the adapter.

    python -m anneal_engine.merge_parity --base DIR --adapter DIR --merged DIR --prompts ROWS.jsonl [--rows 8]

Weights: every tensor that the adapter changes is compared with W + (alpha / r) B A, computed in float32 (plain LoRA and
rsLoRA; Hu et al. 2021, arXiv 2106.09685, section 4.1); every other one must equal the base's. Logits: base with adapter
against the merged model, on the last position of real conversations. Prints one JSON object:

    {"targets", "changed", "untouched", "foreign", "largestWeightDifference", "largestLogitDifference", "sameNextToken"}

`foreign` counts tensors outside the adapter that differ from the base's, which should be none.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anneal_engine.output import fail, print_result

if TYPE_CHECKING:
    import torch

ADAPTER_PREFIX = "base_model.model."


class Weights:
    """The tensors of a folder of safetensors, single or sharded, read one by one."""

    def __init__(self, folder: Path) -> None:
        from safetensors import safe_open

        self._files = {}
        for path in sorted(folder.glob("*.safetensors")):
            file = safe_open(path, framework="pt")
            for name in file.keys():
                self._files[name] = file
        if not self._files:
            fail(f"{folder} holds no safetensors")

    def names(self) -> set[str]:
        """Names of all tensors."""
        return set(self._files)

    def get(self, name: str) -> torch.Tensor:
        """One tensor, in its stored type."""
        tensor: torch.Tensor = self._files[name].get_tensor(name)
        return tensor


def scaling(config: dict[str, Any]) -> float:
    """Factor of B A in the merged weight: alpha / r, or alpha / sqrt(r) for rsLoRA."""
    rank = float(config["r"])
    return float(config["lora_alpha"]) / (math.sqrt(rank) if config.get("use_rslora") else rank)


def adapter_pairs(adapter: Weights) -> Iterator[tuple[str, str, str]]:
    """(name of the base weight, name of A, name of B) for every module that the adapter changes."""
    for name in sorted(adapter.names()):
        if ".lora_A." in name:
            base_name = name.removeprefix(ADAPTER_PREFIX).replace(".lora_A.weight", ".weight")
            yield base_name, name, name.replace(".lora_A.", ".lora_B.")


def compare_weights(base: Weights, adapter: Weights, merged: Weights, factor: float) -> dict[str, Any]:
    """Every tensor of the merged model against what it must be."""
    import torch

    worst = 0.0
    changed = 0
    targets: set[str] = set()
    for name, a_name, b_name in adapter_pairs(adapter):
        targets.add(name)
        weight, result = base.get(name), merged.get(name)
        a, b = adapter.get(a_name).float(), adapter.get(b_name).float()  # (r, in), (out, r)
        expected = (weight.float() + factor * (b @ a)).to(result.dtype).float()
        worst = max(worst, float((expected - result.float()).abs().max()))
        changed += int(not torch.equal(weight, result))
    others = base.names() - targets
    equal = sum(1 for name in others if name in merged.names() and torch.equal(base.get(name), merged.get(name)))
    return {
        "targets": len(targets),
        "changed": changed,
        "untouched": equal,
        "foreign": len(others) - equal + len(merged.names() - base.names()),
        "largestWeightDifference": worst,
    }


def read_conversations(path: Path, rows: int) -> list[list[dict[str, str]]]:
    """The first conversations of a JSONL file, each without the answer to its last question."""
    conversations = []
    with path.open(encoding="utf-8") as file:
        for line in file:
            if len(conversations) == rows:
                break
            row = json.loads(line)
            # A preference pair has its answers beside what was asked.
            conversations.append(row["messages"] if "chosen" in row else row["messages"][:-1])
    return conversations


def compare_logits(base: Path, adapter: Path, merged: Path, conversations: list[list[dict[str, str]]]) -> dict[str, Any]:
    """Largest difference of the next-token logits, and whether both choose the same token everywhere."""
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(merged)
    adapted = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base, dtype="auto"), adapter).eval()
    whole = AutoModelForCausalLM.from_pretrained(merged, dtype="auto").eval()
    worst = 0.0
    same = True
    for messages in conversations:
        text = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        inputs = tokenizer(text, return_tensors="pt", add_special_tokens=False)
        with torch.inference_mode():
            left = adapted(**inputs).logits[0, -1].float()  # (vocabulary,)
            right = whole(**inputs).logits[0, -1].float()
        worst = max(worst, float((left - right).abs().max()))
        same = same and int(left.argmax()) == int(right.argmax())
    return {"largestLogitDifference": worst, "sameNextToken": same}


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(prog="anneal_engine.merge_parity", description=__doc__)
    for name in ("base", "adapter", "merged", "prompts"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--rows", type=int, default=8)
    arguments = parser.parse_args()
    config = json.loads((arguments.adapter / "adapter_config.json").read_text(encoding="utf-8"))
    weights = compare_weights(
        Weights(arguments.base), Weights(arguments.adapter), Weights(arguments.merged), scaling(config)
    )
    conversations = read_conversations(arguments.prompts, arguments.rows)
    logits = compare_logits(arguments.base, arguments.adapter, arguments.merged, conversations)
    print_result(**weights, **logits)


if __name__ == "__main__":
    main()
