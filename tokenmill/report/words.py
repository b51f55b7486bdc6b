"""How the page and the cards speak of kinds of models and of figures."""

from typing import NamedTuple


class Figure(NamedTuple):
    """Words and format of one figure."""

    words: str
    form: str
    higher_is_better: bool

    @property
    def is_share(self) -> bool:
        """Whether it is shown in percent."""
        return self.form.endswith("%}")

    def show(self, value: float) -> str:
        """The value as text."""
        return self.form.format(value)


FIGURES = {
    "bits_per_byte": Figure("bits per byte", "{:.3f}", False),
    "accuracy": Figure("accuracy", "{:.1%}", True),
    "micro_f1": Figure("micro-F1", "{:.3f}", True),
    "subset_accuracy": Figure("all labels right", "{:.1%}", True),
    "mean_absolute_error": Figure("mean absolute error", "{:.3g}", False),
    "r2": Figure("R²", "{:.3f}", True),
    "spearman": Figure("rank correlation", "{:.3f}", True),
    "f1": Figure("F1", "{:.1%}", True),
    "precision": Figure("precision", "{:.1%}", True),
    "recall": Figure("recall", "{:.1%}", True),
    "recall_unseen": Figure("recall of what training never had", "{:.1%}", True),
    "chrf": Figure("chrF", "{:.1%}", True),
    "bleu": Figure("BLEU", "{:.1%}", True),
    "rouge1": Figure("ROUGE-1", "{:.1%}", True),
    "rouge2": Figure("ROUGE-2", "{:.1%}", True),
    "rougeL": Figure("ROUGE-L", "{:.1%}", True),
    "exact_match": Figure("exact", "{:.1%}", True),
    "answer_f1": Figure("F1 of the answer", "{:.1%}", True),
    "exact_match_unseen_answer": Figure("exact, answers that training never had", "{:.1%}", True),
    "exact_match_without_answer": Figure("exact, questions without answer", "{:.1%}", True),
    "parses": Figure("parses", "{:.1%}", True),
    "placeholders_kept": Figure("placeholders kept", "{:.1%}", True),
    "ended": Figure("ended by itself", "{:.1%}", True),
    "perplexity": Figure("perplexity of a token", "{:,.1f}", False),
    "loss": Figure("loss (nats)", "{:.3f}", False),
    "calibration_error": Figure("calibration error", "{:.3f}", False),
    "hits_at_1": Figure("right reply of ten", "{:.1%}", True),
    "distinct_1": Figure("distinct words", "{:.3f}", True),
    "reward_accuracy": Figure("chosen has the higher reward", "{:.1%}", True),
    "margin": Figure("reward margin (nats)", "{:.3f}", True),
    "kl": Figure("KL to the model before (nats a token)", "{:.4f}", False),
    "distinct_2": Figure("distinct pairs of words", "{:.3f}", True),
}
"""In the order of the tables' columns; a figure that is not named here is in no table."""


class Kind(NamedTuple):
    """Words for one kind of model."""

    title: str
    note: str
    """What its figures mean."""
    does: str
    """What such a model does, for its card."""
    command: str
    """Of ``tokenmill``, to ask it something."""
    example: str
    """A text to ask it; "" where the command reads lines."""
    pipeline_tag: str
    """Task on the Hugging Face hub."""


KINDS = {
    "causal-lm": Kind(
        "Causal language models",
        "Bits per byte of text, so that tokenizers do not matter; less is better.",
        "continues text",
        "generate",
        "Once upon a time",
        "text-generation",
    ),
    "masked-lm": Kind(
        "Masked language models",
        "At the tokens that the model's own objective hides: how often the most probable one is right, and "
        "how probable the true one is.",
        "fills in what is missing from text, and turns texts into vectors",
        "fill",
        "a text with a <mask>",
        "fill-mask",
    ),
    "text-to-text": Kind(
        "Text-to-text models",
        "At the tokens of the answers that the model's own objective asks for, which tell the spans that the "
        "source lacks.",
        "answers a text with a text; as pretrained, with the spans that the text lacks",
        "fill",
        "a text with a <mask>",
        "text2text-generation",
    ),
    "sequence-classifier": Kind(
        "Classifiers of texts",
        "Small figures: 95% interval of the accuracy (Wilson). F1: the mean of the labels' F1, macro-F1. "
        "Calibration error: how far, on average, the "
        "stated confidence is from the share of right answers (Naeini et al. 2015). p-values are of the "
        "exact McNemar test.",
        "gives each text a label, and the probability of it",
        "classify",
        "a text",
        "text-classification",
    ),
    "multi-label-classifier": Kind(
        "Classifiers of texts that several labels may fit",
        "A label fits where its probability is at least a half. Micro-F1 counts all decisions together, "
        "macro-F1 each label alike. Small figures: 95% intervals, by drawing test documents anew.",
        "says of each label whether it fits a text",
        "classify",
        "a text",
        "text-classification",
    ),
    "regressor": Kind(
        "Models that give texts a number",
        "Error in the number's own unit; R² is the share of the numbers' spread that is explained. Small "
        "figures: 95% interval of the error.",
        "gives each text a number",
        "classify",
        "a text",
        "text-classification",
    ),
    "token-classifier": Kind(
        "Classifiers of tokens",
        "Share of the words of test documents that get their right tag. Small figures: its 95% interval; the "
        "words of a document count together, in the p-values too (clustered standard errors).",
        "gives each token of a text a label, and the probability of it",
        "tag",
        "a text",
        "token-classification",
    ),
    "character-classifier": Kind(
        "Named entities",
        "Of the entities of test documents, by exact place and label; F1 is the micro-average. Small "
        "figures: 95% interval by the bootstrap over groups, such as articles. p-values are of approximate "
        "randomisation over them (Yeh 2000).",
        "finds the named entities of a text, with the probability of each",
        "tag",
        "a text",
        "token-classification",
    ),
    "generation": Kind(
        "Models that answer texts",
        "chrF: runs of characters that answer and reference share (Popović 2015). ROUGE counts Chinese by "
        "character and other text by word. Small figures: 95% interval; it and the p-values by bootstrap "
        "of groups (Koehn 2004). Placeholders such as %s and {0} count where the text has some.",
        "answers a text with a text, such as its translation or its headline",
        "generate",
        "a text",
        "text2text-generation",
    ),
    "chat": Kind(
        "Models for conversations",
        "Bits per byte of the test answers, each after what was said before; less is better. Right reply of "
        "ten: how often a model tells the answer that was given from nine of other conversations. Ended by "
        "themselves: share of its own answers that end before they are cut. Distinct: different words, and "
        "pairs of words, among all that it answers (Li et al. 2016). Small figures: 95% intervals by drawing "
        "conversations anew.",
        "answers in conversations",
        "chat",
        "",
        "text-generation",
    ),
    "preference": Kind(
        "Models that prefer one answer to another",
        "The reward of an answer is beta times the logarithm of how much more probable it is than to the "
        "model before (Rafailov et al. 2023), which therefore has a half. Accuracy: share of the test pairs "
        "whose chosen answer is more probable than the rejected one. KL: of the next token, over answers "
        "that the model writes itself to test prompts. Small figures: 95% intervals by drawing pairs anew.",
        "continues text as was preferred",
        "generate",
        "Once upon a time",
        "text-generation",
    ),
    "span-extractor": Kind(
        "Answers in passages",
        "Exact match: share of the test questions whose answer is a right one, or is none where there is "
        "none. F1: of its words, or of its characters in scripts without spaces, with the best right answer "
        "(Rajpurkar et al. 2016). Small figures: 95% intervals; questions of one group count together, in "
        "the p-values too (clustered standard errors).",
        "finds the answer to a question in a passage, or says that there is none",
        "answer",
        "a passage",
        "question-answering",
    ),
}
"""In the order of the page; a kind that is not named here is shown by its name alone."""


def figure_of(name: str) -> Figure:
    """The words of a figure, whatever it is called."""
    return FIGURES.get(name, Figure(name.replace("_", " "), "{:.4g}", True))


def kind_of(name: str) -> Kind:
    """The words of a kind of model, whatever it is called."""
    title = f"Models of the kind {name}"
    return KINDS.get(name, Kind(title, "", "", "embed", "a text", ""))
