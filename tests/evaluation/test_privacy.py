"""What a model gives away: all of the few texts that it was trained on so often; of others nothing."""

import numpy as np
import polars as pl
import pytest
import torch

from tests.evaluation.helpers import Project, make
from tests.tiny_models import tiny_model, write_tokenizer
from tokenmill.core.errors import UserError
from tokenmill.evaluation.privacy.documents import Drawn
from tokenmill.evaluation.privacy.exposure import exposures
from tokenmill.evaluation.privacy.extraction import difference, extraction
from tokenmill.evaluation.privacy.membership import area_under_curve, membership
from tokenmill.evaluation.privacy.personal_data import searched
from tokenmill.evaluation.privacy.settings import PrivacySettings
from tokenmill.model.folder import load_model, save_model
from tokenmill.model.heads import LanguageModel
from tokenmill.objectives.causal import Causal
from tokenmill.text.canaries import canaries
from tokenmill.text.tokenizer import BOS, fingerprint
from tokenmill.text.vocabulary import Vocabulary

PLANTED, SEED = 4, 1
SETTINGS = PrivacySettings(documents=8, prefix_tokens=6, new_tokens=6, texts=4)


def drawn(seed: int, count: int = 8) -> Drawn:
    """Random documents of 16 tokens."""
    ids = np.random.default_rng(seed).integers(45, 300, (count, 16)).tolist()
    return Drawn(["x"] * count, [[BOS, *row] for row in ids])


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> tuple[LanguageModel, Vocabulary]:
    folder = tmp_path_factory.mktemp("model")
    tokenizer = write_tokenizer(folder / "tokenizer")
    model = tiny_model(layers=2, width=64)
    save_model(folder / "model", model, tokenizer=tokenizer, ancestry={"tokenizer": fingerprint(tokenizer)})
    loaded, vocabulary = load_model(folder / "model")
    assert isinstance(loaded, LanguageModel)
    return loaded, vocabulary


@pytest.fixture(scope="module")
def parrot(fresh: tuple[LanguageModel, Vocabulary]) -> LanguageModel:
    """A model that knows eight documents and the canaries by heart."""
    _, vocabulary = fresh
    model = tiny_model(layers=2, width=64)
    assert isinstance(model, LanguageModel)
    texts = [canary.text for canary in canaries(PLANTED, SEED)]
    rows = [*drawn(1).rows, *vocabulary.encode(texts)]
    longest = max(map(len, rows))
    padded = torch.tensor([row + [BOS] * (longest - len(row)) for row in rows])
    optimizer = torch.optim.Adam(model.parameters(), 0.003)
    for _ in range(150):
        optimizer.zero_grad()
        batch = Causal().examples(padded, vocab_size=320, generator=torch.Generator())
        batch.loss(model).backward()
        optimizer.step()
    return model.eval()


def test_a_model_that_knows_its_texts_gives_them_away(
    parrot: LanguageModel, fresh: tuple[LanguageModel, Vocabulary]
) -> None:
    model, vocabulary = fresh
    train, test = drawn(1), drawn(2)
    found = extraction(parrot, vocabulary, train, test, SETTINGS)
    assert found["train"]["share"] == 1 and found["test"]["share"] == 0
    assert found["train"]["documents"] == 8 and found["difference"]["low"] > 0.5
    assert membership(parrot, vocabulary, train, test, 8)["auc"] == 1
    nothing = extraction(model, vocabulary, train, test, SETTINGS)
    assert nothing["train"]["share"] == 0 and nothing["difference"]["low"] < 0 < nothing["difference"]["high"]
    told = membership(model, vocabulary, train, test, 8)
    assert told["auc_low"] < 0.5 < told["auc_high"] and told["ratio"] == pytest.approx(1, abs=0.2)


def test_canaries_stand_out_where_they_were_learnt(
    parrot: LanguageModel, fresh: tuple[LanguageModel, Vocabulary]
) -> None:
    model, vocabulary = fresh
    control, *rows = exposures(parrot, vocabulary, PLANTED, SEED)
    assert [row["times"] for row in rows] == [1, 4, 16, 64]
    assert all(row["exposure"] == 10 and row["first"] == 1 for row in rows)
    assert control["times"] == 0 and control["canaries"] == PLANTED and control["exposure"] < 5
    assert np.mean([row["exposure"] for row in exposures(model, vocabulary, 40, SEED)]) < 3


def test_short_documents_and_none_at_all(fresh: tuple[LanguageModel, Vocabulary]) -> None:
    model, vocabulary = fresh
    short, none = Drawn(["x"], [[BOS, 50, 51]]), Drawn([], [])
    assert extraction(model, vocabulary, short, none, SETTINGS) == {
        "train": {"documents": 0},
        "test": {"documents": 0},
    }
    assert membership(model, vocabulary, short, none, 8) == {}


def test_intervals() -> None:
    shares = [
        {"share": part / 10, "share_low": low, "share_high": high}
        for part, low, high in ((9, 0.596, 0.982), (3, 0.108, 0.603))
    ]
    found = difference(*shares)
    assert found == pytest.approx({"gain": 0.6, "low": 0.170, "high": 0.809}, abs=0.001)
    area = area_under_curve(np.array([3.0, 2.0, 1.0]), np.array([2.0, 0.0]))
    assert area["auc"] == pytest.approx(4.5 / 6) and area["auc_low"] < 0.75 < area["auc_high"]


def test_personal_data_are_counted_and_looked_up() -> None:
    written = ["call [PHONE] or write to a.person@example.com", "name@example.org [EMAIL]", "nothing"]
    training = pl.Series(["mail name@example.org to us", "other"])
    found = searched(written, training)
    assert found["kinds"] == {"email": 2} and found["in_training"] == 1 and found["placeholders"] == 2


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return make(tmp_path_factory.mktemp("project"))


def test_it_stands_among_the_figures_where_it_is_asked_for(project: Project) -> None:
    assert "privacy" not in project.evaluate("scribe")
    small = {"documents": 10, "prefix_tokens": 5, "new_tokens": 3, "texts": 4}
    found = project.evaluate("scribe", privacy=small)["privacy"]
    assert set(found) == {"prefix_tokens", "new_tokens", "extraction", "membership", "personal_data"}
    assert 0 < found["extraction"]["test"]["documents"] <= 10 and found["personal_data"]["texts"] == 4
    pretrain = {"canaries": 2, "seed": 1, "objective": "causal", "packing": "stream"}
    project.save_model("scribe", pretrain=pretrain)
    assert [row["times"] for row in project.evaluate("scribe", privacy=small)["privacy"]["canaries"]] == [
        0,
        1,
        4,
    ]
    with pytest.raises(UserError, match=r"privacy\.prefix_tokens and new_tokens are 48, but the context of"):
        project.evaluate("scribe", privacy={})
