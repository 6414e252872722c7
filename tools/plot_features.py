"""Plot the features of trained models in two dimensions, by t-SNE.

python tools/plot_features.py \
    configs/udi_av_digits.py work_dirs/udi_av_digits/best.pth \
    --out features.png

Several pairs of config and checkpoint make a row each.
"""
import argparse
import os
import sys

from mmbalance_plugin.cli.arguments import add_verbose
from mmbalance_plugin.cli.command import UsageError, command
from mmbalance_plugin.cli.launch import load_config, require_checkpoint


@command
def main() -> None:
    parser = argparse.ArgumentParser(
        description='Plot the features of trained models by t-SNE.')
    parser.add_argument('models', nargs='+', metavar='CONFIG CHECKPOINT',
                        help='a config, then its weights; as many as you like')
    parser.add_argument('--split', choices=('train', 'val', 'test'),
                        default='val')
    parser.add_argument('--samples', type=int, default=1000)
    parser.add_argument('--out', default='features.png')
    parser.add_argument('--dpi', type=int, default=80)
    add_verbose(parser)
    args = parser.parse_args()
    configs, checkpoints = args.models[::2], args.models[1::2]
    if len(configs) != len(checkpoints):
        raise UsageError(f'{configs[-1]} has no checkpoint beside it: give '
                         'pairs of config and checkpoint')
    for checkpoint in checkpoints:
        require_checkpoint(checkpoint)
    loaded = [load_config(config) for config in configs]
    # Here and not above: they import the models.
    from mmbalance_plugin.analysis.features_plot import (
        features_of,
        names_of,
        plot_features,
    )
    models = {name: features_of(config, checkpoint, args.split)
              for name, config, checkpoint in zip(
                  names_of(configs), loaded, checkpoints)}
    folder = os.path.dirname(args.out)
    if folder:
        os.makedirs(folder, exist_ok=True)
    plot_features(models, args.out, args.samples, args.dpi)
    print(f'{args.out}: {os.path.getsize(args.out) / 1024:.0f} kB')


if __name__ == '__main__':
    sys.exit(main())
