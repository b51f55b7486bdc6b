"""Model folders go out to stock ``transformers`` and come in from it; its pipelines say what ours do."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.tiny_models import write_model
from tokenmill.core.errors import UserError
from tokenmill.inference.answer import answer
from tokenmill.inference.classify import classify, tag
from tokenmill.inference.fill import fill
from tokenmill.inference.generation.generate import generate
from tokenmill.model.exchange import export_model, import_model
from tokenmill.model.folder import load_model


def _exported(tmp_path: Path, kind: Any, **changes: Any) -> Path:
    export_model(write_model(tmp_path / "model", kind, **changes), tmp_path / "exported")
    return tmp_path / "exported"


def _pipeline(task: str, folder: Path) -> Any:
    from transformers import pipeline

    return pipeline(task, model=str(folder))


@pytest.mark.parametrize("family", ["small-gpt", "gpt2"])
def test_text_generation(tmp_path: Path, family: str) -> None:
    folder = _exported(tmp_path, "causal-lm", family=family)
    pipe = _pipeline("text-generation", folder)
    model, vocabulary = load_model(folder)
    ours = generate(model, vocabulary, ["我喜欢", "a"], max_new_tokens=6, temperature=0)
    special = sorted(vocabulary.special - {vocabulary.eos})
    found = pipe(
        ["我喜欢", "a"], max_new_tokens=6, do_sample=False, suppress_tokens=special, return_full_text=False,
        batch_size=2,
    )  # fmt: skip
    assert [[row["generated_text"] for row in rows] for rows in found] == ours


@pytest.mark.parametrize("family", ["small-bert", "bert"])
def test_fill_mask(tmp_path: Path, family: str) -> None:
    folder = _exported(tmp_path, "masked-lm", family=family)
    pipe = _pipeline("fill-mask", folder)
    ((ours,),) = fill(*load_model(folder), ["我喜欢<mask>"], top_k=5)
    found = [row for row in pipe("我喜欢<mask>", top_k=44) if row["token"] >= 39][:5]
    assert [row["token_str"] for row in found] == [candidate.text for candidate in ours]
    assert [row["score"] for row in found] == pytest.approx([c.probability for c in ours], abs=1e-5)


def test_text_to_text(tmp_path: Path) -> None:
    """This task has no pipeline any more; the class's own generate and the tokenizer do it."""
    from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

    folder = _exported(tmp_path, "text-to-text")
    model, vocabulary = load_model(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    special = sorted(vocabulary.special - {vocabulary.eos})
    rows = AutoModelForSeq2SeqLM.from_pretrained(folder).generate(
        **tokenizer(["我喜欢"], return_tensors="pt"),
        max_new_tokens=6,
        do_sample=False,
        suppress_tokens=special,
    )
    texts = tokenizer.batch_decode(rows, skip_special_tokens=True)
    assert [texts] == generate(model, vocabulary, ["我喜欢"], max_new_tokens=6, temperature=0)


@pytest.mark.parametrize("family", ["small-bert", "bert", "gpt2"])
def test_text_classification(tmp_path: Path, family: str) -> None:
    folder = _exported(tmp_path, "sequence-classifier", family=family)
    texts = ["我喜欢", "books and small films", "a"]
    found = _pipeline("text-classification", folder)(texts, top_k=None, batch_size=3)
    for rows, shares in zip(found, classify(*load_model(folder), texts), strict=True):
        theirs = {row["label"]: row["score"] for row in rows}
        assert np.allclose([theirs["negative"], theirs["positive"]], shares, atol=1e-5)


@pytest.mark.parametrize("family", ["small-bert", "bert"])
def test_token_classification(tmp_path: Path, family: str) -> None:
    folder = _exported(tmp_path, "token-classifier", family=family)
    text = "books and 我喜欢"
    (ours,) = tag(*load_model(folder), [text])
    found = _pipeline("token-classification", folder)(text)
    assert [(row["start"], row["end"], row["entity"]) for row in found] == [
        (piece.start, piece.end, piece.label) for piece in ours
    ]
    assert [row["score"] for row in found] == pytest.approx([piece.probability for piece in ours], abs=1e-5)


def test_span_extraction(tmp_path: Path) -> None:
    from transformers import AutoModelForQuestionAnswering, AutoTokenizer

    folder = _exported(tmp_path, "span-extractor", family="bert")
    question, passage = "看电影", "我喜欢films"  # no text in it stands twice: such are added up
    tokenizer = AutoTokenizer.from_pretrained(folder)
    batch = tokenizer(question, passage, return_tensors="pt", return_offsets_mapping=True)
    inside = [place for place, sequence in enumerate(batch.sequence_ids(0)) if sequence == 1]
    offsets = batch.pop("offset_mapping")[0].tolist()
    found = AutoModelForQuestionAnswering.from_pretrained(folder)(**batch)
    places = [0, *inside]  # the first position stands for no answer
    begin, end = (logits[0, places].softmax(0)[1:] for logits in (found.start_logits, found.end_logits))
    joint = (begin[:, None] * end[None]).triu()
    first, last = divmod(int(joint.argmax()), len(inside))
    ours = answer(*load_model(folder), [question], [passage])[0].spans[0]
    expected = passage[offsets[inside[first]][0] : offsets[inside[last]][1]]
    assert passage[ours.start : ours.end] == expected.strip()
    assert ours.probability == pytest.approx(joint.max().item(), abs=1e-5)


def test_an_exported_folder_is_the_model_folder_again(tmp_path: Path) -> None:
    folder = _exported(tmp_path, "causal-lm")
    for path in sorted((tmp_path / "model").iterdir()):
        assert (folder / path.name).read_bytes() == path.read_bytes(), path.name
    assert sorted(os.listdir(tmp_path)) == ["exported", "model", "model-tokenizer"]


def test_a_folder_that_transformers_saved_comes_in_with_its_ancestry(tmp_path: Path) -> None:
    from transformers import AutoModelForMaskedLM, AutoTokenizer

    source, target = _exported(tmp_path, "masked-lm", family="bert"), tmp_path / "models" / "mine"
    saved = tmp_path / "saved"
    model = AutoModelForMaskedLM.from_pretrained(source)
    model.save_pretrained(saved)
    AutoTokenizer.from_pretrained(source).save_pretrained(saved)
    loaded = import_model(saved, target)
    assert loaded.unexpected_keys == ()
    ours, vocabulary = load_model(target)
    tokens = torch.tensor(vocabulary.encode(["我喜欢看电影。"]))
    assert torch.allclose(ours(tokens), model(tokens).logits, atol=1e-4)
    imported = json.loads((target / "ancestry.json").read_text())["imported"]
    assert {"config.json", "model.safetensors", "tokenizer.json"} <= set(imported)
    export_model(target, tmp_path / "again")
    again = AutoModelForMaskedLM.from_pretrained(tmp_path / "again")
    assert torch.equal(again(tokens).logits, model(tokens).logits)


def test_ngrams_stay_behind_and_the_rest_answers_alone(tmp_path: Path) -> None:
    from transformers import AutoModelForSequenceClassification

    folder = write_model(tmp_path / "model", "sequence-classifier", ngrams=2)
    loaded = export_model(folder, tmp_path / "exported")
    assert loaded.unexpected_keys == ("ngrams.bias", "ngrams.bucket.weight")
    model, vocabulary = load_model(folder)
    tokens = torch.tensor(vocabulary.encode(["我喜欢看电影。"]))
    theirs = AutoModelForSequenceClassification.from_pretrained(tmp_path / "exported")
    backbone, _ = model(tokens, ngrams_BG=torch.zeros(1, 1, dtype=torch.long), apart=True)
    assert torch.allclose(theirs(tokens).logits, backbone, atol=1e-4)
    averaged = {"family": "small-gpt", "pooling": "mean", "embedding_norm": "none", "causal": False}
    gpt = write_model(tmp_path / "gpt", "sequence-classifier", **averaged)
    with pytest.raises(UserError, match="averages its positions; fine-tune with `pooling: last`"):
        export_model(gpt, tmp_path / "none")


def test_mistakes(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "lstm", family="lstm")
    with pytest.raises(UserError, match="no class for a lstm model"):
        export_model(folder, tmp_path / "exported")
    gpt = write_model(tmp_path / "gpt")
    with pytest.raises(UserError, match="is there already"):
        export_model(gpt, folder)
    with pytest.raises(UserError, match="no such folder"):
        import_model(tmp_path / "none", tmp_path / "new")
    weights = (gpt / "model.safetensors").read_bytes()
    (gpt / "model.safetensors").write_bytes(weights[: len(weights) // 2])
    with pytest.raises(UserError, match=r"model.safetensors: broken"):
        import_model(gpt, tmp_path / "new")
    assert not (tmp_path / "exported").exists() and not (tmp_path / "new").exists()
