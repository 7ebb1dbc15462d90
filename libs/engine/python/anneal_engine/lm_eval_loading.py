"""Tasks of lm-eval by their name, or by that of a group or tag, and which of their items are asked."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from anneal_engine.output import fail

if TYPE_CHECKING:
    from lm_eval.api.group import Group
    from lm_eval.api.task import Task
    from lm_eval.tasks import TaskManager
    from lm_eval.tasks._index import Entry

# Exit status beside those of `output`: the data of a task is not here.
EXIT_NO_DATA = 4

# lm-eval's own default: examples that are drawn are the same ones for everybody.
FEWSHOT_SEED = 1234


@dataclass(frozen=True)
class Part:
    """A task, and what of it is asked. Items of a group have the name of their task before their number."""

    name: str
    task: Task
    shots: int
    # Of all its items.
    size: int
    # Indices of the items that are asked, in order; None stands for all of them.
    chosen: list[int] | None
    in_group: bool

    def item(self, document: int) -> str:
        """Names an item among all that are asked."""
        return f"{self.name}/{document}" if self.in_group else str(document)

    @property
    def is_asked(self) -> bool:
        """Whether any of its items is; an empty choice means all of them to lm-eval."""
        return self.chosen != []


def load_parts(
    name: str, folders: list[str], *, shots: int | None, limit: int | None, seed: int
) -> tuple[list[Part], list[Group]]:
    """The tasks of that name with their groups; ends the script if there are none, or if their data is not here."""
    manager = manager_of(name, folders)
    if name not in manager.all_tasks:
        fail(f"lm-eval {version('lm-eval')} knows no task {name}.")
    try:
        loaded = manager.load([name])
    except Exception as error:  # Every library that reads data has errors of its own.
        fail(f"{data_of(name, manager.task_index)} cannot be read: {first_line(error)}", EXIT_NO_DATA)
    tasks: dict[str, Task] = loaded["tasks"]
    if not tasks:
        fail(f"The group {name} has no task.")
    in_group = name not in manager.all_subtasks
    for task in tasks.values():
        refuse_unasked(task)
    known_shots = [set_shots(task, shots, in_group) for task in tasks.values()]
    sizes = [len(task.eval_docs) for task in tasks.values()]
    choices = choose_each(sizes, limit, seed)
    parts = [
        Part(own, task, known, size, chosen, in_group)
        for (own, task), known, size, chosen in zip(tasks.items(), known_shots, sizes, choices, strict=True)
    ]
    return parts, list(loaded["groups"].values())


def manager_of(name: str, folders: list[str]) -> TaskManager:
    """What finds tasks: reading the thousands of lm-eval's own takes a quarter of a minute, so own ones come first."""
    from lm_eval.tasks import TaskManager

    if folders:
        own = TaskManager(include_path=folders, include_defaults=False)
        if holds(own.task_index, [name]):
            return own
    return TaskManager(include_path=folders or None)


def holds(index: Mapping[str, Entry], members: Iterable[Any]) -> bool:
    """Whether all of these are here, with the members of those that are groups."""
    for member in members:
        inside = member if isinstance(member, dict) else {}
        name = inside.get("group", inside.get("task")) if inside else member
        entry = index.get(name) if isinstance(name, str) else None
        within = (entry.cfg or {}) if entry else inside
        if entry is None and "dataset_path" not in inside and "group" not in inside:
            return False
        if "group" in within and not holds(index, listed(within.get("task"))):
            return False
    return True


def listed(value: object) -> list[Any]:
    """Members of a group: one may stand by itself."""
    return value if isinstance(value, list) else [] if value is None else [value]


def data_of(name: str, index: Mapping[str, Entry]) -> str:
    """Says what data is meant."""
    source = (index[name].cfg or {}).get("dataset_path")
    return f"The data of the task {name} ({source})" if source else f"The data of {name}"


def first_line(error: Exception) -> str:
    """As much of an error as fits into a sentence."""
    return str(error).strip().split("\n")[0][:300]


def refuse_unasked(task: Task) -> None:
    """Ends the script for a task that is not asked here, whatever its data."""
    name = task.config.task
    if getattr(task, "UNSAFE_CODE", False):
        fail(f"The task {name} runs code that the model wrote, and that is not done here.")
    if getattr(task, "MULTIMODAL", False):
        fail(f"The task {name} asks about images or sound.")


def set_shots(task: Task, shots: int | None, in_group: bool) -> int:
    """Sets the number of examples as lm-eval's command line does; a task that wants none keeps to it."""
    own = task.get_config("num_fewshot")
    fixed = own == 0 and shots is not None and shots > 0
    if fixed and not in_group:
        fail(f"The task {task.config.task} is asked without examples; leave shots out.")
    if not fixed and (shots is not None or own is None):
        task.set_config(key="num_fewshot", value=shots or 0)
    task.set_fewshot_seed(seed=FEWSHOT_SEED)
    return int(task.get_config("num_fewshot"))


def choose_each(sizes: list[int], limit: int | None, seed: int) -> list[list[int] | None]:
    """A seeded choice of each task, so that each keeps its share; None stands for all items of one."""
    if limit is None or limit >= sum(sizes):
        return [None for _ in sizes]
    return [choose(size, share, seed) for size, share in zip(sizes, shares(sizes, limit), strict=True)]


def shares(sizes: list[int], limit: int) -> list[int]:
    """Largest remainders: whole shares in proportion to the sizes, which add up to the limit."""
    total = sum(sizes)
    whole = [size * limit // total for size in sizes]
    by_remainder = sorted(range(len(sizes)), key=lambda place: (-(sizes[place] * limit % total), place))
    for place in by_remainder[: limit - sum(whole)]:
        whole[place] += 1
    return whole


def choose(total: int, limit: int | None, seed: int) -> list[int] | None:
    """Indices of a seeded choice in their order, the same wherever and whenever; None stands for all of them."""
    if limit is None or limit >= total:
        return None
    lots = sorted(range(total), key=lambda index: hashlib.sha256(f"{seed}/{index}".encode()).hexdigest())
    return sorted(lots[:limit])
