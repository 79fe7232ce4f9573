"""What a piece of work takes, in a fresh process of its own."""

import os
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Any


@dataclass
class Taken:
    """Seconds by the clock, seconds of the processor, the most memory in bytes, and what the work returned."""

    seconds: float
    processor: float
    memory: int
    result: Any


def measured(work: Callable, *arguments) -> Taken:
    """What `work(*arguments)` takes, without the start of Python and its imports."""
    with get_context("spawn").Pool(1) as pool:
        return pool.apply(_measure, (work, arguments))


def _measure(work: Callable, arguments: tuple) -> Taken:
    clock, before = time.perf_counter(), os.times()
    result = work(*arguments)
    seconds, after = time.perf_counter() - clock, os.times()
    processor = after.user + after.system - before.user - before.system
    return Taken(seconds, processor, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024, result)
