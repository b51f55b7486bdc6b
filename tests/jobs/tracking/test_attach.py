"""Files beside the run of the model that they are about."""

from pathlib import Path

from tests.jobs.tracking.helpers import open_run
from tokenmill.core.files import digest_tree
from tokenmill.jobs.tracking.attach import attach
from tokenmill.jobs.tracking.description import MODEL_TAG
from tokenmill.jobs.tracking.store import client


def artifacts(run: str | None, folder: str) -> list[str]:
    return [file.path for file in client().list_artifacts(str(run), folder)]


def test_pages_come_to_the_run_that_made_the_model_once(project: Path) -> None:
    models = [project / "models" / name for name in ("gpt", "stranger")]
    for folder in models:
        folder.mkdir(parents=True)
        (folder / "config.json").write_text(folder.name)
    run = open_run(makes_model=True)
    run.set_tags({MODEL_TAG: digest_tree(models[0])})
    page, missing = project / "report" / "report.html", project / "report" / "none.md"
    page.parent.mkdir()
    page.write_text("<p>good</p>")
    attach(client(), {folder: [page, missing] for folder in models})
    assert artifacts(run.id, "report") == ["report/report.html"]

    (kept,) = (project / "mlruns").rglob("report.html")
    kept.unlink()
    attach(client(), {models[0]: [page]})
    assert artifacts(run.id, "report") == [], "what stands there already is not copied again"
    page.write_text("<p>better</p>")
    attach(client(), {models[0]: [page]})
    (kept,) = (project / "mlruns").rglob("report.html")
    assert kept.read_text() == "<p>better</p>"
