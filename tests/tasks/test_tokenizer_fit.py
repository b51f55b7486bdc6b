"""The warning of text that a model's tokenizer does not know."""

import json
from pathlib import Path

import polars as pl
import pytest

from tests.tiny_models import TEXTS, write_model
from tokenmill.model.folder import ANCESTRY, load_model
from tokenmill.tasks.tokenizer_fit import check_fit

DOCUMENTS = [*(("known", text) for text in TEXTS[:3]), ("other", "QUITE UNLIKE IT")]


@pytest.mark.parametrize("ours", [True, False])
def test_each_source_that_does_not_fit_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture, ours: bool
) -> None:
    folder = write_model(tmp_path / "base", "causal-lm")
    _, vocabulary = load_model(folder)
    if ours:
        (folder / ANCESTRY).write_text(json.dumps({"pretrain": {"tokenizer": "chinese"}}))
    else:
        (folder / ANCESTRY).unlink(missing_ok=True)
    rows = [(source, text, split) for split in ("train", "test") for source, text in DOCUMENTS]
    check_fit(pl.DataFrame(rows, ["source", "text", "split"], orient="row"), vocabulary, folder)
    said = capsys.readouterr().err.splitlines()
    remedy = (
        "add it to tokenize.chinese.sources in params.yaml, and pretrain on it, too"
        if ours
        else "begin with a model whose tokenizer knows such text"
    )
    what = "warning: the tokenizer does not fit other: 1.0 bytes of text a token"
    assert said == [f"{what}, training will be slow and poor; {remedy}"]
