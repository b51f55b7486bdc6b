"""The one exception for a person's mistake, and how any text becomes a line that a terminal can show."""

LONGEST_LINE = 1000
"""Characters of a message at most: some ten lines of a terminal."""
LINE_END = 300
"""Of a longer one so many stay at its end, where the remedy stands."""


def one_line(text: str, longest: int = LONGEST_LINE) -> str:
    """The text as one line of at most ``longest`` characters that moves no cursor and hides nothing.

    Control characters, line ends, marks of direction, odd spaces and lone surrogates are shown as escapes
    (``\\n``); a byte of a name that is no UTF-8, a lone surrogate in Python, as ``\\xb7``. What is too long
    loses its middle. A line that came out of this stays as it is.
    """
    if len(text) > longest:  # what is left out need not be looked at
        text = _shortened(text, longest)
    if text.isprintable():
        return text
    return _shortened("".join(c if c.isprintable() else _escape(c) for c in text), longest)


def _shortened(text: str, longest: int) -> str:
    if len(text) <= longest:
        return text
    end = min(LINE_END, longest // 3)
    return f"{text[: longest - end - 5]} ... {text[-end:]}"


def _escape(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # PEP 383
        return f"\\x{code - 0xDC00:02x}"
    return character.encode("unicode_escape").decode()


class UserError(Exception):
    """Bad input that the person at the keyboard can mend.

    The message is one line of bounded length, whatever it quotes: where (file or parameter), what is wrong,
    what to do. Whoever runs a command (a stage, the command line, the flow) prints it without a traceback and
    exits with status 1.
    """

    def __init__(self, message: str) -> None:
        super().__init__(one_line(message))


def shown(value: object, longest: int = 80) -> str:
    """A value from outside as a message names it: :func:`one_line` of it, short enough for one."""
    return one_line(value if isinstance(value, str) else repr(value), longest)


class Stopped(BaseException):
    """The process was asked to stop (SIGTERM or Ctrl-C); what is needed to continue has been kept.

    No :class:`Exception`, so that no handler for failures takes it for one.
    """
