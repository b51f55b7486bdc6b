"""Each key of config.json and generation_config.json is computed by, known as harmless, or refused."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

from tests.model.published.folders import change_json, whole_folder
from tokenmill.core.errors import UserError
from tokenmill.inference import api
from tokenmill.inference.classify import classify
from tokenmill.model.exchange import export_model, import_model, suggested_settings
from tokenmill.model.folder import load_model, read_model
from tokenmill.model.published.settings import BY_MODEL_TYPE, published_settings

CLASSES = {
    "bert": transformers.BertConfig, "gpt2": transformers.GPT2Config, "opt": transformers.OPTConfig,
    "llama": transformers.LlamaConfig, "qwen3": transformers.Qwen3Config,
    "modernbert": transformers.ModernBertConfig, "t5": transformers.T5Config,
}  # fmt: skip


@pytest.mark.parametrize("model_type", BY_MODEL_TYPE)
def test_what_a_class_writes_is_known_and_its_defaults_are_ours(model_type: str) -> None:
    config = json.loads(CLASSES[model_type]().to_json_string(use_diff=False))
    known = published_settings(config, model_type, 10**6)
    left_out = published_settings({}, model_type, 10**6)
    follows = {"head_dim", "num_key_value_heads", "num_decoder_layers", "dense_act_fn", "is_gated_act",
               "scale_decoder_outputs", "rope_parameters", "layer_types", "tie_word_embeddings"}  # fmt: skip
    for key in set(BY_MODEL_TYPE[model_type]) & set(config) - follows:
        assert left_out[key] == known[key] or left_out[key] is None, key


def test_what_a_generation_config_can_say_is_known(tmp_path: Path) -> None:
    folder = whole_folder(tmp_path / "model", "gpt2")
    written = json.loads(
        transformers.GenerationConfig(do_sample=True, top_k=5).to_json_string(use_diff=False)
    )
    (folder / "generation_config.json").write_text(json.dumps(written))
    read_model(folder)
    assert suggested_settings(folder) == {"top_k": 5}


@pytest.mark.parametrize(
    ("case", "changes", "message"),
    [
        ("bert", {"new_trick": 1}, r"new_trick \(1\) is not known here"),
        ("bert", {"is_decoder": True}, "is_decoder must be false, got True"),
        ("bert", {"pruned_heads": {"0": [1]}}, "pruned_heads must be {}"),
        ("bert", {"position_embedding_type": "relative_key"}, 'position_embedding_type must be "absolute"'),
        ("bert", {"num_hidden_layers": 10**9}, "num_hidden_layers must be a whole number from 1 to 97"),
        ("bert", {"num_hidden_layers": 90}, "asks for 90 layers, but the weights have 42 tensors"),
        ("bert", {"hidden_size": "32"}, "hidden_size must be a whole number from 1 to 97, .*, got 32"),
        ("bert", {"hidden_size": True}, "hidden_size must be a whole number"),
        ("bert", {"layer_norm_eps": float("nan")}, "layer_norm_eps must be a number of 0 or more"),
        ("bert", {"hidden_size": 33}, "width must be a multiple of heads"),
        ("bert", {"model_type": "gpt2"}, "model_type is gpt2, but BertForMaskedLM has bert"),
        ("bert", {"architectures": {"a": 1}}, "architectures is {'a': 1}, which is not known"),
        ("bert", {"architectures": "x" * 100_000}, "which is not known"),
        ("bert", {"quantization_config": {"quant_method": "fp8"}}, r"weights are quantised \(fp8\)"),
        ("gpt2", {"scale_attn_weights": False}, "scale_attn_weights must be true, got False"),
        ("gpt2", {"hidden_size": 31}, "hidden_size is 31 and n_embd, which is the same, is 32"),
        ("gpt2", {"n_inner": 0}, "n_inner must be a whole number from 1"),
        ("opt", {"word_embed_proj_dim": 16}, "word_embed_proj_dim must be 32, as hidden_size is, got 16"),
        ("opt", {"do_layer_norm_before": False}, "do_layer_norm_before must be true"),
        (
            "llama",
            {"max_position_embeddings": 10**12},
            "max_position_embeddings must be a whole number from 1",
        ),
        (
            "llama",
            {"rope_scaling": {"type": "linear", "factor": 2.0}},
            "rope_type must be default, got linear",
        ),
        ("llama", {"rope_parameters": {"rope_theta": 0}}, "rope_theta must be a number above 0, got 0"),
        (
            "llama",
            {"rope_parameters": {"partial_rotary_factor": 0.5}},
            "partial_rotary_factor is not supported",
        ),
        ("qwen3", {"use_sliding_window": True}, "use_sliding_window must be false"),
        (
            "qwen3",
            {"layer_types": ["full_attention", "sliding_attention"]},
            "layer_types must be full_attention",
        ),
        (
            "modernbert",
            {"global_attn_every_n_layers": 0, "layer_types": None},
            "must be a whole number from 1",
        ),
        ("modernbert", {"layer_types": ["full_attention"]}, "layer_types must name .* each of 4 layers"),
        ("modernbert", {"rope_parameters": {"full_attention": 3}}, "rope_parameters must hold an object"),
        ("modernbert", {"classifier_pooling": "max"}, "classifier_pooling must be cls or mean, got max"),
        (
            "t5 1.0",
            {"relative_attention_num_buckets": 2},
            "relative_attention_num_buckets must be a whole number",
        ),
        (
            "t5 1.0",
            {"relative_attention_max_distance": 16},
            "relative_buckets must be at least 4 and less than",
        ),
        ("t5 1.0", {"dense_act_fn": "gelu"}, "dense_act_fn is gelu, but feed_forward_proj is relu"),
        (
            "bert classifies texts",
            {"id2label": {"0": "a", "2": "b"}},
            "id2label must name the labels 0, 1, 2",
        ),
        ("bert classifies texts", {"id2label": ["a"]}, "id2label must name the labels"),
        ("bert classifies texts", {"id2label": {"0": "a", "1": "a", "2": "b"}}, "a name of its own"),
        (
            "bert classifies texts",
            {"id2label": None, "num_labels": 10**9},
            "num_labels must be a whole number",
        ),
        ("bert classifies texts", {"problem_type": "ranking"}, "problem_type must be one of .*, got ranking"),
    ],
)
def test_a_config_that_is_not_supported_is_one_line(
    case: str, changes: dict[str, Any], message: str, tmp_path: Path
) -> None:
    folder = whole_folder(tmp_path / "model", case)
    change_json(folder / "config.json", **changes)
    with pytest.raises(UserError, match=message) as error:
        read_model(folder)
    assert str(error.value).isprintable() and len(str(error.value)) < 2000


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"no_repeat_ngram_size": 3}, "no_repeat_ngram_size must be 0, got 3"),
        ({"forced_bos_token_id": 7}, "forced_bos_token_id must be null, got 7"),
        ({"bad_words_ids": [[7]]}, r"bad_words_ids must be \[\]"),
        ({"new_trick": True}, "new_trick"),
        ({"eos_token_id": "3"}, "eos_token_id must be the number of a token, or several, got 3"),
        ({"eos_token_id": {"a": 1}}, "eos_token_id must be the number of a token"),
    ],
)
def test_generation_that_we_do_not_do_is_one_line(
    changes: dict[str, Any], message: str, tmp_path: Path
) -> None:
    folder = whole_folder(tmp_path / "model", "gpt2")
    change_json(folder / "generation_config.json", **changes)
    with pytest.raises(UserError, match=rf"generation_config.json: .*{message}"):
        read_model(folder)


def test_a_token_that_config_json_numbers_beyond_the_vocabulary_is_none(tmp_path: Path) -> None:
    folder = whole_folder(tmp_path / "model", "gpt2", bos_token_id=50256, eos_token_id=50256)
    change_json(folder / "tokenizer_config.json", eos_token=None, cls_token=None, sep_token=None)
    vocabulary = read_model(folder).vocabulary
    assert vocabulary.bos is None and vocabulary.eos is None and vocabulary.ends == frozenset()


@pytest.mark.parametrize("case", ["gpt2", "t5 1.0"])
def test_a_text_ends_at_every_token_that_ends_one(case: str, tmp_path: Path) -> None:
    fewer = {"num_decoder_layers": 2} if case == "t5 1.0" else {}  # theirs wants as many as in the encoder
    folder = whole_folder(tmp_path / "model", case, pad_token_id=0, decoder_start_token_id=0, **fewer)
    read = {"max_new_tokens": 12, "temperature": 0}
    never = [id for id in range(97) if id not in (5, 6, 7, 8, 9, 10, 11)]
    change_json(folder / "generation_config.json", eos_token_id=[5, 9], suppress_tokens=never)
    change_json(folder / "generation_config.json", pad_token_id=0, decoder_start_token_id=0)
    loaded = read_model(folder)
    assert loaded.vocabulary.ends == {5, 9}
    published = getattr(transformers, json.loads((folder / "config.json").read_text())["architectures"][0])
    model = published.from_pretrained(folder).eval()
    for text in ("abc", "我们", "jihg"):
        tokens = torch.tensor(loaded.vocabulary.encode([text]))
        rows = model.generate(tokens, max_new_tokens=12, do_sample=False)
        written = rows[0, 1 if model.config.is_encoder_decoder else tokens.shape[1] :].tolist()
        ended = next((place for place, id in enumerate(written) if id in (5, 9)), len(written))
        ((ours,),) = api.generate(loaded, text, **read)
        assert ours == loaded.vocabulary.decode(written[:ended])
        ((beams,),) = api.generate(loaded, text, num_beams=3, max_new_tokens=12)
        rows = model.generate(tokens, max_new_tokens=12, do_sample=False, num_beams=3)
        written = rows[0, 1 if model.config.is_encoder_decoder else tokens.shape[1] :].tolist()
        ended = next((place for place, id in enumerate(written) if id in (5, 9)), len(written))
        assert beams == loaded.vocabulary.decode(written[:ended])


@pytest.mark.parametrize(
    "changes",
    [
        {"problem_type": "multi_label_classification"},
        {"problem_type": "regression"},
        {"problem_type": "single_label_classification"},
        {},
        {"labels": 1},
        {"labels": 1, "problem_type": "regression"},
        {"labels": 1, "problem_type": "multi_label_classification"},
    ],
    ids=lambda changes: ", ".join(f"{key} {value}" for key, value in changes.items()) or "nothing said",
)
@pytest.mark.parametrize("case", ["bert classifies texts", "gpt2 classifies texts"])
def test_a_classifier_is_read_as_the_pipeline_reads_it(
    case: str, changes: dict[str, Any], tmp_path: Path
) -> None:
    from tests.model.published.references import SHAPE

    labels = changes.get("labels", 3)
    with pytest.MonkeyPatch.context() as patch:
        for shape in SHAPE.values():
            patch.setitem(shape, "num_labels", labels)
        folder = whole_folder(
            tmp_path / "model", case, problem_type=changes.get("problem_type"), pad_token_id=0
        )
    texts = ["abc", "我们喜欢"]
    found = transformers.pipeline("text-classification", model=str(folder))(texts, top_k=None)
    theirs = [{row["label"]: row["score"] for row in rows} for rows in found]
    for ours, expected in zip(api.classify(folder, texts), theirs, strict=True):
        assert ours == pytest.approx(expected, abs=1e-4)
    # What it is goes along: in, and out again.
    import_model(folder, tmp_path / "mine")
    export_model(tmp_path / "mine", tmp_path / "theirs")
    again = transformers.pipeline("text-classification", model=str(tmp_path / "theirs"))(texts, top_k=None)
    for rows, expected in zip(again, theirs, strict=True):
        assert {row["label"]: row["score"] for row in rows} == pytest.approx(expected, abs=1e-4)
    assert classify(*load_model(tmp_path / "mine"), texts).shape == (2, labels)


def test_one_label_of_which_one_is_right_is_refused(tmp_path: Path) -> None:
    folder = whole_folder(tmp_path / "model", "bert classifies texts")
    change_json(folder / "config.json", id2label={"0": "yes"}, problem_type="single_label_classification")
    with pytest.raises(UserError, match="single_label_classification needs two labels"):
        read_model(folder)
