"""What the figures say, in sentences; a difference that chance explains is not called one."""

from collections.abc import Mapping

from tokenmill.report.evaluation import Evaluation
from tokenmill.report.words import figure_of

ALPHA = 0.05
"""A p-value below this is called a difference; above it, the two are called equal for want of evidence."""


def headlines(evaluation: Evaluation) -> list[str]:
    """One sentence for each rival, or one about the model alone."""
    if not evaluation.rivals:
        figure = figure_of(evaluation.metric)
        return [f"{evaluation.name} has {figure.words} {figure.show(evaluation.value)}."]
    compared = evaluation.content["comparisons"]
    return [
        _tested(evaluation, rival, compared[rival]) if rival in compared else _set_beside(evaluation, rival)
        for rival in evaluation.rivals
    ]


def _tested(evaluation: Evaluation, rival: str, comparison: Mapping[str, float]) -> str:
    figure, p_value = figure_of(evaluation.metric), comparison["p_value"]
    gain, low, high = (comparison[key] for key in ("gain", "low", "high"))
    label = evaluation.rivals[rival]["label"]
    if figure.is_share:
        figures = f"{100 * gain:+.1f} points, 95% interval {100 * low:+.1f} to {100 * high:+.1f}"
    else:
        what = figure.words if figure.higher_is_better else f"less {figure.words}"
        figures = f"{gain:+.3f} {what}, 95% interval {low:+.3f} to {high:+.3f}"
    figures += f", p = {p_value:.2g}"
    if p_value >= ALPHA:
        return f"{evaluation.name} and {label} cannot be told apart on this test set ({figures})."
    return f"{evaluation.name} is {'better' if gain > 0 else 'worse'} than {label} ({figures})."


def _set_beside(evaluation: Evaluation, rival: str) -> str:
    metric, theirs = evaluation.shared_metric(rival), evaluation.rivals[rival]
    figure = figure_of(metric)
    verdict = "ahead" if evaluation.beats(rival) else "behind"
    return (
        f"{evaluation.name} is {verdict}: {figure.words} {figure.show(evaluation.figures[metric])}, against "
        f"{figure.show(theirs[metric])} of the rival ({theirs['label']})."
    )
