"""What a model chooses among candidates, and what its vectors are good for: as tables and curves."""

from collections.abc import Mapping
from typing import Any

from tokenmill.report.evaluation import Evaluation

RANKINGS = {
    "sum": "log-probability",
    "per_byte": "log-probability of a byte",
    "pmi": "mutual information with what stands before",
    "whole": "log-probability, cut into tokens as a whole",
    "calibrated": "probability, calibrated by texts without content",
}
"""Ways to compare candidates, in words."""
KINDS = {
    "homophones": "Which of the words that sound alike stood in a test document.",
    "file": "Questions of a file, each with its candidates.",
    "prompted": "Labels of test documents as words of a template, after examples from training.",
    "classes": "Labels of test documents from vectors, by logistic regression on examples of each label.",
    "retrieval": "The target of each text among those of all test documents, by vectors.",
}
"""What is asked, by kind of entry."""

Cell = tuple[str, str]
"""A figure and what stands small beside it."""


def entries(evaluation: Evaluation) -> list[dict[str, Any]]:
    """For each entry its ``name``, a ``note``, ``columns``, ``rows`` of (label, is a rival, cells), and the
    ``lines`` of a chart if it has examples."""
    found = []
    for group in ("choices", "embeddings"):
        for name, figures in evaluation.content.get(group, {}).items():
            note = f"{KINDS[figures['kind']]} {_numbers(figures)}"
            made = (
                _curve(evaluation.name, figures) if "curve" in figures else _table(evaluation.name, figures)
            )
            found.append({"name": name, "note": note, "lines": {}, **made})
    return found


def _numbers(figures: Mapping[str, Any]) -> str:
    count = figures["items"] if "items" in figures else figures["documents"]
    if "majority" in figures:
        return f"{count:,} documents; always the most frequent label: {figures['majority']:.1%}."
    return f"{count:,} of them; guessing: {figures['chance']:.1%}."


def _table(model: str, figures: Mapping[str, Any]) -> dict[str, Any]:
    """Figures without examples: a row for each ranking and each rival."""
    rivals = figures["rivals"].values()
    if "accuracies" not in figures:
        metrics = {"recall_at_10": "target among the nearest ten", "mrr": "mean reciprocal rank"}
        return {
            "columns": list(metrics.values()),
            "rows": [
                (values.get("label", model), "label" in values, [_cell(values, name) for name in metrics])
                for values in (figures, *rivals)
            ],
        }
    rows = [
        (f"{model}, by {RANKINGS[name]}", False, [*_accuracy(values), ("", "")])
        for name in RANKINGS
        if (values := figures["accuracies"].get(name))
    ]
    if "with_bigrams" in figures:
        both = figures["with_bigrams"]
        label = f"{model} with word bigrams, of weight {both['weight']:.2f} by validation"
        rows.append((label, False, [*_accuracy(both), ("", "")]))
    for name, values in figures["rivals"].items():
        gain = figures["comparisons"][name]
        told = (f"{100 * gain['gain']:+.1f} points", f"p = {gain['p_value']:.2g}")
        rows.append((values["label"], True, [*_accuracy(values), told]))
    by = RANKINGS[figures["ranking"]]
    return {"columns": ["accuracy", "centred (chance = 0)", f"gain of {model}, by {by}"], "rows": rows}


def _accuracy(values: Mapping[str, float]) -> list[Cell]:
    return [_cell(values), (f"{values['centred']:.3f}", "")]


def _curve(model: str, figures: Mapping[str, Any]) -> dict[str, Any]:
    """Figures by number of examples: a column for each, a row for each ranking and each rival."""
    curve = figures["curve"]
    series: dict[tuple[str, bool], dict[int, Mapping[str, float]]] = {}
    zero = [{"shots": 0, **figures["zero_shot"]}] if "zero_shot" in figures else []
    for row in [*zero, *curve]:
        own = row.get("accuracies") or {"": row}
        for name in sorted(own, key=lambda name: [*RANKINGS, ""].index(name)):
            label = f"{model}, by {RANKINGS[name]}" if name else model
            series.setdefault((label, False), {})[row["shots"]] = own[name]
        for values in row["rivals"].values():
            label = values["label"].split(",")[0]
            series.setdefault((label, True), {})[row["shots"]] = values
    shots = [row["shots"] for row in [*zero, *curve]]
    return {
        "columns": [f"{n} examples" if n != 1 else "1 example" for n in shots],
        "rows": [
            (label, rival, [_run_cell(by_shots.get(n)) for n in shots])
            for (label, rival), by_shots in series.items()
        ],
        "lines": {
            label: [(n, values["accuracy"]) for n, values in sorted(by_shots.items())]
            for (label, _), by_shots in series.items()
        },
    }


def _cell(values: Mapping[str, float], metric: str = "accuracy") -> Cell:
    low, high = values[f"{metric}_low"], values[f"{metric}_high"]
    return f"{values[metric]:.1%}", f"{100 * low:.1f}–{100 * high:.1f}"


def _run_cell(values: Mapping[str, float] | None) -> Cell:
    """The mean of runs and the range that they have; of one run its interval."""
    if values is None:
        return "", ""
    if values.get("runs", 1) == 1:
        return _cell(values)
    return f"{values['accuracy']:.1%}", f"{100 * values['lowest']:.1f} to {100 * values['highest']:.1f}"
