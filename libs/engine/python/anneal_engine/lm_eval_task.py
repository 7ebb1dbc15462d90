"""One task of lm-eval: what it asks, and what a model makes of it, item by item.

    python -m anneal_engine.lm_eval_task describe --task NAME [--tasks DIR ...] [--shots N] [--limit N] [--seed N]
        --output FILE
    python -m anneal_engine.lm_eval_task ask --task NAME ... --model JSON --batch N --cache FILE.db --progress FILE
        --output FILE

`describe` needs no model: it reads the data of the task and writes one JSON object a line, first what the task is, then
its items, {"id", "prompt", "question", "expected", "digest"}. `ask` has lm-eval ask the model of --model, `{"folder",
"device"}` or `{"url", "name", "concurrency", "maxLength"}` with a "folder" when its tokenizer is known, and writes an
object an item, {"id", "digest", "prompt", "expected", "filter", "metrics", "resps", "filtered"}. `digest` names what is
asked and expected; the two commands agree on it. Every answer is kept in the cache as it comes, so the same command asks
only for what a killed one had left; --progress gets {"answered", "of"}, counted in requests, of which an item may have
several. Both files appear whole or not at all.

Only tasks that lm-eval knows by name are read, and those of the folders --tasks, which go first. Code of a dataset, and
code that a model wrote, is not run.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import time
from collections.abc import Iterable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anneal_engine.output import fail

if TYPE_CHECKING:
    from lm_eval.api.instance import Instance
    from lm_eval.api.model import LM
    from lm_eval.api.task import Task

# Exit statuses beside those of `output`: the data of the task is not here, and the server did not answer.
EXIT_NO_DATA = 4
EXIT_SERVER = 5

# lm-eval's own default: examples that are drawn are the same ones for everybody.
FEWSHOT_SEED = 1234
PROGRESS_SECONDS = 0.5


def choose(total: int, limit: int | None, seed: int) -> list[int] | None:
    """Indices of a seeded choice in their order, the same wherever and whenever; None stands for all of them."""
    if limit is None or limit >= total:
        return None
    lots = sorted(range(total), key=lambda index: hashlib.sha256(f"{seed}/{index}".encode()).hexdigest())
    return sorted(lots[:limit])


def digest_of(instances: Iterable[Instance], target: object) -> str:
    """SHA-256 over all that an item asks for and expects."""
    asked = [list(instance.args) for instance in instances]
    return hashlib.sha256(json.dumps([asked, target], default=plain).encode()).hexdigest()


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


def load_task(name: str, folders: list[str]) -> Task:
    """The task of that name; ends the script if there is none, if it is several, or if its data is not here."""
    from lm_eval.tasks import TaskManager

    # Reading the thousands of lm-eval's own takes a quarter of a minute: a team's own come first.
    manager = TaskManager(include_path=folders, include_defaults=False) if folders else None
    if manager is None or name not in manager.all_tasks:
        manager = TaskManager(include_path=folders or None)
    if name in manager.all_groups or name in manager.all_tags:
        fail(f"{name} is a group of tasks. Name one task; lm-eval lists those of a group with `lm_eval ls subtasks`.")
    if name not in manager.all_subtasks:
        fail(f"lm-eval {version('lm-eval')} knows no task {name}.")
    try:
        task = manager.load([name])["tasks"][name]
    except Exception as error:  # Every library that reads data has errors of its own.
        entry = manager.task_index[name]
        source = (entry.cfg or {}).get("dataset_path", "unknown")
        reason = str(error).strip().split("\n")[0][:300]
        fail(f"The data of the task {name} ({source}) cannot be read: {reason}", EXIT_NO_DATA)
    if getattr(task, "UNSAFE_CODE", False):
        fail(f"The task {name} runs code that the model wrote, and that is not done here.")
    if getattr(task, "MULTIMODAL", False):
        fail(f"The task {name} asks about images or sound.")
    return task


def set_shots(task: Task, shots: int | None) -> int:
    """Sets the number of examples as lm-eval's command line does; a task that wants none keeps to it."""
    own = task.get_config("num_fewshot")
    if shots is not None and own == 0 and shots > 0:
        fail(f"The task {task.config.task} is asked without examples; leave shots out.")
    if shots is not None or own is None:
        task.set_config(key="num_fewshot", value=shots or 0)
    task.set_fewshot_seed(seed=FEWSHOT_SEED)
    return int(task.get_config("num_fewshot"))


def instances_of(task: Task, chosen: list[int] | None) -> Iterator[tuple[int, list[Instance]]]:
    """The requests of each item, in order, with the index of its document."""
    by_document: dict[int, list[Instance]] = {}
    for instance in task.instances:
        by_document.setdefault(instance.doc_id, []).append(instance)
    for place, instances in by_document.items():
        yield (chosen[place] if chosen is not None else place), sorted(instances, key=lambda one: one.idx)


def question_of(task: Task, instance: Instance) -> str:
    """What is asked, without the examples before it."""
    question = task.doc_to_text(instance.doc)
    return question if isinstance(question, str) else text_of(instance.args[0])


def build_requests(task: Task, chosen: list[int] | None) -> None:
    """Makes the requests of the items; ends the script when the description of the task does not fit its data."""
    try:
        task.build_all_requests(samples=chosen, rank=0, world_size=1)
    except Exception as error:  # Templates and functions of a task may raise anything.
        fail(f"The task {task.config.task} cannot be asked with its data: {type(error).__name__}: {error}")
    # Examples that are drawn have to be the same ones when the requests are built again.
    task.set_fewshot_seed(seed=FEWSHOT_SEED)


def describe(task: Task, name: str, shots: int, chosen: list[int] | None) -> Iterator[dict[str, Any]]:
    """What the task is, and then its items."""
    build_requests(task, chosen)
    config = task.config
    yield {
        "task": name,
        "version": text_of((config.metadata or {}).get("version", "")),
        "lmEval": version("lm-eval"),
        "kind": task.OUTPUT_TYPE,
        "metrics": list(task.aggregation()),
        "shots": shots,
        "data": [part for part in (config.dataset_path, config.dataset_name) if isinstance(part, str)],
        "generation": config.generation_kwargs,
        "of": len(task.eval_docs),
    }
    for document, instances in instances_of(task, chosen):
        target = task.doc_to_target(instances[0].doc)
        yield {
            "id": str(document),
            "prompt": text_of(instances[0].args[0]),
            "question": question_of(task, instances[0]),
            "expected": text_of(target),
            "digest": digest_of(instances, target),
        }


def open_model(model: dict[str, Any], kind: str | None, batch: int) -> LM:
    """lm-eval's own model for a folder, or for a server that speaks OpenAI's completions."""
    from lm_eval.api.registry import get_model

    if "url" not in model:
        arguments = {"pretrained": model["folder"], "dtype": "auto"}
        more = {"batch_size": batch, "device": "cuda" if model["device"] == "gpu" else "cpu"}
        return get_model("hf").create_from_arg_obj(arguments, more)
    arguments = {
        "model": model["name"],
        "base_url": f"{model['url'].rstrip('/')}/completions",
        "num_concurrent": model["concurrency"],
        "max_retries": 8,
    }
    if kind == "generate_until":
        arguments |= {"tokenizer_backend": "none", "tokenized_requests": False}
    elif "folder" in model:
        # How long a given answer is can be told by the tokenizer alone.
        arguments |= {"tokenizer_backend": "huggingface", "tokenizer": model["folder"], "tokenized_requests": True}
        arguments |= {"max_length": model["maxLength"]} if "maxLength" in model else {}
    else:
        fail("A task that compares likelihoods of given answers needs the folder of the model, not only a server.")
    return get_model("local-completions").create_from_arg_obj(arguments, {"batch_size": 1})


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


def ask(
    task: Task, name: str, chosen: list[int] | None, lm: LM, cache: Path, progress: Path
) -> Iterator[dict[str, Any]]:
    """Has lm-eval ask and score, and gives what came of each item, once for each filter that reads answers."""
    import aiohttp
    import requests
    from lm_eval.evaluator import evaluate

    # To know how many requests there are; lm-eval builds the same ones again.
    build_requests(task, chosen)
    total = sum(instance.repeats for instance in task.instances)
    try:
        results = evaluate(
            lm=with_cache(lm, cache, progress, total),
            task_dict={"tasks": {name: task}},
            samples=None if chosen is None else {name: chosen},
            bootstrap_iters=0,
            log_samples=True,
        )
    except (aiohttp.ClientError, requests.RequestException, TimeoutError, json.JSONDecodeError) as error:
        fail(f"The server does not answer as it has to: {type(error).__name__}: {error}", EXIT_SERVER)
    digests = {
        document: digest_of(instances, task.doc_to_target(instances[0].doc))
        for document, instances in instances_of(task, chosen)
    }
    for sample in (results or {}).get("samples", {}).get(name, []):
        yield {
            "id": str(sample["doc_id"]),
            "digest": digests[sample["doc_id"]],
            "prompt": text_of(sample["arguments"][0][0]),
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
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--model", type=json.loads)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--progress", type=Path)
    options = parser.parse_args()
    task = load_task(options.task, options.tasks)
    shots = set_shots(task, options.shots)
    chosen = choose(len(task.eval_docs), options.limit, options.seed)
    if options.action == "describe":
        write_lines(options.output, describe(task, options.task, shots, chosen))
        return
    lm = open_model(options.model, task.OUTPUT_TYPE, options.batch)
    write_lines(options.output, ask(task, options.task, chosen, lm, options.cache, options.progress))


if __name__ == "__main__":
    main()
