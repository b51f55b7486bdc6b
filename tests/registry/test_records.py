"""What ought to be registered: complete, deterministic, and free of what only a registry knows."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.registry.helpers import SETTINGS, change, run_stage
from tokenmill.core.errors import UserError
from tokenmill.core.files import digest_tree
from tokenmill.model.digest import CONTROL, model_digest
from tokenmill.registry.records import check_folder, read_records
from tokenmill.registry.settings import RegisteredModel

FIGURES = Path("data/evaluation/mood/figures.json")
MODEL = Path("data/models/mood")


def entry(metric: str, name: str = "mood") -> dict[str, RegisteredModel]:
    return {name: RegisteredModel(name=f"our-{name}", metric=metric, better="higher")}


def test_a_record_holds_what_identifies_and_measures_the_model(evaluated: Path) -> None:
    scribe, mood = run_stage()
    assert (scribe.name, scribe.folder, scribe.kind) == ("our-scribe", "data/models/scribe", "causal-lm")
    assert scribe.digest == digest_tree(evaluated / "data/models/scribe")
    assert (scribe.metric, scribe.value, scribe.better) == ("bits_per_byte", 2.0, "lower")
    assert scribe.test_digest == "1" * 64
    assert scribe.ancestry["data"]["raw"]["letters"] == "b" * 64
    assert scribe.card.endswith("# scribe\n")
    assert (mood.kind, mood.value) == ("sequence-classifier", 0.85)


def test_the_control_is_no_part_of_the_model(evaluated: Path) -> None:
    assert (evaluated / MODEL / CONTROL / "model.safetensors").is_file()
    _, mood = run_stage()
    shutil.rmtree(evaluated / MODEL / CONTROL)
    assert mood.digest == digest_tree(evaluated / MODEL) == model_digest(evaluated / MODEL)


def test_no_entry_is_no_record(project: Path) -> None:
    assert run_stage({}) == read_records(project / "data/registry.json") == []


def test_equal_inputs_give_equal_bytes_anywhere(
    evaluated: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = run_stage()
    text = Path("data/registry.json").read_text("utf-8")
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "deep"
    evaluated.rename(elsewhere)
    monkeypatch.chdir(elsewhere)
    assert run_stage() == records == read_records(Path("data/registry.json"))
    assert Path("data/registry.json").read_text("utf-8") == text
    assert str(evaluated) not in text


def test_no_claim_that_only_a_registry_can_make(registered: Path) -> None:
    text = (registered / "data/registry.json").read_text("utf-8")
    assert re.findall(r"\b(version|champion|challenger|alias|run|stage|commit|time)", text) == []


def test_any_figure_of_an_evaluation_may_decide(
    evaluated: Path, make_model: Callable[..., Path], write_evaluation: Callable[..., None]
) -> None:
    assert run_stage(entry("by_source.news"))[0].value == 0.85
    make_model("gaps")
    write_evaluation("gaps", 0.25)
    records = run_stage({**SETTINGS, **entry("accuracy", name="gaps")})
    assert [(record.name, record.kind) for record in records][-1] == ("our-gaps", "masked-lm")


@pytest.mark.parametrize(
    ("metric", "spoil", "message"),
    [
        (
            "acuracy",
            None,
            r"params\.yaml: register\.mood\.metric is acuracy, which data/evaluation/mood/figures\.json does "
            r"not have; did you mean accuracy\?",
        ),
        ("by_source", None, r"register\.mood\.metric is by_source, which .* did you mean by_source\.news\?"),
        (
            "accuracy",
            lambda: change(FIGURES, figures={"accuracy": float("nan")}),
            r"figures\.json: accuracy must be a finite number, got nan",
        ),
        ("accuracy", lambda: FIGURES.write_text("{"), r"figures\.json: not readable as JSON; restore"),
        ("accuracy", FIGURES.unlink, r"figures\.json: missing; restore it with `dvc checkout`"),
        (
            "accuracy",
            lambda: shutil.rmtree(FIGURES.parent),
            r"params\.yaml: register\.mood: data/evaluation/mood is missing; name mood under evaluate too",
        ),
        (
            "accuracy",
            lambda: change(FIGURES, kind="oracle"),
            r"params\.yaml: register\.mood is of the kind oracle, which answers no requests; register one of",
        ),
        ("accuracy", Path("data/report/cards/mood.md").unlink, r"cards/mood\.md: missing; restore"),
        ("accuracy", lambda: shutil.rmtree(MODEL), r"data/models/mood: missing; restore"),
    ],
)
def test_what_cannot_be_recorded_is_said_in_one_line(
    evaluated: Path, metric: str, spoil: Callable[[], object] | None, message: str
) -> None:
    if spoil is not None:
        spoil()
    with pytest.raises(UserError, match=message) as error:
        run_stage(entry(metric))
    assert len(str(error.value).splitlines()) == 1


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
    scribe, _ = run_stage()
    check_folder(scribe)
    make_model("scribe", seed=2)
    with pytest.raises(UserError, match=r"data/models/scribe: not the model that data/registry\.json names"):
        check_folder(scribe)
    (evaluated / "data/models/scribe").rename(evaluated / "away")
    with pytest.raises(UserError, match=r"data/models/scribe: missing, and the registry does not hold"):
        check_folder(scribe)
