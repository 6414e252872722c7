"""Running something as a user whom permissions stop."""
import codecs
import os
import pickle
import shutil
import sys
import tempfile
import traceback
from contextlib import contextmanager
from pathlib import Path

import pytest

#: Whom nothing belongs to, on Linux and macOS.
NOBODY = 65534


def unprivileged(function):
    """Call a function as a user who is not root; its result or exception.

    Root may open whatever it likes, so that the function runs in a child
    that has become somebody else. Import what it needs before: the child
    may not be able to read the environment.

    Args:
        function (Callable): Without arguments; what it returns or raises
            must be picklable.
    """
    if os.geteuid():
        return function()
    codecs.lookup('utf-8-sig')  # imported at its first use
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            os.close(reading)
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
            try:
                answer = True, function()
            except Exception as error:
                traceback.print_exc()
                # Rebuilt without its arguments: not every one pickles.
                answer = False, (type(error), error.args)
            with os.fdopen(writing, 'wb') as pipe:
                pipe.write(pickle.dumps(answer))
            sys.stdout.flush()
            code = 0
        finally:
            os._exit(code)
    os.close(writing)
    with os.fdopen(reading, 'rb') as pipe:
        data = pipe.read()
    _, status = os.waitpid(pid, 0)
    assert os.WIFEXITED(status) and os.WEXITSTATUS(status) == 0, status
    good, answer = pickle.loads(data)
    if good:
        return answer
    kind, args = answer
    error = kind.__new__(kind, *args)
    error.args = args
    raise error


@contextmanager
def open_folder():
    """A new folder that everybody may look into and write to.

    Pytest's own belong to their user alone.
    """
    folder = Path(tempfile.mkdtemp(prefix='mmbalance-open-'))
    try:
        for parent in folder.parents:
            if not parent.stat().st_mode & 0o001:
                pytest.skip(f'{parent} is closed to others')
        folder.chmod(0o777)
        yield folder
    finally:
        for path in [folder, *folder.rglob('*')]:
            if path.is_dir():
                path.chmod(0o700)
        shutil.rmtree(folder)


def give_away(folder):
    """Let the unprivileged user own everything below a folder."""
    if os.geteuid() == 0:
        for path in [folder, *folder.rglob('*')]:
            os.chown(path, NOBODY, NOBODY)
