"""The commands of docs/comparing.md, and the tables of docs/results.md."""
import re
import shlex
import shutil
from pathlib import Path

from mmbalance_plugin.cli.grid import make_grid
from tests.docs.pages import ROOT, tool


def test_commands_of_the_page_name_runs():
    """tests/tools/test_compare_cli.py trains."""
    page = (ROOT / 'docs/comparing.md').read_text()
    blocks = re.findall(r'```bash\n(.*?)```', page, re.DOTALL)
    assert len(blocks) == 2
    for block in blocks:
        words = shlex.split(block.replace('\\\n', ' '))
        assert words[:2] == ['python', 'tools/compare.py']
        args = tool('compare').build_parser().parse_args(words[2:])
        runs = make_grid(args.configs, args.cfg_options, args.seeds,
                         args.folds, out=args.out, store=args.out)
        assert len(runs) == 10


def test_tables_of_results_are_those_of_the_stores(tmp_path, monkeypatch):
    page = ROOT / 'docs/results.md'
    copy = shutil.copy(page, tmp_path)
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr('sys.argv', ['compare.py', '--update', str(copy)])
    assert tool('compare').main() == 0
    assert Path(copy).read_text(encoding='utf-8') == page.read_text(
        encoding='utf-8')
