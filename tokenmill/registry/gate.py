"""The champion, measured on today's test documents beside the challenger."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from tokenmill.core.errors import UserError
from tokenmill.core.files import digest_tree, read_json
from tokenmill.core.threads import compute_threads, reproducible_products
from tokenmill.evaluation.paired import NotComparable, compare_models
from tokenmill.evaluation.parts import Paired
from tokenmill.evaluation.settings import EvaluateSettings
from tokenmill.evaluation.subject import Subject, open_subject
from tokenmill.model.folder import ANCESTRY, load_model
from tokenmill.registry.download import version_folder
from tokenmill.registry.files import stored_version
from tokenmill.registry.promotion import Decision, decide, undecided
from tokenmill.registry.records import Record, check_folder
from tokenmill.registry.trained_on import left_out, read_trained_on
from tokenmill.registry.upload import measured_tag

CLEAN = Path("data/clean")


def weigh(mlflow_client: Any, record: Record, challenger: str, champion: Any) -> Decision:
    """Whether the version of ``record`` takes the place of ``champion``, an MLflow version.

    Raises:
        UserError: the challenger's files or the documents are missing, or do not belong together.
    """
    if record.gate == "never":
        return undecided(record, challenger, f"version {champion.version} stays champion: the gate is never")
    on_these = champion.tags.get(measured_tag(record.metric, record.test_digest))
    if record.gate == "better" and on_these is not None:
        known = Paired(record.value, float(on_these), 0, None)
        return decide(record, challenger, str(champion.version), known, 0)
    check_folder(record)
    if not CLEAN.is_dir():
        raise UserError(
            f"{CLEAN}: missing, so {record.name} version {challenger} cannot be compared with the champion; "
            "restore it with `dvc checkout` and run `tokenmill register`"
        )
    reproducible_products()
    torch.set_num_threads(compute_threads(0))
    settings = EvaluateSettings.model_validate({**record.evaluate, "sources": list(record.sources)})
    folder = Path(record.folder)
    subject = open_subject(folder.name, settings, CLEAN, folder, digest_tree(CLEAN))
    where = f"champion version {champion.version}"
    try:
        other = _open_champion(mlflow_client, record, champion, subject)
        out = _left_out(mlflow_client, record, champion)
        found = compare_models(
            replace(subject, left_out=out), replace(other, left_out=out), record.metric, record.better
        )
    except NotComparable as error:
        return undecided(record, challenger, f"{where} does not compare with this one: {error}")
    except UserError as error:
        return undecided(record, challenger, f"{where} cannot be measured on this test data: {error}")
    return decide(record, challenger, str(champion.version), found, len(out & _test_ids(subject)))


def _open_champion(mlflow_client: Any, record: Record, champion: Any, subject: Subject) -> Subject:
    folder = version_folder(mlflow_client, champion, f"models:/{record.name}/{champion.version}")
    ancestry = read_json(folder / ANCESTRY, "") if (folder / ANCESTRY).exists() else {}
    model, vocabulary = load_model(folder)
    return replace(subject, folder=folder, model=model, vocabulary=vocabulary, ancestry=ancestry)


def _left_out(mlflow_client: Any, record: Record, champion: Any) -> frozenset[str]:
    """Ids of what the champion must not be measured on.

    Raises:
        NotComparable: what it was trained on is not known, and the test documents are others than then.
    """
    trained_on = read_trained_on(stored_version(mlflow_client, champion))
    if trained_on is not None:
        return left_out(trained_on, CLEAN)
    if champion.tags.get("test.digest") == record.test_digest:
        return frozenset()
    raise NotComparable("nothing says which documents it was trained on, and the test data are new")


def _test_ids(subject: Subject) -> frozenset[str]:
    return frozenset(subject.documents("test", subject.sources)["id"])
