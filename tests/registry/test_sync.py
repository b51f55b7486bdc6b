"""The registry after one run, two runs, a new store, another model, other test data, and a person's word."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.jobs.tracking.helpers import runs_of
from tests.registry.helpers import SETTINGS, run_stage
from tests.samples import reviews, splits, write_clean
from tokenmill.core.errors import UserError
from tokenmill.core.files import digest_tree
from tokenmill.jobs.tracking.store import client
from tokenmill.model.digest import model_digest
from tokenmill.registry.champion import Standing
from tokenmill.registry.download import local_model_folder
from tokenmill.registry.sync import promote, sync

MakeModel = Callable[..., Path]
WriteEvaluation = Callable[..., None]
NAMES = ("our-scribe", "our-mood")


def stage_and_sync() -> list[Standing]:
    """What `dvc repro register` and then `tokenmill register` do."""
    run_stage()
    return sync()


def versions(name: str) -> list[Any]:
    return sorted(client().search_model_versions(f"name = '{name}'"), key=lambda v: int(v.version))


def aliases(name: str) -> dict[str, str]:
    return {alias: str(version) for alias, version in client().get_registered_model(name).aliases.items()}


def mood(standings: list[Standing]) -> Standing:
    return next(standing for standing in standings if standing.name == "our-mood")


def test_the_first_versions(evaluated: Path) -> None:
    assert [str(standing) for standing in stage_and_sync()] == [
        "our-scribe: version 1 (challenger, champion): there was no champion; bits_per_byte is 2",
        "our-mood: version 1 (challenger, champion): there was no champion; accuracy is 0.85",
    ]
    [version] = versions("our-mood")
    assert version.tags["model.digest"] == model_digest(evaluated / "data/models/mood")
    assert version.tags["metric"] == "accuracy"
    assert version.tags["test.digest"] == "1" * 64
    assert version.tags["accuracy/" + "1" * 64] == "0.85"
    assert (version.tags["raw.news"], version.tags["raw.letters"]) == ("a" * 64, "b" * 64)
    assert version.tags["decision"] == "champion"

    run = client().get_run(version.run_id)
    assert version.tags["dvc.stage_hash"] == run.data.tags["dvc.stage_hash"]
    assert run.info.status == "FINISHED"
    assert "there was no champion" in run.data.tags["registered.our-mood"]
    [logged] = client().search_logged_models(
        [run.info.experiment_id], filter_string=f"tags.`model.digest` = '{version.tags['model.digest']}'"
    )
    assert str(logged.status) == "READY"
    assert [(m.key, m.value) for m in logged.metrics] == [("accuracy", 0.85)]


def test_the_same_model_twice_is_one_version_and_no_new_run(evaluated: Path) -> None:
    first = stage_and_sync()
    assert sync() == first
    assert sync() == first
    assert [len(versions(name)) for name in NAMES] == [1, 1]
    assert len(runs_of("register")) == 1
    assert stage_and_sync() == first  # the stage forced to run again: a run of its own, but no version
    assert [len(versions(name)) for name in NAMES] == [1, 1]


def experiment() -> str:
    return str(client().get_experiment_by_name("tokenmill").experiment_id)


def test_the_outs_are_restored_on_a_machine_with_a_new_store(
    evaluated: Path,
    migrated_store: Path,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = stage_and_sync()
    machine = tmp_path_factory.mktemp("machine")
    shutil.copytree(evaluated / "data", machine / "data")
    shutil.copyfile(migrated_store, machine / "mlflow.db")
    monkeypatch.setenv("DVC_ROOT", str(machine))
    monkeypatch.chdir(machine)
    with pytest.raises(UserError, match=r"our-scribe@champion: not in the registry at .* it is empty"):
        local_model_folder("models:/our-scribe@champion")

    assert sync() == before
    assert [len(versions(name)) for name in NAMES] == [1, 1]
    for name, key in zip(NAMES, ("scribe", "mood"), strict=True):
        folder = local_model_folder(f"models:/{name}@champion")
        assert folder.is_relative_to(machine / "mlruns")
        assert digest_tree(folder) == model_digest(machine / "data/models" / key)


def test_what_a_store_lost_is_registered_again_and_the_rest_left(evaluated: Path) -> None:
    stage_and_sync()
    client().delete_registered_model("our-scribe")
    scribe, kept = sync()
    assert str(scribe).startswith("our-scribe: version 1 (challenger, champion)")
    assert kept.version == "1"
    assert [len(versions(name)) for name in NAMES] == [1, 1]


def test_a_synced_registry_needs_no_model_files(evaluated: Path) -> None:
    before = stage_and_sync()
    shutil.rmtree(evaluated / "data/models")
    assert sync() == before
    client().delete_registered_model("our-scribe")
    with pytest.raises(
        UserError, match="data/models/scribe: missing, and the registry does not hold this model"
    ):
        sync()


def test_a_model_that_is_not_the_recorded_one_is_not_registered(
    evaluated: Path, make_model: MakeModel
) -> None:
    stage_and_sync()
    make_model("mood", seed=2)
    with pytest.raises(UserError, match=r"mood: not the model that data/registry\.json names"):
        sync()
    assert len(versions("our-mood")) == 1


@pytest.mark.parametrize(
    ("accuracy", "champion", "reason"),
    [
        (0.9, "2", "better: accuracy 0.9 against 0.85 of version 1 on the same test data"),
        (0.8, "1", "not better: accuracy 0.8 against 0.85 of version 1 on the same test data"),
        (0.85, "1", "not better: accuracy 0.85 against 0.85 of version 1 on the same test data"),
    ],
)
def test_a_second_model_is_challenger_and_the_better_one_champion(
    evaluated: Path,
    make_model: MakeModel,
    write_evaluation: WriteEvaluation,
    accuracy: float,
    champion: str,
    reason: str,
) -> None:
    stage_and_sync()
    make_model("mood", seed=2)
    write_evaluation("mood", accuracy)
    standing = mood(stage_and_sync())
    assert standing.version == "2"
    assert standing.reason.startswith(reason)
    assert aliases("our-mood") == {"challenger": "2", "champion": champion}
    assert versions("our-mood")[1].tags["reason"] == standing.reason
    assert aliases("our-scribe") == {"challenger": "1", "champion": "1"}
    assert mood(sync()) == standing

    make_model("mood", seed=1)  # back to the first: it is known, nothing moves
    write_evaluation("mood", 0.85)
    assert mood(stage_and_sync()).version == "1"
    assert aliases("our-mood") == {"challenger": "2", "champion": champion}


def test_without_the_documents_a_version_waits_for_its_comparison(
    evaluated: Path, make_model: MakeModel, write_evaluation: WriteEvaluation
) -> None:
    stage_and_sync()
    make_model("mood", seed=2)
    write_evaluation("mood", 0.99, test="2" * 64)
    with pytest.raises(UserError, match="data/clean: missing, so our-mood version 2 cannot be compared"):
        stage_and_sync()
    assert aliases("our-mood") == {"challenger": "2", "champion": "1"}
    assert "decision" not in versions("our-mood")[1].tags

    promoted = promote("our-mood", "2")
    assert str(promoted) == (
        "our-mood: version 2 (challenger, champion): promoted by hand in place of version 1"
    )
    assert mood(sync()) == promoted


def test_a_gate_that_is_never_open(
    evaluated: Path, make_model: MakeModel, write_evaluation: WriteEvaluation
) -> None:
    stage_and_sync()
    make_model("mood", seed=2)
    write_evaluation("mood", 0.99)
    run_stage({"mood": SETTINGS["mood"].model_copy(update={"gate": "never"})})
    (standing,) = sync()
    assert standing.reason == (
        "version 1 stays champion: the gate is never; `tokenmill promote our-mood 2` makes this one champion "
        "all the same"
    )


def test_a_champion_measured_on_the_new_test_data_too_is_compared_on_it(
    evaluated: Path, make_model: MakeModel, write_evaluation: WriteEvaluation
) -> None:
    stage_and_sync()
    write_evaluation("mood", 0.7, test="2" * 64)  # the same model, evaluated on new data
    assert mood(stage_and_sync()).version == "1"
    make_model("mood", seed=2)
    write_evaluation("mood", 0.75, test="2" * 64)
    standing = mood(stage_and_sync())
    assert standing.reason == ("better: accuracy 0.75 against 0.7 of version 1 on the same test data")
    assert aliases("our-mood") == {"challenger": "2", "champion": "2"}


def test_a_champion_of_somebody_elses_making_is_not_compared_with(evaluated: Path) -> None:
    mlflow_client = client()
    mlflow_client.create_registered_model("our-scribe")
    mlflow_client.create_model_version("our-scribe", (evaluated / "theirs").as_uri())
    mlflow_client.set_registered_model_alias("our-scribe", "champion", "1")
    write_clean(evaluated / "data/clean", {"letters": splits(reviews(100, seed=3))})
    standing = stage_and_sync()[0]
    assert (standing.version, standing.aliases) == ("2", ("challenger",))
    assert "champion version 1 cannot be measured on this test data: " in standing.reason
    assert "its files are gone from" in standing.reason


def test_a_promotion_of_nothing_is_refused(evaluated: Path) -> None:
    stage_and_sync()
    with pytest.raises(
        UserError, match=r"^models:/our-scribe/7: not in the registry at sqlite:.*; it holds "
    ):
        promote("our-scribe", "7")
    with pytest.raises(UserError, match="not in the registry"):
        promote("nobody", "1")
    assert aliases("our-scribe") == {"challenger": "1", "champion": "1"}


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        (
            "models:/our-scribe@best",
            "not in the registry at .*; it holds models:/our-mood@challenger, ",
        ),
        ("models:/our-scribe/9", "not in the registry"),
        ("models:/other@champion", "not in the registry"),
        (
            "models:/our-scribe",
            "not an address of a model; give models:/NAME@ALIAS or models:/NAME/VERSION",
        ),
    ],
)
def test_an_address_that_leads_nowhere(evaluated: Path, uri: str, message: str) -> None:
    stage_and_sync()
    with pytest.raises(UserError, match=f"^{uri}: {message}") as error:
        local_model_folder(uri)
    assert len(str(error.value).splitlines()) == 1


def test_a_version_whose_files_are_gone(evaluated: Path) -> None:
    stage_and_sync()
    assert local_model_folder("models:/our-scribe/1") == local_model_folder("models:/our-scribe@champion")
    shutil.rmtree(evaluated / "mlruns")
    with pytest.raises(
        UserError, match=r"its files are gone from .*; `tokenmill register` uploads them again"
    ):
        local_model_folder("models:/our-scribe/1")


def test_a_store_out_of_reach_costs_one_line(registered: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://person:secret@127.0.0.1:9")
    with pytest.raises(UserError) as error:
        sync()
    assert str(error.value).startswith("MLflow at http://***@127.0.0.1:9 cannot be reached: ")
    assert "set MLFLOW_TRACKING_URI" in str(error.value)
    assert "secret" not in str(error.value)
    with pytest.raises(UserError, match="cannot be reached"):
        local_model_folder("models:/our-scribe@champion")


def test_nothing_to_register_needs_no_store(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    run_stage({})
    assert sync() == []


def test_the_card_goes_with_the_version_and_the_control_stays(registered: Path) -> None:
    sync()
    folder = local_model_folder("models:/our-mood@champion")
    assert not (folder / "control").exists()
    assert (folder.parents[1] / "README.md").read_text("utf-8").startswith("---\ntags: [mood]")
    assert versions("our-mood")[0].description == "# mood"


def test_inside_a_temporary_experiment(evaluated: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """DVC works in a throw-away folder then; the registry and the models in it must not stand there."""
    temporary = evaluated / "temporary"
    temporary.mkdir()
    (evaluated / "data").rename(temporary / "data")
    monkeypatch.chdir(temporary)
    stage_and_sync()
    assert sorted(path.name for path in temporary.iterdir()) == ["data"]
    shutil.rmtree(temporary)
    monkeypatch.chdir(evaluated)
    assert (local_model_folder("models:/our-scribe@champion") / "model.safetensors").is_file()
