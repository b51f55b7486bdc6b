"""Answers of a model beside their references, for the page."""

from typing import Any

import polars as pl

from tokenmill.report.evaluation import Evaluation

SHOWN = 6
"""Documents with the highest chrF, and as many with the lowest."""

TEXT_CHARACTERS = 160
"""A text in the table is cut at this length."""


def answers(evaluation: Evaluation) -> dict[str, Any] | None:
    """What the page shows of a model that answers texts; None of another."""
    table = evaluation.predictions()
    if table is None or "reference" not in table.columns:
        return None
    metric, rivals = evaluation.metric, evaluation.rivals
    best = max(rivals, key=lambda name: (rivals[name][metric], name))
    best_first = table.sort("chrf", "similarity", "id", descending=[True, False, False])
    number = min(SHOWN, table.height // 2)
    return {
        "rival": rivals[best]["label"],
        "groups": [
            ("best, of equal ones those least like training first", _rows(best_first.head(number), best)),
            ("worst", _rows(best_first.tail(number).reverse(), best)),
        ],
        "figures": evaluation.figures,
        "oracle": {
            name.removeprefix("oracle_"): value
            for name, value in evaluation.figures.items()
            if name.startswith("oracle_")
        },
    }


def _rows(table: pl.DataFrame, rival: str) -> list[dict[str, Any]]:
    columns = ("text", "reference", "answer", f"{rival}_answer", "nearest")
    return [
        {
            **{name.replace(rival, "rival"): cut(row[name], TEXT_CHARACTERS) for name in columns},
            "chrf": row["chrf"],
            "rival_chrf": row[f"{rival}_chrf"],
            "similarity": row["similarity"],
        }
        for row in table.to_dicts()
    ]


def cut(text: str, longest: int) -> str:
    """A text of at most so many characters, and an ellipsis in place of the rest."""
    return text if len(text) <= longest else f"{text[:longest]}…"
