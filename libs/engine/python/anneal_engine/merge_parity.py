"""Proves that a merged model is its base model plus the adapter.

    python -m anneal_engine.merge_parity --base DIR --adapter DIR --merged DIR --prompts ROWS.parquet [--rows 8]

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
# Of a plain text, which has no question: enough to give both models something to go on.
PLAIN_CHARACTERS = 1000


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


def read_rows(path: Path, rows: int) -> list[dict[str, Any]]:
    """The first rows of a prepared set: a parquet file, or lines of JSON as earlier versions wrote them."""
    if path.suffix == ".parquet":
        import pyarrow.parquet

        with pyarrow.parquet.ParquetFile(path) as file:
            batch = next(file.iter_batches(batch_size=rows), None)
            return [] if batch is None else batch.to_pylist()[:rows]
    with path.open(encoding="utf-8") as lines:
        return [json.loads(line) for _, line in zip(range(rows), lines, strict=False)]


def prompt_of(row: dict[str, Any], tokenizer: Any) -> str:
    """What stands before the last answer of a row or before both of a pair, or the beginning of a plain text."""
    if row.get("text") is not None:
        return str(row["text"])[:PLAIN_CHARACTERS]
    messages, tools = parsed(row["messages"]), parsed(row.get("tools"))
    # A preference pair has its answers beside what was asked.
    before = messages if row.get("chosen") is not None else messages[:-1]
    asked = [{key: value for key, value in turn.items() if key != "train"} for turn in before]
    if tokenizer.chat_template is None:
        return "\n\n".join(turn["content"] for turn in asked)
    text: str = tokenizer.apply_chat_template(asked, tools=tools, tokenize=False, add_generation_prompt=True)
    return text


def parsed(value: Any) -> Any:
    """Conversations with calls are stored as JSON text."""
    return json.loads(value) if isinstance(value, str) else value


def compare_logits(base: Path, adapter: Path, merged: Path, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Largest difference of the next-token logits, and whether both choose the same token everywhere."""
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(merged)
    adapted = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base, dtype="auto"), adapter).eval()
    whole = AutoModelForCausalLM.from_pretrained(merged, dtype="auto").eval()
    worst = 0.0
    same = True
    for row in rows:
        inputs = tokenizer(prompt_of(row, tokenizer), return_tensors="pt", add_special_tokens=False)
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
    rows = read_rows(arguments.prompts, arguments.rows)
    logits = compare_logits(arguments.base, arguments.adapter, arguments.merged, rows)
    print_result(**weights, **logits)


if __name__ == "__main__":
    main()
