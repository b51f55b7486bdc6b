"""The backbone keeps its promises in every family: causality, padding that does not leak, exact caches."""

import pytest
import torch
from torch import Tensor, nn

from tests.tiny_models import tiny_model
from tokenmill.model.families import FAMILIES, family_config
from tokenmill.model.heads import LanguageModel, TaskModel, build_model, start_from
from tokenmill.model.layers import Block
from tokenmill.model.names import Family

SHAPE = {"vocab_size": 320, "layers": 2, "width": 32, "heads": 4, "context": 32}
CAUSAL = [name for name, values in FAMILIES.items() if values["kind"] == "causal-lm"]
MASKED = [name for name, values in FAMILIES.items() if values["kind"] == "masked-lm"]
TEXT_TO_TEXT = [name for name, values in FAMILIES.items() if values["kind"] == "text-to-text"]


def model_of(family: Family, **changes: object) -> LanguageModel:
    torch.manual_seed(0)
    model = build_model(family_config(family, **{**SHAPE, **changes}))
    assert isinstance(model, LanguageModel)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return model.eval()


def tokens(batch: int, length: int, seed: int = 1) -> Tensor:
    return torch.randint(39, 320, (batch, length), generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("family", CAUSAL)
def test_a_causal_model_does_not_see_what_follows(family: Family) -> None:
    model = model_of(family)
    first = tokens(2, 12)
    second = first.clone()
    second[:, 7:] = tokens(2, 5, seed=2)
    a, b = model(first), model(second)
    torch.testing.assert_close(a[:, :7], b[:, :7])
    assert not torch.allclose(a[:, 7:], b[:, 7:])


@pytest.mark.parametrize("family", MASKED)
def test_a_masked_model_sees_both_sides_and_minds_positions(family: Family) -> None:
    model = model_of(family)
    first = tokens(1, 12)
    second = first.clone()
    second[:, 11] = 40
    assert not torch.allclose(model(first)[:, 0], model(second)[:, 0])
    assert not torch.allclose(model(first)[0, 0], model(first.flip(1))[0, -1], atol=1e-3)


def test_a_classifier_that_sees_both_sides_starts_from_a_decoder() -> None:
    decoder = tiny_model("causal-lm", family="small-gpt")
    model = tiny_model("sequence-classifier", seed=1, family="small-gpt", causal=False, pooling="first")
    assert isinstance(model, TaskModel)
    assert start_from(model, decoder) == ["classifier.weight", "classifier.bias"]
    first = tokens(1, 12)
    torch.testing.assert_close(
        model.backbone(first[:, :1]), decoder.backbone(first[:, :1])
    )  # nothing around it
    second = first.clone()
    second[:, 11] = 40
    assert not torch.allclose(model(first), model(second))


@pytest.mark.parametrize("family", TEXT_TO_TEXT)
def test_an_answer_depends_on_the_source_and_on_what_came_before(family: Family) -> None:
    model = model_of(family)
    source, answer = tokens(1, 9), tokens(1, 6, seed=3)
    logits = model(answer, source_BS=source)
    other = source.clone()
    other[:, 8] = 40
    assert not torch.allclose(model(answer, source_BS=other)[:, 0], logits[:, 0])
    later = answer.clone()
    later[:, 5] = 40
    torch.testing.assert_close(model(later, source_BS=source)[:, :5], logits[:, :5])


@pytest.mark.parametrize("family", [*CAUSAL, *TEXT_TO_TEXT])
@torch.no_grad()
def test_cached_and_uncached_hidden_states_are_equal(family: Family) -> None:
    model = model_of(family)
    ids = tokens(3, 20)
    attention_mask = torch.arange(20) >= torch.tensor([0, 4, 2])[:, None]  # padded on the left
    memory = {}
    if family in TEXT_TO_TEXT:
        memory = {"memory_BSD": model.transformer.encode(tokens(3, 7, seed=4))}
    cache = model.new_cache(3, 20)
    parts = [model.backbone.decode(ids[:, :9], attention_mask[:, :9], cache=cache, **memory)]
    for at in range(9, 20):
        parts.append(
            model.backbone.decode(ids[:, at : at + 1], attention_mask[:, : at + 1], cache=cache, **memory)
        )
    whole = model.backbone.decode(ids, attention_mask, **memory)
    torch.testing.assert_close(
        torch.cat(parts, dim=1)[attention_mask], whole[attention_mask], atol=1e-5, rtol=1e-4
    )


@pytest.mark.parametrize("family", [*CAUSAL, *TEXT_TO_TEXT])
@torch.no_grad()
def test_padding_on_the_left_changes_nothing(family: Family) -> None:
    model = model_of(family)
    ids = tokens(1, 6)
    memory = {}
    if family in TEXT_TO_TEXT:
        memory = {"memory_BSD": model.transformer.encode(tokens(1, 7, seed=4))}
    padded = torch.cat((torch.zeros(1, 5, dtype=torch.long), ids), dim=1)
    attention_mask = torch.arange(11)[None] >= 5
    alone = model.backbone.decode(ids, **memory)
    torch.testing.assert_close(
        model.backbone.decode(padded, attention_mask, **memory)[:, 5:], alone, atol=1e-5, rtol=1e-4
    )


@torch.no_grad()
def test_reordering_a_cache_is_reordering_its_rows() -> None:
    for family in ("small-gpt", "lstm", "small-t5"):
        model = model_of(family)
        ids, rows = tokens(3, 8), torch.tensor([2, 0, 2])
        memory = {}
        if family == "small-t5":
            memory = {"memory_BSD": model.transformer.encode(tokens(3, 5, seed=4))}
        cache = model.new_cache(3, 8)
        model.backbone.decode(ids[:, :5], cache=cache, **memory)
        cache.reorder(rows)
        after = model.backbone.decode(ids[rows, 5:], cache=cache, **memory)
        ordered = {name: value[rows] for name, value in memory.items()}
        whole = model.backbone.decode(torch.cat((ids[rows, :5], ids[rows, 5:]), 1), **ordered)
        torch.testing.assert_close(after, whole[:, 5:], atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("kind", ["sequence-classifier", "token-classifier", "span-extractor"])
def test_padding_does_not_change_a_task_model(kind: str) -> None:
    model = tiny_model(kind)  # type: ignore[arg-type]
    ids = tokens(1, 10)
    padded = torch.cat((ids, torch.zeros(1, 6, dtype=torch.long)), dim=1)
    attention_mask = torch.arange(16)[None] < 10
    answer = model(padded, attention_mask)
    if kind != "sequence-classifier":
        answer = answer[:, :10]
    torch.testing.assert_close(answer, model(ids), atol=1e-6, rtol=1e-5)


@torch.no_grad()
def test_rotary_scores_depend_on_distance_only() -> None:
    """The same tokens further right, nothing present before them: the same hidden states."""
    model = model_of("small-gpt")
    decoder, ids = model.transformer.decoder, tokens(1, 6)
    assert decoder is not None
    x = model.backbone.embeddings(ids, slice(0, 6), None)
    torch.testing.assert_close(decoder(x, slice(10, 16)), decoder(x, slice(0, 6)), atol=1e-5, rtol=1e-4)


def test_a_window_hides_what_is_farther() -> None:
    model = model_of("modernbert", layers=1, window=3, global_every=2)
    assert model.config.window_of(0) == 0, "the first layer attends everywhere"
    model = model_of("modernbert", layers=3, window=2, global_every=3)
    block = model.transformer.encoder
    assert block is not None
    reach = block._mask(0, 9, None, None, 2, torch.zeros(1))
    assert reach is not None and reach.shape[-2:] == (9, 9)
    assert [int(row.sum()) for row in reach.reshape(9, 9)] == [3, 4, 5, 5, 5, 5, 5, 4, 3]


def test_gated_and_plain_have_about_as_many_weights() -> None:
    counts = [
        sum(p.numel() for p in model_of("small-gpt", width=96, gated=gated).parameters()) for gated in (0, 1)
    ]
    assert abs(counts[0] - counts[1]) / counts[0] < 0.02


@pytest.mark.parametrize("family", [name for name in FAMILIES if name not in ("rnn", "lstm")])
def test_fresh_blocks_add_nothing(family: Family) -> None:
    torch.manual_seed(0)
    model = build_model(family_config(family, **SHAPE))
    for module in model.modules():
        if isinstance(module, Block):
            x = torch.randn(1, 5, 32)
            assert not module.attention(x).any() and not module.feed_forward(x).any()


@torch.no_grad()
def test_vaswani_is_torch_s_own_transformer() -> None:
    config = family_config("vaswani", **{**SHAPE, "intermediate": 48})
    reference = nn.Transformer(
        32, 4, 2, 2, dim_feedforward=48, dropout=0.0, batch_first=True, norm_first=False
    ).eval()
    torch.manual_seed(3)
    for parameter in reference.parameters():
        parameter.add_(0.1 * torch.randn_like(parameter))
    model = model_of("vaswani", intermediate=48)
    backbone = model.transformer
    for stack, theirs in ((backbone.encoder, reference.encoder), (backbone.decoder, reference.decoder)):
        assert stack is not None
        for block, layer in zip(stack.blocks, theirs.layers, strict=True):
            copy_block(block, layer)
        stack.final_norm.load_state_dict(theirs.norm.state_dict())
    assert config.embedding_scale == 32**0.5
    source, answer = tokens(3, 9), tokens(3, 7, seed=2)
    attention_mask = torch.arange(9) < torch.tensor([9, 4, 6])[:, None]
    causal = nn.Transformer.generate_square_subsequent_mask(7)
    expected = reference(
        backbone.embeddings(source, slice(0, 9), None),
        backbone.embeddings(answer, slice(0, 7), None),
        tgt_mask=causal,
        src_key_padding_mask=~attention_mask,
        memory_key_padding_mask=~attention_mask,
        tgt_is_causal=True,
    )
    memory = backbone.encode(source, attention_mask)
    hidden = backbone.decode(answer, memory_BSD=memory, memory_attention_mask_BS=attention_mask)
    torch.testing.assert_close(hidden, expected, atol=1e-4, rtol=0)


def copy_block(block: nn.Module, layer: nn.Module) -> None:
    """One of torch's layers into one of our blocks."""
    pairs = {
        "attention.query_key_value.weight": "self_attn.in_proj_weight",
        "attention.query_key_value.bias": "self_attn.in_proj_bias",
        **{f"attention.output.{part}": f"self_attn.out_proj.{part}" for part in ("weight", "bias")},
        **{f"attention_norm.{part}": f"norm1.{part}" for part in ("weight", "bias")},
        **{f"feed_forward.input.{part}": f"linear1.{part}" for part in ("weight", "bias")},
        **{f"feed_forward.output.{part}": f"linear2.{part}" for part in ("weight", "bias")},
    }
    theirs = layer.state_dict()
    state = {ours: theirs[name] for ours, name in pairs.items()}
    last = "norm2"
    if "multihead_attn.in_proj_weight" in theirs:
        last = "norm3"
        for part in ("weight", "bias"):
            query, keys_values = theirs[f"multihead_attn.in_proj_{part}"].split([32, 64])
            state[f"cross_attention.query.{part}"] = query
            state[f"cross_attention.key_value.{part}"] = keys_values
            state[f"cross_attention.output.{part}"] = theirs[f"multihead_attn.out_proj.{part}"]
            state[f"cross_norm.{part}"] = theirs[f"norm2.{part}"]
    state.update({f"feed_forward_norm.{part}": theirs[f"{last}.{part}"] for part in ("weight", "bias")})
    block.load_state_dict(state)


@pytest.mark.parametrize("family", ["rnn", "lstm"])
@torch.no_grad()
def test_recurrent_families_are_torch_s_own(family: Family) -> None:
    model = model_of(family)
    network = (nn.LSTM if family == "lstm" else nn.RNN)(32, 32, 2, batch_first=True)
    network.load_state_dict(model.backbone.cells.state_dict())  # type: ignore[union-attr]
    ids = tokens(3, 11)
    expected, _ = network(model.backbone.embeddings.token(ids))
    torch.testing.assert_close(model.backbone(ids), expected, atol=1e-4, rtol=0)
    logits = expected @ model.backbone.embeddings.token.weight.t()
    torch.testing.assert_close(model(ids), logits, atol=1e-4, rtol=0)
