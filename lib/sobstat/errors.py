"""The two exceptions that people meet."""


class SobstatError(Exception):
    """Wrong use or wrong input, said in one clear sentence: what was found, where, what was expected.

    The command line prints it without a traceback and exits with 2.
    """


class ReportError(Exception):
    """A report that failed while it was made; the command line exits with 1."""
