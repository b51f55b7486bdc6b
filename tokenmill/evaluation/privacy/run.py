"""All of ``evaluate.NAME.privacy``."""

from typing import Any

from tokenmill.core.errors import UserError
from tokenmill.evaluation.privacy.documents import draw_documents
from tokenmill.evaluation.privacy.exposure import exposures
from tokenmill.evaluation.privacy.extraction import extraction
from tokenmill.evaluation.privacy.membership import membership
from tokenmill.evaluation.privacy.personal_data import personal_data
from tokenmill.evaluation.subject import Subject
from tokenmill.model.heads import LanguageModel


def measure_privacy(subject: Subject, name: str) -> dict[str, Any]:
    """``extraction``, ``membership``, ``canaries`` if any were planted, and ``personal_data``.

    Raises:
        UserError: prefix and new tokens do not fit into the context.
    """
    settings = subject.settings.privacy
    if settings is None:
        return {}
    model, vocabulary = subject.model, subject.vocabulary
    assert isinstance(model, LanguageModel)
    if problem := settings.problem(context := model.config.context):
        where = f"params.yaml: evaluate.{name}.privacy"
        raise UserError(f"{where}.{problem}, but the context of {name} is {context}; lower it")
    train, test = (draw_documents(subject, split, settings.documents) for split in ("train", "test"))
    pretrain = subject.ancestry.get("pretrain", {})
    planted = pretrain.get("canaries")
    training = subject.documents("train", subject.rival_sources)["text"]
    return {
        "prefix_tokens": settings.prefix_tokens,
        "new_tokens": settings.new_tokens,
        "extraction": extraction(model, vocabulary, train, test, settings),
        "membership": membership(model, vocabulary, train, test, settings.documents),
        **({"canaries": exposures(model, vocabulary, planted, pretrain["seed"])} if planted else {}),
        "personal_data": personal_data(model, vocabulary, training, settings.texts, subject.settings.seed),
    }
