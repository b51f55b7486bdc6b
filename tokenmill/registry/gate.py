"""Who may be champion: only a model that is measurably better on the same test data."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Verdict:
    """Whether the candidate becomes champion, and why."""

    champion: bool
    reason: str


def judge(
    name: str,
    candidate: str,
    *,
    metric: str,
    value: float,
    better: Literal["higher", "lower"],
    champion: str | None,
    champion_value: float | None,
) -> Verdict:
    """Compare a new version with the champion.

    ``candidate`` and ``champion`` are version numbers (``champion`` None where there is none);
    ``champion_value`` is its figure of the same metric on the same test data, None where it was not measured
    on that. Equal figures change nothing.
    """
    if champion is None:
        return Verdict(True, f"there was no champion; {metric} is {value:g}")
    if champion_value is None:
        return Verdict(
            False,
            f"champion version {champion} was not measured by {metric} on this test data, so nothing says "
            f"which is better; `tokenmill promote {name} {candidate}` makes this one champion all the same",
        )
    comparison = f"{metric} {value:g} against {champion_value:g} of version {champion} on the same test data"
    wins = value > champion_value if better == "higher" else value < champion_value
    if wins:
        return Verdict(True, f"better: {comparison}")
    return Verdict(False, f"not better: {comparison}, and {better} is better")
