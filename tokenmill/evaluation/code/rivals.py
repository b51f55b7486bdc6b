"""What completes code without a neural network."""

from collections.abc import Sequence

from tokenmill.evaluation.ngram import NGram
from tokenmill.text.vocabulary import Vocabulary


def line_above(before: str) -> str:
    """The rest of the nearest line above that begins like the last one; nothing where none does."""
    *above, last = before.split("\n")
    begin = last.lstrip()
    for line in reversed(above):
        if line.lstrip().startswith(begin):
            return line.lstrip()[len(begin) :].rstrip()
    return ""


def most_likely(
    ngram: NGram, vocabulary: Vocabulary, row: Sequence[int], *, max_new_tokens: int, one_line: bool
) -> str:
    """What an n-gram model writes after a row of ids, the likeliest token each time."""
    longest = len(ngram.orders)  # tokens that it looks back
    written: list[int] = []
    while len(written) < max_new_tokens:
        probabilities = ngram.next_probabilities([*row[-longest:], *written][-longest:] if longest else [])
        token = int(probabilities.argmax())
        if token in vocabulary.ends or token in vocabulary.special:
            break
        written.append(token)
        if one_line and "\n" in vocabulary.decode([token]):
            break
    return vocabulary.decode(written)
