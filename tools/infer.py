"""Predict clips with a trained model, and say what each modality adds.

Clips that hold picture and sound:
    python tools/infer.py CONFIG CHECKPOINT a.mp4 b.mkv
A clip in one file for each modality, written to a file as well:
    python tools/infer.py CONFIG CHECKPOINT \
        --clip visual=a.flv audio=a.wav --out predictions.json
UCF101's flow is two folders of pictures:
    python tools/infer.py CONFIG CHECKPOINT --clip rgb=a.avi flow_u=u flow_v=v

Clips that cannot be read are named at the end, the others are predicted, and
the exit status is 1.
"""
import argparse
import contextlib
import json
import sys
import time
from pathlib import Path

from mmbalance_plugin.cli import launch
from mmbalance_plugin.cli.arguments import add_cfg_options, add_verbose
from mmbalance_plugin.cli.command import command
from mmbalance_plugin.cli.config_keys import import_custom_modules

REPORT_SECONDS = 5.


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description='Predict clips: the fused class, what each modality '
        'alone predicts, and its share in the fused prediction.')
    parser.add_argument(
        'config', help='file of the config, or the name of a shipped one')
    parser.add_argument('checkpoint', help='file or address of the weights')
    parser.add_argument(
        'clips',
        nargs='*',
        metavar='CLIP',
        help='a file with all modalities, or an .npz file of their arrays')
    parser.add_argument(
        '--clip',
        dest='split_clips',
        nargs='+',
        action='append',
        default=[],
        metavar='MODALITY=FILE',
        help='a clip in one file for each modality; may be repeated')
    parser.add_argument('--out', metavar='FILE.json', help='write JSON there')
    parser.add_argument(
        '--format',
        choices=('table', 'json', 'csv'),
        default='table',
        help='what is printed')
    parser.add_argument('--batch-size', type=int, default=8)
    parser.add_argument('--device', help='a GPU if there is one, by default')
    parser.add_argument(
        '--missing',
        choices=('error', 'mask'),
        help='what to do with a clip that lacks a modality: as the data set '
        'of the config does, by default')
    parser.add_argument(
        '--value',
        choices=('probability', 'log_probability'),
        default='probability',
        help='what the shares divide')
    parser.add_argument(
        '--threshold',
        type=float,
        help='of several labels, the probability from which a clip has one '
        '(0.5)')
    add_cfg_options(parser)
    add_verbose(parser)
    return parser


def parse_clips(args: argparse.Namespace, parser) -> list:
    """Clips in one file, then those in several."""
    clips = list(args.clips)
    for parts in args.split_clips:
        pairs = [part.partition('=') for part in parts]
        if not all(name and path for name, _, path in pairs) or len(
                {name for name, _, _ in pairs}) < len(pairs):
            parser.error('--clip takes MODALITY=FILE, each modality once, '
                         f'but got {" ".join(parts)}')
        clips.append({name: path for name, _, path in pairs})
    if not clips:
        parser.error('there is no clip to predict')
    return clips


def predict(inferencer, clips: list, batch_size: int) -> list:
    """Predict all clips, with progress on stderr if it takes long."""
    results = []
    begin = reported = time.monotonic()
    for result in inferencer.stream(clips, batch_size, on_error='return'):
        results.append(result)
        now = time.monotonic()
        if now - reported > REPORT_SECONDS:
            reported = now
            left = (now - begin) / len(results) * (len(clips) - len(results))
            print(
                f'{len(results)}/{len(clips)} clips, eta {left:.0f} s',
                file=sys.stderr,
                flush=True)
    return results


@command
def main() -> None:
    parser = build_parser()
    args = parser.parse_intermixed_args()
    clips = parse_clips(args, parser)
    if args.batch_size < 1:
        parser.error(f'--batch-size must be positive, got {args.batch_size}')
    if args.out is not None and not Path(args.out).parent.is_dir():
        parser.error(f'--out: there is no folder {Path(args.out).parent}')
    if args.out is not None and Path(args.out).is_dir():
        parser.error(f'--out: {args.out} is a folder, name a file in it')
    cfg = launch.load_config(args.config, args.cfg_options)
    launch.require_checkpoint(args.checkpoint)
    # Here and not above: they import the models.
    from mmbalance_plugin.apis import (
        ClipFailure,
        MultimodalInferencer,
        prediction_csv,
        prediction_table,
    )
    import_custom_modules(cfg)
    # Standard output is for the results: logs go beside it.
    with contextlib.redirect_stdout(sys.stderr):
        inferencer = MultimodalInferencer(
            cfg,
            args.checkpoint,
            args.device,
            value=args.value,
            missing=args.missing,
            threshold=args.threshold)
        results = predict(inferencer, clips, args.batch_size)
    failures = [r for r in results if isinstance(r, ClipFailure)]
    results = [r for r in results if not isinstance(r, ClipFailure)]
    report = json.dumps(
        dict(
            config=args.config,
            checkpoint=args.checkpoint,
            classes=inferencer.classes,
            modalities=inferencer.model.modalities,
            value=args.value,
            clips=[result.to_dict() for result in results],
            failed=[failure.to_dict() for failure in failures]),
        indent=2,
        ensure_ascii=False)
    if args.out is not None:
        with open(args.out, 'w', encoding='utf-8') as file:
            file.write(report + '\n')
    if args.format == 'json':
        print(report)
    elif args.format == 'csv':
        print(prediction_csv(results), end='')
    elif results:
        print(prediction_table(results))
    if failures:
        sys.exit('\n'.join(f'error: {f.problem}' for f in failures))


if __name__ == '__main__':
    sys.exit(main())
