"""Generation: cached equals uncached, settings do what they say, bad ones are refused in one line."""

import pytest
import torch

from lm.errors import UserError
from lm.generate import filter_logits, generate
from lm.tokenizer import EOS, encode_document, load_tokenizer
from tests.tiny_models import tiny_model, write_tokenizer


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("tokenizer")
    write_tokenizer(folder)
    return load_tokenizer(folder)


def test_greedy_takes_the_most_probable_token_each_time(tokenizer) -> None:
    model = tiny_model()
    ids = encode_document(tokenizer, "我喜欢")[:-1].astype("int64").tolist()
    expected = []
    for _ in range(6):
        logits = model(torch.tensor([ids + expected]))[0, -1]
        logits[[t for t in range(39) if t != EOS]] = -torch.inf
        expected.append(int(logits.argmax()))
        assert expected[-1] != EOS
    assert generate(model, tokenizer, ["我喜欢"], max_new_tokens=6, temperature=0) == [
        [tokenizer.decode(expected)]
    ]


def test_a_seed_gives_the_same_texts_whatever_else_is_asked(tokenizer) -> None:
    model = tiny_model()
    settings = {"max_new_tokens": 8, "temperature": 1.0, "num_return_sequences": 3, "seed": 4}
    alone = generate(model, tokenizer, ["我"], **settings)
    torch.manual_seed(99)
    together = generate(model, tokenizer, ["books", "我"], **settings)
    assert together[1] == alone[0]
    assert len(set(alone[0])) > 1
    assert generate(model, tokenizer, ["我"], **{**settings, "seed": 5}) != alone


def test_generation_ends_at_eos(tokenizer) -> None:
    model = tiny_model()
    with torch.no_grad():  # every hidden state points to <eos>
        model.trunk.final_norm.weight.zero_()
        model.logits = lambda hidden: torch.nn.functional.one_hot(torch.tensor([EOS]), 320).float() * 50
    assert generate(model, tokenizer, ["我"], max_new_tokens=5, temperature=0) == [[""]]


def test_top_k_and_top_p_keep_what_they_should() -> None:
    logits = torch.tensor([[0.5, 0.2, 0.15, 0.1, 0.05]]).log()
    assert torch.isfinite(filter_logits(logits.clone(), top_k=2)).tolist() == [
        [True, True, False, False, False]
    ]
    assert torch.isfinite(filter_logits(logits.clone(), top_p=0.6)).tolist() == [
        [True, True, False, False, False]
    ]
    assert torch.isfinite(filter_logits(logits.clone(), top_p=0.01)).sum() == 1
    assert torch.isfinite(filter_logits(logits.clone(), top_p=1.0)).all()
    shuffled = logits[:, [4, 2, 0, 3, 1]]
    assert torch.isfinite(filter_logits(shuffled, top_p=0.6)).tolist() == [[False, False, True, False, True]]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"max_new_tokens": 0}, "max_new_tokens"),
        ({"max_new_tokens": 40}, "context is 32"),
        ({"temperature": -1.0}, "temperature"),
        ({"top_k": 0}, "top_k"),
        ({"top_p": 1.5}, "top_p"),
    ],
)
def test_a_setting_out_of_range_is_refused(tokenizer, settings: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=message):
        generate(tiny_model(), tokenizer, ["我"], **{"max_new_tokens": 4, **settings})


def test_an_encoder_does_not_generate(tokenizer) -> None:
    with pytest.raises(UserError, match="masked-lm"):
        generate(tiny_model("masked-lm"), tokenizer, ["我"])
