"""Pieces of text from a row of tokens that grows."""

from collections.abc import Sequence

from tokenmill.text.vocabulary import Vocabulary

INCOMPLETE = "\N{REPLACEMENT CHARACTER}"
"""What decoding shows for bytes that are no character yet: one character may take several tokens."""


def cut(text: str, stop: Sequence[str]) -> str:
    """The text before the first of the ``stop`` texts in it."""
    places = [place for place in (text.find(end) for end in stop) if place >= 0]
    return text[: min(places)] if places else text


class TextStream:
    """Turns a growing row of tokens into pieces of text that only ever add to what was given out before.

    Half a character, and what may yet become one of the ``stop`` texts, is held back.
    """

    def __init__(self, vocabulary: Vocabulary, stop: Sequence[str] = ()) -> None:
        self.vocabulary, self.stop = vocabulary, stop
        self.given = ""

    def take(self, tokens: Sequence[int]) -> str:
        """What is new in the text of all tokens so far."""
        text = self.vocabulary.decode(tokens)
        ended = cut(text, self.stop)
        if ended == text:
            ended = text.rstrip(INCOMPLETE)
            ended = ended[: len(ended) - self._maybe_stop(ended)]
        return self._give(ended)

    def finish(self, tokens: Sequence[int]) -> str:
        """What is left when no token follows."""
        return self._give(cut(self.vocabulary.decode(tokens), self.stop))

    def _maybe_stop(self, text: str) -> int:
        """Length of the longest end of the text with which a stop text begins."""
        lengths = [0]
        for end in self.stop:
            lengths += [n for n in range(1, len(end)) if text.endswith(end[:n])]
        return max(lengths)

    def _give(self, text: str) -> str:
        piece = text[len(self.given) :]
        self.given += piece
        return piece
