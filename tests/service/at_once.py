"""The same thing done at the same moment by several threads or several processes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any


def in_threads(work: Callable[[int], Any], num_threads: int) -> list[Any]:
    """What `work` gave each thread, or the exception it raised there."""
    barrier = Barrier(num_threads)

    def start(index: int) -> Any:
        barrier.wait()
        try:
            return work(index)
        except Exception as error:
            return error

    with ThreadPoolExecutor(num_threads) as threads:
        return list(threads.map(start, range(num_threads)))


def in_processes(program: str, arguments: list[str], num_processes: int) -> list[str]:
    """What each process printed. The program prints a line when it is ready, and then reads one: the start."""
    command = [sys.executable, "-c", program, *arguments]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    processes = [subprocess.Popen(command, **pipes) for _ in range(num_processes)]
    try:
        for process in processes:
            process.stdout.readline()
        for process in processes:
            process.stdin.write("go\n")
            process.stdin.flush()
        return [process.communicate()[0].strip() for process in processes]
    finally:
        for process in processes:
            process.kill()
            process.wait()
