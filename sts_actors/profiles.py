"""From settings to engines: which one serves each stage, and how it is opened."""

from sts_actors.errors import ConfigError, Stage
from sts_actors.models import ModelSpec
from sts_actors.settings import Settings
