"""Nights on data that grow: the champion is measured on each night's test documents beside the new model."""

import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.conftest import ROOT
from tests.registry.notes import texts, write_params
from tokenmill.core.errors import UserError
from tokenmill.jobs.tracking.store import client
from tokenmill.registry.champion import Standing
from tokenmill.registry.sync import sync

STAGES = (
    "ingest",
    "measure",
    "clean",
    "tokenize small",
    "pretrain scribe",
    "evaluate scribe",
    "report",
    "register",
)


@pytest.fixture
def night(project: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Standing]:
    """One night: a file comes to data/sources, the stages run, the registry is filled."""
    for name in ("random", "bigrams"):
        path = project / "data/init" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes((ROOT / "data/init" / name).read_bytes())
    (project / "data/sources/notes").mkdir(parents=True)

    def run(number: int, tokens: int, content: bytes) -> Standing:
        (project / f"data/sources/notes/{number}.txt").write_bytes(content)
        write_params(tokens)
        for stage in STAGES:
            name, *argument = stage.split()
            monkeypatch.setattr(sys, "argv", [name, *argument])
            import_module(f"stages.{name}").main()
        (standing,) = sync()
        return standing

    return run


def champion() -> str:
    return str(client().get_registered_model("our-scribe").aliases["champion"])


def test_nights(night: Callable[..., Standing], project: Path) -> None:
    first = night(1, 12_800, texts(150, 1).encode())
    assert (first.version, first.aliases) == ("1", ("challenger", "champion"))

    second = night(2, 6_400, texts(60, 2).encode())
    assert (second.version, second.aliases) == ("2", ("challenger",))
    assert second.reason.startswith("not significantly better: bits_per_byte ")
    assert " of version 1 on the same " in second.reason and "95% interval -" in second.reason

    with pytest.raises(UserError, match=r"^sources\.notes: .*UTF-8") as error:
        night(3, 25_600, b"\x80 broken \xff\n" * 50)
    assert len(str(error.value).splitlines()) == 1
    assert champion() == "1"
    (project / "data/sources/notes/3.txt").unlink()

    third = night(4, 25_600, texts(60, 3).encode())
    assert (third.version, third.aliases) == ("3", ("challenger", "champion"))
    assert third.reason.startswith("significantly better: bits_per_byte ")
    tags: dict[str, Any] = client().get_model_version("our-scribe", "3").tags
    assert tags["against"] == "1" and tags["reason"] == third.reason
    assert 0 < float(tags["gain.low"]) < float(tags["gain"]) < float(tags["gain.high"])
    assert float(tags["gain.p_value"]) < 0.05
    assert pl.read_parquet(next(Path("mlruns").rglob("trained_on.parquet"))).columns == ["id", "text", "form"]
    assert sync() == [third]
