"""The event file of a training: one JSON object a line, appended by rank 0 with one write each.

The caller names the file in ANNEAL_EVENTS. A descriptor would not do: Axolotl's launchers close inherited ones.
"""

from __future__ import annotations

import json
import math
import os
import time

EVENTS_VARIABLE = "ANNEAL_EVENTS"


def is_main_process() -> bool:
    """True in a single process, and on the first of several."""
    return int(os.environ.get("RANK", "0")) == 0


def json_safe(value: object) -> object:
    """Replaces what JSON cannot hold: numbers that are not finite become "NaN", "Infinity" or "-Infinity"."""
    if isinstance(value, float) and not math.isfinite(value):
        if math.isnan(value):
            return "NaN"
        return "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, dict):
        return {str(key): json_safe(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [json_safe(item) for item in value]
    return value


def emit(event: str, **fields: object) -> None:
    """Appends one event; `time` is in seconds since the epoch. Does nothing without ANNEAL_EVENTS or off rank 0."""
    path = os.environ.get(EVENTS_VARIABLE)
    if not path or not is_main_process():
        return
    record = {"event": event, "time": round(time.time(), 3), "pid": os.getpid(), **fields}
    line = json.dumps(json_safe(record), ensure_ascii=False, default=str) + "\n"
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        # one write: a killed writer leaves no half line
        os.write(descriptor, line.encode())
    finally:
        os.close(descriptor)
