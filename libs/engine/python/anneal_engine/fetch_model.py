"""Fetches a model of the Hub at a revision into a folder: the one step of the engine that uses the network.

    python -m anneal_engine.fetch_model --id OWNER/NAME --revision REVISION --directory DIR

The token, if one is needed, comes from HF_TOKEN, and the address of the Hub from HF_ENDPOINT. Prints {directory, revision},
the latter being the commit. Exit status 3: the model is not there; 4: it is gated; 5: the Hub cannot be reached.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from anneal_engine.output import EXIT_BAD_INPUT, fail, print_result

EXIT_GATED = 4
EXIT_UNREACHABLE = 5

# What is needed to train, merge and ask; weights in other formats would only double the transfer.
PATTERNS = ["*.json", "*.safetensors", "*.model", "*.jinja", "*.txt", "*.py"]


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(prog="anneal_engine.fetch_model", description=__doc__)
    parser.add_argument("--id", required=True)
    parser.add_argument("--revision", default="main")
    parser.add_argument("--directory", type=Path, required=True)
    arguments = parser.parse_args()

    from huggingface_hub import HfApi, snapshot_download
    from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, RepositoryNotFoundError, RevisionNotFoundError

    name = arguments.id
    try:
        commit = HfApi().model_info(name, revision=arguments.revision).sha
        directory = snapshot_download(name, revision=commit, local_dir=arguments.directory, allow_patterns=PATTERNS)
    except GatedRepoError:
        fail(f"{name} is gated: accept its terms on the Hub, and give a token that may read it", EXIT_GATED)
    except RevisionNotFoundError:
        fail(f"{name} has no revision {arguments.revision}", EXIT_BAD_INPUT)
    except RepositoryNotFoundError:
        fail(f"the Hub has no model {name}, or the token may not see it", EXIT_BAD_INPUT)
    except (HfHubHTTPError, OSError) as error:
        fail(f"the Hub cannot be reached for {name}: {type(error).__name__}", EXIT_UNREACHABLE)
    print_result(directory=str(directory), revision=commit)


if __name__ == "__main__":
    main()
