"""Examples of each objective: what the model reads, what it is asked, and that nothing else is computed."""

import dataclasses
from importlib import import_module
from itertools import pairwise

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from tests.tiny_models import TEXTS, tiny_model, write_tokenizer
from tokenmill.model.names import Kind
from tokenmill.model.padding import pad_rows
from tokenmill.objectives.causal import Causal
from tokenmill.objectives.examples import IGNORE_INDEX
from tokenmill.objectives.masked import Masked
from tokenmill.objectives.objective import Objective, new_objective
from tokenmill.objectives.prefix import Prefix
from tokenmill.objectives.span_corruption import SpanCorruption
from tokenmill.objectives.table import OBJECTIVES, module_of
from tokenmill.pretraining.settings import PretrainSettings
from tokenmill.text.special import OURS
from tokenmill.text.tokenizer import BOS, EOS, FIRST_TEXT_ID, MASK, PAD, load_tokenizer

EACH: dict[str, tuple[Kind, Objective]] = {
    "causal": ("causal-lm", Causal()),
    "prefix": ("causal-lm", Prefix()),
    "masked": ("masked-lm", Masked(mlm_probability=0.25)),
    "masked spans": ("masked-lm", Masked(mlm_probability=0.25, spans=True)),
    "span corruption": ("text-to-text", SpanCorruption()),
}


def examples_of(name: str, seed: int = 1):  # type: ignore[no-untyped-def]
    kind, objective = EACH[name]
    model = tiny_model(kind)
    stream = np.random.default_rng(0).integers(39, 320, 4000)
    length = objective.row_tokens(model.config.context)
    rows = torch.from_numpy(stream[: 4 * length].reshape(4, length))
    generator = torch.Generator().manual_seed(seed)
    return model, objective.examples(rows, vocab_size=320, generator=generator)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_the_table_s_names_are_files_of_their_kind(name: str) -> None:
    settings = PretrainSettings(
        tokenizer="words", init_from="data/models/other", objective=name, tokens=1, seed=1
    ).model_dump()
    objective = import_module(module_of(name)).new_objective(settings, None, OURS)
    assert (OBJECTIVES[name], objective) in [(kind, type(o)()) for kind, o in EACH.values()]


@pytest.mark.parametrize("name", EACH)
def test_rows_fill_the_context_and_chance_comes_from_the_generator(name: str) -> None:
    model, batch = examples_of(name)
    read = batch.inputs_BT if batch.source_BS is None else batch.source_BS
    assert read.shape == (4, model.config.context)
    _, again = examples_of(name)
    assert torch.equal(batch.inputs_BT, again.inputs_BT) and torch.equal(batch.labels_BT, again.labels_BT)
    if name != "causal":
        _, other = examples_of(name, seed=2)
        assert not torch.equal(batch.labels_BT, other.labels_BT)


@pytest.mark.parametrize("name", EACH)
def test_the_loss_is_the_mean_over_the_targets(name: str) -> None:
    model, batch = examples_of(name)
    if batch.source_BS is None:
        logits = model(batch.inputs_BT, mask_BTS=batch.mask_BTS)
    else:
        logits = model(batch.inputs_BT, source_BS=batch.source_BS)
    expected = F.cross_entropy(logits.flatten(0, 1), batch.labels_BT.flatten(), ignore_index=IGNORE_INDEX)
    torch.testing.assert_close(batch.loss(model), expected)
    parts = [batch[row : row + 1] for row in range(len(batch))]
    parts.append(dataclasses.replace(parts[0], labels_BT=torch.full_like(parts[0].labels_BT, IGNORE_INDEX)))
    shares = [part.loss(model) for part in parts]
    assert shares[-1] == 0
    torch.testing.assert_close(torch.stack(shares).sum(), expected)
    assert len(batch.predictions(model)[1]) == int((batch.labels_BT != IGNORE_INDEX).sum())


def test_a_prefix_sees_itself_and_the_rest_does_not_see_ahead() -> None:
    model, batch = examples_of("prefix")
    assert batch.mask_BTS is not None
    row = int((batch.labels_BT == IGNORE_INDEX).sum(1).argmax())
    prefix = int((batch.labels_BT[row] == IGNORE_INDEX).sum()) + 1
    assert prefix > 2
    changed = batch.inputs_BT.clone()
    changed[row, prefix - 1] = 40
    before = model(batch.inputs_BT, mask_BTS=batch.mask_BTS)
    after = model(changed, mask_BTS=batch.mask_BTS)
    assert not torch.allclose(before[row, 0], after[row, 0]), "the first token sees the whole prefix"
    changed = batch.inputs_BT.clone()
    changed[row, -1] = 40
    after = model(changed, mask_BTS=batch.mask_BTS)
    torch.testing.assert_close(before[row, :-1], after[row, :-1])


@pytest.mark.parametrize(("name", "kind"), [("causal", "causal-lm"), ("masked", "masked-lm")])
def test_isolated_documents_do_not_see_each_other(name: str, kind: Kind) -> None:
    model = tiny_model(kind)
    generator = torch.Generator().manual_seed(0)
    rows_BL = torch.randint(FIRST_TEXT_ID, 320, (2, 33 if name == "causal" else 32), generator=generator)
    rows_BL[0, [0, 10, 25]] = BOS
    rows_BL[1, 7] = BOS  # before it the rest of a long document
    objective = Causal(isolated=True) if name == "causal" else Masked(mlm_probability=0.2, isolated=True)
    batch = objective.examples(rows_BL, vocab_size=320, generator=generator)
    before = model(batch.inputs_BT, mask_BTS=batch.mask_BTS)
    changed = batch.inputs_BT.clone()
    changed[:, 8] = (changed[:, 8] + 1 - FIRST_TEXT_ID) % (320 - FIRST_TEXT_ID) + FIRST_TEXT_ID
    differs = (model(changed, mask_BTS=batch.mask_BTS) - before).abs().amax(-1) > 1e-6
    first = 8 if name == "causal" else 0
    assert differs[0].nonzero().flatten().tolist() == list(range(first, 10))
    assert differs[1].nonzero().flatten().tolist() == list(range(first or 7, 32))


def test_whole_words_are_hidden_together(tmp_path) -> None:  # type: ignore[no-untyped-def]
    tokenizer = load_tokenizer(write_tokenizer(tmp_path))
    settings = {"objective": "masked", "mlm_probability": 0.3, "masking": "whole_word", "packing": "stream"}
    objective = new_objective(settings, tokenizer)
    ids = [BOS, *tokenizer.encode(" ".join(TEXTS), add_special_tokens=False).ids, EOS]
    rows = torch.tensor([ids]).repeat(200, 1)
    batch = objective.examples(rows, vocab_size=320, generator=torch.Generator().manual_seed(0))
    hidden = batch.labels_BT != IGNORE_INDEX
    assert 0.2 < hidden.float().mean() < 0.4 and bool((batch.inputs_BT == MASK).any())
    pieces = [tokenizer.id_to_token(token) for token in ids]
    divided = [
        place
        for place, (piece, following) in enumerate(pairwise(pieces))
        if piece.startswith("Ġ") and following.isascii() and following.isalpha()
    ]
    at = divided[0]
    assert torch.equal(hidden[:, at], hidden[:, at + 1]), pieces[at : at + 2]


def test_rows_are_padded_at_the_end() -> None:
    tokens, attention_mask = pad_rows([[5, 6, 7], [8]], PAD)
    assert tokens.tolist() == [[5, 6, 7], [8, PAD, PAD]]
    assert attention_mask.tolist() == [[True, True, True], [True, False, False]]


@pytest.mark.parametrize("name", ["causal", "masked", "span corruption"])
def test_products_in_bfloat16_give_nearly_the_same_loss_and_gradients(name: str) -> None:
    model, batch = examples_of(name)
    gradients = []
    for enabled in (False, True):
        model.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
            loss = batch.loss(model)
        loss.backward()
        gradients.append((loss.item(), [p.grad.clone() for p in model.parameters() if p.grad is not None]))
    (exact, full), (rounded, half) = gradients
    assert rounded == pytest.approx(exact, rel=0.02) and rounded != exact
    for one, other in zip(full, half, strict=True):
        assert one.dtype == other.dtype == torch.float32
        assert (one - other).norm() < 0.1 * one.norm() + 1e-6
