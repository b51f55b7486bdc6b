"""Conversations: figures beside rivals, from a tiny model on small talk written here."""

import json
import random
from pathlib import Path

import polars as pl
import pytest
import torch

from tests.evaluation.helpers import Project, make
from tests.samples import conversation
from tests.tiny_models import tiny_model
from tokenmill.core.errors import UserError
from tokenmill.core.files import digest_tree
from tokenmill.data.documents.conversations import Turn
from tokenmill.evaluation.answers import choices, score_answers
from tokenmill.evaluation.replies import Question, Retrieval, ask, distinct
from tokenmill.model.digest import CONTROL
from tokenmill.model.folder import load_model, save_model
from tokenmill.model.heads import LanguageModel
from tokenmill.text.chat import chat_rows
from tokenmill.text.tokenizer import fingerprint

THINGS = ("books", "films", "tests", "我", "电影")


def talk(draw: random.Random) -> tuple[str, str]:
    """Two questions with answers, as text and spans."""
    turns = []
    for thing in draw.sample(THINGS, 2):
        turns += [("user", f"{thing}?"), ("assistant", f"{thing} {draw.randrange(90)}")]
    return conversation(turns)


def write_talks(clean: Path, *, answers: bool = True) -> None:
    draw, rows = random.Random(3), []
    for number in range(40):
        text, spans = talk(draw) if answers else conversation([("user", f"hello {number}")])
        split = "test" if number % 4 == 0 else "validation" if number % 4 == 1 else "train"
        rows.append((f"talks:{number:02d}", "talks", text, None, None, "en", str(number), spans, split))
    columns = ("id", "source", "text", "label", "target", "language", "group", "spans", "split")
    pl.DataFrame(rows, dict.fromkeys(columns, pl.String), orient="row").write_parquet(
        clean / "documents/talks.parquet"
    )


def save_talker(project: Project) -> None:
    """A model for conversations and its control, with random weights."""
    known = {
        "tokenizer": fingerprint(project.tokenizer),
        "documents": digest_tree(project.clean),
        "task": "chat",
        "finetune": {"source": "talks"},
    }
    for seed, folder in ((1, project.model("talker")), (4, project.model("talker") / CONTROL)):
        model = tiny_model(seed=seed, layers=1, width=16, context=64)
        for parameter in model.parameters():
            torch.nn.init.normal_(parameter, std=0.3)
        save_model(folder, model, tokenizer=project.tokenizer, ancestry=known, chat=True)


@pytest.fixture
def talking(tmp_path: Path) -> Project:
    project = make(tmp_path)
    write_talks(project.clean)
    save_talker(project)
    return project


def test_figures_stand_beside_rivals(talking: Project) -> None:
    found = talking.evaluate("talker", prompts=["books?"], max_new_tokens=6)
    figures, rivals = found["figures"], found["rivals"]
    assert (found["kind"], found["documents"], found["headline"]["better"]) == ("chat", 10, "lower")
    assert list(rivals) == ["control", "ngram", "people", "tfidf"]
    for part in (figures, rivals["control"], rivals["ngram"]):
        assert part["bits_per_byte_low"] < part["bits_per_byte"] < part["bits_per_byte_high"]
    assert rivals["ngram"]["bits_per_byte"] < figures["bits_per_byte"], "random weights know nothing"
    for part in (figures, rivals["control"], rivals["tfidf"]):
        assert 0 <= part["hits_at_1_low"] <= part["hits_at_1"] <= part["hits_at_1_high"] <= 1
    gain = rivals["ngram"]["bits_per_byte"] - figures["bits_per_byte"]
    compared = found["comparisons"]["ngram"]
    assert compared["gain"] == pytest.approx(gain, abs=2e-6) and compared["p_value"] < 0.05
    assert set(talking.metrics["rivals"]) == {"control", "ngram"}, "the others have no bits per byte"
    learnt = json.loads((talking.out["evaluation"] / "learnt.json").read_text("utf-8"))
    train = pl.read_parquet(talking.clean / "documents/talks.parquet").filter(split="train")
    assert "".join(part["text"] for part in learnt if not part["learnt"]).startswith("<bos><extra_28>")
    first = json.loads(train["spans"][0])[1]
    assert next(part["text"] for part in learnt if part["learnt"]) == (
        train["text"][0][first[0] : first[1]] + "<extra_31>"
    )
    samples = json.loads((talking.out["evaluation"] / "samples.json").read_text("utf-8"))
    assert samples[0]["prompt"] == "user: books?\nassistant: " and len(samples) == 6


def test_an_answer_is_as_probable_as_its_tokens_after_what_was_said(talking: Project) -> None:
    model, vocabulary = load_model(talking.model("talker"))
    assert isinstance(model, LanguageModel)
    turns = [Turn("user", "a"), Turn("assistant", "books"), Turn("user", "b"), Turn("assistant", "films")]
    (row,) = chat_rows(vocabulary, turns, 64).rows
    logits_TV = model(torch.tensor([row.ids])).log_softmax(-1)[0]
    places = [place for place, learnt in enumerate(row.learnt) if learnt]
    nats = -sum(float(logits_TV[place - 1, row.ids[place]].detach()) for place in places)
    found = score_answers(model, vocabulary.pad, [row, row], ends=True)
    assert found.nats == pytest.approx([nats, nats], rel=1e-5)
    assert len(found.right) == len(found.confidence) == 2 * len(places)
    texts = score_answers(model, vocabulary.pad, [row], ends=False)
    assert len(texts.right) == len(places) - 2 and texts.nats[0] < nats


def test_the_better_candidate_is_chosen_by_three_scores(talking: Project) -> None:
    model, vocabulary = load_model(talking.model("talker"))
    assert isinstance(model, LanguageModel)
    question = Question(0, (Turn("user", "我?"),), ("a test of films and books", "a"))
    swapped = Question(0, question.turns, question.candidates[::-1])
    right = choices(model, vocabulary, [question, swapped])
    assert set(right) == {"sum", "per_byte", "pmi"}
    assert all(list(found) in ([True, False], [False, True]) for found in right.values())
    assert list(right["sum"]) == [True, False], "the short one has fewer tokens to lose by"


def test_candidates_are_answers_of_other_conversations() -> None:
    conversations = [[Turn("user", "q"), Turn("assistant", f"answer {number}")] for number in range(20)]
    conversations.append([Turn("user", "q"), Turn("assistant", "answer 3"), Turn("assistant", "more")])
    asked = ask(conversations, questions=15, fits=lambda turns, answer: answer != "answer 7", seed=1)
    assert len(asked) == 15 and [q.conversation for q in asked] == sorted(q.conversation for q in asked)
    for question in asked:
        assert len(set(question.candidates)) == 10 and "answer 7" not in question.candidates
        assert question.turns == tuple(conversations[question.conversation][:1])
        assert question.candidates[-1] == conversations[question.conversation][1].content
    assert ask(conversations, questions=15, fits=lambda turns, answer: True, seed=1) != asked
    assert ask(conversations[:1], questions=15, fits=lambda turns, answer: True, seed=1) == []


def test_distinct_counts_runs_of_words_and_of_chinese_characters() -> None:
    assert distinct(["I am, I am!"], 1) == 2 / 4
    assert distinct(["I am, I am!"], 2) == 2 / 3
    assert distinct(["我看我"], 1) == 2 / 3
    assert distinct([], 1) == distinct(["one"], 2) == 0


def test_retrieval_answers_as_the_most_similar_question_was_answered() -> None:
    training = [
        [Turn("user", "do you like films"), Turn("assistant", "films are fine")],
        [Turn("user", "what about dinner"), Turn("assistant", "soup please")],
    ]
    retrieval = Retrieval(training)
    questions = [
        Question(0, (Turn("user", "which films"),), ("soup", "films")),
        Question(1, (Turn("user", "dinner tonight"),), ("dinner", "soup")),
    ]
    assert retrieval.reply(questions) == ["films are fine", "soup please"]
    assert list(retrieval.right(questions)) == [True, False]


def test_conversations_without_answers_are_told(talking: Project) -> None:
    write_talks(talking.clean, answers=False)
    save_talker(talking)
    with pytest.raises(UserError, match="no test conversations of talks in which an assistant answers"):
        talking.evaluate("talker")
