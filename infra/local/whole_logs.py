"""Has MiniStack wait for the end of an invocation's log, and not for a moment without lines.

It took what came within 50 ms of the answer; on a busy machine the rest came with the next
invocation, or never. Here a worker marks where an invocation's log ends before it answers. Runs in
MiniStack's own environment.
"""

import queue
import time
from typing import Any

END = "\x1e the invocation's log ends"
"""A line that no function writes."""
_HANDLER = "getattr(mod, handler_name)"
_MARKS_THE_END = f"""
import sys

def _marking_the_end(handler):
    def handle(event, context):
        try:
            return handler(event, context)
        finally:
            print({END!r}, file=sys.stderr, flush=True)
    return handle
"""
# What ends the wait for a worker that lives and marks nothing, such as one that was not patched.
_LONGEST_WAIT_S = 10.0
_POLL_S = 0.05


def read_whole_logs(runtime: Any) -> None:
    """Have MiniStack's ``runtime`` of functions read a log to its end.

    Raises ValueError where its script has changed.
    """
    script = runtime._PYTHON_WORKER_SCRIPT
    if script.count(_HANDLER) != 1:
        raise ValueError("the script of MiniStack's workers gets its handler in another way")
    marking = script.replace(_HANDLER, f"_marking_the_end({_HANDLER})")
    runtime._PYTHON_WORKER_SCRIPT = _MARKS_THE_END + marking
    runtime.Worker._drain_stderr = runtime.Worker._drain_stderr_bounded = _drained


def _drained(worker: Any, **_: float) -> str:
    """Return the lines of an invocation that is over; a dead worker's are all that it wrote."""
    lines: list[str] = []
    last = time.monotonic() + _LONGEST_WAIT_S
    while time.monotonic() < last:
        over = not worker._stderr_thread.is_alive()  # before looking: it may write its last
        try:
            line = worker._stderr_queue.get(timeout=0 if over else _POLL_S)
        except queue.Empty:
            if over:
                break
            continue
        if line == END:
            break
        lines.append(line)
    return "\n".join(lines)
