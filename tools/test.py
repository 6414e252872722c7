"""Test a checkpoint on the test split of a config.

python tools/test.py configs/udi_av_digits.py work_dirs/udi_av_digits/best.pth
"""
import argparse
import sys

from mmbalance_plugin.cli import arguments, launch
from mmbalance_plugin.cli.command import UsageError, command


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description='Test a checkpoint.')
    parser.add_argument(
        'config', help='file of the config, or the name of a shipped one')
    parser.add_argument('checkpoint', help='file or address of the weights')
    parser.add_argument(
        '--dump',
        metavar='FILE.pkl',
        help='also write all predictions, for evaluation elsewhere')
    arguments.add_runner_args(parser)
    return parser


def apply_test_args(cfg, args) -> None:
    """Write the flags into the config."""
    launch.require_checkpoint(args.checkpoint)
    cfg.load_from = args.checkpoint
    cfg.load_strict = True  # or initial weights would be tested
    cfg.resume = False
    cfg.launcher = args.launcher
    if args.work_dir is not None:
        cfg.work_dir = args.work_dir
    if cfg.get('test_evaluator') is None:
        raise UsageError(f'{args.config} has no test_evaluator')
    if args.dump is not None:
        if not args.dump.endswith(('.pkl', '.pickle')):
            raise UsageError(f'--dump writes a pickle: {args.dump} must end '
                             'in .pkl or .pickle')
        evaluators = cfg.test_evaluator
        if not isinstance(evaluators, (list, tuple)):
            evaluators = [evaluators]
        cfg.test_evaluator = [
            *evaluators,
            dict(type='DumpResults', out_file_path=args.dump)
        ]


@command
def main() -> None:
    args = arguments.parse_args(build_parser())
    cfg = launch.load_config(args.config, args.cfg_options)
    apply_test_args(cfg, args)
    with launch.runner_of(cfg) as runner:
        runner.test()


if __name__ == '__main__':
    sys.exit(main())
