"""cards/NAME.md: a model card as the Hugging Face hub reads it (Mitchell et al. 2019)."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tokenmill.report.charts import render_text
from tokenmill.report.evaluation import Evaluation
from tokenmill.report.sentences import headlines
from tokenmill.report.words import FIGURES, figure_of, kind_of


def card(evaluation: Evaluation, cleaned: Mapping[str, Any]) -> str:
    """The card; its front matter names no license, since that of the texts decides.

    Args:
        evaluation: of the model.
        cleaned: clean's report.json, which knows the languages of the sources.
    """
    names = [name for name in FIGURES if name in evaluation.figures]
    return render_text(
        Path(__file__).with_name("card.md.j2"),
        evaluation=evaluation,
        words=kind_of(evaluation.kind),
        languages=_languages(cleaned["languages"], evaluation.content["sources"]),
        columns=[figure_of(name).words for name in names],
        rows=[
            (
                values.get("label", evaluation.name),
                [figure_of(name).show(values[name]) if name in values else "" for name in names],
            )
            for values in (evaluation.figures, *evaluation.rivals.values())
        ],
        sentences=headlines(evaluation),
        settings=_settings(evaluation.ancestry),
        example=next((sample["prompt"] for sample in evaluation.samples()), kind_of(evaluation.kind).example),
    )


LANGUAGE_SHARE = 0.05
"""A language is named where at least this share of the documents is in it."""


def _languages(by_source: Mapping[str, Mapping[str, int]], sources: list[str]) -> list[str]:
    """Languages of the sources, the most frequent first."""
    total: dict[str, int] = {}
    for source in sources:
        for language, documents in by_source.get(source, {}).items():
            total[language] = total.get(language, 0) + documents
    least = LANGUAGE_SHARE * sum(total.values())
    return sorted((name for name, n in total.items() if n >= least), key=lambda name: (-total[name], name))


def _settings(ancestry: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of the model's last training."""
    chosen: Mapping[str, Any] = ancestry.get("finetune") or ancestry.get("pretrain") or {}
    return {key: value for key, value in sorted(chosen.items()) if value is not None}
