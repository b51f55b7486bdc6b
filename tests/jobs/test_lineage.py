"""What a stage's key covers, and that nothing is published of what was edited while the stage ran."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from stages import ingest as stage
from stages.params import load_params
from tokenmill.core.errors import UserError
from tokenmill.jobs.job import job
from tokenmill.jobs.lineage import all_code, stage_code

DVC_YAML = """\
stages:
  count:
    cmd: python -m stages.count
    params: [count]
    deps: [data/texts, requirements.txt, stages/count.py, tokenmill/core]
    outs: [data/counts]
  model:
    foreach: ${model}
    do:
      cmd: python -m stages.model ${key}
      params: ["model.${key}"]
      deps: [data/counts, "${item.init_from}", stages/model.py, tokenmill/core, tokenmill/model]
      outs: ["data/models/${key}"]
"""

# Waits, when it has begun, until a file `open` is there; what it writes takes two attempts' worth of work.
STAGE = """\
import time
from pathlib import Path
from ruamel.yaml import YAML
from tokenmill.jobs.job import job, run_main


def settings():
    return YAML(typ="safe").load(Path("params.yaml"))["model"]["small"]


def main():
    outs = {"model": Path("data/models/small")}
    with job("model@small", settings=settings, inputs={"counts": Path("data/counts")}, outs=outs) as this:
        again = (this.work / "trained").exists()
        (this.work / "trained").touch()
        print("trains", flush=True)
        while not Path("open").exists():
            time.sleep(0.02)
        this.out["model"].write_text("from its checkpoint" if again else "from the beginning")


run_main(main)
"""

PARAMS = "model: {small: {learning_rate: 0.02, shape: {layers: 2}}}\n"
FILES = {
    "dvc.yaml": DVC_YAML,
    "params.yaml": PARAMS,
    "requirements.txt": "polars",
    "data/counts/a": "1",
    "data/texts": "text",
    "stages/count.py": "",
    "stages/model.py": STAGE,
    "stages/mlflow.py": "raise ImportError('takes seconds, and is not what is tested here')",
    "tokenmill/core/files.py": "",
    "tokenmill/core/__pycache__/files.cpython.pyc": "",
    "tokenmill/model/layers.py": "",
    "tokenmill/model/page.html.j2": "",
    "tokenmill/jobs/progress.py": "",
}


@pytest.fixture
def toy(project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with a dvc.yaml and files of code of its own; what runs is the real tokenmill.jobs."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "nowhere://")
    for name, text in FILES.items():
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text(text, "utf-8")
    return project


def test_a_stage_s_code_is_what_dvc_yaml_names_for_it(toy: Path) -> None:
    assert sorted(stage_code("count")) == ["requirements.txt", "stages/count.py", "tokenmill/core/files.py"]
    assert sorted(stage_code("model@small")) == [
        "stages/model.py",
        "tokenmill/core/files.py",
        "tokenmill/model/layers.py",
        "tokenmill/model/page.html.j2",
    ]
    assert stage_code("unknown") == all_code()
    (toy / "dvc.yaml").unlink()
    everything = stage_code("count")
    assert {"tokenmill/jobs/lineage.py", "stages/pretrain.py"} <= set(everything)
    assert not any("__pycache__" in path for path in everything)


def test_an_edit_that_does_not_concern_the_stage_keeps_its_work(toy: Path) -> None:
    def key() -> str:
        with (
            pytest.raises(ValueError),
            job("model@small", settings=dict, inputs={}, outs={"model": Path("data/models/small")}) as this,
        ):
            raise ValueError
        return this.key

    before = key()
    for unconcerned in ("tokenmill/jobs/progress.py", "stages/count.py", "data/texts"):
        (toy / unconcerned).write_text("other")
    assert key() == before
    (toy / "tokenmill/model/page.html.j2").write_text("other")
    assert key() != before


def run(*, meanwhile: Callable[[], object]) -> tuple[int, str]:
    """Exit status and last words of the stage, during which something else happens."""
    Path("open").unlink(missing_ok=True)
    process = subprocess.Popen(
        [sys.executable, "stages/model.py"],
        env=dict(os.environ),
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "trains\n", process.communicate()[1]
    meanwhile()
    Path("open").touch()
    said = process.communicate(timeout=60)[1].splitlines()
    errors = [line for line in said if not line.startswith("warning: ")]
    return process.returncode, "\n".join(errors)


@pytest.mark.parametrize(
    ("edited", "text", "named"),
    [
        (
            "params.yaml",
            PARAMS.replace("0.02", "0.5"),
            "params.yaml: model.small.learning_rate changed from 0.02 to 0.5",
        ),
        (
            "params.yaml",
            PARAMS.replace("layers: 2", "width: 4"),
            "params.yaml: model.small.shape.layers changed from 2 to nothing (and 1 more)",
        ),
        ("params.yaml", "model: {}\n", "params.yaml: model.small was removed"),
        ("data/counts/a", "2", "data/counts/a changed"),
        ("data/counts/b", "2", "data/counts/b changed"),
        ("tokenmill/model/layers.py", "# slower", "tokenmill/model/layers.py changed"),
    ],
    ids=["setting", "two settings", "entry", "source file", "new source file", "code file"],
)
def test_what_is_edited_while_a_stage_runs_is_not_said_to_be_its_origin(
    toy: Path, edited: str, text: str, named: str
) -> None:
    (toy / "data/models").mkdir()
    (toy / "data/models/small").write_text("older")
    before = (toy / edited).read_text() if (toy / edited).exists() else None
    status, said = run(meanwhile=lambda: (toy / edited).write_text(text))
    assert (status, said) == (
        1,
        f"error: {named} while model@small ran; nothing was published: change it back and run again "
        "to finish this result, or just run again to begin anew",
    )
    assert (toy / "data/models/small").read_text() == "older"

    # Changed back, the work goes on; its folder was kept.
    (toy / edited).unlink() if before is None else (toy / edited).write_text(before)
    assert run(meanwhile=lambda: None) == (0, "")
    assert (toy / "data/models/small").read_text() == "from its checkpoint"


def test_run_again_with_the_new_state_a_stage_begins_anew(toy: Path) -> None:
    assert run(meanwhile=lambda: (toy / "data/counts/a").write_text("2"))[0] == 1
    assert run(meanwhile=lambda: None) == (0, "")
    assert (toy / "data/models/small").read_text() == "from the beginning"


def test_what_is_only_touched_or_does_not_concern_the_stage_is_no_change(toy: Path) -> None:
    def touch() -> None:
        os.utime(toy / "data/counts/a")
        (toy / "data/texts").write_text("other")
        (toy / "tokenmill/jobs/progress.py").write_text("other")
        (toy / "params.yaml").write_text(f"{PARAMS}other: 1\n")

    assert run(meanwhile=touch) == (0, "")


def test_a_real_stage_whose_setting_and_source_are_edited_meanwhile(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = Path(__file__).resolve().parents[2]
    text = (root / "params.yaml").read_text("utf-8")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "nowhere://")
    (project / "params.yaml").write_text(text, "utf-8")
    (project / "dvc.yaml").write_text((root / "dvc.yaml").read_text("utf-8"), "utf-8")
    (project / "data/sources").mkdir(parents=True)
    source = project / "data/sources/texts.txt"
    source.write_text("text\n", "utf-8")

    def edit(*arguments: object) -> dict[str, int]:
        Path(arguments[2]).mkdir()  # type: ignore[arg-type]
        (project / "params.yaml").write_text(text.replace("language: zh", "language: en"), "utf-8")
        source.write_text("other text\n", "utf-8")
        return {}

    monkeypatch.setattr(stage, "ingest", edit)
    with pytest.raises(
        UserError, match=r'^params\.yaml: sources\.dialogues-zh\.language changed from "zh" to "en" \(and \d'
    ):
        stage.main()
    assert load_params().sources["reviews"].language == "en"
    assert not (project / "data/raw").exists()
