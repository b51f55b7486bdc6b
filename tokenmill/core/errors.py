"""The one exception for a person's mistake."""


class UserError(Exception):
    """Bad input that the person at the keyboard can mend.

    The message is one line: where (file or parameter), what is wrong, what to do. Whoever runs a command
    (a stage, the command line, the flow) prints it without a traceback and exits with status 1.
    """


def shown(value: object, longest: int = 80) -> str:
    """A value from outside as a message names it: on one line, control characters escaped, cut to ``longest``
    characters."""
    text = value if isinstance(value, str) else repr(value)
    text = "".join(c if c.isprintable() else repr(c)[1:-1] for c in text[: longest + 1])
    return text if len(text) <= longest else text[: longest - 1] + "…"


class Stopped(BaseException):
    """The process was asked to stop (SIGTERM or Ctrl-C); what is needed to continue has been kept.

    No :class:`Exception`, so that no handler for failures takes it for one.
    """
