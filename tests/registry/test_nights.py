"""Nights on data that grow: the champion is measured on each night's test documents beside the new model."""

import random
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from ruamel.yaml import YAML

from tests.conftest import ROOT
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
WHO, DO = ("我", "你们", "老师", "妈妈", "他的朋友"), ("看了", "买了", "喜欢", "找到了", "卖掉了")
WHAT, WHEN = ("电影", "新书", "音乐", "地图", "报纸"), ("今天", "去年冬天", "星期三", "放假的时候")


def texts(count: int, seed: int) -> str:
    draw = random.Random(seed)
    lines = (
        "，".join(
            "".join(map(draw.choice, (WHEN, WHO, DO, ("一个", "两本", "三张"), WHAT)))
            for _ in range(draw.randint(2, 4))
        )
        for _ in range(count)
    )
    return "".join(f"{line}。\n" for line in lines)


def write_params(tokens: int) -> None:
    yaml = YAML(typ="safe", pure=True)
    params = yaml.load((ROOT / "params.yaml").read_text("utf-8"))
    small = dict(params["tokenize"]["chinese"], sources=["notes"], vocab_size=320)
    scribe = dict(params["pretrain"]["gpt"], tokenizer="small", init_from="data/init/random", tokens=tokens)
    scribe.update(layers=1, width=32, heads=2, context=32, batch_rows=4)
    params |= {
        "sources": {"notes": {"kind": "files", "paths": ["notes/*.txt"], "format": "txt"}},
        "tokenize": {"small": small},
        "pretrain": {"scribe": scribe},
        "finetune": {},
        "evaluate": {"scribe": {"ngram_order": 2, "prompts": []}},
        "register": {"scribe": {"name": "our-scribe", "metric": "bits_per_byte", "better": "lower"}},
        "runtime": {"threads": 1, "precision": "float32", "workers": 1},
    }
    with Path("params.yaml").open("w", encoding="utf-8") as file:
        yaml.dump(params, file)


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
