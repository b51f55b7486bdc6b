"""`tokenmill compare` of two registered versions: settings, figures and digests that differ."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.registry.helpers import change, run_stage
from tokenmill.cli.compare import compare, sides
from tokenmill.core.errors import UserError
from tokenmill.jobs.tracking.store import client
from tokenmill.model.digest import model_digest
from tokenmill.registry.sync import sync


def test_two_versions(
    registered: Path,
    make_model: Callable[..., Path],
    write_evaluation: Callable[..., None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Settings and rivals come from the run of the training, or without it from the ancestry."""
    folder = registered / "data/models/mood"
    change(folder / "ancestry.json", finetune={"epochs": 1, "dropout": 0.0})
    run_stage()
    sync()
    first = model_digest(folder)
    make_model("mood", seed=2)
    change(folder / "ancestry.json", finetune={"epochs": 3, "dropout": 0.0})
    write_evaluation("mood", 0.91)
    run_stage()
    sync()
    capsys.readouterr()

    compare("models:/our-mood/1", "models:/our-mood@champion", everything=False)
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert lines[0] == "models:/our-mood/1 models:/our-mood@champion difference"
    assert lines[1:5] == [
        *("settings", "finetune.epochs 1 3"),
        *("figures", "accuracy 85.0% 91.0% +6.00 points, better"),
    ]
    assert f"model {first[:12]} {model_digest(folder)[:12]}" in lines

    version = client().get_model_version("our-mood", "2")
    client().log_param(version.run_id, "finetune.learning_rate", "0.004")
    client().log_metric(version.run_id, "test/rivals/control", 0.84)
    _, (settings, figures, digests) = sides("models:/our-mood/1", "models:/our-mood/2")
    assert settings == {"finetune.learning_rate": "0.004"}
    assert figures == {"accuracy": 0.91, "rivals.control": 0.84}
    assert digests["test documents"] == "1" * 64 and len(digests["ancestry.tokenizer"]) == 64


def test_a_version_that_is_not_there(registered: Path) -> None:
    sync()
    with pytest.raises(UserError, match="models:/our-mood/7: not in the registry"):
        compare("models:/our-mood/1", "models:/our-mood/7", everything=False)
