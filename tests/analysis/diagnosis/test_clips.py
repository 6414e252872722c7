"""A diagnosis of clips: decoded once, their sound exchanged."""
import json
import os

import numpy as np
import pytest
from mmengine.config import Config

from tests.datasets.av_clips import annotate
from tests.media_utils import numbered_frame, tone, write_clip

COUNT, RATE, SECONDS = 64, 16000, .4


def cached(folder, keys, source, *transforms):
    return dict(type='mmbalance_plugin.CachedTransforms',
                transforms=list(transforms), keys=keys, sources=[source],
                folder=str(folder / 'cache'))


def clips_config(folder):
    """Clips whose class is whether a picture and a pitch are of a kind."""
    loaders = {}
    for seed, split in enumerate(('train', 'val')):
        rng = np.random.default_rng(seed)
        first, second = rng.integers(2, size=(2, COUNT))
        file = folder / f'{split}.mkv'
        write_clip(
            file, frames=4 * COUNT, fps=10,
            draw=lambda i, size, shown=first: numbered_frame(
                int(shown[i // 4]), size),
            sound=np.concatenate([tone(SECONDS, RATE, (500, 3000)[k])
                                  for k in second], 1))
        # A file of a moment ago may still change: nothing of it is kept.
        os.utime(file, (1e9, 1e9))
        rows = ''.join(
            f'{split}.mkv,{label},{k * SECONDS:.1f},{(k + 1) * SECONDS:.1f}\n'
            for k, label in enumerate(first ^ second))
        picture = cached(
            folder, ['imgs'], 'filename',
            dict(type='mmbalance_plugin.PyAVVideoInit'),
            dict(type='mmaction.SampleFrames', clip_len=1, test_mode=True),
            dict(type='mmbalance_plugin.PyAVVideoDecode'),
            dict(type='mmaction.Resize', scale=(16, 16), keep_ratio=False),
            dict(type='mmaction.FormatShape', input_format='NCHW'))
        sound = cached(
            folder, ['audios'], 'audio_path',
            dict(type='mmbalance_plugin.PyAVAudioDecode', sample_rate=RATE,
                 duration=SECONDS),
            dict(type='mmbalance_plugin.LogSpectrogram', n_fft=64,
                 hop_length=400))
        loaders[f'{split}_dataloader'] = dict(
            batch_size=8, num_workers=0,
            sampler=dict(type='DefaultSampler', shuffle=split == 'train'),
            dataset=dict(
                type='mmbalance_plugin.AudioVisualDataset',
                ann_file=annotate(folder, f'path,label,start,end\n{rows}',
                                  f'{split}.csv'),
                data_prefix=dict(video=str(folder)),
                test_mode=split == 'val', pipeline=[
                    picture, sound,
                    dict(type='mmbalance_plugin.PackMultimodalInputs',
                         inputs=dict(audio='audios', visual='imgs'))]))
    encoders = {m: dict(
        backbone=dict(type='mmbalance_plugin.SmallConvNet',
                      in_channels=channels, channels=(8, 16), norm_cfg=None),
        feat_channels=16) for m, channels in dict(audio=1, visual=3).items()}
    return Config(dict(
        default_scope='mmaction',
        custom_imports=dict(imports=['mmbalance_plugin.registry']),
        model=dict(
            type='mmbalance_plugin.MultimodalRecognizer', encoders=encoders,
            data_preprocessor=dict(
                type='mmbalance_plugin.MultimodalDataPreprocessor',
                preprocessors=dict(audio=None, visual=dict(
                    type='ActionDataPreprocessor', mean=[127.] * 3,
                    std=[127.] * 3, format_shape='NCHW'))),
            head=dict(type='mmbalance_plugin.ConcatHead', num_classes=2)),
        **loaders, val_cfg=dict(), max_epochs=80,
        val_evaluator=dict(type='mmbalance_plugin.MultimodalMetric'),
        train_cfg=dict(type='mmbalance_plugin.StagedTrainLoop'),
        optim_wrapper=dict(optimizer=dict(type='SGD', lr=.1, momentum=.9)),
        default_hooks=dict(
            checkpoint=dict(type='mmbalance_plugin.AtomicCheckpointHook',
                            interval=80, save_best='acc/top1'),
            summary=dict(type='mmbalance_plugin.SummaryHook'))))


@pytest.mark.slow
def test_the_class_lies_in_picture_and_sound(root, run_python, tmp_path):
    path = tmp_path / 'mine.py'
    clips_config(tmp_path).dump(path)
    done = run_python(root / 'tools/diagnose.py', path, '--out',
                      tmp_path / 'out', timeout=900)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    data = json.loads((tmp_path / 'out/diagnosis.json').read_text())
    assert [v['kind'] for v in data['verdicts']] == ['pair'], data['verdicts']
    assert data['interaction'][1] > .3
    assert data['samples'] == COUNT
    assert set(data['robustness']['noise']) == {'audio', 'visual'}
