"""Checks an Axolotl configuration without starting anything.

    python -m anneal_engine.check_config CONFIG.yaml [--gpus 0] [--compute-capability sm_90]
    python -m anneal_engine.check_config MANY.jsonl

First come unknown keys at the root, in `datasets` and in `fsdp_config`, which Axolotl itself ignores silently; then
Axolotl's own validation for a host with the given GPUs, which need not be this one. Prints {"ok", "errors": [text, ...]};
the exit status is 0 if it could be checked, whatever came out.

Many configurations are lines of {"name", "gpus", "config"}, and each error then begins with the name of its own.
"""

from __future__ import annotations

import argparse
import contextlib
import difflib
import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from anneal_engine.config_schema import known_keys, load_models
from anneal_engine.output import fail, print_result


def unknown_key_errors(keys: Iterable[str], known: Iterable[str], where: str) -> list[str]:
    """A sentence for every key that is not known, with the nearest one that is."""
    names = sorted(known)
    errors = []
    for key in keys:
        if key in names:
            continue
        near = difflib.get_close_matches(key, names, n=1)
        hint = f", did you mean {near[0]}" if near else ""
        errors.append(f"{where} has no key {key}{hint}.")
    return errors


def unknown_keys(config: dict[str, Any]) -> list[str]:
    """Errors for all unknown keys of a configuration."""
    root, dataset_model, fsdp_model = load_models()
    errors = unknown_key_errors(config, known_keys(root), "the configuration")
    for index, dataset in enumerate(config.get("datasets") or []):
        errors += unknown_key_errors(dataset, known_keys(dataset_model), f"datasets[{index}]")
    errors += unknown_key_errors(config.get("fsdp_config") or [], known_keys(fsdp_model), "fsdp_config")
    return errors


def capabilities_of(gpus: int, compute_capability: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """What Axolotl wants to know of a host: of its GPUs, and of its software (this environment's)."""
    import torch

    on_gpu = gpus > 0
    hardware = {
        "bf16": on_gpu,
        "fp8": False,
        "tf32": on_gpu,
        "n_gpu": gpus,
        "n_node": 1,
        "compute_capability": compute_capability if on_gpu else None,
    }
    return hardware, {"torch_version": torch.__version__.split("+")[0]}


def validation_errors(config: dict[str, Any], gpus: int, compute_capability: str) -> list[str]:
    """What Axolotl's own validation has against the configuration."""
    from pydantic import ValidationError

    with contextlib.redirect_stdout(sys.stderr):
        from axolotl.utils.config import validate_config
        from axolotl.utils.dict import DictDefault

        # Plugins would be loaded for their extra keys; ours has none, and no other is ever named.
        plain = {key: value for key, value in config.items() if key != "plugins"}
        hardware, software = capabilities_of(gpus, compute_capability)
        try:
            validate_config(DictDefault(plain), capabilities=hardware, env_capabilities=software)
        except ValidationError as error:
            return [
                f"{'.'.join(str(part) for part in problem['loc']) or 'the configuration'}: {problem['msg']}"
                for problem in error.errors()
            ]
        except (ValueError, TypeError, KeyError) as error:
            return [f"{type(error).__name__}: {error}"]
    return []


def errors_of_many(lines: Iterable[str], compute_capability: str) -> list[str]:
    """What is wrong with many configurations, one JSON object {name, gpus, config} a line."""
    errors = []
    for line in filter(str.strip, lines):
        entry = json.loads(line)
        config = entry["config"]
        own = unknown_keys(config) or validation_errors(config, entry["gpus"], compute_capability)
        errors += [f"{entry['name']}: {text}" for text in own]
    return errors


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(prog="anneal_engine.check_config", description=__doc__)
    parser.add_argument("config", type=Path)
    parser.add_argument("--gpus", type=int, default=0)
    parser.add_argument("--compute-capability", default="sm_90")
    arguments = parser.parse_args()
    import yaml

    if arguments.config.suffix == ".jsonl":
        lines = arguments.config.read_text(encoding="utf-8").splitlines()
        many = errors_of_many(lines, arguments.compute_capability)
        print_result(ok=not many, errors=many, checked=len(lines))
        return
    try:
        config = yaml.safe_load(arguments.config.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        fail(f"{arguments.config} cannot be read as YAML: {error}")
    if not isinstance(config, dict):
        fail(f"{arguments.config} holds no mapping of keys.")
    errors = unknown_keys(config) or validation_errors(config, arguments.gpus, arguments.compute_capability)
    print_result(ok=not errors, errors=errors)


if __name__ == "__main__":
    main()
