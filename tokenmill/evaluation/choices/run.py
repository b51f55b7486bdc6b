"""All entries of ``evaluate.NAME.choices``: figures by entry, and the items for the harness."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tokenmill.core.errors import UserError
from tokenmill.core.files import sha256_file
from tokenmill.core.normalization import read_normalization
from tokenmill.evaluation.choices.harness import FOLDER, write_task
from tokenmill.evaluation.choices.homophones import Homophones, pinyin_path, read_pinyin, tagged
from tokenmill.evaluation.choices.items import Item, summary
from tokenmill.evaluation.choices.mixture import best_weight, with_bigrams
from tokenmill.evaluation.choices.prompted import Prompted
from tokenmill.evaluation.choices.questions import overlap, read_questions
from tokenmill.evaluation.choices.settings import HomophonesSettings, PromptedSettings, QuestionsSettings
from tokenmill.evaluation.subject import Subject
from tokenmill.inference.choose import Floats, fitted, score_choices

HELD_OUT = 500
"""Validation items at most by which the weight of bigrams is chosen."""


def measure_choices(subject: Subject, name: str, folder: Path) -> dict[str, Any]:
    """The figures of each entry; the items are written to ``folder``, which becomes data/evaluation/NAME.

    Raises:
        UserError: the model is no causal or masked one, or an entry's data cannot be used.
    """
    found = {}
    for entry, settings in subject.settings.choices.items():
        where = f"params.yaml: evaluate.{name}.choices.{entry}"
        tasks: dict[str, list[Item]] = {}
        if isinstance(settings, HomophonesSettings):
            figures, tasks[entry] = _homophones(subject, settings)
        elif isinstance(settings, QuestionsSettings):
            figures, tasks[entry] = _questions(subject, settings)
        else:
            figures, asked = _prompted(subject, settings, where)
            several = len(asked) > 1
            tasks = {f"{entry}-{n}" if several else entry: items for n, items in enumerate(asked, 1)}
        found[entry] = {"kind": settings.kind, **figures}
        for task, items in tasks.items():
            place = f"data/evaluation/{name}/{FOLDER}"
            write_task(folder / FOLDER, place, task, items, subject.vocabulary)
    return found


def _homophones(subject: Subject, settings: HomophonesSettings) -> tuple[dict[str, Any], list[Item]]:
    train, held_out, test = (
        tagged(subject.documents(split, [settings.source]), settings.source)
        for split in ("train", "validation", "test")
    )
    words = Homophones(train, read_pinyin(pinyin_path(settings)))
    items, rivals = words.items(test, settings)
    asked, scored = _scored(subject, items)
    figures = summary(asked, scored, rivals, "sum")
    fewer = settings.model_copy(update={"items": min(settings.items or HELD_OUT, HELD_OUT)})
    known, their_rivals = words.items(held_out, fewer)
    known, their_scores = _scored(subject, known)
    weight = best_weight(known, _sums(their_scores), their_rivals["bigrams"].scores)
    figures["with_bigrams"] = with_bigrams(asked, _sums(scored), rivals["bigrams"], weight)
    return {**figures, "table": sha256_file(pinyin_path(settings))}, asked


def _questions(subject: Subject, settings: QuestionsSettings) -> tuple[dict[str, Any], list[Item]]:
    items = read_questions(settings, read_normalization(subject.folder))
    for item in items:
        if fitted(subject.vocabulary, item.choice, subject.model.config.context) != item.choice:
            raise UserError(
                f"{settings.file}: line {item.id} is longer than the model's context of "
                f"{subject.model.config.context} tokens; shorten its query"
            )
    asked, scored = _scored(subject, items)
    figures = summary(asked, scored, {"overlap": overlap(items)}, "pmi")
    return {**figures, "file": sha256_file(Path(settings.file))}, asked


def _prompted(
    subject: Subject, settings: PromptedSettings, where: str
) -> tuple[dict[str, Any], list[list[Item]]]:
    train, test = (subject.documents(split, [settings.source]) for split in ("train", "test"))
    steps = read_normalization(subject.folder)
    entry = Prompted(subject.model, subject.vocabulary, settings, (train, test), steps, where)
    return entry.measure(), [entry.items(template) for template in entry.templates]


def _scored(subject: Subject, items: Sequence[Item]) -> tuple[list[Item], list[dict[str, Floats]]]:
    """The items as far as they fit into the model's context, and its scores of their candidates."""
    context = subject.model.config.context
    asked = [replace(item, choice=fitted(subject.vocabulary, item.choice, context)) for item in items]
    return asked, score_choices(subject.model, subject.vocabulary, [item.choice for item in asked])


def _sums(scored: Sequence[dict[str, Floats]]) -> list[Floats]:
    return [scores["sum"] for scores in scored]
