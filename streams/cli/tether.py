"""`python -m streams.cli.tether ...`: the command `streams`, ended when its standard input closes.

Whoever starts a worker this way holds the other end of the pipe, so that no worker outlives its starter, however that
one ended.
"""

import os
import signal
import sys
import threading

from streams.cli.main import main


def _watch(descriptor: int) -> None:
    while os.read(descriptor, 4096):  # unbuffered: a buffer's lock would be held at the interpreter's end
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    threading.Thread(target=_watch, args=(sys.stdin.fileno(),), name="tether", daemon=True).start()
    sys.exit(main(sys.argv[1:]))
