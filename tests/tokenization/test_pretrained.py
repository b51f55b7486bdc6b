"""Tokenizers of other models: shards are framed as the model reads text, and its settings come along."""

import json
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from tests.downloaded import bert_tokenizer
from tests.samples import reviews, splits, write_clean
from tokenmill.core.errors import UserError
from tokenmill.core.files import read_json, write_json
from tokenmill.text.shards import open_split, read_manifest
from tokenmill.text.special import SpecialTokens
from tokenmill.text.tokenizer import FILE, fingerprint, open_tokenizer
from tokenmill.tokenization.run import tokenize
from tokenmill.tokenization.settings import TokenizeSettings

DOCUMENTS = splits(reviews(100, seed=2))
TEXTS = [text for text, _ in DOCUMENTS["train"]]


@pytest.fixture
def clean(tmp_path: Path) -> Path:
    write_clean(tmp_path / "clean", {"reviews": DOCUMENTS})
    return tmp_path / "clean"


def write_bert(folder: Path) -> Path:
    """Special tokens after unused ones, as in BERT's vocabulary; unknown characters are [UNK]."""
    tokenizer = bert_tokenizer([text for text in TEXTS if "早" not in text], 200)
    tokenizer.enable_truncation(8)
    names = {"pad": "[PAD]", "unk": "[UNK]", "cls": "[CLS]", "sep": "[SEP]", "mask": "[MASK]"}
    return write_model(folder, tokenizer, names, {"model_type": "bert", "pad_token_id": 0})


def write_gpt2(folder: Path) -> Path:
    """One special token, the last of the vocabulary, both begin and end."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=300, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(TEXTS, trainer)
    end = "<|endoftext|>"
    tokenizer.add_special_tokens([end])
    numbers = {"bos_token_id": 300, "eos_token_id": 300}
    write_json_file(folder / "generation_config.json", {**numbers, "do_sample": True})
    return write_model(folder, tokenizer, {"bos": end, "eos": end, "unk": end}, numbers)


def write_model(folder: Path, tokenizer: Tokenizer, names: dict[str, str], config: dict[str, Any]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / FILE).write_text(tokenizer.to_str(), "utf-8")
    write_json(folder / "tokenizer_config.json", {f"{name}_token": token for name, token in names.items()})
    write_json(folder / "config.json", {"vocab_size": 512, "hidden_size": 8, **config})
    return folder


def write_json_file(path: Path, value: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, value)


def taken(clean: Path, model: Path, folder: Path) -> tuple[dict[str, Any], SpecialTokens]:
    settings = TokenizeSettings(sources=["reviews"], from_pretrained="data/sources/model")
    settings = settings.model_copy(update={"from_pretrained": str(model)})
    metrics = tokenize(clean, folder, settings, name="mine")
    return metrics, SpecialTokens.from_json(read_manifest(folder)["special"])


def test_documents_stand_between_cls_and_sep(clean: Path, tmp_path: Path) -> None:
    metrics, special = taken(clean, write_bert(tmp_path / "bert"), tmp_path / "tokens")
    assert (special.pad, special.bos, special.eos, special.mask, special.unk) == (0, 3, 4, 5, 2)
    assert special.ids == (0, 1, 2, 3, 4, 5) and special.sentinels == () and special.around == 2
    tokenizer = open_tokenizer(tmp_path / "bert")
    found = open_split(tmp_path / "tokens", "train", fingerprint=fingerprint(tmp_path / "bert"))
    # What the model itself puts around a text is the same, and nothing is cut off at 8 tokens.
    assert [d.tolist() for d in found.each_document()] == [tokenizer.encode(text).ids for text in TEXTS]
    unknown = sum(d.tolist().count(2) for d in found.each_document())
    assert unknown > 0 and 0 < metrics["unknown_share"] < 0.1
    assert metrics["vocab_size"] == tokenizer.get_vocab_size()


def test_one_token_both_begin_and_end_stands_once_before_each_document(clean: Path, tmp_path: Path) -> None:
    metrics, special = taken(clean, write_gpt2(tmp_path / "gpt2"), tmp_path / "tokens")
    assert special == SpecialTokens(ids=(300,), pad=300, bos=300, eos=300)
    found = open_split(tmp_path / "tokens", "train")
    tokenizer = open_tokenizer(tmp_path / "gpt2")
    assert [d.tolist() for d in found.each_document()] == [[300, *tokenizer.encode(t).ids] for t in TEXTS]
    assert found.bytes_per_text_token == pytest.approx(found.text_bytes / (found.tokens - len(TEXTS)))
    assert metrics["vocab_size"] == 301 and metrics["unknown_share"] == 0


def test_what_a_model_needs_of_its_tokenizer_comes_along(clean: Path, tmp_path: Path) -> None:
    model = write_gpt2(tmp_path / "gpt2")
    (model / "tokenizer_config.json").unlink()
    write_json(model / "special_tokens_map.json", {"eos_token": {"content": "<|endoftext|>"}})
    taken(clean, model, tmp_path / "tokens")
    tokens = tmp_path / "tokens"
    assert (tokens / FILE).read_bytes() == (model / FILE).read_bytes()
    assert json.loads((tokens / "tokenizer_config.json").read_text()) == {
        "eos_token": {"content": "<|endoftext|>"}
    }
    assert json.loads((tokens / "config.json").read_text()) == {"bos_token_id": 300, "eos_token_id": 300}
    assert read_json(tokens / "generation_config.json", "")["do_sample"] is True


def test_gaps_of_t5_are_found_in_their_order(clean: Path, tmp_path: Path) -> None:
    model = write_gpt2(tmp_path / "t5")
    tokenizer = open_tokenizer(model)
    tokenizer.add_special_tokens([f"<extra_id_{n}>" for n in reversed(range(100))])
    (model / FILE).write_text(tokenizer.to_str(), "utf-8")
    _, special = taken(clean, model, tmp_path / "tokens")
    assert special.sentinels == tuple(range(400, 300, -1)) and len(special.ids) == 101


def test_a_tokenizer_in_another_format_is_refused(clean: Path, tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    with pytest.raises(UserError, match=r"tokenizer.json: missing; put the model's own there, or write it"):
        taken(clean, tmp_path / "model", tmp_path / "tokens")


def test_a_model_without_a_token_between_documents_is_refused(clean: Path, tmp_path: Path) -> None:
    model = write_bert(tmp_path / "bert")
    write_json(model / "config.json", {})
    write_json(model / "tokenizer_config.json", {"pad_token": "[PAD]"})
    with pytest.raises(UserError, match=r"names no bos_token, cls_token, eos_token or sep_token"):
        taken(clean, model, tmp_path / "tokens")


def test_only_a_folder_that_dvc_watches_is_taken() -> None:
    for folder in ("data/models/gpt", "/elsewhere/model", "data/sources/../models/gpt"):
        with pytest.raises(ValueError, match="must be a folder below data/sources"):
            TokenizeSettings(sources=["reviews"], from_pretrained=folder)
