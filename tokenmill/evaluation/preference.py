"""Models that learned a preference: pairs of answers told apart, and how far they went from their start."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import torch
from torch import Tensor

from tokenmill.core.errors import UserError
from tokenmill.core.normalization import read_normalization
from tokenmill.data.documents.conversations import Turn
from tokenmill.data.documents.preferences import read_preference
from tokenmill.evaluation.ancestry import documents_digest
from tokenmill.evaluation.answers import Floats, score_answers
from tokenmill.evaluation.parts import Parts, documents_and_groups, means
from tokenmill.evaluation.resampling import compare_resampled, interval
from tokenmill.evaluation.samples import generate_samples
from tokenmill.evaluation.scores import calibration
from tokenmill.evaluation.subject import Result, Subject
from tokenmill.inference.chat import chat
from tokenmill.inference.generation.generate import generate_ids
from tokenmill.inference.generation.sampling import GenerationConfig
from tokenmill.inference.normalization import whole_texts
from tokenmill.model.digest import CONTROL
from tokenmill.model.folder import load_model
from tokenmill.model.heads import LanguageModel, Model
from tokenmill.text.chat import ChatRow
from tokenmill.text.chat_template import is_chat
from tokenmill.text.preferences import preference_rows

WRITTEN = 100
"""Answers that the model writes itself, over which its distance from the start is averaged."""


@dataclass(frozen=True)
class _Test:
    """The test pairs: a row of the chosen and of the rejected answer in turn."""

    rows: list[ChatRow]
    groups: npt.NDArray[np.int64]
    """(pairs,) number of each pair's group, or of its own."""
    documents: pl.DataFrame

    @property
    def prompts(self) -> list[list[int]]:
        """What stands before the answers, each prompt once."""
        found = (row.ids[: row.learnt.index(True)] for row in self.rows)
        return list({tuple(ids): ids for ids in found if ids}.values())


def measure_preference(subject: Subject) -> Result:
    """Figures on the test pairs, beside those of the model before, which is the control in its folder.

    ``reward_accuracy`` is the share of pairs whose chosen answer has the higher reward, which for the model
    before is a half: it rewards nothing. ``margin`` is the mean difference of rewards; ``accuracy`` the share
    of pairs whose chosen answer is more probable than the rejected one, each with its end; ``kl`` the
    Kullback-Leibler divergence of the start's next token from the model's, in nats a token, over answers that
    the model writes to the prompts of the pairs at temperature 1.

    Raises:
        UserError: there is no test pair that fits into the context, or no control.
    """
    if not (subject.folder / CONTROL).is_dir():
        raise UserError(
            f"{subject.folder / CONTROL}: the model before is missing; "
            "restore it with `dvc checkout`, or train again"
        )
    start = load_model(subject.folder / CONTROL)[0]
    samples = _samples(subject, start)
    test, seed = _test(subject), subject.settings.seed
    now, before = (_log_probabilities(subject, model, test) for model in (subject.model, start))
    margins = subject.ancestry["finetune"]["beta"] * np.diff(before - now)[:, 0]
    rewarded, unrewarded = _counts(margins), _counts(np.zeros(len(margins)))
    figures = {
        **_share("reward_accuracy", rewarded, test, seed),
        **_share("accuracy", _counts(-np.diff(now)[:, 0]), test, seed),
        "margin": float(margins.mean()),
        "kl": _divergence(subject, start, test.prompts),
    }
    rival = {
        "label": "the model before",
        **_share("reward_accuracy", unrewarded, test, seed),
        **_share("accuracy", _counts(-np.diff(before)[:, 0]), test, seed),
    }
    certain = 1 / (1 + np.exp(-np.abs(margins)))
    return Result(
        figures=figures,
        rivals={"control": rival},
        documents=test.documents.height,
        test_digest=documents_digest(test.documents, labels=False),
        calibration=calibration(certain, margins > 0),
        comparisons={"control": asdict(compare_resampled(_ratio, rewarded, unrewarded, test.groups, seed))},
        samples=samples,
    )


def preference_parts(subject: Subject, metric: str) -> Parts | None:
    """The parts of accuracy by pair; None of a figure that hangs on each model's own start."""
    if metric != "accuracy":
        return None
    test = _test(subject)
    right = _counts(-np.diff(_log_probabilities(subject, subject.model, test))[:, 0])[:, 0]
    return means(*documents_and_groups(test.documents), right)


def _test(subject: Subject) -> _Test:
    documents = subject.documents("test", subject.sources)
    rows, kept, groups = list[ChatRow](), list[bool](), list[str]()
    for id, group, text, spans in documents.select("id", "group", "text", "spans").iter_rows():
        preference = read_preference(text, spans)
        pair = preference and preference_rows(subject.vocabulary, preference, subject.model.config.context)
        kept.append(bool(pair))
        if pair:
            rows += pair
            groups.append(group or id)
    if not rows:
        raise UserError(
            f"{subject.clean}: no test preference of {', '.join(subject.sources)} fits into a context of "
            f"{subject.model.config.context}; see sources, clean.split and max_tokens in params.yaml"
        )
    numbers = np.unique(groups, return_inverse=True)[1].astype(np.int64)
    return _Test(rows, numbers, documents.filter(pl.Series(kept)))


def _log_probabilities(subject: Subject, model: Model, test: _Test) -> Floats:
    """(pairs, 2) of the chosen and of the rejected answer."""
    assert isinstance(model, LanguageModel)
    return -score_answers(model, subject.vocabulary.pad, test.rows, ends=True).nats.reshape(-1, 2)


def _counts(differences: Floats) -> Floats:
    """(pairs, 2): 1 where a pair is right, a half where nothing tells its answers apart; and 1."""
    return np.stack([(np.sign(differences) + 1) / 2, np.ones(len(differences))], axis=1)


def _ratio(sums: Floats) -> Floats:
    return sums[..., 0] / sums[..., 1]


def _share(name: str, counts: Floats, test: _Test, seed: int) -> dict[str, float]:
    low, high = interval(_ratio, counts, test.groups, seed)
    return {name: float(_ratio(counts.sum(0))), f"{name}_low": low, f"{name}_high": high}


@torch.inference_mode()
def _divergence(subject: Subject, start: Model, prompts: Sequence[Sequence[int]]) -> float:
    """Mean over the tokens that the model writes after the prompts, and what follows the last; 0 of none."""
    model, most = subject.model, subject.settings.max_new_tokens
    assert isinstance(model, LanguageModel) and isinstance(start, LanguageModel)
    asked = [ids for ids in prompts if len(ids) + most <= model.config.context][:WRITTEN]
    settings = GenerationConfig(
        max_new_tokens=most,
        temperature=1.0,
        num_return_sequences=-(-WRITTEN // max(1, len(asked))),
        seed=subject.settings.seed,
    )
    total, count = 0.0, 0
    written = generate_ids(model.eval(), subject.vocabulary, asked, settings)
    for prompt, answer in ((ids, answer) for ids, all in zip(asked, written, strict=True) for answer in all):
        ids_1T = torch.tensor([[*prompt, *answer]])
        ours_TV, theirs_TV = (_next(each, ids_1T, len(prompt) - 1) for each in (model, start.eval()))
        total += float((ours_TV.exp() * (ours_TV - theirs_TV)).sum())
        count += len(ours_TV)
    return total / max(1, count)


def _next(model: LanguageModel, ids_1T: Tensor, first: int) -> Tensor:
    """Log-probabilities (T - first, V) of what follows each place from the first on."""
    ids_1T = ids_1T.to(next(model.parameters()).device)
    return model.logits(model.backbone(ids_1T)[0, first:]).float().log_softmax(-1)


def _samples(subject: Subject, start: Model) -> list[dict[str, Any]]:
    """What both models write after the prompts of params.yaml."""
    shown = []
    for before, model in (("", subject.model), ("the model before: ", start)):
        for sample in _written(replace(subject, model=model)):
            shown.append({**sample, "prompt": f"{before}{sample['prompt']}"})
    return shown


def _written(subject: Subject) -> list[dict[str, Any]]:
    settings = subject.settings
    if not is_chat(subject.vocabulary):
        return generate_samples(subject)
    asked = whole_texts(read_normalization(subject.folder), settings.prompts)
    answers = chat(
        subject.model,
        subject.vocabulary,
        [[Turn("user", text)] for text in asked],
        max_new_tokens=settings.max_new_tokens,
        temperature=settings.temperature,
        seed=settings.seed,
    )
    return [
        {"prompt": f"{prompt} → ", "continuations": [answer]}
        for prompt, answer in zip(settings.prompts, answers, strict=True)
    ]
