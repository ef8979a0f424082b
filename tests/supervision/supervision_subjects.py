"""What the worker tests run in worker processes. Imported there: keep it light."""

import logging
import os
import signal
import subprocess
import sys
import time


class Subject:
    """An object whose methods do whatever can go wrong in an engine."""

    def __init__(self, info=None):
        self.info = info
        self.calls = 0

    def echo(self, value):
        self.calls += 1
        return value

    def count(self):
        return self.calls

    def fail(self):
        raise LookupError("no such voice")

    def exit(self, code):
        os._exit(code)

    def die(self):
        os.kill(os.getpid(), signal.SIGSEGV)

    def hang(self):
        while True:  # in Python, holding the GIL
            pass

    def sleep(self, seconds):
        time.sleep(seconds)

    def say(self, *lines):
        print("to standard output")  # noqa: T201 - what libraries do
        for line in lines:
            sys.stderr.write(line)
        sys.stderr.flush()

    def log_it(self, text):
        log = logging.getLogger("subjects")
        log.warning("%s", text)
        try:
            raise ValueError(text)  # noqa: TRY301 - a traceback is all it takes
        except ValueError:
            log.exception("it failed")
        log.warning("%d", text)  # which does not fit

    def log_two_levels(self):
        log = logging.getLogger("subjects")
        log.info("little")
        log.warning("much")

    def say_and_die(self):
        sys.stderr.write("first words\nlast words")
        sys.stderr.flush()
        os._exit(3)

    def unpicklable(self):
        return lambda: None

    def unreadable(self):
        return Unreadable()

    def environ(self, name):
        return os.environ.get(name)

    def read_stdin(self):
        return sys.stdin.read()

    def ignores(self, number):
        return signal.getsignal(number) is signal.SIG_IGN

    def start_child(self, *, own_session=False):
        """A process of its own that outlives its parent and holds all that it inherits."""
        code = "import time; time.sleep(60)"
        return subprocess.Popen(
            [sys.executable, "-c", code], start_new_session=own_session, close_fds=False
        ).pid

    def fork_and_exit(self):
        """Leave a process in another session that holds the pipes open."""
        if os.fork() == 0:
            os.setsid()
            time.sleep(20)
            os._exit(0)
        os._exit(5)

    def modules(self):
        return sorted(sys.modules)


class Unreadable:
    def __reduce__(self):
        return _cannot_be_made, ()


def _cannot_be_made():
    raise ValueError("not here")


def broken_factory():
    raise RuntimeError("the weights are corrupt")


def crashing_factory():
    os._exit(7)


def hanging_factory():
    time.sleep(60)


def exiting_factory():
    sys.exit("leaving")
