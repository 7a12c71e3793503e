"""Where tests find the program, and real data if there is any."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("MOTE_BUILD", ROOT / "build"))

# A shell's background jobs ignore Ctrl-C, and so would Python and its tests of it.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def mote_program():
    """Runs the mote program; returns the finished process."""

    def run(*arguments, status=0, env=None):
        done = subprocess.run(
            [str(BUILD / "mote"), *map(str, arguments)],
            capture_output=True,
            text=True,
            timeout=120,
            env={**os.environ, **(env or {})},
        )
        assert done.returncode == status, done.stdout + done.stderr
        return done

    return run


@pytest.fixture(scope="session")
def data_folder():
    """The folder of real data sets, or a plain skip."""
    folder = os.environ.get("MOTE_DATA")
    if not folder or not Path(folder).is_dir():
        pytest.skip("MOTE_DATA does not name a folder of real data")
    return Path(folder)
