"""Processes that are forked within milliseconds from a server that has imported little.

It has lumbar.imaging and nothing else: not the caller's main module, torch or Ray.
"""

from __future__ import annotations

import io
import multiprocessing
import os
import sys
import threading
from functools import cache
from multiprocessing import popen_forkserver, util
from multiprocessing.context import ForkServerContext, ForkServerProcess, set_spawning_popen
from multiprocessing.forkserver import ForkServer, read_signed
from multiprocessing.process import BaseProcess, current_process
from multiprocessing.reduction import dump

__all__ = ["CONTEXT"]


class _Popen(popen_forkserver.Popen):
    """A forkserver's child that is not told of the caller's main module, so does not import it."""

    def _launch(self, process_obj: BaseProcess) -> None:
        told = {"sys_path": sys.path, "authkey": current_process().authkey}
        content = io.BytesIO()
        set_spawning_popen(self)
        try:
            dump(told, content)
            dump(process_obj, content)
        finally:
            set_spawning_popen(None)
        self.sentinel, to_child = _server().connect_to_new_process(
            self._fds  # type: ignore[attr-defined]
        )
        # Held open as long as this process lives: the child sees by it when it has no parent.
        held = os.dup(to_child)
        self.finalizer = util.Finalize(self, _close, (held, self.sentinel))
        with open(to_child, "wb") as stream:
            stream.write(content.getbuffer())
        self.pid = read_signed(self.sentinel)


def _close(*descriptors: int) -> None:
    for descriptor in descriptors:
        os.close(descriptor)


class _Process(ForkServerProcess):
    @staticmethod
    def _Popen(process_obj: BaseProcess) -> _Popen:  # noqa: N802 - multiprocessing's name
        return _Popen(process_obj)


class _Context(ForkServerContext):
    Process = _Process


CONTEXT = _Context()
"""What pebble's pools start their processes with."""

_starting = threading.Lock()
"""Two children must not start two servers."""
os.register_at_fork(  # a fork must not find it held by a thread that it does not have
    before=_starting.acquire,
    after_in_parent=_starting.release,
    after_in_child=_starting.release,
)


def _server() -> ForkServer:
    with _starting:
        return _server_of(os.getpid())


@cache
def _server_of(pid: int) -> ForkServer:
    """The server that this process's children are forked from; apart from the program's own."""
    server = ForkServer()
    server.set_forkserver_preload(["lumbar.imaging.isolate"])
    undecided = multiprocessing.get_start_method(allow_none=True) is None
    server.ensure_running()
    if undecided:  # it has asked for the start method, which settles it for the whole program
        multiprocessing.set_start_method(None, force=True)
    return server
