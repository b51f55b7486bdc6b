"""From what the stages wrote to pages for people: the report, cleaning in detail, a card for each model."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tokenmill.core.files import read_json, write_text
from tokenmill.report import cards, cleaning, models
from tokenmill.report.evaluation import read_evaluations

REMEDY = "make it with `dvc repro -f clean`"


def report(inputs: Mapping[str, Path], out: Path, trained: Mapping[str, Mapping[str, Any]]) -> None:
    """Write report.html, cleaning.html and cards/NAME.md of every evaluated model.

    Args:
        inputs: ``cleaning``, clean's report.json; the folders ``evaluation``, ``metrics`` and ``plots``.
        out: the folder to write.
        trained: ``{group: {name: settings}}`` of tokenize, pretrain, finetune and evaluate in params.yaml.
            What is left of entries that stand there no more is not shown.

    Raises:
        UserError: a file that the pages are made of is missing or broken.
    """
    cleaned = read_json(inputs["cleaning"], REMEDY)
    evaluations = read_evaluations(inputs["evaluation"], trained["evaluate"])
    write_text(out / "cleaning.html", cleaning.page(cleaned))
    write_text(out / "report.html", models.page(cleaned, evaluations, inputs, trained))
    for evaluation in evaluations:
        write_text(out / "cards" / f"{evaluation.name}.md", cards.card(evaluation, cleaned))
