"""When a new version becomes champion: only if it is measurably better on the same test data."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Decision:
    """Whether the challenger becomes champion, and why."""

    promote: bool
    reason: str


def decide(
    name: str,
    challenger: str,
    *,
    metric: str,
    value: float,
    better: Literal["higher", "lower"],
    champion: str | None,
    champion_value: float | None,
) -> Decision:
    """Compare a new version with the champion.

    Args:
        name: of the registered model.
        challenger: number of the new version.
        metric: name of the figure that decides.
        value: the challenger's.
        better: which values are better; equal ones change nothing.
        champion: number of the version that is champion; None where there is none.
        champion_value: its figure on the same test data; None where it was not measured on that.
    """
    if champion is None:
        return Decision(True, f"there was no champion; {metric} is {value:g}")
    if champion_value is None:
        return Decision(
            False,
            f"champion version {champion} was not measured by {metric} on this test data, so nothing says "
            f"which is better; `tokenmill promote {name} {challenger}` makes this one champion all the same",
        )
    comparison = f"{metric} {value:g} against {champion_value:g} of version {champion} on the same test data"
    if value > champion_value if better == "higher" else value < champion_value:
        return Decision(True, f"better: {comparison}")
    return Decision(False, f"not better: {comparison}, and {better} is better")
