"""How each kind of model is measured: one line and one file a kind."""

from collections.abc import Callable, Mapping

from tokenmill.evaluation.causal_lm import measure_causal
from tokenmill.evaluation.chat import measure_chat
from tokenmill.evaluation.denoising import measure_denoising
from tokenmill.evaluation.generation import measure_generation
from tokenmill.evaluation.multi_label import measure_multi_label
from tokenmill.evaluation.ner import measure_entities
from tokenmill.evaluation.preference import measure_preference
from tokenmill.evaluation.regression import measure_regression
from tokenmill.evaluation.sequence_classifier import measure_classifier
from tokenmill.evaluation.span_extractor import measure_extractor
from tokenmill.evaluation.subject import Result, Subject
from tokenmill.evaluation.token_classifier import measure_tagger

MEASURES: Mapping[str, Callable[[Subject], Result]] = {
    "causal-lm": measure_causal,
    "masked-lm": measure_denoising,
    "text-to-text": measure_denoising,
    "sequence-classifier": measure_classifier,
    "multi-label-classifier": measure_multi_label,
    "regressor": measure_regression,
    "token-classifier": measure_tagger,
    "character-classifier": measure_entities,
    "generation": measure_generation,
    "chat": measure_chat,
    "preference": measure_preference,
    "span-extractor": measure_extractor,
}
"""What measures a model, by the names of settings.FIGURES."""
