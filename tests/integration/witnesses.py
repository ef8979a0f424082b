"""A witness that writes down what it is told, one line each, by stream."""

from sts_actors.messages import FragmentFailed
from sts_actors.witness import StreamWitness, Witness


class Diary(StreamWitness):
    """Lines are tuples: what was told, of which fragment, and the rest."""

    def __init__(self, config, worker_id):
        self.config = config
        self.worker_id = worker_id
        self.lines = []

    def told(self, *names):
        """The lines of these kinds."""
        return [line for line in self.lines if line[0] in names]

    def of(self, index):
        """What was told of one fragment."""
        return [
            (line[0], *line[2:])
            for line in self.lines
            if line[0] in {"admitted", "worked", "answered"} and line[1] == index
        ]

    def stands(self, state):
        self.lines.append(("stands", str(state)))

    def pressed(self, level):
        self.lines.append(("pressed", level))

    def admitted(self, header):
        self.lines.append(("admitted", header.index))

    def refused(self, error, fragment_id):
        self.lines.append(("refused", fragment_id, error.code.value))

    def worked(self, work):
        code = () if work.code is None else (work.code.value,)
        assert work.began <= work.ended
        self.lines.append(("worked", work.header.index, work.stage, work.language, *code))

    def answered(self, result, elapsed_s):
        failed = isinstance(result, FragmentFailed)
        language = (result if failed else result.translation).target_language
        assert elapsed_s >= 0
        self.lines.append(("answered", result.header.index, language, result.code.value if failed else "dub"))

    def restarted(self, actor, cause):
        self.lines.append(("restarted", actor, type(cause).__name__))

    def closed(self):
        self.lines.append(("closed",))


class Diaries(Witness):
    """A diary for each stream, in the order of their opening."""

    def __init__(self):
        self.streams = []
        self.sessions = []
        self.away = []

    def opened(self, session_id, config, *, worker_id):
        diary = Diary(config, worker_id)
        self.streams.append(diary)
        self.sessions.append(session_id)
        return diary

    def turned_away(self, error):
        self.away.append(error.code.value)
