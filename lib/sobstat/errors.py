"""The two exceptions that people meet, and what is said of a name that is not there."""

import difflib
from collections.abc import Iterable


class SobstatError(Exception):
    """Wrong use or wrong input, said in one clear sentence: what was found, where, what was expected.

    The command line prints it without a traceback and exits with 2.
    """


class ReportError(Exception):
    """A report that failed while it was made; the command line exits with 1."""


def in_a_line(error: BaseException) -> str:
    """The first line of wrong input, which quotes no cell of it, for logs; of other errors the kind alone."""
    return str(error).splitlines()[0] if isinstance(error, SobstatError) else type(error).__name__


def nearest(name: str, known: Iterable[str], cutoff: float = 0.6) -> str | None:
    """The known name that is most like another; None if none is so like it as `cutoff`, from 0 to 1."""
    return next(iter(difflib.get_close_matches(name, list(known), n=1, cutoff=cutoff)), None)


def no_such(what: str, name: str, known: Iterable[str]) -> SobstatError:
    """The error for a name that is not there: all that are, and the nearest of them."""
    names = list(known)
    near = nearest(str(name), names)
    hint = f"; the nearest match is {near}" if near else ""
    return SobstatError(f"There is no {what} {name!r}: choose among {', '.join(names)}{hint}.")
