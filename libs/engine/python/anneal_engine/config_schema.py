"""Dumps which configuration keys Axolotl knows, for the checks that run without Python.

    python -m anneal_engine.config_schema > ../generated/axolotl-schema.json

`axolotl config-schema` prints names and type texts after a banner, and leaves out the second spelling that some keys
have. This asks the pydantic models themselves:

    {"axolotl": version, "root": [key, ...], "dataset": [key, ...], "required": [key, ...]}
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import json
import os
import sys
from typing import Any

from pydantic import BaseModel


def known_keys(model: type[BaseModel]) -> list[str]:
    """Every spelling of every key that the model reads, sorted."""
    keys: set[str] = set()
    for name, field in model.model_fields.items():
        keys.add(name)
        keys.update(alias for alias in (field.alias, field.validation_alias) if isinstance(alias, str))
    return sorted(keys)


def load_models() -> tuple[type[BaseModel], type[BaseModel], type[BaseModel]]:
    """Axolotl's models of a configuration, of an entry of its `datasets`, and of its `fsdp_config`.

    Its banner is kept off standard output.
    """
    os.environ.update(HF_HUB_OFFLINE="1", AXOLOTL_DO_NOT_TRACK="1", DO_NOT_TRACK="1")
    with contextlib.redirect_stdout(sys.stderr):
        from axolotl.utils.schemas.config import AxolotlInputConfig
        from axolotl.utils.schemas.datasets import SFTDataset
        from axolotl.utils.schemas.fsdp import FSDPConfig
    return AxolotlInputConfig, SFTDataset, FSDPConfig


def describe() -> dict[str, Any]:
    """What the generated file holds."""
    root, dataset, _ = load_models()
    return {
        "axolotl": importlib.metadata.version("axolotl"),
        "root": known_keys(root),
        "dataset": known_keys(dataset),
        "required": sorted(name for name, field in root.model_fields.items() if field.is_required()),
    }


def main() -> None:
    """Prints the description; keys are sorted, so that a new version of Axolotl gives a readable difference."""
    print(json.dumps(describe(), ensure_ascii=False, indent=1))


if __name__ == "__main__":
    main()
