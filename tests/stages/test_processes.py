"""Two processes train as one does: the stage started once, its rows, its weights and its outs shared out."""

import csv
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from stages.pretrain import main
from tests.jobs.tracking.helpers import runs_of
from tests.tiny_project import write_params, write_project
from tokenmill.core.threads import compute_threads


def losses(project: Path) -> list[float]:
    with (project / "data/plots/pretrain-bert.csv").open() as file:
        return [float(row["loss"]) for row in csv.DictReader(file)]


def weights(project: Path) -> dict[str, torch.Tensor]:
    return load_file(project / "data/models/bert/model.safetensors")


@pytest.mark.skipif(compute_threads(0) < 2, reason="two processes want two cores")
def test_two_processes_and_one_that_accumulates_have_the_same_losses(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """bert: each process hides tokens of its own rows, so that their counts of targets differ."""
    write_project(project, runtime={"devices": 2})
    done = subprocess.run(
        [sys.executable, "-m", "stages.pretrain", "bert"],
        cwd=project,
        env={**os.environ, "DVC_ROOT": str(project)},
        text=True,
        capture_output=True,
        timeout=900,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("step 50/50") == 1, "the second process prints as well"
    together = losses(project)
    assert len(together) == 10 and together[-1] < together[0] - 0.5
    assert (project / "data/models/bert/model.safetensors").exists()

    [run] = runs_of("pretrain")
    assert run.info.status == "FINISHED"

    write_params(project, runtime={"micro_batch": 1})
    monkeypatch.chdir(project)
    monkeypatch.setenv("DVC_ROOT", str(project))
    monkeypatch.setattr(sys, "argv", ["pretrain", "bert"])
    main()
    assert losses(project) == pytest.approx(together, abs=1e-4)
    write_params(project)
    main()
    assert losses(project) == pytest.approx(together, abs=1e-4)


@pytest.mark.skipif(compute_threads(0) < 2, reason="two processes want two cores")
def test_two_processes_that_share_the_weights_stop_and_one_goes_on_to_the_same_model(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """FSDP; batches of 3 rows, so that one process has two and the other a single one."""
    settings = {"layers": 2, "tokens": 50 * 3 * 32, "batch_rows": 3, "keep": "best"}
    write_project(project, pretrain={"bert": settings}, runtime={"devices": 2, "strategy": "fsdp"})
    pair = subprocess.run(
        [sys.executable, "-m", "tests.stages.stopped_pretrain", "bert"],
        cwd=project,
        env={**os.environ, "DVC_ROOT": str(project)},
        text=True,
        capture_output=True,
        timeout=900,
    )
    assert pair.returncode == 143, pair.stderr
    [last] = project.glob(".work/*/*/last.ckpt")
    [folder] = last.parent.glob("last.ckpt.*")
    assert sorted(file.name for file in folder.iterdir()) == ["0.pt", "1.pt"]
    first, second = (torch.load(folder / name, weights_only=True)["state_dict"] for name in ("0.pt", "1.pt"))
    name = "model.backbone.embeddings.token.weight"
    assert len(first[name]) == len(second[name]) == 160

    write_params(project, pretrain={"bert": settings})
    monkeypatch.chdir(project)
    monkeypatch.setenv("DVC_ROOT", str(project))
    monkeypatch.setattr(sys, "argv", ["pretrain", "bert"])
    main()
    together, trained = losses(project), weights(project)
    assert len(together) == 10 and together[-1] < together[0] - 0.5
    main()
    assert losses(project) == pytest.approx(together, abs=1e-4)
    for name, alone in weights(project).items():
        torch.testing.assert_close(trained[name], alone, atol=5e-3, rtol=0)
