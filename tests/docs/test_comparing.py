"""The commands of docs/comparing.md, and the tables of docs/results.md."""
import importlib.util
import re
import shlex
import shutil
from pathlib import Path

import pytest

from mmbalance_plugin.cli.grid import make_grid

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def tool():
    spec = importlib.util.spec_from_file_location(
        'tools_compare', ROOT / 'tools/compare.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_commands_of_the_page_name_runs(tool):
    """tests/tools/test_compare_cli.py trains."""
    page = (ROOT / 'docs/comparing.md').read_text()
    blocks = re.findall(r'```bash\n(.*?)```', page, re.DOTALL)
    assert len(blocks) == 2
    for block in blocks:
        words = shlex.split(block.replace('\\\n', ' '))
        assert words[:2] == ['python', 'tools/compare.py']
        args = tool.build_parser().parse_args(words[2:])
        runs = make_grid(args.configs, args.cfg_options, args.seeds,
                         args.folds, out=args.out, store=args.out)
        assert len(runs) == 10


def test_tables_of_results_are_those_of_the_stores(tool, tmp_path,
                                                   monkeypatch):
    page = ROOT / 'docs/results.md'
    if '<!-- compare.py' not in page.read_text(encoding='utf-8'):
        pytest.skip('no table of the page is from a store yet')
    copy = shutil.copy(page, tmp_path)
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr('sys.argv', ['compare.py', '--update', str(copy)])
    assert tool.main() == 0
    assert Path(copy).read_text(encoding='utf-8') == page.read_text(
        encoding='utf-8')
