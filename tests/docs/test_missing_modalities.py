"""The command of docs/missing-modalities.md, cut short."""
import importlib.util
import re
import shlex
import subprocess
from pathlib import Path

import pytest
from mmengine.config import Config

from mmbalance_plugin.cli.grid import make_grid, resolve
from tests.engine.digits import train

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope='module')
def grids():
    """Percent and set -> the runs that the page's command makes."""
    page = (ROOT / 'docs/missing-modalities.md').read_text(encoding='utf-8')
    block, = re.findall(r'```bash\n(.*?)```', page, re.DOTALL)
    done = subprocess.run(
        ['bash', '-e', '-c', 'python() { echo "$@"; }\n' + block],
        capture_output=True, text=True, check=True)
    spec = importlib.util.spec_from_file_location(
        'tools_compare', ROOT / 'tools/compare.py')
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    found = {}
    for line in done.stdout.splitlines():
        args = tool.build_parser().parse_args(shlex.split(line)[1:])
        found[args.out] = make_grid(
            args.configs, args.cfg_options, args.seeds, args.folds,
            out=args.out, store=args.out)
    return found


def test_shares_that_are_dropped(grids):
    assert len(grids) == 6
    for out, runs in grids.items():
        assert len({run.config for run in runs}) == 5 and len(runs) == 15
        percent = int(out.split('_')[-1])
        cfg = resolve(runs[0].config, runs[0].options, None)
        for split in ('train', 'val', 'test'):
            drop = cfg[f'{split}_dataloader'].dataset.pipeline[0].drop
            assert sum(drop.values()) == pytest.approx(percent / 100)


def test_a_run_of_it(grids, tmp_path):
    run = grids['work_dirs/missing_av_digits_60'][0]
    cfg = Config(resolve(run.config, run.options, None)._cfg_dict.to_dict())
    cfg.work_dir = str(tmp_path)
    cfg.merge_from_dict({'train_cfg.max_epochs': 1, **{
        f'{split}_dataloader.dataset.indices': 128
        for split in ('train', 'val', 'test')}})
    metrics = train(cfg).val_loop.run()
    found = [key for key in metrics if '@' in key]
    assert found[0] == 'acc/top1@audio+visual'
    assert set(found[1:]) == {'acc/top1@audio', 'acc/top1@visual'}
