"""A child process that cannot outlive its purpose, nor leave children of its own."""

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress

import trio

_POLL_S = 0.02


class OwnedProcess:
    """A process in a process group of its own, with pipes to its standard input, output and error.

    A terminal's Ctrl-C does not reach it, and killing it kills what it has started. Spawn it from the thread
    that runs Trio, never through a thread of a pool: `PR_SET_PDEATHSIG`, with which such a process ties
    itself to its parent, goes by the thread that spawned it.
    """

    def __init__(self, command: Sequence[str], env: Mapping[str, str]) -> None:
        self._popen = subprocess.Popen(  # noqa: S603 - the command is the caller's own
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=env,
            process_group=0,
        )

    @property
    def pid(self) -> int:
        """Its id, and its group's."""
        return self._popen.pid

    @property
    def exit_code(self) -> int | None:
        """As of `subprocess`: minus the signal that killed it; None until `wait` has seen its end."""
        return self._popen.returncode

    def take_pipes(self) -> tuple[int, int, int]:
        """Descriptors for its standard input, output and error; the caller's to close."""
        pipes = (self._popen.stdin, self._popen.stdout, self._popen.stderr)
        taken = []
        for pipe in pipes:
            if pipe is None:
                raise ValueError("the pipes are taken already")
            taken.append(os.dup(pipe.fileno()))
            pipe.close()
        self._popen.stdin = self._popen.stdout = self._popen.stderr = None
        return taken[0], taken[1], taken[2]

    def kill(self) -> None:
        """Kill it and what it has started, by SIGKILL; harmless once it has ended."""
        if self._popen.returncode is None:
            # Not reaped yet, so that its id cannot be somebody else's.
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._popen.pid, signal.SIGKILL)

    async def wait(self) -> int:
        """Wait until it has ended, then kill what it has started; returns its exit code."""
        while not self._has_ended():
            await self._until_it_may_have_ended()
        self.kill()
        return self._popen.wait()

    def _has_ended(self) -> bool:
        if self._popen.returncode is not None:
            return True
        if not hasattr(os, "waitid"):  # pragma: no cover - some systems other than Linux
            return self._popen.poll() is not None
        # Looked at, not reaped: its id and its group's stay its own until they have been killed.
        with suppress(ChildProcessError):
            return os.waitid(os.P_PID, self._popen.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is not None
        return True

    async def _until_it_may_have_ended(self) -> None:
        try:
            watch = os.pidfd_open(self._popen.pid)
        except (AttributeError, OSError):
            # Not Linux, or a sandbox without it.
            await trio.sleep(_POLL_S)
            return
        try:
            await trio.lowlevel.wait_readable(watch)
        finally:
            os.close(watch)
