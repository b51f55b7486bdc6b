"""What ought to be registered: complete, deterministic, and free of what only a registry knows."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stages.params import load_params
from tokenmill.core.errors import UserError
from tokenmill.core.files import digest_tree
from tokenmill.registry.records import MODELS, check_folder, make_records, read_records, write_records
from tokenmill.registry.settings import RegisteredModel

METRICS = Path("data/metrics/evaluate.json")


def records(settings: dict[str, RegisteredModel] | None = None) -> list[Any]:
    settings = settings if settings is not None else load_params().register_
    return make_records(settings, METRICS, {key: digest_tree(MODELS / key) for key in settings})


def model(metric: str, key: str = "sentiment") -> dict[str, RegisteredModel]:
    return {key: RegisteredModel(name=f"tokenmill-{key}", metric=metric, better="higher")}


def test_a_record_holds_what_identifies_and_measures_the_model(evaluated: Path) -> None:
    gpt, sentiment = records()
    assert (gpt.name, gpt.folder, gpt.kind) == ("tokenmill-gpt", "data/models/gpt", "causal-lm")
    assert gpt.digest == digest_tree(evaluated / "data/models/gpt")
    assert (gpt.metric, gpt.value, gpt.better) == ("gpt.bits_per_byte", 2.0, "lower")
    assert gpt.test_digest == "1" * 64
    assert gpt.ancestry["data"]["raw"]["reviews"] == "b" * 64
    assert (sentiment.kind, sentiment.value) == ("sequence-classifier", 0.85)


def test_equal_inputs_give_equal_bytes_anywhere(
    evaluated: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_records(evaluated / "one.json", records())
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "deep"
    evaluated.rename(elsewhere)
    monkeypatch.chdir(elsewhere)
    write_records(elsewhere / "two.json", records())
    text = (elsewhere / "one.json").read_text("utf-8")
    assert text == (elsewhere / "two.json").read_text("utf-8")
    assert str(evaluated) not in text
    assert read_records(elsewhere / "one.json") == records()


def test_no_claim_that_only_a_registry_can_make(evaluated: Path) -> None:
    write_records(evaluated / "registry.json", records())
    text = (evaluated / "registry.json").read_text("utf-8")
    assert re.findall(r"\b(version|champion|challenger|alias|run|stage|commit|time)", text) == []


def test_the_test_digest_nearest_to_the_figure_counts(evaluated: Path) -> None:
    METRICS.write_text(json.dumps({
        "test_digest": "far",
        "a": {"test_digest": "near", "b": {"f1": 0.5}},
        "c": {"accuracy": 1},
    }))  # fmt: skip
    assert [r.test_digest for r in (*records(model("a.b.f1")), *records(model("c.accuracy")))] == [
        "near",
        "far",
    ]
    assert records(model("c.accuracy"))[0].value == 1.0


Change = Callable[[], object]


def metrics_without(name: str) -> Change:
    def change() -> None:
        metrics = json.loads(METRICS.read_text())
        del metrics["sentiment"][name]
        METRICS.write_text(json.dumps(metrics))

    return change


@pytest.mark.parametrize(
    ("metric", "change", "message"),
    [
        (
            "sentiment.acuracy",
            None,
            r"params\.yaml: register\.sentiment\.metric is sentiment\.acuracy, which "
            r"data/metrics/evaluate\.json does not have; did you mean sentiment\.accuracy\?",
        ),
        (
            "sentiment",
            None,
            r"evaluate\.json: sentiment must be a finite number, got a group of figures; name a",
        ),
        (
            "sentiment.accuracy",
            metrics_without("test_digest"),
            r"no test_digest beside sentiment\.accuracy; make",
        ),
        (
            "sentiment.accuracy",
            lambda: METRICS.write_text('{"sentiment": {"accuracy": NaN, "test_digest": "1"}}'),
            r"sentiment\.accuracy must be a finite number, got nan",
        ),
        (
            "sentiment.accuracy",
            lambda: METRICS.write_text("{"),
            r"evaluate\.json: not readable as JSON; restore",
        ),
        ("sentiment.accuracy", METRICS.unlink, r"evaluate\.json: missing; restore it with `dvc checkout`"),
        (
            "sentiment.accuracy",
            lambda: (MODELS / "sentiment" / "config.json").write_text('{"tokenmill": {"kind": "oracle"}}'),
            r"models/sentiment/config\.json tells of the kind oracle, which answers no requests; register",
        ),
        (
            "sentiment.accuracy",
            (MODELS / "sentiment" / "ancestry.json").unlink,
            r"data/models/sentiment/ancestry\.json: missing; restore",
        ),
    ],
)
def test_what_cannot_be_recorded_is_said_in_one_line(
    evaluated: Path, metric: str, change: Change | None, message: str
) -> None:
    digests = {"sentiment": "0"}
    if change is not None:
        change()
    with pytest.raises(UserError, match=message) as error:
        make_records(model(metric), METRICS, digests)
    assert len(str(error.value).splitlines()) == 1


def test_a_masked_model_is_not_served(evaluated: Path, make_model: Callable[[str], Path]) -> None:
    make_model("bert")
    with pytest.raises(
        UserError, match=r"register\.bert: .* tells of the kind masked-lm, which answers no requests"
    ):
        records(model("gpt.bits_per_byte", key="bert"))


@pytest.mark.parametrize(
    "text", ["[]", "{}", '{"models": [{}]}', '{"models": 3}', '{"models": [{"version": 1}]}']
)
def test_a_file_that_register_did_not_write(project: Path, text: str) -> None:
    Path("registry.json").write_text(text)
    with pytest.raises(
        UserError, match=r"^registry\.json: .*(not what register writes|must be a JSON object)"
    ):
        read_records(Path("registry.json"))


def test_the_folder_must_hold_the_model_of_the_record(
    evaluated: Path, make_model: Callable[..., Path]
) -> None:
    gpt, _ = records()
    check_folder(gpt)
    make_model("gpt", seed=2)
    with pytest.raises(UserError, match=r"data/models/gpt: not the model that data/registry\.json names"):
        check_folder(gpt)
    (evaluated / "data/models/gpt").rename(evaluated / "away")
    with pytest.raises(UserError, match=r"data/models/gpt: missing, and the registry does not hold"):
        check_folder(gpt)
