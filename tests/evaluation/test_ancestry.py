"""Models that do not descend from the data at hand are refused before anything is computed."""

import json

import polars as pl
import pytest
from tests.stages.evaluate.conftest import Inputs

from tokenmill.core.errors import UserError
from tokenmill.evaluation.ancestry import documents_digest, read_ancestry


def test_models_that_belong_to_the_data_pass(inputs: Inputs) -> None:
    ancestry = read_ancestry(inputs.paths, inputs.digests)
    assert sorted(ancestry) == ["bert", "control", "gpt", "sentiment", "t5"]
    assert ancestry["bert"]["pretrain"]["mask_share"] == 0.25


@pytest.mark.parametrize("name", ["gpt", "bert", "sentiment", "control"])
def test_another_tokenizer_is_refused_and_both_are_named(inputs: Inputs, name: str) -> None:
    kind = {"gpt": "causal-lm", "bert": "masked-lm"}.get(name, "sequence-classifier")
    inputs.save_model(name, kind, 1, tokenizer="0" * 64)
    with pytest.raises(UserError, match=r"made with tokenizer 0{12}, but .*tokens has [0-9a-f]{12}; run"):
        read_ancestry(inputs.paths, inputs.digests)


def test_other_shards_are_refused(inputs: Inputs) -> None:
    inputs.save_model("gpt", "causal-lm", 1, shards="1" * 64)
    with pytest.raises(UserError, match=r"models/gpt: made with shards 111111111111, but .*tokens has"):
        read_ancestry(inputs.paths, inputs.digests)


def test_a_classifier_of_other_documents_is_refused(inputs: Inputs) -> None:
    inputs.save_model("sentiment", "sequence-classifier", 1, documents="2" * 64)
    with pytest.raises(UserError, match=r"models/sentiment: made with documents 2{12}, but .*clean has"):
        read_ancestry(inputs.paths, inputs.digests)


def test_a_classifier_from_a_model_of_others_needs_only_its_documents(inputs: Inputs) -> None:
    path = inputs.paths["sentiment"] / "ancestry.json"
    ancestry = json.loads(path.read_text("utf-8"))
    del ancestry["shards"]
    path.write_text(json.dumps({**ancestry, "tokenizer": "3" * 64}), "utf-8")
    assert read_ancestry(inputs.paths, inputs.digests)["sentiment"]["tokenizer"] == "3" * 64
    path.write_text(json.dumps({**ancestry, "documents": "2" * 64}), "utf-8")
    with pytest.raises(UserError, match=r"models/sentiment: made with documents 2{12}"):
        read_ancestry(inputs.paths, inputs.digests)


def test_language_models_know_documents_through_shards_alone(inputs: Inputs) -> None:
    inputs.save_model("gpt", "causal-lm", 1, documents="2" * 64)
    assert read_ancestry(inputs.paths, inputs.digests)["gpt"]["documents"] == "2" * 64


def test_a_model_without_ancestry_is_refused(inputs: Inputs) -> None:
    (inputs.paths["bert"] / "ancestry.json").unlink()
    with pytest.raises(UserError, match=r"ancestry.json: missing"):
        read_ancestry(inputs.paths, inputs.digests)


def test_digest_is_of_ids_texts_and_labels_whatever_the_order() -> None:
    columns = {"id": ["a", "b"], "text": ["x", "y"], "label": ["p", None], "split": ["test", "test"]}
    frame = pl.DataFrame(columns)
    digest = documents_digest(frame, labels=True)
    assert documents_digest(frame.reverse(), labels=True) == digest
    assert documents_digest(frame.with_columns(split=pl.lit("train")), labels=True) == digest
    other = frame.with_columns(label=pl.lit("p"))
    assert documents_digest(other, labels=True) != digest
    assert documents_digest(other, labels=False) == documents_digest(frame, labels=False) != digest
    other_text = frame.with_columns(text=pl.lit("z"))
    assert documents_digest(other_text, labels=False) != documents_digest(frame, labels=False)
