"""How many tokens a preference training learns from.

Axolotl counts them for trainings on answers; TRL counts every token that it reads, prompts included.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence


def answer_tokens(pairs: Iterable[Mapping[str, Sequence[int]]]) -> int:
    """Tokens of chosen and rejected answers of all pairs, which the loss of one epoch is made of."""
    return sum(len(pair["chosen_ids"]) + len(pair["rejected_ids"]) for pair in pairs)


def learnt_by(epoch: float | None, tokens_per_epoch: int) -> int:
    """Tokens that were learnt by a point in time, in epochs: exact at the end of each, by their mean within one."""
    return round((epoch or 0.0) * tokens_per_epoch)
