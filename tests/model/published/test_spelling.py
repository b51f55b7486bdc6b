"""Checkpoints in the spelling in which they are published: what transformers reads, we read alike."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from safetensors.torch import save_file
from torch import Tensor

from tests.model.published.folders import change_json, whole_folder, write_folder, write_json, write_weights
from tests.model.published.references import CASES, outputs, reference
from tokenmill.core.errors import UserError
from tokenmill.model.folder import read_model

State = dict[str, Tensor]


def renamed(*pairs: tuple[str, str]) -> Callable[[State], State]:
    """Replace parts of names, one pair after the other."""

    def change(state: State) -> State:
        for old, new in pairs:
            state = {name.replace(old, new): value for name, value in state.items()}
        return state

    return change


def without(*names: str) -> Callable[[State], State]:
    return lambda state: {name: value for name, value in state.items() if name not in names}


def beginning(prefix: str) -> Callable[[State], State]:
    return lambda state: {prefix + name: value for name, value in state.items()}


def no_prefix(prefix: str) -> Callable[[State], State]:
    return lambda state: {name.removeprefix(prefix): value for name, value in state.items()}


def with_more(**more: Tensor) -> Callable[[State], State]:
    return lambda state: {**state, **{name.replace("__", "."): value for name, value in more.items()}}


def both(first: Callable[[State], State], then: Callable[[State], State]) -> Callable[[State], State]:
    return lambda state: then(first(state))


BUFFER, NUMBER = torch.ones(1, 1, 40, 40), torch.tensor(-1e4)
EMBEDDING = {
    "bert": "bert.embeddings.word_embeddings.weight",
    "gpt2": "transformer.wte.weight",
    "opt": "model.decoder.embed_tokens.weight",
    "llama tied": "model.embed_tokens.weight",
    "modernbert": "model.embeddings.tok_embeddings.weight",
}
OUTPUT = {"bert": "cls.predictions.decoder.weight", "modernbert": "decoder.weight"}
SPELLINGS: dict[str, tuple[str, Callable[[State], State]]] = {
    "bert: gamma and beta, without twins": (
        "bert",
        both(
            without("cls.predictions.decoder.weight", "cls.predictions.decoder.bias"),
            renamed(("LayerNorm.weight", "LayerNorm.gamma"), ("LayerNorm.bias", "LayerNorm.beta")),
        ),
    ),
    "bert: no prefix": ("bert", no_prefix("bert.")),
    "bert features: a prefix": ("bert features", beginning("bert.")),
    "bert: the other bias alone": ("bert", without("cls.predictions.bias")),
    "bert: a classifier in gamma and beta": (
        "bert classifies texts",
        renamed(("LayerNorm.weight", "LayerNorm.gamma"), ("LayerNorm.bias", "LayerNorm.beta")),
    ),
    "bert: position ids": (
        "bert", with_more(bert__embeddings__position_ids=torch.arange(40)[None])
    ),
    "gpt2: no prefix, buffers": (
        "gpt2",
        both(
            no_prefix("transformer."),
            with_more(h__0__attn__bias=BUFFER, h__1__attn__bias=BUFFER.clone(),
            h__0__attn__masked_bias=NUMBER),
        ),
    ),
    "gpt2: a classifier without prefix": ("gpt2 classifies texts", no_prefix("transformer.")),
    "opt: no prefix": ("opt", no_prefix("model.")),
    "opt features: a prefix": ("opt features", beginning("model.")),
    "llama: tables of frequencies": (
        "llama", with_more(model__layers__0__self_attn__rotary_emb__inv_freq=torch.ones(4))
    ),
    "llama: no prefix": ("llama", no_prefix("model.")),
    "modernbert features: a prefix": ("modernbert features", beginning("model.")),
    "modernbert: no prefix": ("modernbert", no_prefix("model.")),
    "t5: the encoder's embeddings alone": (
        "t5 1.0", without("shared.weight", "decoder.embed_tokens.weight", "lm_head.weight")
    ),
    "t5: encoder's and decoder's": ("t5 1.0", without("shared.weight", "lm_head.weight")),
    "t5: the output layer alone": (
        "t5 1.0", without("shared.weight", "encoder.embed_tokens.weight", "decoder.embed_tokens.weight")
    ),
    "t5 1.1: an output layer of its own": ("t5 1.1", without("decoder.embed_tokens.weight")),
    "t5: a bias that nothing reads": (
        "t5 1.0",
        lambda state: {
            **state,
            "decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight": torch.ones(32, 4),
        },
    ),
    **{f"{case}: the output layer alone": (case, without(name)) for case, name in EMBEDDING.items()},
    **{
        f"{case}: the embeddings alone": (case, without(OUTPUT.get(case, "lm_head.weight")))
        for case in EMBEDDING
    },
}  # fmt: skip


def theirs_of(folder: Path, case: str) -> Any:
    """What transformers makes of a folder."""
    model = getattr(transformers, CASES[case][0]).from_pretrained(folder, dtype=torch.float32)
    return model.eval()


@torch.no_grad()
def compare(folder: Path, published: Any) -> None:
    loaded = read_model(folder)
    theirs, ours, attention_mask = outputs(published, loaded.model, 1)
    where = attention_mask if theirs.ndim == 3 else slice(None)
    torch.testing.assert_close(ours[where], theirs[where], atol=1e-4, rtol=0)
    assert not loaded.unexpected_keys


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_spelling_that_transformers_reads_gives_the_same_here(spelling: str, tmp_path: Path) -> None:
    case, spell = SPELLINGS[spelling]
    state = write_folder(tmp_path / "model", case)
    write_weights(tmp_path / "model", spell(state))
    compare(tmp_path / "model", theirs_of(tmp_path / "model", case))


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "module._orig_mod."])
@pytest.mark.parametrize("case", ["bert", "gpt2", "t5 1.0"])
def test_the_wrappers_of_torch_in_names_are_passed_over(case: str, prefix: str, tmp_path: Path) -> None:
    state = write_folder(tmp_path / "model", case)
    write_weights(tmp_path / "model", beginning(prefix)(state))
    compare(tmp_path / "model", reference(case, 0))


@pytest.mark.parametrize(
    "case",
    ["bert", "gpt2", "opt", "llama", "qwen3", "modernbert", "t5 1.0", "t5 1.1", "bert classifies texts"],
)
def test_what_a_config_leaves_out_is_as_its_class_has_it(case: str, tmp_path: Path) -> None:
    folder = whole_folder(tmp_path / "model", case)
    config = json.loads((folder / "config.json").read_text())
    default = json.loads(type(reference(case, 0).config)().to_json_string(use_diff=False))
    kept = {key: value for key, value in config.items() if key not in default or default[key] != value}
    write_json(folder / "config.json", {**kept, "model_type": config["model_type"]})
    assert len(kept) < len(config)
    compare(folder, theirs_of(folder, case))


@pytest.mark.parametrize("how", ["shards", "bin", "bin shards", "bfloat16"])
def test_weights_in_every_kind_of_file(how: str, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    state = write_folder(folder, "bert")
    names = sorted(state)
    if how == "bfloat16":
        write_weights(folder, {name: value.bfloat16() for name, value in state.items()})
    elif how == "bin":
        torch.save(state, folder / "pytorch_model.bin")
    else:
        save, ending = (torch.save, "bin") if how == "bin shards" else (save_file, "safetensors")
        stem = "pytorch_model" if how == "bin shards" else "model"
        place = {}
        for number, chosen in enumerate((names[::2], names[1::2]), 1):
            file = f"{stem}-{number:05}-of-00002.{ending}"
            save({name: state[name].clone() for name in chosen}, folder / file)
            place.update(dict.fromkeys(chosen, file))
        write_json(folder / f"{stem}.{ending}.index.json", {"metadata": {}, "weight_map": place})
    compare(folder, theirs_of(folder, "bert"))


def test_a_bert_whose_output_layer_is_its_own_adds_the_bias_that_stands_with_it(tmp_path: Path) -> None:
    state = write_folder(tmp_path / "model", "bert", tie_word_embeddings=False)
    state["cls.predictions.decoder.weight"] += 1
    state["cls.predictions.decoder.bias"] += 1
    write_weights(tmp_path / "model", state)
    compare(tmp_path / "model", theirs_of(tmp_path / "model", "bert"))


@pytest.mark.parametrize(
    ("case", "spell", "message"),
    [
        ("bert", without("bert.encoder.layer.1.output.dense.bias"), "lack bert.encoder.layer.1.output.dense"),
        ("llama", without("lm_head.weight"), "the weights lack lm_head.weight"),
        ("llama", without("model.embed_tokens.weight"), "the weights lack model.embed_tokens.weight"),
        (
            "t5 1.0",
            lambda state: {**state, "decoder.embed_tokens.weight": state["shared.weight"] + 1},
            "decoder.embed_tokens.weight and shared.weight differ",
        ),
        (
            "gpt2",
            lambda state: {**state, "wte.weight": state["transformer.wte.weight"] + 1},
            "hold transformer.wte.weight twice",
        ),
        (
            "gpt2",
            lambda state: {**state, "transformer.ln_f.bias": torch.zeros(7)},
            r"transformer.ln_f.bias is \(7,\) in the weights, config.json asks for \(32,\)",
        ),
        (
            "gpt2",
            lambda state: {**state, "transformer.ln_f.bias": state["transformer.ln_f.bias"].to(torch.int8)},
            "transformer.ln_f.bias is stored as I8: quantised weights are not supported",
        ),
        (
            "llama",
            lambda state: {
                **state,
                "model.layers.0.mlp.up_proj.weight": state["model.layers.0.mlp.up_proj.weight"].to(
                    torch.float8_e4m3fn
                ),
            },
            "stored as F8_E4M3: quantised weights are not supported",
        ),
    ],
)
def test_what_is_not_supported_is_named(
    case: str, spell: Callable[[State], State], message: str, tmp_path: Path
) -> None:
    write_weights(tmp_path / "model", spell(write_folder(tmp_path / "model", case)))
    with pytest.raises(UserError, match=message) as error:
        read_model(tmp_path / "model")
    assert "\n" not in str(error.value)


def test_a_classifier_that_others_trained_from_our_folder_is_read_as_what_it_is(tmp_path: Path) -> None:
    from tests.tiny_models import write_model

    folder = write_model(tmp_path / "model", "masked-lm", family="bert")
    torch.manual_seed(0)
    published = transformers.BertForSequenceClassification.from_pretrained(folder, num_labels=3).eval()
    published.save_pretrained(tmp_path / "theirs")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (tmp_path / "theirs" / name).write_bytes((folder / name).read_bytes())
    assert "tokenmill" in json.loads((tmp_path / "theirs" / "config.json").read_text())
    change_json(tmp_path / "theirs" / "config.json", problem_type="multi_label_classification")
    assert read_model(tmp_path / "theirs").model.config.problem_type == "multi_label_classification"
    compare(tmp_path / "theirs", published)
