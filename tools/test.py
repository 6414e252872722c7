"""Test a checkpoint on the test split of a config.

python tools/test.py configs/udi_av_digits.py work_dirs/udi_av_digits/X.pth
"""
import argparse
import os
import sys

import torch.distributed

from mmbalance_plugin.cli import launch


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description='Test a checkpoint.')
    parser.add_argument(
        'config', help='file of the config, or the name of a shipped one')
    parser.add_argument('checkpoint', help='file or address of the weights')
    parser.add_argument(
        '--dump',
        metavar='FILE.pkl',
        help='also write all predictions, for evaluation elsewhere')
    launch.add_common_args(parser)
    return parser


def apply_test_args(cfg, args) -> None:
    """Write the flags into the config."""
    if '://' not in args.checkpoint and not os.path.isfile(args.checkpoint):
        raise FileNotFoundError(f'there is no checkpoint {args.checkpoint}')
    cfg.load_from = args.checkpoint
    cfg.load_strict = True  # or initial weights would be tested
    cfg.resume = False
    cfg.launcher = args.launcher
    if args.work_dir is not None:
        cfg.work_dir = args.work_dir
    if cfg.get('test_evaluator') is None:
        raise ValueError(f'{args.config} has no test_evaluator')
    if args.dump is not None:
        if not args.dump.endswith(('.pkl', '.pickle')):
            raise ValueError(f'--dump writes a pickle: {args.dump} must end '
                             'in .pkl or .pickle')
        evaluators = cfg.test_evaluator
        if not isinstance(evaluators, (list, tuple)):
            evaluators = [evaluators]
        cfg.test_evaluator = [
            *evaluators,
            dict(type='DumpResults', out_file_path=args.dump)
        ]


def main() -> None:
    parser = build_parser()
    args = launch.parse_args(parser)
    try:
        cfg = launch.load_config(args.config, args.cfg_options)
        apply_test_args(cfg, args)
    except (FileNotFoundError, ValueError) as error:
        parser.error(str(error))
    runner = launch.build_runner(cfg)
    # Here and not above: it imports the stack.
    from mmbalance_plugin.compat import CheckpointError
    try:
        runner.test()
    except CheckpointError as error:
        sys.exit(f'error: {error}')
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


if __name__ == '__main__':
    main()
