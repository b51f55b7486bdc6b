"""Model folders: a round trip is exact, equal models are equal bytes, broken folders say what is wrong."""

import json
from pathlib import Path

import pytest
import torch

from lm.checkpoint import load_model, save_model
from lm.classify import classify
from lm.errors import UserError
from lm.tokenizer import fingerprint
from tests.tiny_models import TEXTS, tiny_model, write_tokenizer


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_folder(tmp_path / "model")


def make_folder(folder: Path, kind: str = "causal-lm", **changes: object) -> Path:
    tokenizer = write_tokenizer(folder.parent / "tokenizer")
    ancestry = {"tokenizer": fingerprint(folder.parent / "tokenizer")}
    save_model(folder, tiny_model(kind, **changes), tokenizer_json=tokenizer, ancestry=ancestry)
    return folder


def test_a_round_trip_returns_the_same_model_and_bytes(folder: Path, tmp_path: Path) -> None:
    torch.manual_seed(7)
    model, tokenizer = load_model(folder)
    state = torch.random.get_rng_state()
    torch.manual_seed(7)
    assert torch.equal(state, torch.random.get_rng_state()), "loading drew from the caller's random state"
    ids = torch.tensor([tokenizer.encode(TEXTS[0]).ids])
    assert torch.equal(model(ids), tiny_model()(ids))
    ancestry = json.loads((folder / "ancestry.json").read_text())
    again = tmp_path / "again"
    save_model(again, model, tokenizer_json=(folder / "tokenizer.json").read_bytes(), ancestry=ancestry)
    for file in sorted(folder.iterdir()):
        assert (again / file.name).read_bytes() == file.read_bytes(), file.name


def test_classify_gives_probabilities_that_do_not_depend_on_the_batch(tmp_path: Path) -> None:
    model, tokenizer = load_model(make_folder(tmp_path / "classifier", "sequence-classifier"))
    together = classify(model, tokenizer, TEXTS, batch_size=2)
    assert together.shape == (len(TEXTS), 2)
    torch.testing.assert_close(torch.from_numpy(together.sum(1)), torch.ones(len(TEXTS)))
    for row, text in zip(together, TEXTS, strict=True):
        torch.testing.assert_close(
            torch.from_numpy(classify(model, tokenizer, [text])[0]), torch.from_numpy(row)
        )


def truncate(folder: Path) -> None:
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])


def other_tokenizer(folder: Path) -> None:
    write_tokenizer(folder, vocab_size=310)


def other_shape(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "layers": 3}))


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (truncate, "model.safetensors: broken"),
        (lambda f: (f / "model.safetensors").unlink(), "model.safetensors: missing"),
        (lambda f: (f / "config.json").unlink(), "config.json: missing"),
        (lambda f: (f / "config.json").write_text("{"), "not readable as JSON"),
        (lambda f: (f / "tokenizer.json").unlink(), "tokenizer.json: missing"),
        (other_tokenizer, "the model was trained with"),
        (other_shape, "blocks.2.*of different models"),
    ],
)
def test_a_broken_folder_is_one_clear_line(folder: Path, harm, message: str) -> None:
    harm(folder)
    with pytest.raises(UserError, match=message) as error:
        load_model(folder)
    assert "\n" not in str(error.value)
