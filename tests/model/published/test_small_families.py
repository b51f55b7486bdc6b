"""Our own recipes, saved, are loaded by stock transformers with the same outputs and no code of ours."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

from tests.model.published.references import rows
from tests.tiny_models import TEXTS, tiny_model, write_model
from tokenmill.model.folder import load_model, save_model
from tokenmill.model.heads import TaskModel
from tokenmill.model.published.architectures import published_class
from tokenmill.text.tokenizer import fingerprint

CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "gpt": ("AutoModelForCausalLM", {}),
    "gpt with shared keys": ("AutoModelForCausalLM", {"key_value_heads": 1, "heads": 4}),
    "gpt classifies texts": (
        "AutoModelForSequenceClassification",
        {"kind": "sequence-classifier", "family": "small-gpt", "embedding_norm": "none"},
    ),
    "llama that sees both ways labels tokens": (
        "AutoModelForTokenClassification",
        {"kind": "token-classifier", "family": "llama", "causal": False},
    ),
    "gpt2": ("AutoModelForCausalLM", {"family": "gpt2"}),
    "opt": ("AutoModelForCausalLM", {"family": "opt"}),
    "bert": ("AutoModelForMaskedLM", {"kind": "masked-lm"}),
    "bert classifies texts": ("AutoModelForSequenceClassification", {"kind": "sequence-classifier"}),
    "bert classifies tokens": ("AutoModelForTokenClassification", {"kind": "token-classifier"}),
    "bert extracts spans": ("AutoModelForQuestionAnswering", {"kind": "span-extractor"}),
    "bert features": ("AutoModel", {"kind": "features"}),
    "t5": ("AutoModelForSeq2SeqLM", {"kind": "text-to-text"}),
}


@pytest.mark.parametrize("case", CASES)
@torch.no_grad()
def test_a_saved_folder_loads_and_computes_the_same(case: str, tmp_path: Path) -> None:
    loader, settings = CASES[case]
    folder = write_model(tmp_path / "model", **settings)
    model, vocabulary = load_model(folder)
    published = getattr(transformers, loader).from_pretrained(folder).eval()
    assert type(published).__name__ == json.loads((folder / "config.json").read_text())["architectures"][0]
    tokens, attention_mask = rows(1, batch=4, longest=13)
    tokens = tokens.masked_fill(~attention_mask, vocabulary.pad)
    if model.config.kind == "text-to-text":
        theirs = published(
            input_ids=tokens, attention_mask=attention_mask.long(), decoder_input_ids=tokens[:, :5]
        ).logits
        ours, attention_mask = (
            model(tokens[:, :5], source_BS=tokens, source_attention_mask_BS=attention_mask),
            None,
        )
    else:
        result = published(input_ids=tokens, attention_mask=attention_mask.long())
        theirs = result[0]
        if model.config.kind == "span-extractor":
            theirs = torch.stack((result.start_logits, result.end_logits), -1)
        ours = model(tokens, attention_mask)
    where = attention_mask if attention_mask is not None and theirs.ndim == 3 else slice(None)
    torch.testing.assert_close(ours[where], theirs[where], atol=1e-4, rtol=0)
    encoded = transformers.AutoTokenizer.from_pretrained(folder)(TEXTS)["input_ids"]
    assert encoded == vocabulary.encode(TEXTS)


def test_a_classifier_with_normalised_embeddings_has_a_form_with_a_class() -> None:
    model = tiny_model("sequence-classifier", family="small-gpt")
    assert isinstance(model, TaskModel) and published_class(model.config) is None
    folded = model.folded()
    assert published_class(folded.config) == "Qwen3ForSequenceClassification"
    tokens, attention_mask = rows(1, batch=4, longest=13)
    torch.testing.assert_close(
        folded(tokens, attention_mask), model(tokens, attention_mask), atol=1e-5, rtol=0
    )


def test_what_transformers_saves_of_it_comes_back_as_the_same_model(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "model")
    theirs = tmp_path / "theirs"
    transformers.AutoModelForCausalLM.from_pretrained(folder).save_pretrained(theirs)
    transformers.AutoTokenizer.from_pretrained(folder).save_pretrained(theirs)
    model, _ = load_model(folder)
    config = json.loads((theirs / "config.json").read_text())
    assert config["tokenmill"] == json.loads((folder / "config.json").read_text())["tokenmill"]
    again, vocabulary = load_model(theirs)
    for (name, one), (_, other) in zip(model.named_parameters(), again.named_parameters(), strict=True):
        assert torch.equal(one, other), name
    # Without our key it is a plain Qwen3, which computes the same.
    del config["tokenmill"]
    (theirs / "config.json").write_text(json.dumps(config))
    plain, _ = load_model(theirs)
    assert plain.config.family == "qwen3"
    tokens, _present = rows(2, batch=2, longest=9)
    torch.testing.assert_close(plain(tokens), model(tokens), atol=1e-4, rtol=0)
    # And it can be saved again, with the tokenizer that it came with.
    save_model(tmp_path / "again", plain, tokenizer=theirs, ancestry={"tokenizer": fingerprint(theirs)})
    assert vocabulary.encode(TEXTS) == load_model(tmp_path / "again")[1].encode(TEXTS)
