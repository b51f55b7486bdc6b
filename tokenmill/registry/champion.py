"""Which version is champion: by comparing a new one with it, or by a person's word."""

from dataclasses import asdict, dataclass
from typing import Any

from tokenmill.registry.lookup import aliases_of, version_at
from tokenmill.registry.promotion import Decision, first
from tokenmill.registry.records import Record

CHAMPION, CHALLENGER = "champion", "challenger"
DECISION_TAG = "decision"
"""Set last: a version without it was not compared with the champion, or that was interrupted."""
REASON_TAG = "reason"


@dataclass(frozen=True)
class Standing:
    """Where a model stands in the registry."""

    name: str
    version: str
    aliases: tuple[str, ...]
    reason: str
    mended: str = ""
    """What was wrong with its files and is mended."""

    def __str__(self) -> str:
        line = f"{self.name}: version {self.version} ({', '.join(self.aliases) or 'no alias'}): {self.reason}"
        return f"{line}; {self.mended}" if self.mended else line


def promote_version(mlflow_client: Any, name: str, version: str) -> Standing:
    """Make a version champion because a person says so.

    Raises:
        UserError: the registry does not hold it.
    """
    found = version_at(mlflow_client, f"models:/{name}/{version}")
    old = aliases_of(mlflow_client, name).get(CHAMPION)
    instead = f" in place of version {old}" if old not in (None, version) else ""
    set_champion(mlflow_client, found, True, f"promoted by hand{instead}")
    return standing_of(mlflow_client, name, version)


def compare_with_champion(mlflow_client: Any, record: Record, version: Any) -> None:
    """Decide about a version that was not compared before."""
    number = str(version.version)
    champion = aliases_of(mlflow_client, record.name).get(CHAMPION)
    if champion == number:  # the process that promoted it was killed before it said so
        reason = version.tags.get(REASON_TAG, "made champion by hand")
        set_champion(mlflow_client, version, True, reason)
        return
    if champion is None:
        decision = first(record)
    else:
        from tokenmill.registry.gate import weigh

        of_champion = mlflow_client.get_model_version(record.name, champion)
        decision = weigh(mlflow_client, record, number, of_champion)
        _write_gain(mlflow_client, version, decision, champion)
    set_champion(mlflow_client, version, decision.promote, decision.reason)


def _write_gain(mlflow_client: Any, version: Any, decision: Decision, champion: str) -> None:
    """The gain over the champion and its interval, to search by."""
    if decision.comparison is not None:
        tags = {"against": champion, **asdict(decision.comparison)}
        for key, value in tags.items():
            name = key if key == "against" or key.startswith("gain") else f"gain.{key}"
            mlflow_client.set_model_version_tag(version.name, version.version, name, str(value))


def set_champion(mlflow_client: Any, version: Any, promoted: bool, reason: str) -> None:
    """Write the reason, move the alias where ``promoted``, write the decision.

    In this order, a kill shows what is left to do.
    """
    name, number = version.name, str(version.version)
    mlflow_client.set_model_version_tag(name, number, REASON_TAG, reason)
    if promoted:
        mlflow_client.set_registered_model_alias(name, CHAMPION, number)
    decision = CHAMPION if promoted else CHALLENGER
    mlflow_client.set_model_version_tag(name, number, DECISION_TAG, decision)


def standing_of(mlflow_client: Any, name: str, version: str) -> Standing:
    """Aliases of a version, and the reason why it is champion or not."""
    aliases = tuple(sorted(a for a, v in aliases_of(mlflow_client, name).items() if v == version))
    tags = mlflow_client.get_model_version(name, version).tags
    return Standing(name, version, aliases, tags.get(REASON_TAG, "not compared"))
