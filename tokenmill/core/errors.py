"""The one exception for a person's mistake."""


class UserError(Exception):
    """Bad input that the person at the keyboard can mend.

    The message is one line: where (file or parameter), what is wrong, what to do. Whoever runs a command
    (a stage, the command line, the flow) prints it without a traceback and exits with status 1.
    """


class Stopped(BaseException):
    """The process was asked to stop (SIGTERM or Ctrl-C); what is needed to continue has been kept.

    No :class:`Exception`, so that no handler for failures takes it for one.
    """
