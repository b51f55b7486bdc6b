"""A JSON file taken apart value by value, so that only its text stands in memory as a whole."""

import json
import re
from collections.abc import Iterator
from typing import Any

from tokenmill.core.errors import UserError

_SPACE = re.compile(r"[ \t\n\r]*")
_DECODER = json.JSONDecoder()


class JsonText:
    """A place in the text of a JSON file, which goes on with each value that is taken."""

    def __init__(self, name: str, text: str) -> None:
        self._name, self._text = name, text
        self._place = 0

    def peek(self) -> str:
        """The first character of the next value; empty at the end."""
        match = _SPACE.match(self._text, self._place)
        assert match is not None  # it matches nothing, too
        self._place = match.end()
        return self._text[self._place : self._place + 1]

    def value(self) -> Any:
        """The next value."""
        return self.shown_value()[0]

    def shown_value(self) -> tuple[Any, str]:
        """The next value, and how it is written.

        Raises:
            UserError: it is no JSON; the message names the line.
        """
        self.peek()
        try:
            value, end = _DECODER.raw_decode(self._text, self._place)
        except json.JSONDecodeError as error:
            self._place = error.pos
            raise self._malformed(error.msg) from None
        except RecursionError:
            raise self._malformed("nested too deeply") from None
        except ValueError as error:  # a number of thousands of digits
            raise self._malformed(str(error)) from None
        written, self._place = self._text[self._place : end], end
        return value, written

    def elements(self) -> Iterator[None]:
        """Stop before each element of a list, each of which must be taken."""
        return (None for _ in self._members("[", "]"))

    def members(self) -> Iterator[str]:
        """The keys of an object, the value of each of which must be taken before the next."""
        for _ in self._members("{", "}"):
            key = self.value()
            if not isinstance(key, str):
                raise self._malformed("a key is no text")
            self._take(":")
            yield key

    def end(self) -> None:
        """Nothing may follow.

        Raises:
            UserError: something does.
        """
        if self.peek():
            raise self._malformed("something follows its end")

    def _members(self, opening: str, closing: str) -> Iterator[None]:
        self._take(opening)
        if self.peek() != closing:
            yield
            while self.peek() == ",":
                self._take(",")
                yield
        self._take(closing)

    def _take(self, character: str) -> None:
        if self.peek() != character:
            raise self._malformed(f"{character!r} is expected")
        self._place += 1

    def _malformed(self, what: str) -> UserError:
        line = self._text.count("\n", 0, self._place) + 1
        return UserError(
            f"{self._name}: malformed JSON in line {line}: {what[:100]}; mend it or fetch it anew"
        )
