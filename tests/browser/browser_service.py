"""The service as an operator starts it, in a process of its own."""

import os
import re
import subprocess
import sys
import threading
from contextlib import contextmanager

import attrs

_LISTENING = re.compile(r"(?m)^listening on (http://\S+)")
START_S = 120.0


@attrs.define(eq=False)
class Served:
    """A running service; `stop` ends it before its time."""

    url: str
    process: subprocess.Popen
    said: list

    def stop(self):
        """Ask it to go, and wait until it has."""
        self.process.terminate()
        self.process.wait(40)


@contextmanager
def serving(profile="fake", *, port=0, **environment):
    """`sts-actors serve` on a free port, ready to dub; settings by the names of environment variables."""
    command = [sys.executable, "-c", "from sts_actors.cli.main import main; main()", "serve"]
    command += ["--profile", profile, "--port", str(port)]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("STS_")}
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**kept, **{name: str(value) for name, value in environment.items()}},
    ) as process:
        said, ready = [], threading.Event()

        def listen():
            for line in process.stdout:
                said.append(line)
                if line.startswith("ready"):
                    ready.set()
            ready.set()

        listener = threading.Thread(target=listen)
        listener.start()
        try:
            ready.wait(START_S)
            url = _LISTENING.search("".join(said))
            assert url, "the service did not start:\n" + "".join(said)
            yield Served(url[1], process, said)
        finally:
            process.terminate()
            try:
                process.wait(40)
            except subprocess.TimeoutExpired:
                process.kill()
            listener.join()
