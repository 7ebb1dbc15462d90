"""How a task of lm-eval puts its questions: as a text to be continued, or as a conversation for a chat template."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


class Conversation(str):
    """A conversation where lm-eval wants a text: as JSON, before any model's template has made one of it."""

    messages: list[dict[str, str]]

    @classmethod
    def of(cls, messages: list[dict[str, str]]) -> Conversation:
        """What names these messages, and holds them."""
        conversation = cls(json.dumps(messages, ensure_ascii=False))
        conversation.messages = messages
        return conversation


def as_conversation(messages: list[dict[str, str]], **_how: object) -> Conversation:
    """Stands in for the template of a model."""
    return Conversation.of(messages)


@dataclass(frozen=True)
class PromptForm:
    """What lm-eval's command line calls apply_chat_template, fewshot_as_multiturn and system_instruction."""

    chat: bool
    multiturn: bool
    system: str | None

    def arguments(self) -> dict[str, Any]:
        """As lm-eval's functions take them."""
        return {
            "apply_chat_template": self.chat,
            "fewshot_as_multiturn": self.chat and self.multiturn,
            "system_instruction": self.system,
        }

    @property
    def template(self) -> Callable[..., str] | None:
        """What makes texts of conversations where there is no model."""
        return as_conversation if self.chat else None
