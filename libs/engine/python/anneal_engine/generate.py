"""Greedy batch generation that survives being killed.

    python -m anneal_engine.generate --model DIR --input ITEMS.jsonl --output ANSWERS.jsonl
        [--batch-size 8] [--max-new-tokens 64] [--stop TEXT ...] [--threads N] [--dtype auto] [--device auto]

Each input line is {"id", "prompt"} (completed as it is) or {"id", "messages"} (rendered by the tokenizer's chat template,
with the opening of the assistant's turn). Every finished batch is appended to the output, one line an item:

    {"id", "text", "finish": "stop"|"length"|"too_long", "promptTokens", "tokens", "seconds"}

`seconds` is the item's share of its batch. Items whose id is already in the output are skipped, so the same command goes
on where a killed one was; the number of lines is the progress. Prints {items, generated, skipped, newTokens, seconds}.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from anneal_engine.output import EXIT_USAGE, fail, print_result

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

Finish = Literal["stop", "length", "too_long"]


@dataclass(frozen=True)
class Prompt:
    """An item ready for the model: its token ids carry the special tokens that it needs."""

    id: str
    token_ids: list[int]


@dataclass(frozen=True)
class Answer:
    """What the model wrote for one item; `tokens` counts neither padding nor the end-of-turn token."""

    id: str
    text: str
    finish: Finish
    prompt_tokens: int
    tokens: int
    seconds: float

    def to_line(self) -> str:
        """The answer as one line of the output file."""
        record = {
            "id": self.id,
            "text": self.text,
            "finish": self.finish,
            "promptTokens": self.prompt_tokens,
            "tokens": self.tokens,
            "seconds": round(self.seconds, 3),
        }
        return json.dumps(record, ensure_ascii=False) + "\n"


def read_items(path: Path) -> list[dict[str, Any]]:
    """The items of the input file; ends the script if one has no id of its own, or neither prompt nor messages."""
    items: list[dict[str, Any]] = []
    seen: set[str] = set()
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except OSError as error:
        fail(f"The input {path} cannot be read: {error.strerror}.")
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            item = json.loads(line)
            identifier = item["id"]
            well_formed = isinstance(identifier, str) and ("prompt" in item) != ("messages" in item)
        except (ValueError, KeyError, TypeError):
            well_formed = False
        if not well_formed:
            fail(f"Line {number} of {path} is no object with a text id and either prompt or messages.")
        if identifier in seen:
            fail(f"Line {number} of {path} repeats the id {identifier!r}.")
        seen.add(identifier)
        items.append(item)
    return items


def finished_ids(output: Path) -> set[str]:
    """Ids already answered. A last line that a kill cut short is removed from the file."""
    if not output.exists():
        return set()
    content = output.read_bytes()
    whole = content.rfind(b"\n") + 1
    if whole < len(content):
        with output.open("r+b") as file:
            file.truncate(whole)
    return {json.loads(line)["id"] for line in content[:whole].splitlines() if line.strip()}


def trim(ids: list[int], eos_ids: Iterable[int], pad_id: int) -> tuple[list[int], bool]:
    """Cuts a row of new token ids at its first end token and strips padding; True if it had ended by itself."""
    ends = set(eos_ids)
    for index, token in enumerate(ids):
        if token in ends:
            return ids[:index], True
    last = len(ids)
    while last > 0 and ids[last - 1] == pad_id:
        last -= 1
    return ids[:last], False


def cut_at_stop(text: str, stops: Iterable[str]) -> tuple[str, bool]:
    """The text before the first stop string; True if one was there."""
    positions = [position for position in (text.find(stop) for stop in stops) if position >= 0]
    return (text[: min(positions)], True) if positions else (text, False)


def in_batches(prompts: list[Prompt], size: int) -> list[list[Prompt]]:
    """Batches of prompts of similar length, so that little padding is computed."""
    ordered = sorted(prompts, key=lambda prompt: (len(prompt.token_ids), prompt.id))
    return [ordered[start : start + size] for start in range(0, len(ordered), size)]


def encode(tokenizer: PreTrainedTokenizerBase, item: dict[str, Any]) -> Prompt:
    """Renders and tokenises one item. A chat template writes its special tokens itself; a bare prompt gets them here."""
    if "messages" not in item:
        return Prompt(item["id"], tokenizer(item["prompt"])["input_ids"])
    text = tokenizer.apply_chat_template(item["messages"], tokenize=False, add_generation_prompt=True)
    return Prompt(item["id"], tokenizer(text, add_special_tokens=False)["input_ids"])


class Generator:
    """A loaded model that completes batches greedily."""

    def __init__(self, model_dir: Path, *, dtype: str, device: str, max_new_tokens: int, stops: list[str]) -> None:
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig

        self.max_new_tokens = max_new_tokens
        self.stops = stops
        self.tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(model_dir, padding_side="left")
        if self.tokenizer.pad_token is None:
            self.tokenizer.pad_token = self.tokenizer.eos_token
        on_gpu = device == "cuda" or (device == "auto" and torch.cuda.is_available())
        placement = {"device_map": "auto"} if on_gpu else {}
        self.model: PreTrainedModel = AutoModelForCausalLM.from_pretrained(model_dir, dtype=dtype, **placement).eval()
        own = self.model.generation_config
        eos = own.eos_token_id if own.eos_token_id is not None else self.tokenizer.eos_token_id
        self.eos_ids: list[int] = eos if isinstance(eos, list) else [eos]
        self.pad_id: int = self.tokenizer.pad_token_id
        # a configuration of our own: the model's may sample, or punish repetition
        self.config = GenerationConfig(
            max_new_tokens=max_new_tokens, do_sample=False, eos_token_id=self.eos_ids, pad_token_id=self.pad_id
        )
        self.max_positions: int | None = getattr(self.model.config, "max_position_embeddings", None)

    def fits(self, prompt: Prompt) -> bool:
        """True if prompt and answer fit into the model's context."""
        return self.max_positions is None or len(prompt.token_ids) + self.max_new_tokens <= self.max_positions

    def complete(self, batch: list[Prompt]) -> list[Answer]:
        """Completes a batch; one that does not fit into the GPU's memory is halved."""
        import torch

        try:
            return self._complete(batch)
        except torch.OutOfMemoryError:
            if len(batch) == 1:
                raise
        torch.cuda.empty_cache()
        half = len(batch) // 2
        return self.complete(batch[:half]) + self.complete(batch[half:])

    def _complete(self, batch: list[Prompt]) -> list[Answer]:
        import torch

        started = time.monotonic()
        # input_ids and attention_mask: (batch, longest prompt), padded on the left
        inputs = self.tokenizer.pad({"input_ids": [prompt.token_ids for prompt in batch]}, return_tensors="pt")
        inputs = inputs.to(self.model.device)
        extra = {"stop_strings": self.stops, "tokenizer": self.tokenizer} if self.stops else {}
        with torch.inference_mode():
            output: torch.Tensor = self.model.generate(**inputs, generation_config=self.config, **extra)
        new_ids = output[:, inputs["input_ids"].shape[1] :].tolist()
        share = (time.monotonic() - started) / len(batch)
        return [self._answer(prompt, ids, share) for prompt, ids in zip(batch, new_ids, strict=True)]

    def _answer(self, prompt: Prompt, ids: list[int], seconds: float) -> Answer:
        kept, ended = trim(ids, self.eos_ids, self.pad_id)
        text, stopped = cut_at_stop(self.tokenizer.decode(kept, skip_special_tokens=True), self.stops)
        finish: Finish = "stop" if ended or stopped else "length"
        return Answer(prompt.id, text, finish, len(prompt.token_ids), len(kept), seconds)


def generate_missing(
    prompts: list[Prompt],
    output: Path,
    batch_size: int,
    fits: Callable[[Prompt], bool],
    complete: Callable[[list[Prompt]], list[Answer]],
) -> int:
    """Answers the prompts batch by batch, each appended to the output at once; returns the number of new tokens."""
    new_tokens = 0
    with output.open("a", encoding="utf-8") as file:

        def append(answers: list[Answer]) -> None:
            file.write("".join(answer.to_line() for answer in answers))
            file.flush()
            os.fsync(file.fileno())

        append([Answer(p.id, "", "too_long", len(p.token_ids), 0, 0.0) for p in prompts if not fits(p)])
        for batch in in_batches([prompt for prompt in prompts if fits(prompt)], batch_size):
            answers = complete(batch)
            append(answers)
            new_tokens += sum(answer.tokens for answer in answers)
    return new_tokens


def parse_options() -> argparse.Namespace:
    """Command line of the generation."""
    parser = argparse.ArgumentParser(description="greedy batch generation, resumable")
    parser.add_argument("--model", type=Path, required=True, help="Hugging Face directory")
    parser.add_argument("--input", type=Path, required=True, help="JSON lines {id, prompt | messages}")
    parser.add_argument("--output", type=Path, required=True, help="JSON lines, appended to")
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--max-new-tokens", type=int, default=64)
    parser.add_argument("--stop", action="append", default=[], help="text that ends an answer (may be repeated)")
    parser.add_argument("--threads", type=int, default=0, help="CPU threads, 0: as OMP_NUM_THREADS says")
    parser.add_argument("--dtype", choices=["auto", "float32", "bfloat16", "float16"], default="auto")
    parser.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto")
    options = parser.parse_args()
    if options.batch_size < 1 or options.max_new_tokens < 1:
        fail("--batch-size and --max-new-tokens must be at least 1.", EXIT_USAGE)
    return options


def main() -> None:
    """Runs the generation."""
    options = parse_options()
    if not (options.model / "config.json").is_file():
        fail(f"There is no model at {options.model}: no config.json.")
    items = read_items(options.input)
    done = finished_ids(options.output)
    missing = [item for item in items if item["id"] not in done]
    started = time.monotonic()
    new_tokens = 0
    if missing:
        os.environ.update(HF_HUB_OFFLINE="1", TRANSFORMERS_OFFLINE="1")
        import torch

        if options.threads:
            torch.set_num_threads(options.threads)
        try:
            generator = Generator(
                options.model,
                dtype=options.dtype,
                device=options.device,
                max_new_tokens=options.max_new_tokens,
                stops=options.stop,
            )
        except (OSError, ValueError) as error:
            fail(f"The model at {options.model} cannot be loaded: {error}")
        try:
            prompts = [encode(generator.tokenizer, item) for item in missing]
        except Exception as error:  # a chat template raises whatever it likes (TemplateError, TypeError, ValueError)
            fail(f"The messages cannot be rendered by the model's chat template: {error}")
        started = time.monotonic()
        new_tokens = generate_missing(
            prompts, options.output, options.batch_size, generator.fits, generator.complete
        )
    print_result(
        items=len(items),
        generated=len(missing),
        skipped=len(items) - len(missing),
        newTokens=new_tokens,
        seconds=round(time.monotonic() - started, 1),
    )


if __name__ == "__main__":
    main()
