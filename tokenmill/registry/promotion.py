"""When a new version becomes champion, in words: only if it is measurably better on the same documents."""

from dataclasses import dataclass

from tokenmill.evaluation.parts import LEAST_GROUPS, Paired
from tokenmill.evaluation.scores import Comparison
from tokenmill.registry.records import Record

SIGNIFICANT = 0.05
"""p-values below are called so."""


@dataclass(frozen=True)
class Decision:
    """Whether the challenger becomes champion, and why."""

    promote: bool
    reason: str
    comparison: Comparison | None = None
    """The gain over the champion, above 0 where the challenger is better."""


def first(record: Record) -> Decision:
    """Where there is no champion."""
    return Decision(True, f"there was no champion; {record.metric} is {record.value:g}")


def undecided(record: Record, challenger: str, why: str) -> Decision:
    """Where nothing says which of the two is better, or nothing is to."""
    by_hand = f"`tokenmill promote {record.name} {challenger}` makes this one champion all the same"
    return Decision(False, f"{why}; {by_hand}")


def decide(record: Record, challenger: str, champion: str, found: Paired, left_out: int) -> Decision:
    """Compare a new version with the champion, both measured on the same documents.

    Args:
        record: of the challenger; names the figure and the gate.
        challenger: number of the new version.
        champion: number of the version that is champion.
        found: both figures.
        left_out: how many documents were left out, because the champion was trained on them.
    """
    sign = 1 if record.better == "higher" else -1
    gain = sign * (found.value - found.other)
    comparison = found.comparison
    figures = _figures(record, champion, found, left_out)
    if record.gate == "significant" and comparison is None and found.documents:
        why = f"fewer than {LEAST_GROUPS} documents, or groups of them, tell nothing: {figures}"
        return undecided(record, challenger, why)
    better = gain > 0 and gain >= record.minimum_gain
    if record.gate == "better" or comparison is None:
        word = "better" if better else "not better"
    else:
        better = better and comparison.p_value < SIGNIFICANT
        word = "significantly better" if better else "not significantly better"
    least = f", at least {record.minimum_gain:g} is wanted" if 0 < gain < record.minimum_gain else ""
    hint = "" if better else f", and {record.better} is better"
    return Decision(better, f"{word}: {figures}{least}{hint}", comparison)


def _figures(record: Record, champion: str, found: Paired, left_out: int) -> str:
    on = f"the same {found.documents:,} test documents" if found.documents else "the same test data"
    text = f"{record.metric} {found.value:.6g} against {found.other:.6g} of version {champion} on {on}"
    if found.comparison is not None:
        of = found.comparison
        text += f" (gain {of.gain:.4g}, 95% interval {of.low:.4g} to {of.high:.4g}, p = {of.p_value:.2g})"
    if left_out:
        documents = "1 document" if left_out == 1 else f"{left_out:,} documents"
        text += f"; {documents} left out that belong to what version {champion} was trained on"
    return text
