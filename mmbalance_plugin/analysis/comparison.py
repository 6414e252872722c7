"""Tables of several runs: mean and spread over seeds, cost beside them."""
import json
import os.path as osp
from glob import glob
from statistics import mean, stdev
from typing import Any, Dict, List, Optional, Sequence

Run = Dict[str, Any]


def collect_runs(folder: str) -> List[Run]:
    """Read every ``summary.json`` below a folder.

    Args:
        folder (str): Searched recursively.

    Returns:
        list[dict]: The summaries, each with its config's name as 'method'
        and its file's as 'path'.

    Raises:
        FileNotFoundError: There is none.
        ValueError: One is damaged; names it.
    """
    paths = sorted(glob(osp.join(folder, '**', 'summary.json'),
                        recursive=True))
    if not paths:
        raise FileNotFoundError(f'no summary.json below {folder}: train '
                                'something with --work-dir there first')
    runs = []
    for path in paths:
        with open(path, encoding='utf-8') as f:
            try:
                run = json.load(f)
            except ValueError as error:
                raise ValueError(f'{path} is damaged: {error}') from error
        run['path'] = path
        run['method'] = osp.splitext(osp.basename(run['config'] or path))[0]
        runs.append(run)
    return runs


def comparison_table(runs: Sequence[Run],
                     split: str = 'test',
                     metric: str = 'acc/top1',
                     order: Optional[Sequence[str]] = None) -> str:
    """One row per method: accuracies in percent and what they cost.

    Means over seeds with the sample standard deviation (n - 1); a single
    seed shows no spread. Runs that are no seeds of one experiment are never
    put into one mean.

    Args:
        runs (Sequence[dict]): From :func:`collect_runs`.
        split (str): 'test', or 'val' for the selected weights' validation.
            Defaults to 'test'.
        metric (str): Fused metric; a modality's carry its name as suffix.
            Defaults to 'acc/top1'.
        order (Sequence[str]): Methods in the order of the rows. Defaults to
            None, alphabetically.

    Returns:
        str: A Markdown table.

    Raises:
        ValueError: Runs of one method have the same seed, other lengths or
            models, or lack a number that others have; or a method of
            ``order`` has no run. The message names the runs.
    """
    methods = order or sorted({run['method'] for run in runs})
    groups = {m: [r for r in runs if r['method'] == m] for m in methods}
    for method, group in groups.items():
        _check_seeds(method, group, split, metric)
    prefix = metric + '_'
    modalities = list(dict.fromkeys(
        key[len(prefix):] for run in runs for key in _scores(run, split)
        if key.startswith(prefix)))
    head = ['method', 'seeds', 'fused', *modalities, 'anchor', 'steps',
            'encoder samples', 'seconds', 'MB', 'parameters']
    lines = ['| ' + ' | '.join(head) + ' |', '|---' * len(head) + '|']
    for method in methods:
        group = groups[method]
        cells = [method, str(len(group)), _spread(group, split, metric)]
        cells += [_spread(group, split, prefix + m) for m in modalities]
        anchors = [run.get('anchor') for run in group if run.get('anchor')]
        cells.append(', '.join(
            f'{a} {anchors.count(a)}x' for a in dict.fromkeys(anchors)) or '-')
        cost = [run['cost'] for run in group]
        cells.append(f'{mean(c["optimizer_steps"] for c in cost):.0f}')
        cells.append('{:.0f}'.format(
            mean(sum(c['encoder_samples'].values()) for c in cost)))
        cells.append(f'{mean(c["wall_seconds"] for c in cost):.0f}')
        cells.append('{:.0f}'.format(
            mean(c['peak_memory_bytes'] for c in cost) / 2**20))
        cells.append(f'{cost[0]["params_inference"]:,}')
        lines.append('| ' + ' | '.join(cells) + ' |')
    return '\n'.join(lines)


def _check_seeds(method: str, runs: Sequence[Run], split: str,
                 metric: str) -> None:
    """Refuse runs that are no seeds of one experiment."""
    if not runs:
        raise ValueError(f'there is no run of {method!r}')
    seeds = [run['seed'] for run in runs]
    if len(set(seeds)) < len(seeds):
        raise _mixed(method, 'seed', runs, seeds)
    whole = [run for run in runs
             if not any(s['stopped_early'] for s in run.get('stages', []))]
    keys = {key for run in runs for key in _scores(run, split)
            if key == metric or key.startswith(f'{metric}_')}
    for trait, some, values in (
        ('epochs', runs,
         [[s['max_epochs'] for s in r.get('stages', [])] for r in runs]),
        ('steps', whole, [r['cost']['optimizer_steps'] for r in whole]),
        ('parameters', runs, [r['cost']['params_inference'] for r in runs]),
        (f'{split} numbers', runs,
         [sorted(keys & _scores(r, split).keys()) for r in runs]),
    ):
        if any(value != values[0] for value in values):
            raise _mixed(method, trait, some, values)


def _mixed(method: str, trait: str, runs: Sequence[Run],
           values: Sequence[Any]) -> ValueError:
    named = ', '.join(f'{run["path"]}: {value}'
                      for run, value in zip(runs, values))
    return ValueError(f'runs of {method!r} are not seeds of one experiment, '
                      f'by their {trait} ({named}): compare folders that '
                      'hold one each')


def _scores(run: Run, split: str) -> Dict[str, float]:
    return run['val']['best'] if split == 'val' else run['test']


def _spread(group: Sequence[Run], split: str, key: str) -> str:
    values = [100 * _scores(run, split)[key] for run in group
              if key in _scores(run, split)]
    if not values:
        return '-'
    if len(values) == 1:
        return f'{values[0]:.2f}'
    return f'{mean(values):.2f} ± {stdev(values):.2f}'
