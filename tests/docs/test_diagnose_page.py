"""The commands of docs/diagnose.md, with fewer samples and epochs."""
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.test_readme import ROOT, SHORT


@pytest.mark.slow
def test_the_commands_run_in_the_order_of_the_page(tmp_path):
    for name in ('configs', 'tools', 'data'):
        (tmp_path / name).symlink_to(ROOT / name)
    page = (ROOT / 'docs/diagnose.md').read_text()
    blocks = re.findall(r'```bash\n(.*?)```', page, re.DOTALL)
    for line in ''.join(blocks).splitlines():
        words = [sys.executable, *shlex.split(line)[1:]]
        if 'report.py' not in line:
            words += SHORT
        path = f'{Path(sys.executable).parent}{os.pathsep}{os.environ["PATH"]}'
        done = subprocess.run(words, cwd=tmp_path, capture_output=True,
                              text=True, timeout=900,
                              env={**os.environ, 'PATH': path})
        assert done.returncode == 0, (line, done.stdout[-2000:],
                                      done.stderr[-2000:])
        if 'diagnose.py' in line:
            assert re.search(r'^next: python tools/train.py', done.stdout,
                             re.MULTILINE)
    assert (tmp_path / 'work_dirs/results/report.html').is_file()
