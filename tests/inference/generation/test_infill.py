"""Gaps are filled by models that learned it, and only by them."""

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.tiny_models import plain_ids, tiny_model, write_model, write_tokenizer
from tokenmill.cli.main import app
from tokenmill.core.errors import UserError
from tokenmill.core.normalization import Normalization
from tokenmill.inference import api
from tokenmill.inference.generation.generate import generate_ids
from tokenmill.inference.generation.sampling import GenerationConfig
from tokenmill.model.folder import save_model
from tokenmill.model.heads import LanguageModel
from tokenmill.model.infilling import infilling_of
from tokenmill.text.infill import InfillTokens
from tokenmill.text.tokenizer import BOS, SENTINEL_IDS, fingerprint

OURS = InfillTokens(*SENTINEL_IDS[:3])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a model that learned to fill gaps in code."""
    root = tmp_path_factory.mktemp("infill")
    tokenizer = write_tokenizer(root / "tokenizer")
    ancestry = {"tokenizer": fingerprint(tokenizer), "pretrain": {"fim_rate": 0.5}}
    steps = Normalization(False, False, False, keep_white_space=True)
    save_model(root / "model", tiny_model(), tokenizer=tokenizer, ancestry=ancestry, normalization=steps)
    return root / "model"


def test_prefix_and_suffix_stand_before_what_is_written(folder: Path) -> None:
    loaded = api.load(folder)
    assert loaded.infilling == OURS
    row = [BOS, *OURS.row(plain_ids(loaded.vocabulary, "  a"), plain_ids(loaded.vocabulary, "\n  b"))]
    assert isinstance(loaded.model, LanguageModel)
    settings: dict[str, Any] = {"max_new_tokens": 5, "temperature": 0.0}
    asked = GenerationConfig(**settings)
    (((*expected,),),) = [generate_ids(loaded.model, loaded.vocabulary, [row], asked)[0]]
    ((written,),) = api.generate(loaded, "  a", suffixes="\n  b", **settings)
    assert written == loaded.vocabulary.decode(expected)


def test_the_command_prints_all_three(folder: Path) -> None:
    call = ["generate", str(folder), "x = ", "--suffix", "\ny", "--max-new-tokens", "3", "--temperature", "0"]
    printed = CliRunner().invoke(app, call, catch_exceptions=False).stdout
    ((middle,),) = api.generate(folder, "x = ", suffixes="\ny", max_new_tokens=3, temperature=0)
    assert printed == f"x = {middle}\ny\n"


def test_others_do_not_fill_gaps(tmp_path: Path) -> None:
    model = write_model(tmp_path / "model")
    with pytest.raises(UserError, match="did not learn to fill the gap before a suffix; give one whose"):
        api.generate(model, "a", suffixes="b", max_new_tokens=3)
    with pytest.raises(UserError, match="1 suffixes for 2 prompts; give one for each prompt"):
        api.generate(model, ["a", "b"], suffixes=["c"])


def test_a_model_that_went_on_from_one_still_does(folder: Path) -> None:
    tokenizer = api.load(folder).vocabulary.tokenizer
    assert infilling_of({"pretrain": {}, "parent": {"pretrain": {"fim_rate": 0.5}}}, tokenizer) == OURS
    assert infilling_of({"pretrain": {}}, tokenizer) is None


def test_what_is_nearest_to_the_gap_is_read() -> None:
    tokens = InfillTokens(1, 2, 3)
    assert tokens.fitted([*range(10, 20)], [*range(20, 30)], 9) == [1, 16, 17, 18, 19, 2, 20, 21, 3]
    assert tokens.fitted([10], [*range(20, 30)], 9) == [1, 10, 2, 20, 21, 22, 23, 24, 3]
    assert tokens.fitted([*range(10, 20)], [20], 9) == [1, 15, 16, 17, 18, 19, 2, 20, 3]
    assert tokens.fitted([10], [], 9) == [1, 10, 2, 3]
