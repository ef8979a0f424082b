"""Helpers of the log's tests: a pipe into a text, its lines as objects."""

import io
import json
from contextlib import contextmanager

import attrs

from sts_actors.logs import open_logs
from sts_actors.settings import load_settings


@attrs.define
class Written:
    stream: io.StringIO = attrs.field(factory=io.StringIO)

    @property
    def text(self):
        return self.stream.getvalue()

    @property
    def lines(self):
        """What stands between the ends of lines, as the strictest reader sees them."""
        return self.text.splitlines()

    @property
    def told(self):
        """The lines as objects; each must be one."""
        objects = [json.loads(line) for line in self.lines]
        assert all(isinstance(each, dict) for each in objects)
        return objects

    def of(self, event):
        return [line for line in self.told if line["event"] == event]


@contextmanager
def logged(form="json", level="DEBUG", **overrides):
    """The log of the block."""
    given = {"log_format": form, "log_level": level, **overrides}
    written = Written()
    with open_logs(load_settings(profile="fake", overrides=given, environment={}), written.stream):
        yield written
