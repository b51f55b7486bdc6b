"""`tokenmill playground`: under which names models are served."""

from pathlib import Path

import pytest

from tokenmill.cli.playground import folders
from tokenmill.core.errors import UserError


def test_models_have_the_names_of_their_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("one/gpt", "two/gpt", "bert"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "config.json").touch()
    monkeypatch.chdir(tmp_path / "bert")
    gpt = str(tmp_path / "one/gpt")
    assert folders([gpt, "."]) == {"gpt": Path(gpt), "bert": Path(".")}
    with pytest.raises(UserError, match="two/gpt: another model is named gpt, too; rename a folder"):
        folders([gpt, str(tmp_path / "two/gpt")])
