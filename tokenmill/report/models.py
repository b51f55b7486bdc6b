"""report.html: the data and how good the models are, for people."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import polars as pl

from tokenmill.core.files import read_json
from tokenmill.core.splits import SPLITS
from tokenmill.report.analysis import behind
from tokenmill.report.answers import answers, cut
from tokenmill.report.charts import render
from tokenmill.report.code import completed_code
from tokenmill.report.curves import calibration_curves, learning_curves
from tokenmill.report.entities import entity_section
from tokenmill.report.entries import entries
from tokenmill.report.evaluation import Evaluation
from tokenmill.report.privacy import privacy
from tokenmill.report.questions import shown_questions
from tokenmill.report.sentences import headlines
from tokenmill.report.words import FIGURES, KINDS, kind_of

MISTAKES = 12
"""Documents shown on which a classifier was most sure and wrong."""

TEXT_CHARACTERS = 400
"""A text is cut at this length."""


def page(
    cleaned: Mapping[str, Any],
    evaluations: list[Evaluation],
    inputs: Mapping[str, Path],
    trained: Mapping[str, Mapping[str, Any]],
) -> str:
    """The whole page.

    Args:
        cleaned: clean's report.json.
        evaluations: in the order of params.yaml.
        inputs: the folders ``metrics`` and ``plots``.
        trained: as :func:`tokenmill.report.run.report` has it.
    """
    return render(
        Path(__file__).with_name("report.html.j2"),
        total=cleaned["total"],
        splits=SPLITS,
        sources=cleaned["sources"],
        evaluations=evaluations,
        sentences=[sentence for evaluation in evaluations for sentence in headlines(evaluation)],
        sections=_sections(evaluations),
        learning=learning_curves(inputs["plots"], trained, evaluations),
        calibration=calibration_curves(inputs["plots"], evaluations),
        confusions={e.name: matrix for e in evaluations if (matrix := _confusion(e.confusion()))},
        mistakes={e.name: wrong for e in evaluations if (wrong := _mistakes(e.predictions())) is not None},
        answers={e.name: shown for e in evaluations if (shown := answers(e))},
        questions={e.name: asked for e in evaluations if (asked := shown_questions(e.predictions()))},
        entities=[section for e in evaluations if (section := entity_section(e))],
        entries={e.name: found for e in evaluations if (found := entries(e))},
        completions={
            e.name: shown for e in evaluations if (shown := completed_code(e.content.get("code", {})))
        },
        private={e.name: said for e in evaluations if (said := privacy(e.content.get("privacy", {})))},
        learnt={e.name: pieces for e in evaluations if (pieces := e.learnt())},
        samples={e.name: written for e in evaluations if (written := e.samples())},
        analyses={e.name: behind(parts) for e in evaluations if (parts := e.analysis)},
        tokenizers=_tokenizers(inputs["metrics"], trained["tokenize"]),
        settings=trained,
    )


def _sections(evaluations: list[Evaluation]) -> list[dict[str, Any]]:
    """By kind: its words, the figures that are the table's columns, and its models."""
    kinds = sorted({e.kind for e in evaluations}, key=lambda kind: [*KINDS, kind].index(kind))
    sections = []
    for kind in kinds:
        of_kind = [e for e in evaluations if e.kind == kind]
        names = [name for name in FIGURES if any(name in e.figures for e in of_kind)]
        sections.append(
            {"words": kind_of(kind), "columns": names, "groups": [_group(e, names) for e in of_kind]}
        )
    return sections


def _group(evaluation: Evaluation, names: list[str]) -> dict[str, Any]:
    """A model's row and those of its rivals: (label, cells), a cell being (text, interval, best)."""
    every = [evaluation.figures, *evaluation.rivals.values()]
    rows = []
    for values in every:
        cells = []
        for name in names:
            if name not in values:
                cells.append(("", "", False))
                continue
            known = [other[name] for other in every if name in other]
            best = max(known) if FIGURES[name].higher_is_better else min(known)
            cells.append((FIGURES[name].show(values[name]), _interval(values, name), values[name] == best))
        rows.append((values.get("label", evaluation.name), cells))
    return {"rows": rows, "documents": evaluation.content["documents"], "evaluation": evaluation}


def _interval(values: Mapping[str, float], name: str) -> str:
    low, high = values.get(f"{name}_low"), values.get(f"{name}_high")
    if low is None or high is None:
        return ""
    if FIGURES[name].is_share:
        return f"{100 * low:.1f}–{100 * high:.1f}"
    return f"{FIGURES[name].show(low)}–{FIGURES[name].show(high)}"


def _confusion(table: pl.DataFrame | None) -> list[tuple[str, list[int]]] | None:
    """Rows (actual label, documents by predicted label), in the labels' order."""
    if table is None:
        return None
    labels = table["actual"].unique(maintain_order=True).to_list()
    return [(label, table.filter(actual=label)["documents"].to_list()) for label in labels]


def _mistakes(table: pl.DataFrame | None) -> list[dict[str, Any]] | None:
    """The test documents on which the model was wrong, surest or farthest first, with what its rivals say.

    None where documents, or their words, have no label each.
    """
    if table is None or "label" not in table.columns:
        return None
    rivals = [name.removesuffix("_predicted") for name in table.columns if name.endswith("_predicted")]
    worst = "error" if "error" in table.columns else "probability"
    wrong = table.filter(pl.col("label") != pl.col("predicted"))
    surest = wrong.sort(worst, "id", descending=[True, False]).head(MISTAKES)
    return [
        {
            **row,
            "text": cut(row["text"], TEXT_CHARACTERS),
            "rivals": {name: row[f"{name}_predicted"] for name in rivals},
        }
        for row in surest.to_dicts()
    ]


def _tokenizers(folder: Path, names: Iterable[str]) -> dict[str, dict[str, Any]]:
    """By name, the numbers in its metrics file; of the tokens of its shards those for training."""
    found = {}
    for name in names:
        path = folder / f"tokenize-{name}.json"
        if path.exists():
            values = read_json(path, "run `dvc repro`")
            found[name] = {"training tokens": values.pop("tokens")["train"], **values}
    return found
