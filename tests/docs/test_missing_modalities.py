"""The commands of docs/missing-modalities.md, cut short, and its tables."""
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
from mmengine.config import Config

from mmbalance_plugin.analysis.records import read_records
from mmbalance_plugin.cli.grid import make_grid, resolve
from tests.docs.pages import ROOT, commands, expanded, text, tool
from tests.engine.digits import train


@pytest.fixture(scope='module')
def grids():
    """The page's grids: folder and percent -> runs."""
    page = text('missing-modalities')
    block = re.findall(r'```bash\n(.*?)```', page, re.DOTALL)[0]
    done = subprocess.run(
        ['bash', '-e', '-c', 'python() { echo "$@"; }\n' + block],
        capture_output=True, text=True, check=True)
    parser = tool('compare').build_parser()
    found = {}
    for line in done.stdout.splitlines():
        if line.startswith('tools/compare.py configs'):
            args = parser.parse_args(shlex.split(line)[1:])
            runs = make_grid(
                args.configs, args.cfg_options, args.seeds, args.folds,
                out=args.out, store=args.out)
            drop = {split: resolve(runs[0].config, runs[0].options)[
                f'{split}_dataloader'].dataset.pipeline[0].get('drop', {})
                for split in ('train', 'val', 'test')}
            assert drop['train'] == drop['val'] == drop['test']
            found[args.out, round(100 * sum(drop['test'].values()))] = runs
    return found


def test_shares_that_are_dropped(grids):
    assert set(grids) == {(f'work_dirs/missing_{data}', percent)
                          for data in ('av_digits', 'multiple_features')
                          for percent in (0, 30, 60)}
    for runs in grids.values():
        assert len({run.config for run in runs}) == 5 and len(runs) == 15


def test_tables_are_those_of_the_stores(grids, tmp_path, monkeypatch):
    page = ROOT / 'docs/missing-modalities.md'
    copy = shutil.copy(page, tmp_path)
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr('sys.argv', ['compare.py', '--update', str(copy)])
    assert tool('compare').main() == 0
    assert Path(copy).read_text(encoding='utf-8') == text(page.stem)
    # They are of the runs that the page's commands make.
    for data in ('av_digits', 'multiple_features'):
        records = read_records([str(ROOT / f'results/missing_{data}')])
        assert {(r.config, tuple(r.options), r.seed) for r in records} == {
            (run.config, run.options, run.seed)
            for (out, _), runs in grids.items() for run in runs
            if out.endswith(f'missing_{data}')}


def test_the_plot(tmp_path, monkeypatch):
    call, = commands('missing-modalities', 'plot_sweep')
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'work_dirs').symlink_to(ROOT / 'results')
    monkeypatch.setattr('sys.argv', ['plot_sweep.py', *expanded(
        call, tmp_path)])
    assert not tool('plot_sweep').main()
    assert (tmp_path / 'docs/images/missing_modalities.png').is_file()


def test_a_run_of_it(grids, tmp_path):
    run = grids['work_dirs/missing_av_digits', 60][0]
    cfg = Config(resolve(run.config, run.options, None)._cfg_dict.to_dict())
    cfg.work_dir = str(tmp_path)
    cfg.merge_from_dict({'train_cfg.max_epochs': 1, **{
        f'{split}_dataloader.dataset.indices': 128
        for split in ('train', 'val', 'test')}})
    metrics = train(cfg).val_loop.run()
    found = [key for key in metrics if '@' in key]
    assert found[0] == 'acc/top1@audio+visual'
    assert set(found[1:]) == {'acc/top1@audio', 'acc/top1@visual'}
