"""What a piece of work takes, in a fresh process of its own."""

import os
import resource
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Any

import psutil


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


def measured_with_children(work: Callable, *arguments) -> Taken:
    """The same, of the process and those that it starts, a JVM say, looked at five times a second."""
    with get_context("spawn").Pool(1) as pool:
        return pool.apply(_measure_with_children, (work, arguments))


def _measure_with_children(work: Callable, arguments: tuple) -> Taken:
    done, processor, memory = threading.Event(), {}, 0

    def watch() -> None:
        nonlocal memory
        while not done.wait(0.2):
            used = 0
            for process in [psutil.Process(), *psutil.Process().children(recursive=True)]:
                try:
                    times = process.cpu_times()
                    processor[process.pid] = times.user + times.system
                    used += process.memory_full_info().pss  # what several share is counted once
                except psutil.Error:
                    pass
            memory = max(memory, used)

    watcher = threading.Thread(target=watch)
    watcher.start()
    clock = time.perf_counter()
    try:
        result = work(*arguments)
    finally:
        seconds = time.perf_counter() - clock
        done.set()
        watcher.join()
    return Taken(seconds, sum(processor.values()), memory, result)


def _measure(work: Callable, arguments: tuple) -> Taken:
    clock, before = time.perf_counter(), os.times()
    result = work(*arguments)
    seconds, after = time.perf_counter() - clock, os.times()
    processor = after.user + after.system - before.user - before.system
    return Taken(seconds, processor, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024, result)
