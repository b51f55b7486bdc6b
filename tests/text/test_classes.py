"""What a tokenizer's class does beside tokenizer.json is done here: the ids are those of AutoTokenizer."""

import json
from pathlib import Path
from typing import Any

import pytest
import transformers
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

from tokenmill.core.errors import UserError
from tokenmill.text.classes import read_tokenizer_settings
from tokenmill.text.tokenizer import open_tokenizer
from tokenmill.text.vocabulary import load_vocabulary

TEXTS = ["Ab 我们 áb", "ab", ""]
BERT = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "Ab", "ab", "我", "们", "áb")


def word_piece() -> Tokenizer:
    tokenizer = Tokenizer(models.WordPiece({t: i for i, t in enumerate(BERT)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.add_special_tokens(list(BERT[:5]))
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    return tokenizer


def byte_level(*special: str) -> Tokenizer:
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE({token: id for id, token in enumerate(alphabet)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(list(special))
    return tokenizer


def unigram() -> Tokenizer:
    pieces = [
        ("<pad>", 0.0),
        ("</s>", 0.0),
        ("<unk>", 0.0),
        ("▁", -2.0),
        ("a", -1.0),
        ("b", -1.0),
        ("▁ab", -0.5),
    ]
    tokenizer = Tokenizer(models.Unigram(pieces, 2, False))
    space = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), space])
    tokenizer.add_special_tokens(["<pad>", "</s>", "<unk>"])
    return tokenizer


def write(folder: Path, tokenizer: Tokenizer, config: dict[str, Any], settings: dict[str, Any]) -> Path:
    folder.mkdir()
    (folder / "tokenizer.json").write_text(tokenizer.to_str(), "utf-8")
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    return folder


END = "<|endoftext|>"
CASES: dict[str, tuple[Any, str, dict[str, Any]]] = {
    "bert": (word_piece, "bert", {}),
    "bert that keeps capitals": (word_piece, "bert", {"do_lower_case": False}),
    "bert that keeps accents": (
        word_piece,
        "bert",
        {"strip_accents": False, "tokenizer_class": "BertTokenizerFast"},
    ),
    "bert with another's class": (word_piece, "llama", {"tokenizer_class": "BertTokenizer"}),
    "gpt2": (lambda: byte_level(END), "gpt2", {}),
    "gpt2 that is to have a beginning": (lambda: byte_level(END), "gpt2", {"add_bos_token": True}),
    "opt": (
        lambda: byte_level("</s>"),
        "opt",
        {"add_bos_token": True, "bos_token": "</s>", "eos_token": "</s>"},
    ),
    "qwen3": (lambda: byte_level(END), "qwen3", {}),
    "t5": (unigram, "t5", {"extra_ids": 0}),
    "any that is to have both": (
        lambda: byte_level("<s>", "</s>"),
        "llama",
        {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "bos_token": "<s>",
            "eos_token": "</s>",
            "add_bos_token": True,
            "add_eos_token": True,
        },
    ),
    "modernbert": (word_piece, "modernbert", {"do_lower_case": False, "pad_token": "[PAD]"}),
}


@pytest.mark.parametrize("case", CASES)
def test_ids_and_special_tokens_are_those_of_transformers(case: str, tmp_path: Path) -> None:
    make, model_type, settings = CASES[case]
    folder = write(tmp_path / "model", make(), {"model_type": model_type, "pad_token_id": 0}, settings)
    theirs = transformers.AutoTokenizer.from_pretrained(folder)
    vocabulary = load_vocabulary(folder, json.loads((folder / "config.json").read_text()))
    assert vocabulary.encode(TEXTS) == theirs(TEXTS)["input_ids"]
    assert vocabulary.encode_windows("ab", "Ab", 99, 0)[0].ids == theirs("ab", "Ab")["input_ids"]
    if theirs.bos_token_id is not None or theirs.cls_token_id is not None:
        assert vocabulary.bos in (theirs.bos_token_id, theirs.cls_token_id)
    if theirs.eos_token_id is not None or theirs.sep_token_id is not None:
        assert vocabulary.eos in (theirs.eos_token_id, theirs.sep_token_id)
    assert vocabulary.mask == theirs.mask_token_id
    # What is told of the tokenizer elsewhere needs neither the model nor the other files.
    alone = write(tmp_path / "alone", make(), {}, read_tokenizer_settings(folder))
    assert load_vocabulary(alone, {"pad_token_id": 0}).encode(TEXTS) == vocabulary.encode(TEXTS)


def test_a_token_that_is_named_as_none_is_none(tmp_path: Path) -> None:
    folder = write(tmp_path / "model", word_piece(), {"model_type": "bert"}, {"mask_token": None})
    assert load_vocabulary(folder, {}).mask is None


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"pad_token": 3}, "pad_token must be a text, got 3"),
        ({"pad_token": {"special": True}}, "pad_token must be a text"),
        ({"tokenizer_class": ["BertTokenizer"]}, "tokenizer_class must be a name"),
        ({"do_lower_case": "no"}, "do_lower_case must be true or false, got no"),
        ({"pad_token": "\ud800"}, "not readable as JSON"),
    ],
)
def test_mistakes_are_one_line(settings: dict[str, Any], message: str, tmp_path: Path) -> None:
    folder = write(tmp_path / "model", word_piece(), {"model_type": "bert"}, settings)
    with pytest.raises(UserError, match=message):
        load_vocabulary(folder, {})


def test_a_file_over_which_the_library_panics_is_one_line(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = write(tmp_path / "model", word_piece(), {}, {"pad_token": "[PAD]"})
    content = json.loads((folder / "tokenizer.json").read_text())
    content["normalizer"] = {"type": "Precompiled", "precompiled_charsmap": ""}
    (folder / "tokenizer.json").write_text(json.dumps(content))
    with pytest.raises(UserError, match=r"tokenizer.json: holds no tokenizer; .* \(Precompiled: "):
        open_tokenizer(folder)
    content |= {"normalizer": None, "pre_tokenizer": {"type": "FixedLength", "length": 0}}
    (folder / "tokenizer.json").write_text(json.dumps(content))
    with pytest.raises(UserError, match="fails on such a text"):
        load_vocabulary(folder, {}).encode(["ab"])
    capfd.readouterr()
