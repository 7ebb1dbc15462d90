"""Both steps of a merge in a pod, where nobody stands between them.

    python -m anneal_engine.merge_steps --adapter=DIR --merged=DIR --tokenizer=PATTERN
        -- axolotl merge-lora ... -- python -m anneal_engine.merge_parity ...

The first command merges, the second one compares. Between them, the merged model gets the tokenizer that the adapter was
trained with: files whose names match the pattern. The merge itself copies the base model's. Events (see `events.py`):

    step  step           a step begins: "merge" or "compare"
    said  step, text     the last words of its standard output, once it ended well

It ends with the exit status of the step that failed (128 + n for signal n).
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from anneal_engine.events import emit
from anneal_engine.output import EXIT_USAGE, fail

_KEPT_BYTES = 1 << 16


def overlay_tokenizer(adapter: Path, merged: Path, pattern: str) -> None:
    """Puts the adapter's tokenizer in the place of the merged model's, if it has one."""
    trained = [path for path in sorted(adapter.iterdir()) if re.fullmatch(pattern, path.name)]
    if not trained:
        return
    for path in list(merged.iterdir()):
        if re.fullmatch(pattern, path.name):
            path.unlink()
    for path in trained:
        shutil.copyfile(path, merged / path.name)


def run_step(step: str, command: list[str]) -> int:
    """Runs a step, hands on what it says, and tells the end of that; returns its exit status."""
    emit("step", step=step)
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    assert process.stdout is not None
    said = b""
    while data := os.read(process.stdout.fileno(), _KEPT_BYTES):
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        said = (said + data)[-_KEPT_BYTES:]
    status = process.wait()
    if status == 0:
        emit("said", step=step, text=said.decode(errors="replace"))
    return 128 - status if status < 0 else status


def commands_of(arguments: list[str]) -> tuple[list[str], list[str], list[str]]:
    """The options, and the two commands that stand each after a `--`."""
    parts: list[list[str]] = [[]]
    for argument in arguments:
        if argument == "--" and len(parts) < 3:
            parts.append([])
        else:
            parts[-1].append(argument)
    if len(parts) != 3 or not parts[1] or not parts[2]:
        fail("Two commands are needed, each after --.", EXIT_USAGE)
    return parts[0], parts[1], parts[2]


def main(arguments: list[str]) -> int:
    """Command line; returns the exit status."""
    own, merge, compare = commands_of(arguments)
    parser = argparse.ArgumentParser(prog="anneal_engine.merge_steps", description=__doc__)
    for name in ("adapter", "merged"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--tokenizer", required=True, help="pattern of the names of a tokenizer's files")
    options = parser.parse_args(own)
    status = run_step("merge", merge)
    if status != 0:
        return status
    if not options.merged.is_dir():
        fail(f"The merge wrote no model to {options.merged}.")
    overlay_tokenizer(options.adapter, options.merged, options.tokenizer)
    return run_step("compare", compare)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
