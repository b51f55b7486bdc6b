"""Gaps: ranked one by one by a masked model, filled with whole texts by a text-to-text model."""

from pathlib import Path

import pytest
import torch

from tests.tiny_models import plain_ids, tiny_model, write_model
from tokenmill.core.errors import UserError
from tokenmill.inference.fill import fill
from tokenmill.model.folder import load_model


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("models")
    write_model(path / "bert", "masked-lm", family="bert")
    write_model(path / "t5", "text-to-text")
    return path


def test_each_gap_is_ranked_by_its_own_probabilities(folder: Path) -> None:
    model, vocabulary = load_model(folder / "bert")
    ((alone,), (first, second)) = fill(model, vocabulary, ["我喜欢<mask>", "<mask> and <mask>s"], top_k=4)
    ids = [2, *plain_ids(vocabulary, "我喜欢"), 4, 3]
    shares = model(torch.tensor([ids]))[0, -2].softmax(-1)
    assert len(alone) == len(first) == len(second) == 4
    shares[sorted(vocabulary.special)] = 0
    best = shares.topk(4)
    assert [c.text for c in alone] == [vocabulary.decode([id]) for id in best.indices.tolist()]
    assert [c.probability for c in alone] == pytest.approx(best.values.tolist(), abs=1e-6)


def test_a_span_s_probability_is_that_of_its_tokens_and_an_end(folder: Path) -> None:
    model, vocabulary = load_model(folder / "t5")
    model.requires_grad_(False)
    (((*candidates,),),) = fill(model, vocabulary, ["我<mask>电影。"], top_k=3, max_new_tokens=3)
    assert len(candidates) == 3
    shares = [candidate.probability for candidate in candidates]
    assert shares == sorted(shares, reverse=True) and 0 < sum(shares) <= 1
    gap, end = vocabulary.tokenizer.token_to_id("<extra_0>"), vocabulary.tokenizer.token_to_id("<extra_1>")
    source = [[*plain_ids(vocabulary, "我"), gap, *plain_ids(vocabulary, "电影。"), 3]]
    for candidate in candidates:
        tokens = plain_ids(vocabulary, candidate.text)
        logs = model(torch.tensor([[0, gap, *tokens]]), source_BS=torch.tensor(source))[0].log_softmax(-1)
        total = sum(float(logs[1 + place, token]) for place, token in enumerate(tokens))
        ended = (total + torch.logsumexp(logs[1 + len(tokens), [end, 3]], 0)).exp()
        if len(tokens) < 3:
            assert candidate.probability <= float(ended) + 1e-6
    assert fill(model, vocabulary, ["我<extra_0>电影。"], top_k=3, max_new_tokens=3) == [[candidates]]


def test_mistakes(folder: Path) -> None:
    model, vocabulary = load_model(folder / "bert")
    with pytest.raises(UserError, match="text 2 has no gap; write the mask token <mask>"):
        fill(model, vocabulary, ["<mask>", "我"])
    with pytest.raises(UserError, match="context is 32"):
        fill(model, vocabulary, ["<mask>" * 31])
    with pytest.raises(UserError, match="top_k"):
        fill(model, vocabulary, ["<mask>"], top_k=0)
    with pytest.raises(UserError, match="causal-lm"):
        fill(tiny_model(), vocabulary, ["<mask>"])
    seq2seq, its = load_model(folder / "t5")
    with pytest.raises(UserError, match="has 2 gaps"):
        fill(seq2seq, its, ["<mask>我<mask>"])
    assert vocabulary.encode(["<mask>"]) != [[2, 4, 3]]  # elsewhere a text is still only text
