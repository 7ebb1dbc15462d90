"""How the scripts of this package answer: one JSON object on standard output, or one sentence and an exit status."""

from __future__ import annotations

import json
import sys
from typing import NoReturn

# Exit statuses beside 0 (done) and 1 (an unexpected error, with a trace)
EXIT_USAGE = 2
EXIT_BAD_INPUT = 3


def print_result(**fields: object) -> None:
    """Prints the result of a script as the last line of its standard output."""
    print(json.dumps(fields, ensure_ascii=False), flush=True)


def fail(message: str, status: int = EXIT_BAD_INPUT) -> NoReturn:
    """Ends the script with one clear sentence on standard error."""
    print(message, file=sys.stderr, flush=True)
    raise SystemExit(status)
