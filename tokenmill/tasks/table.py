"""The tasks by name. Nothing heavy here: settings are checked against this table in light stages too."""

from typing import Literal, NamedTuple

from tokenmill.model.names import Kind

Needs = Literal["labels", "tags", "entities", "questions", "turns", "preferences", "targets"]
"""What documents must have to be learned from: a label, words with tags, labelled spans, questions about a
passage, turns of a conversation, a preferred answer beside another, or a text to write."""

ONE_STACK: tuple[Kind, ...] = (
    "causal-lm",
    "masked-lm",
    "features",
    "sequence-classifier",
    "token-classifier",
    "character-classifier",
    "span-extractor",
)
"""Encoders and decoders, whatever their head: all but text-to-text models."""


class TaskEntry(NamedTuple):
    """What settings and params know of a task."""

    kind: Kind | None
    """Of the model that it makes; None: that of the model to start from."""
    needs: Needs
    starts_from: tuple[Kind, ...] = ONE_STACK
    """Kinds of models that it can begin with."""


TASKS: dict[str, TaskEntry] = {
    "classification": TaskEntry("sequence-classifier", needs="labels"),
    "token-classification": TaskEntry("token-classifier", needs="tags"),
    "ner": TaskEntry("character-classifier", needs="entities"),
    "generation": TaskEntry(None, needs="targets", starts_from=("text-to-text", "causal-lm")),
    "chat": TaskEntry("causal-lm", needs="turns", starts_from=("causal-lm",)),
    "preference": TaskEntry("causal-lm", needs="preferences", starts_from=("causal-lm",)),
    "question-answering": TaskEntry("span-extractor", needs="questions"),
}
"""Each task's code is the file of that name beside this one; its settings stand in settings.py."""


def kind_of(task: str, start: Kind) -> Kind:
    """The kind of the model that a task makes from one of the kind ``start``."""
    return TASKS[task].kind or start


def module_of(name: str) -> str:
    """The module of a task; it has ``new_task(name, settings, documents, vocabulary, base)``."""
    return f"tokenmill.tasks.{name.replace('-', '_')}"
