"""A task of lm-eval, or a group of them: what is asked, and what a model makes of it, item by item.

    python -m anneal_engine.lm_eval_task describe --task NAME [--tasks DIR ...] [--shots N] [--limit N] [--seed N]
        [--chat [--one-turn]] [--system TEXT] --output FILE
    python -m anneal_engine.lm_eval_task ask --task NAME ... --model JSON --batch N --cache FILE.db --progress FILE
        --output FILE

`describe` needs no model: it reads the data and writes one JSON object a line, first what the tasks are and how their
groups are summed up, then their items, {"id", "task", "prompt" or "messages", "question", "expected", "digest"}. `ask`
has lm-eval ask the model of --model, `{"folder", "device"}` or `{"url", "name", "concurrency", "maxLength"}` with a
"folder" when its tokenizer is known, and writes an object an item, {"id", "task", "digest", "prompt", "expected",
"filter", "metrics", "resps", "filtered"}. `digest` names what is asked, before a chat template has made a text of it,
what is expected, and how an answer is read; the two commands agree on it. Every answer is kept in the cache as it
comes, so the same command asks only for what a killed one had left; --progress gets {"answered", "of"}, counted in
requests, of which an item may have several. Both files appear whole or not at all.

NAME is that of a task, a group or a tag. Only what lm-eval knows by name is read, and what the folders --tasks
describe, which go first. Code of a dataset, and code that a model wrote, is not run.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import time
from collections.abc import Iterable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anneal_engine.lm_eval_loading import FEWSHOT_SEED, Part, load_parts
from anneal_engine.lm_eval_prompts import Conversation, PromptForm
from anneal_engine.output import fail

if TYPE_CHECKING:
    from lm_eval.api.group import Group
    from lm_eval.api.instance import Instance
    from lm_eval.api.model import LM
    from lm_eval.api.task import Task

# Exit statuses beside those of `output` and of loading: the server did not answer, the model cannot be asked so.
EXIT_SERVER = 5
EXIT_MODEL = 6

PROGRESS_SECONDS = 0.5


class UnusableAnswer(Exception):
    """The server sent something else than an answer."""


def digest_of(instances: Iterable[Instance], target: object, scoring: str) -> str:
    """SHA-256 over all that an item asks for and expects, and how its answer is read."""
    asked = [list(instance.args) for instance in instances]
    return hashlib.sha256(json.dumps([asked, target, scoring], default=plain).encode()).hexdigest()


def scoring_of(task: Task) -> str:
    """How a task reads and scores its answers, as a text; functions stand there by their source."""
    config = task.dump_config()
    named = {name: config.get(name) for name in ("filter_list", "metric_list", "process_results")}
    # Where a function lies in memory is another place each time.
    return re.sub(r" at 0x[0-9a-f]+", "", json.dumps(named, sort_keys=True, default=plain))


def text_of(value: object) -> str:
    """A value as a person reads it."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=plain)


def plain(value: object) -> object:
    """A value of NumPy as one of Python, and any other foreign one as text."""
    item = getattr(value, "item", None)
    return item() if callable(item) else str(value)


def write_lines(path: Path, records: Iterable[dict[str, Any]]) -> None:
    """Writes JSON lines to a file that appears when all of them are there."""
    unfinished = path.with_name(path.name + ".part")
    with unfinished.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(record, ensure_ascii=False, default=plain) + "\n" for record in records)
    os.replace(unfinished, path)


def instances_of(part: Part) -> Iterator[tuple[int, list[Instance]]]:
    """The requests of each item, in order, with the index of its document."""
    by_document: dict[int, list[Instance]] = {}
    for instance in part.task.instances:
        by_document.setdefault(instance.doc_id, []).append(instance)
    for place, instances in by_document.items():
        document = part.chosen[place] if part.chosen is not None else place
        yield document, sorted(instances, key=lambda one: one.idx)


def question_of(task: Task, instance: Instance) -> str:
    """What is asked, without the examples before it."""
    question = task.doc_to_text(instance.doc)
    return question if isinstance(question, str) else text_of(instance.args[0])


def build_requests(part: Part, form: PromptForm) -> None:
    """Makes the requests of the items; ends the script when the description of the task does not fit its data."""
    task = part.task
    try:
        task.build_all_requests(
            samples=part.chosen, rank=0, world_size=1, chat_template=form.template, **form.arguments()
        )
    except Exception as error:  # Templates and functions of a task may raise anything.
        fail(f"The task {part.name} cannot be asked with its data: {type(error).__name__}: {error}")
    if form.chat and not isinstance(task.instances[0].args[0], Conversation):
        fail(f"The task {part.name} makes its prompts itself, and none that a chat template could take.")
    # Examples that are drawn have to be the same ones when the requests are built again.
    task.set_fewshot_seed(seed=FEWSHOT_SEED)


def describe(name: str, parts: list[Part], groups: list[Group], form: PromptForm) -> Iterator[dict[str, Any]]:
    """What the tasks are, and then their items."""
    yield {
        "task": name,
        "lmEval": version("lm-eval"),
        "isGroup": any(part.in_group for part in parts),
        "tasks": [describe_task(part) for part in parts],
        "groups": [describe_group(group) for group in groups],
    }
    for part in parts:
        if part.is_asked:
            build_requests(part, form)
            scoring = scoring_of(part.task)
            for document, instances in instances_of(part):
                yield describe_item(part, document, instances, scoring)


def describe_task(part: Part) -> dict[str, Any]:
    """What a task is, whatever of it is asked."""
    config = part.task.config
    return {
        "task": part.name,
        "version": text_of((config.metadata or {}).get("version", "")),
        "kind": part.task.OUTPUT_TYPE,
        "metrics": list(part.task.aggregation()),
        "filter": next((ensemble.name for ensemble in getattr(part.task, "_filters", [])), "none"),
        "shots": part.shots,
        "data": [one for one in (config.dataset_path, config.dataset_name) if isinstance(one, str)],
        "generation": config.generation_kwargs,
        "of": part.size,
    }


def describe_group(group: Group) -> dict[str, Any]:
    """Of which tasks a group is made, and how it makes one number of theirs."""
    return {
        "group": group.name,
        "tasks": [task.task_name for task in group.get_all_tasks()],
        "sums": [
            {"metric": one.metric, "filters": one.filter_list, "weighted": one.weight_by_size}
            for one in group.aggregate_metric_list or []
        ],
    }


def describe_item(part: Part, document: int, instances: list[Instance], scoring: str) -> dict[str, Any]:
    """What an item asks and expects."""
    context = instances[0].args[0]
    target = part.task.doc_to_target(instances[0].doc)
    asked = {"messages": context.messages} if isinstance(context, Conversation) else {"prompt": text_of(context)}
    return {
        "id": part.item(document),
        "task": part.name,
        **asked,
        "question": question_of(part.task, instances[0]),
        "expected": text_of(target),
        "digest": digest_of(instances, target, scoring),
    }


def open_model(model: dict[str, Any], parts: list[Part], form: PromptForm, batch: int) -> LM:
    """lm-eval's own model for a folder, or for a server that speaks OpenAI's completions."""
    from lm_eval.api.registry import get_model

    if "url" not in model:
        arguments = {"pretrained": model["folder"], "dtype": "auto"}
        more = {"batch_size": batch, "device": "cuda" if model["device"] == "gpu" else "cpu"}
        return with_template(get_model("hf").create_from_arg_obj(arguments, more), form)
    kind, arguments = server_arguments(model, parts, form)
    lm = demanding(get_model(kind).create_from_arg_obj(arguments, {"batch_size": 1}))
    return lm if kind == "local-chat-completions" else with_template(lm, form)


def server_arguments(model: dict[str, Any], parts: list[Part], form: PromptForm) -> tuple[str, dict[str, Any]]:
    """Which of lm-eval's models asks the server, and with what."""
    url = model["url"].rstrip("/")
    common = {"model": model["name"], "num_concurrent": model["concurrency"], "max_retries": 8}
    if all(part.task.OUTPUT_TYPE == "generate_until" for part in parts):
        if not form.chat:
            plain_text = {"tokenizer_backend": "none", "tokenized_requests": False}
            return "local-completions", {**common, "base_url": f"{url}/completions", **plain_text}
        # A server ends the turn that a task has begun for the model, and begins one of its own.
        if not any(part.task.config.gen_prefix for part in parts):
            return "local-chat-completions", {**common, "base_url": f"{url}/chat/completions"}
    if "folder" not in model:
        fail(
            "A task that compares likelihoods of given answers, or begins the answer of a chat model, needs the folder "
            "of the model, not only a server."
        )
    # How long a given answer is can be told by the tokenizer alone.
    tokens = {"tokenizer_backend": "huggingface", "tokenizer": model["folder"], "tokenized_requests": True}
    length = {"max_length": model["maxLength"]} if "maxLength" in model else {}
    return "local-completions", {**common, "base_url": f"{url}/completions", **tokens, **length}


def demanding(lm: LM) -> LM:
    """The model of a server, which tries again where lm-eval would take an empty text for an answer."""
    parse = lm.parse_generations

    def parse_answers(outputs: Any, **how: Any) -> list[str]:
        for output in outputs if isinstance(outputs, list) else [outputs]:
            if not isinstance(output, dict) or not output.get("choices"):
                raise UnusableAnswer(f"it has no choice: {str(output)[:200]}")
        return parse(outputs=outputs, **how)

    lm.parse_generations = parse_answers
    return lm


def with_template(lm: LM, form: PromptForm) -> LM:
    """The model; ends the script when conversations are asked for, and its tokenizer cannot write them."""
    if form.chat and getattr(lm.tokenizer, "chat_template", None) is None:
        fail("The model has no chat template, and its task is asked through one.", EXIT_MODEL)
    return lm


def with_cache(lm: LM, cache: Path, progress: Path, total: int) -> LM:
    """The model, every answer of which is kept as it comes, and counted."""
    from lm_eval.api.model import CacheHook, CachingLM

    class CountingHook(CacheHook):
        """Tells how many answers are kept, once in a while."""

        def __init__(self, caching: CachingLM) -> None:
            super().__init__(caching)
            self.answered = min(len(caching.dbdict), total)
            self.told_at = 0.0
            self.tell()

        def add_partial(self, attr: str, req: Iterable[Any], res: object) -> None:
            super().add_partial(attr, req, res)
            self.answered = min(self.answered + 1, total)
            if self.answered == total or time.monotonic() - self.told_at > PROGRESS_SECONDS:
                self.tell()

        def tell(self) -> None:
            self.told_at = time.monotonic()
            with progress.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"answered": self.answered, "of": total}) + "\n")

    caching = CachingLM(lm, str(cache))
    lm.set_cache_hook(CountingHook(caching))
    return caching


def ask(parts: list[Part], form: PromptForm, lm: LM, cache: Path, progress: Path) -> Iterator[dict[str, Any]]:
    """Has lm-eval ask and score, and gives what came of each item, once for each filter that reads answers."""
    import aiohttp
    import requests
    from lm_eval.evaluator import evaluate

    # To know how many requests there are, and what they ask of any model; lm-eval builds them again for this one.
    digests: dict[str, str] = {}
    for part in parts:
        build_requests(part, form)
        scoring = scoring_of(part.task)
        for document, instances in instances_of(part):
            target = part.task.doc_to_target(instances[0].doc)
            digests[part.item(document)] = digest_of(instances, target, scoring)
    total = sum(instance.repeats for part in parts for instance in part.task.instances)
    chosen = {part.name: part.chosen for part in parts if part.chosen is not None}
    unusable = (aiohttp.ClientError, requests.RequestException, TimeoutError, json.JSONDecodeError, UnusableAnswer)
    try:
        results = evaluate(
            lm=with_cache(lm, cache, progress, total),
            task_dict={"tasks": {part.name: part.task for part in parts}},
            samples=chosen or None,
            bootstrap_iters=0,
            log_samples=True,
            **form.arguments(),
        )
    except unusable as error:
        fail(f"The server does not answer as it has to: {type(error).__name__}: {error}", EXIT_SERVER)
    samples = (results or {}).get("samples", {})
    for part in parts:
        for sample in samples.get(part.name, []):
            yield scored_item(part, sample, digests[part.item(sample["doc_id"])])


def scored_item(part: Part, sample: dict[str, Any], digest: str) -> dict[str, Any]:
    """What came of an item."""
    context = sample["arguments"][0][0]
    return {
        "id": part.item(sample["doc_id"]),
        "task": part.name,
        "digest": digest,
        # A conversation for a server is a text in a wrapping of lm-eval's.
        "prompt": context if isinstance(context, str) else text_of(context[0]),
        "expected": text_of(sample["target"]),
        "filter": sample["filter"],
        "metrics": {metric: sample.get(metric) for metric in sample["metrics"]},
        "resps": sample["resps"],
        "filtered": sample["filtered_resps"],
    }


def main() -> None:
    """Reads the command line and does what it says."""
    parser = argparse.ArgumentParser()
    parser.add_argument("action", choices=["describe", "ask"])
    parser.add_argument("--task", required=True)
    parser.add_argument("--tasks", action="append", default=[])
    parser.add_argument("--shots", type=int)
    parser.add_argument("--limit", type=int)
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--chat", action="store_true")
    parser.add_argument("--one-turn", action="store_true")
    parser.add_argument("--system")
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--model", type=json.loads)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--progress", type=Path)
    options = parser.parse_args()
    form = PromptForm(options.chat, not options.one_turn, options.system)
    parts, groups = load_parts(
        options.task, options.tasks, shots=options.shots, limit=options.limit, seed=options.seed
    )
    if options.action == "describe":
        write_lines(options.output, describe(options.task, parts, groups, form))
        return
    asked = [part for part in parts if part.is_asked]
    lm = open_model(options.model, asked, form, options.batch)
    write_lines(options.output, ask(asked, form, lm, options.cache, options.progress))


if __name__ == "__main__":
    main()
