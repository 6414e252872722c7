"""Train configs over seeds and folds, and compare them with a baseline.

python tools/compare.py configs/joint_av_digits.py configs/udi_av_digits.py \
    --seeds 0 1 2 3 4 --out work_dirs/results

A setting of its own for one config, and several of one config:
    python tools/compare.py configs/ogm_av_digits.py \
        configs/ogm_av_digits.py::optim_wrapper.alpha=0.1 --seeds 0 1
On a cluster, or from what runs have left:
    python tools/compare.py CONFIG... --executor slurm \
        --executor-options timeout_min=60 slurm_partition=gpu
    python tools/compare.py --from work_dirs/results

What has finished is kept, what was interrupted goes on from its last
checkpoint, what fails is told at the end (exit status 1) and tried again by
the next call. docs/comparing.md has the rest.
"""
import argparse
import sys
from pathlib import Path

from mmbalance_plugin.cli.arguments import add_verbose, positive
from mmbalance_plugin.cli.command import UsageError, command
from mmbalance_plugin.cli.environment import require_writable
from mmbalance_plugin.cli.grid import (
    Run,
    check_baseline,
    check_metric,
    make_grid,
)


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description='Train configs over seeds and folds, and compare them.')
    parser.add_argument(
        'configs', nargs='*', metavar='CONFIG[::KEY=VALUE...]',
        help='what to train; the same config may come with other options')
    parser.add_argument('--seeds', type=int, nargs='+', default=[0])
    parser.add_argument(
        '--folds', type=int, nargs='+', default=[],
        help='values of the key `fold` of the data sets')
    parser.add_argument('--cfg-options', nargs='+', default=[],
                        metavar='KEY=VALUE', help='for all configs')
    parser.add_argument('--jobs', type=positive, default=1,
                        help='runs at a time, one thread each')
    parser.add_argument('--out', default='work_dirs/results',
                        help='folder of the work dirs')
    parser.add_argument(
        '--store', help='folder of the records, by default --out; runs that '
        'it holds are not trained again')
    parser.add_argument(
        '--tune', type=positive, metavar='N', help='first choose among N '
        'settings of each config, itself and its `tuning`, by validation')
    parser.add_argument('--tune-seeds', type=int, nargs='+', default=[0, 1])
    parser.add_argument('--keep-checkpoints', action='store_true')
    parser.add_argument(
        '--executor', choices=('slurm', 'local'),
        help='run by submitit: under Slurm, or as processes')
    parser.add_argument('--executor-options', nargs='+', default=[],
                        metavar='KEY=VALUE', help="submitit's parameters")
    parser.add_argument(
        '--from', nargs='+', dest='stores', default=[], metavar='STORE',
        help='compare the records of these folders, train nothing')
    parser.add_argument('--baseline', metavar='NAME',
                        help="a row's method; by default joint")
    parser.add_argument(
        '--metric', help='acc/top1, or acc/mAP of several labels, by default')
    parser.add_argument('--split', choices=('test', 'val'), default='test')
    parser.add_argument(
        '--overview', action='store_true', help='one table over all data '
        'sets, a column each, instead of several of each')
    parser.add_argument(
        '--tables', metavar='DIR', help='write comparison.md, .csv and .json '
        'there; by default to --out after training')
    parser.add_argument(
        '--update', metavar='PAGE', help='write the tables of a page anew '
        'that stand behind <!-- compare.py ... --> in it')
    add_verbose(parser)
    return parser


def train(runs: 'list[Run]', args: argparse.Namespace) -> 'list[str]':
    """Perform what is not done; returns what failed."""
    from mmbalance_plugin.cli.grid_runs import (
        by_submitit,
        on_this_machine,
        perform_all,
    )
    if not args.executor:
        return perform_all(runs, lambda left: on_this_machine(left, args.jobs))
    from mmengine.config import DictAction
    options = (o.partition('=') for o in args.executor_options)
    parameters = {k: DictAction._parse_iterable(v) for k, _, v in options}
    return perform_all(runs, lambda left: by_submitit(
        left, args.jobs, args.executor, parameters))


def tune(args: argparse.Namespace, where: dict) -> 'list[str]':
    """Let validation choose the configs' settings; returns what failed."""
    from mmbalance_plugin.cli.tuning import choose, tuning_grid
    if set(args.seeds) & set(args.tune_seeds):
        raise UsageError('--seeds must be other ones than --tune-seeds '
                         f'{args.tune_seeds}')
    if len(args.folds) > 1:
        raise UsageError("--tune takes one fold: one's validation samples "
                         "are another's test samples")
    if args.metric:
        check_metric(args.configs, args.cfg_options, args.metric, 'val',
                     each=True)
    grid = tuning_grid(args.configs, args.cfg_options, args.tune,
                       args.tune_seeds, folds=args.folds, **where)
    failed = train([run for runs in grid.values() for run in runs], args)
    args.configs = choose(grid, args.tune, args.metric, where['store'])
    return failed


def report(args: argparse.Namespace, records: list) -> str:
    """The tables as Markdown; to files where that is asked for."""
    import yaml

    from mmbalance_plugin.analysis.comparison import compare
    from mmbalance_plugin.analysis.overview import overview
    from mmbalance_plugin.analysis.rows import make_rows
    from mmbalance_plugin.analysis.tables import (
        to_csv,
        to_json,
        to_markdown,
    )
    found = compare(make_rows(records), args.metric, args.split,
                    args.baseline)
    path = Path('results/published.yml')
    published = yaml.safe_load(path.read_text('utf-8')) \
        if path.is_file() else {}
    texts = [to_markdown(c, published) for c in found]
    if len(found) > 1:
        for i, c in enumerate(found):
            texts[i] = f'## {c.data or "other data"}\n\n{texts[i]}'
    folder = args.tables or (None if args.stores else args.out)
    if folder:
        Path(folder).mkdir(parents=True, exist_ok=True)
        for kind, text in (('md', '\n'.join(texts)), ('csv', to_csv(found)),
                           ('json', to_json(found))):
            Path(folder, f'comparison.{kind}').write_text(
                text, encoding='utf-8')
    return overview(found) if args.overview else '\n'.join(texts)


@command
def main() -> int:
    args = build_parser().parse_args()
    if args.update:
        from mmbalance_plugin.analysis.page import update_page

        def tables(words: 'list[str]') -> str:
            own = build_parser().parse_args(words)
            from mmbalance_plugin.analysis.records import read_records
            return report(own, read_records(own.stores))

        update_page(Path(args.update), tables)
        return 0
    if bool(args.configs) == bool(args.stores):
        raise UsageError('name configs to train, or --from a folder of '
                         'records, and not both')
    failed = []
    if args.stores:
        from mmbalance_plugin.analysis.records import read_records
        records = read_records(args.stores)
    else:
        args.store = args.store or args.out
        if args.baseline:
            check_baseline(args.configs, args.baseline)
        if args.metric:
            check_metric(args.configs, args.cfg_options, args.metric,
                         args.split)
        if args.tables:
            require_writable(args.tables)
        where = dict(out=args.out, store=args.store,
                     keep=args.keep_checkpoints)
        failed = tune(args, where) if args.tune else []
        runs = make_grid(args.configs, args.cfg_options, args.seeds,
                         args.folds, **where)
        failed += train(runs, args)
        from mmbalance_plugin.analysis.records import read_record
        records = [read_record(run.record, run.work_dir) for run in runs
                   if run.record.is_file()]
    try:
        if records:
            print(report(args, records))
    finally:
        for line in failed:
            print(f'failed: {line}', file=sys.stderr)
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
