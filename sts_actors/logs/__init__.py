"""The service's log: every logger of this process and of its workers, through one pipe, a line each.

JSON where a program reads it, plain text on a terminal. What others said can neither end a line nor move a
cursor, is cut where it is long, and no secret of the settings gets out.
"""

from sts_actors.logs.pipe import open_logs
from sts_actors.logs.redaction import Redactor, secrets_of
from sts_actors.logs.streams import LogWitness

__all__ = ["LogWitness", "Redactor", "open_logs", "secrets_of"]
