"""Train a model.

One process:
    python tools/train.py configs/udi_av_digits.py
Two processes of one machine (without GPUs they use gloo):
    bash tools/dist_train.sh configs/udi_av_digits.py 2
Go on after an interruption, from the last checkpoint:
    python tools/train.py configs/udi_av_digits.py --resume
"""
import argparse
import sys

from mmbalance_plugin.cli import arguments, launch
from mmbalance_plugin.cli.command import command


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description='Train a model.')
    parser.add_argument(
        'config', help='file of the config, or the name of a shipped one')
    parser.add_argument(
        '--resume',
        nargs='?',
        const='auto',
        metavar='PATH',
        help='continue from this checkpoint; without a path, from the last '
        'one in the work dir')
    parser.add_argument(
        '--overwrite',
        action='store_true',
        help='replace the finished run that the work dir holds')
    parser.add_argument(
        '--amp', action='store_true', help='train with mixed precision')
    parser.add_argument(
        '--no-validate',
        action='store_true',
        help='do not evaluate during training')
    parser.add_argument(
        '--auto-scale-lr',
        action='store_true',
        help='scale the learning rate by actual over base batch size')
    parser.add_argument(
        '--seed', type=int, help="random seed, instead of the config's")
    parser.add_argument(
        '--diff-rank-seed',
        action='store_true',
        help='give every process a seed of its own')
    parser.add_argument(
        '--deterministic',
        action='store_true',
        help='deterministic algorithms only, of PyTorch, cuDNN and cuBLAS: '
        'slower, and an operation that has none stops the run')
    arguments.add_runner_args(parser)
    return parser


@command
def main() -> None:
    args = arguments.parse_args(build_parser())
    cfg = launch.load_config(args.config, args.cfg_options)
    launch.apply_train_args(cfg, args)
    with launch.runner_of(cfg) as runner:
        runner.train()


if __name__ == '__main__':
    sys.exit(main())
