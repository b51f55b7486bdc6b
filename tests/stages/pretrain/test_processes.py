"""Two processes train as one does: the stage started once, its rows and its outs shared out."""

import csv
import os
import subprocess
import sys
from pathlib import Path

import pytest

from lm.training.threads import compute_threads
from stages.pretrain.__main__ import main
from tests.tiny_project import write_params, write_project


def losses(project: Path) -> list[float]:
    with (project / "data/plots/pretrain-bert.csv").open() as file:
        return [float(row["loss"]) for row in csv.DictReader(file)]


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
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("step 50/50") == 1, "the second process prints as well"
    together = losses(project)
    assert len(together) == 10 and together[-1] < together[0] - 0.5
    assert (project / "data/models/bert/model.safetensors").exists()

    from stages.tracking import client

    [experiment] = client().search_experiments(filter_string="name = 'tokenmill/pretrain'")
    [run] = client().search_runs([experiment.experiment_id])
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
