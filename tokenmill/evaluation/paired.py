"""Two models on the same test documents: by how much one is better, and how sure that is."""

from typing import Literal

import numpy as np

from tokenmill.evaluation.kinds import MEASURES, PARTS
from tokenmill.evaluation.parts import LEAST_GROUPS, Paired, Parts
from tokenmill.evaluation.resampling import compare_resampled
from tokenmill.evaluation.scores import Comparison
from tokenmill.evaluation.settings import measured_as
from tokenmill.evaluation.subject import Subject
from tokenmill.jobs.tracking.tags import flatten


class NotComparable(ValueError):
    """The figures of two models say nothing of which is better; the message says why."""


def compare_models(
    subject: Subject, other: Subject, metric: str, better: Literal["higher", "lower"]
) -> Paired:
    """Measure two models on the test documents of ``subject``, which are those of ``other``, too.

    Args:
        subject: a model, its documents and settings.
        other: another model, with the same documents and settings.
        metric: dotted place of the figure among those of the evaluation.
        better: which values of it are.

    Raises:
        NotComparable: the two are of different kinds, or are asked different things.
        UserError: one cannot be measured on the documents.
    """
    kind, other_kind = _kind(subject), _kind(other)
    if kind != other_kind:
        raise NotComparable(f"it is a {other_kind}, this one a {kind}")
    parts, others = PARTS[kind](subject, metric), PARTS[kind](other, metric)
    if parts is None or others is None:
        value, other_value = (flatten(MEASURES[kind](each).figures).get(metric) for each in (subject, other))
        if value is None or other_value is None:
            raise NotComparable(f"one of the two has no {metric} on these documents")
        return Paired(float(value), float(other_value), 0, None)
    if parts.measured_in != others.measured_in:
        raise NotComparable(
            f"its {metric} is by {others.measured_in}, that of this one by {parts.measured_in}"
        )
    if parts.units != others.units:
        raise NotComparable(f"its {metric} is of other documents")
    return Paired(parts.value, others.value, len(parts.units), _compare(parts, others, better, subject))


def _kind(subject: Subject) -> str:
    config = subject.model.config
    return measured_as(config.kind, subject.ancestry.get("task"), config.problem_type)


def _compare(
    parts: Parts, others: Parts, better: Literal["higher", "lower"], subject: Subject
) -> Comparison | None:
    groups = np.unique(parts.groups, return_inverse=True)[1].astype(np.int64)
    if groups.max(initial=-1) + 1 < LEAST_GROUPS:
        return None
    figure, seed = parts.figure, subject.settings.seed
    if better == "higher":
        return compare_resampled(figure, parts.counts, others.counts, groups, seed)
    return compare_resampled(figure, others.counts, parts.counts, groups, seed)
