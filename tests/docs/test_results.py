"""The plots of docs/results.md and docs/missing-modalities.md."""
import json
import re

import pytest

from mmbalance_plugin.cli.grid import make_grid
from tests.docs.pages import ROOT, commands, expanded, text, tool

PAGES = ('results', 'missing-modalities')


def test_plots_of_what_runs_logged(tmp_path, monkeypatch):
    folders = {f'{folder}/{method}_{data}-0a1b2c3d'
               for folder, data in (('results', 'av_digits'),
                                    ('results_mf', 'multiple_features'))
               for method in ('joint', 'multi_loss', 'opm', 'ogm_ge', 'udi')}
    names = [f'{kind}_{m}' for kind in (
        'ogm_ratio', 'ogm_coefficient', 'loss_con', 'acc/top1', 'align_com',
        'alpha_com', 'club_estimate') for m in ('audio', 'visual')]
    for folder in folders:
        logs = tmp_path / 'work_dirs' / folder / 'seed_0/1/vis_data'
        logs.mkdir(parents=True)
        (logs / 'scalars.json').write_text('\n'.join(json.dumps(
            {**dict.fromkeys([*names, 'acc/top1'], step / 9), 'step': step})
            for step in range(1, 4)))
    monkeypatch.chdir(tmp_path)
    run = tool('plot_curves').main
    calls = commands('results', 'plot_curves')
    assert len(calls) == 4
    for call in calls:
        words = expanded(call, tmp_path)
        assert not [w for w in words if '*' in w], call
        monkeypatch.setattr('sys.argv', ['plot_curves.py', *words])
        assert not run()


def test_plots_of_features_name_configs_and_what_the_grid_leaves():
    features, = commands('results', 'plot_features')
    words = expanded(features, ROOT)
    configs, weights = words[:words.index('--split'):2], \
        words[1:words.index('--split'):2]
    grid = next(c for c in commands('results', 'compare')
                if '--keep-checkpoints' in c)
    args = tool('compare').build_parser().parse_args(expanded(grid, ROOT))
    runs = make_grid(args.configs, [], args.seeds, [], out=args.out,
                     store=args.out, keep=args.keep_checkpoints)
    assert [run.config for run in runs] == configs
    for run, path in zip(runs, weights):
        assert (run.work_dir / 'best.pth').match(path)


@pytest.mark.parametrize('page', PAGES)
def test_every_image_has_its_command_and_is_small(page):
    for image in re.findall(r'!\[.*?\]\((.*?)\)', text(page)):
        path = ROOT / 'docs' / image
        assert path.stat().st_size < 150 * 1024, image
        assert f'--out docs/{image}' in ' '.join(text(page).split()), image
