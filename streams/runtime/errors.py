"""The exit codes of every command, and the errors that carry the one sentence an operator reads.

    StreamsError
    ├── ConfigError       78  the configuration is wrong; says every error with its place
    ├── MismatchError     78  this configuration is not the one the running job is pinned to
    ├── UnavailableError  69  no broker, or it went away where waiting cannot help
    ├── NotPermittedError 77  the broker refuses this user
    ├── TopicError        76  a topic is missing, or has the wrong partitions or settings
    ├── StateError        74  a log was truncated, deleted or made again: going on would lose or double counts
    └── InternalError     70  a bug or a broken log; the worker stopped at once so that nothing damaged was written

0 is success, 1 a check that found something, 2 wrong usage of a command.
"""


class StreamsError(Exception):
    """A sentence for the operator and the exit code that goes with it."""

    exit_code = 70


class ConfigError(StreamsError):
    """The configuration is wrong. One line for each error: file, line, what, why and the fix."""

    exit_code = 78


class MismatchError(StreamsError):
    """The configuration differs from the one the job's logs were written with."""

    exit_code = 78


class UnavailableError(StreamsError):
    """No broker could be reached, and waiting is not what was asked for."""

    exit_code = 69


class NotPermittedError(StreamsError):
    """The broker refuses what this user tried."""

    exit_code = 77


class TopicError(StreamsError):
    """A topic is missing or is not as it must be."""

    exit_code = 76


class StateError(StreamsError):
    """A log is not the one the state belongs to; going on would lose or double counts."""

    exit_code = 74


class InternalError(StreamsError):
    """A broken invariant. The worker stops at once."""

    exit_code = 70
