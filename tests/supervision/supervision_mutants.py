# ruff: noqa: E501, Q003, T201 - a table of code, and a report
"""Guards of `supervision/` that tests miss: `python tests/supervision/supervision_mutants.py [WORD]`.

Each mutant is applied alone to a copy of the tree, and the tests of this folder must fail or hang on it. Not a
test itself: it takes minutes.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
TIMEOUT_S = 120

MUTANTS = [
    # file, what stands there, what is put in its place
    ("policy.py", "<= now - self._intensity.period_s", "< now - 2 * self._intensity.period_s"),
    ("policy.py", "> self._intensity.restarts", ">= self._intensity.restarts"),
    ("children.py", "raise (others or group) from None", "return self.error"),
    ("children.py", "        except BaseExceptionGroup as group:", "        except ZeroDivisionError as group:"),
    ("supervisor.py", "if self._stopping or _cancelled():", "if self._stopping:"),
    ("supervisor.py", "if self._stopping or _cancelled():", "if _cancelled():"),
    ("supervisor.py", "reversed(list(self._lives.values()))", "list(self._lives.values())"),
    ("supervisor.py", "        with trio.move_on_after(life.child.shutdown_s):\n", "        if True:\n"),
    ("supervisor.py", "            if not life.settled.is_set():\n                life.scope.cancel()", "            pass"),
    ("supervisor.py", "failure = own_error(group, supervisor.exceeded)", "failure = own_error(group, None)"),
    ("supervisor.py", "                    last.callback(owned.close)", "                    owned.close()"),
    ("groups.py", "        if fatal is None:\n            return instead\n        errors = fatal", "        return instead"),
    ("groups.py", "return group if instead is None else instead", "return group"),
    ("channels.py", "    _ENDS.add(receive, label)\n", ""),
    ("channels.py", "        if label in seen:\n            continue\n", ""),
    ("channels.py", "max(row[2], now.peak_buffer_used)", "now.peak_buffer_used"),
    ("reply.py", "answer.token.run_sync_soon(answer.settle, lost)", "pass"),
    ("reply.py", "    finally:\n        answer.withdraw()\n", "    finally:\n        pass\n"),
    ("reply.py", "            request.on_withdraw(scope.cancel)\n", ""),
    ("reply.py", '        request.fail(NoReply("the server went away', '        str(NoReply("the server went away'),
    ("reply.py", "        if request.withdrawn:\n            continue\n", ""),
    ("reply.py", "        if not self.settled.is_set() and not self.withdrawn:", "        if not self.withdrawn:"),
    ("fairness.py", "rank = (line.start, head.request.deadline, head.number)", "rank = (head.request.deadline, 0, head.number)"),
    ("fairness.py", "            line.start += 1\n", ""),
    ("fairness.py", "any_key or head.request.batch_key == key", "True"),
    ("fairness.py", "        self._ahead[stream] = line.start\n", ""),
    ("fairness.py", "min(self.request.deadline, self.arrived + PATIENCE_S)", "self.request.deadline"),
    ("fairness.py", "del self._ahead[next(iter(self._ahead))]", "pass"),
    ("scheduler.py", "urgent is None or urgent.cost > self._free", "urgent is None"),
    ("scheduler.py", "if due is not None and (first is None or due < first):", "if due is not None and queue.cost <= self._free and (first is None or due < first):"),
    ("scheduler.py", "        self._free += tokens\n        self.dispatch()", "        self._free += tokens"),
    ("request_queue.py", "            self._turns.remove(turn)\n            return trio.lowlevel.Abort.SUCCEEDED", "            return trio.lowlevel.Abort.SUCCEEDED"),
    ("request_queue.py", "if ripe_at > trio.current_time() else math.inf", ""),
    ("request_queue.py", "if not request.withdrawn)", ")"),
    ("request_queue.py", "            self._drop_expired(now)\n", "            pass\n"),
    ("request_queue.py", "if self._turns and self._ripe_at() <= now else None", "if self._turns else None"),
    ("request_queue.py", "        self._let_in()\n        # It may", "        # It may"),
    ("request_queue.py", "saving tokens for.\n        self._device.dispatch()", "saving tokens for."),
    ("request_queue.py", "key=lambda sender: self._backlog.next_start(sender.request.stream)", "key=lambda sender: 0"),
    ("request_queue.py", "            self._waits[bisect_left(WAIT_BOUNDS_S, waited_s)] += 1\n", ""),
    ("request_queue.py", "            self._backlog.start_afresh()\n", "            pass\n"),
    ("batch.py", "                request.fail(NoReply(f\"{self._queue.name} went", "                str(NoReply(f\"{self._queue.name} went"),
    ("workers.py", "                    await self._killed()", "                    pass"),
    ("workers.py", "        self._process.kill()\n        with trio.CancelScope(shield=True), trio.move_on_after(_DEATH_S):\n            await self._process.wait()\n\n    async def _crashed", "        self._process.kill()\n\n    async def _crashed"),
    ("workers.py", "        elif not self._useless:", "        else:"),
    ("workers.py", "            conversation.cancel()\n", ""),
    ("worker_errors.py", "            self._say([rest])\n", ""),
    ("worker_errors.py", "_RECORD_BYTES if self._mark in rest else _LINE_BYTES", "_LINE_BYTES"),
    ("worker_errors.py", "return logging.DEBUG if wants_all else logging.WARNING", "return logging.DEBUG"),
    ("workers.py", "secrets.token_hex(16)", "'0' * 32"),
    ("worker_process.py", "    _log_to_parent(mark, level)\n", ""),
    ("workers.py", "            with trio.move_on_after(_LAST_WORDS_S):\n                await self._process.wait()\n", ""),
    ("workers.py", "        await trio.lowlevel.checkpoint_if_cancelled()\n        if self._useless:", "        if self._useless:"),
    ("workers.py", "        if self._useless:\n            raise await self._crashed()\n", ""),
    ("processes.py", "            process_group=0,\n", ""),
    ("processes.py", "        self.kill()\n        return", "        return"),
    ("worker_process.py", "    _die_with(int(sys.argv[1]))\n", ""),
    ("worker_process.py", "    if os.getppid() != parent:\n        os._exit(1)\n", ""),
    ("worker_process.py", "(signal.SIGINT, signal.SIGTERM)", "(signal.SIGINT,)"),
    ("worker_process.py", "(signal.SIGINT, signal.SIGTERM)", "(signal.SIGTERM,)"),
    ("worker_process.py", "    os.nice(NICENESS)\n", ""),
    ("worker_process.py", "    os.dup2(nothing, 0)\n", ""),
    ("worker_process.py", "    os.dup2(2, 1)\n", ""),
    ("framing.py", "buffer_callback=buffers.append", "buffer_callback=None"),
    ("instruments.py", "            del self._lives[task]\n            role.leave(now)\n", "            pass\n"),
    ("instruments.py", "        if step != began:\n            stack = ()\n", ""),
    ("instruments.py", "            self._told[role] = began\n", ""),
    ("instruments.py", "        trio.lowlevel.remove_instrument(loop)\n        loop.after_run()", "        trio.lowlevel.remove_instrument(loop)"),
    ("roles.py", "len(self._roles) >= MAX_ROLES", "False"),
    ("watchdog.py", "if self._overdue() == step:", "if True:"),
    ("watchdog.py", "step is None or step == last", "step is None"),
    ("watchdog.py", "lines[:MAX_FRAMES]", "lines"),
    ("where.py", 'type(awaited).__name__.startswith("async_generator_")', "False"),
    ("actors.py", "islice(lives(), limit)", "lives()"),
    ("actors.py", '"" if life.task is None else where(life.task)', "where(life.task)"),
    ("actors.py", "life.now", "life.state"),
]  # fmt: skip


def main() -> int:
    word = sys.argv[1] if len(sys.argv) > 1 else ""
    survivors = []
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        for part in ("supervision", "tests/supervision"):
            shutil.copytree(ROOT / part, copy / part, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / "pyproject.toml", copy)
        if fails(copy):
            print("the tests fail without any mutant")
            return 1
        for file, there, instead in MUTANTS:
            if word in f"{file} {there}":
                path = copy / "supervision" / file
                text = path.read_text()
                if there not in text:
                    survivors.append(f"{file}: not found: {there!r}")
                    continue
                path.write_text(text.replace(there, instead, 1))
                if not fails(copy):
                    survivors.append(f"{file}: {there!r} -> {instead!r}")
                    print(survivors[-1], flush=True)
                path.write_text(text)
    print("\n".join(["survived:", *survivors]) if survivors else "all mutants were caught")
    return bool(survivors)


def fails(copy: Path) -> bool:
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "tests/supervision"]
    try:
        done = subprocess.run(command, cwd=copy, capture_output=True, check=False, timeout=TIMEOUT_S)
    except subprocess.TimeoutExpired:
        return True
    return done.returncode != 0


if __name__ == "__main__":
    sys.exit(main())
