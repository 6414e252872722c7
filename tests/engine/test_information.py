"""Where the class is decides who can learn it: sound, picture or both.

Real files, read through the whole pipeline. Every sound of a split (a tone
of varying pitch and level in some noise, or a hiss of varying level) is paired
with every picture of it (dark or bright, more or less, with noise); no file is
in two splits. The three sets have the same clips and differ in their labels
only:

* ``sound``: whether it is a hiss;
* ``picture``: whether the picture is bright;
* ``xor``: whether exactly one of them holds.

As all pairs are there, theory is exact on every split, whatever was learned:

* A prediction from one modality that does not hold the class is right in
  exactly half of the pairs: it is the same for each of a clip's partners.
* On ``xor`` the signed margins of an additive score f(sound) + g(picture)
  sum to 0 over the corners of every rectangle tone/hiss x dark/bright. So at
  most 3 corners of 4 can be right, which bounds the accuracy by 3/4, and by
  convexity the cross-entropy is at least log 2, a coin's. The optimum that
  training approaches is the coin; what its accuracy then is, signs of
  vanishing scores decide. Mean probabilities are additive themselves: the
  true class gets exactly 1/2 on average.

So on ``xor`` the fused accuracy of an additive score is held between 1/4 and
3/4, and it is the cross-entropy that is held to chance.
"""
import itertools
import math
from typing import NamedTuple

import numpy as np
import pytest
import torch

from tests.engine.digits import digits_cfg, train
from tests.media_utils import tone, write_clip

PER_SPLIT = 8  # sounds, and pictures: 64 pairs
FRAMES, FPS, RATE = 3, 10, 8000
COIN = math.log(2)
LABELS = dict(
    sound=lambda hiss, bright: hiss,
    picture=lambda hiss, bright: bright,
    xor=lambda hiss, bright: hiss ^ bright)
LATE = dict(stages=[dict(name=m, train=[m]) for m in ('audio', 'visual')])
UDI = dict(type='mmbalance_plugin.UDITrainLoop')
JOINT = dict(stages=[dict(name='joint', train='all', objective='fused')])
METHODS = dict(
    late=(LATE, 'DecisionHead'),
    udi=(UDI, 'DecisionHead'),
    concat=(JOINT, 'ConcatHead'),
    sum=(JOINT, 'SumHead'),
    mlp=(JOINT, 'MLPHead'))


def write_sound(path, hiss, rng):
    shape, level = (1, round(FRAMES / FPS * RATE)), rng.uniform(.2, .6)
    wave = tone(FRAMES / FPS, RATE, rng.uniform(500, 1500), level=level)
    if hiss:
        wave = rng.normal(0, level / 2, shape)
    wave = wave + rng.normal(0, .02, shape)
    write_clip(path, None, sound=wave.astype(np.float32), rate=RATE,
               acodec='pcm_s16le')


def write_picture(path, bright, rng):
    light = (170 if bright else 80) + rng.uniform(-30, 30)

    def draw(number, size):
        noise = rng.normal(light, 20, (*size, 3))
        return noise.clip(0, 255).astype(np.uint8)

    write_clip(path, FRAMES, FPS, (32, 32), draw=draw)


@pytest.fixture(scope='module')
def clips(tmp_path_factory):
    """Sounds and pictures of each split, and an annotation for each set."""
    folder = tmp_path_factory.mktemp('information')
    for number, split in enumerate(('train', 'val', 'test')):
        rng = np.random.default_rng(number)
        for i in range(PER_SPLIT):
            write_sound(folder / f'{split}_{i}.wav', i % 2, rng)
            write_picture(folder / f'{split}_{i}.mp4', i % 2, rng)
        for name, label in LABELS.items():
            (folder / f'{name}_{split}.csv').write_text(
                'audio,video,label\n' + ''.join(
                    f'{split}_{i}.wav,{split}_{j}.mp4,{label(i % 2, j % 2)}\n'
                    for i, j in itertools.product(range(PER_SPLIT),
                                                  repeat=2)))
    return folder


def pipeline(folder):
    """The first frame and the spectrogram, decoded once for all runs."""
    return [
        dict(
            type='mmbalance_plugin.CachedTransforms',
            folder=str(folder / 'cache'),
            keys=('imgs', 'audios'),
            transforms=[
                dict(type='mmbalance_plugin.PyAVVideoInit'),
                dict(type='mmbalance_plugin.SampleAtRate', fps=1),
                dict(type='mmbalance_plugin.PyAVVideoDecode'),
                dict(type='FormatShape', input_format='NCHW'),
                dict(
                    type='mmbalance_plugin.PyAVAudioDecode',
                    sample_rate=RATE,
                    duration=FRAMES / FPS),
                dict(
                    type='mmbalance_plugin.LogSpectrogram',
                    n_fft=64,
                    hop_length=64,
                    eps=1e-2)
            ]),
        dict(
            type='mmbalance_plugin.PackMultimodalInputs',
            meta_keys=('sample_idx', ))
    ]


def loader(folder, name, split):
    return dict(
        batch_size=16 if split == 'train' else 64,
        num_workers=0,
        sampler=dict(type='DefaultSampler', shuffle=split == 'train'),
        dataset=dict(
            type='mmbalance_plugin.AudioVisualDataset',
            ann_file=str(folder / f'{name}_{split}.csv'),
            data_prefix=dict(video=str(folder)),
            num_classes=2,
            test_mode=split != 'train',
            pipeline=pipeline(folder)))


def run(folder, name, method, work_dir, epochs=8):
    """Train a method on a set and return the runner."""
    loop, head = METHODS[method]
    cfg = digits_cfg(
        work_dir,
        dict(loop, max_epochs=epochs, val_begin=epochs),
        head=head)
    cfg.optim_wrapper.optimizer = dict(type='Adam', lr=.01)
    for split in ('train', 'val', 'test'):
        cfg[f'{split}_dataloader'] = loader(folder, name, split)
    cfg.model.head.num_classes = 2
    cfg.model.encoders.visual.backbone.in_channels = 3
    cfg.model.data_preprocessor.preprocessors = dict(
        audio=dict(mean=[-3.], std=[1.5]),
        visual=dict(mean=[125.] * 3, std=[60.] * 3))
    cfg.default_hooks.pop('checkpoint')
    cfg.default_hooks.pop('summary')
    return train(cfg)


class Result(NamedTuple):
    """What a prediction was worth on the test pairs."""
    accuracy: float
    cross_entropy: float
    true_class: float  # its mean probability


@torch.no_grad()
def measure(runner):
    """A :class:`Result` each for 'fused', 'audio' and 'visual'."""
    runner.model.eval()
    samples = [
        sample for batch in runner.build_dataloader(runner._test_dataloader)
        for sample in runner.model.test_step(batch)
    ]
    assert len(samples) == PER_SPLIT**2
    labels = torch.cat([s.gt_label for s in samples])
    scores = {m: [s.pred_scores[m] for s in samples]
              for m in ('audio', 'visual')}
    scores['fused'] = [s.pred_score for s in samples]
    found = {}
    for who, rows in scores.items():
        p = torch.stack(rows).double()
        true = p[torch.arange(len(p)), labels]
        found[who] = Result((p.argmax(1) == labels).double().mean().item(),
                            -true.log().mean().item(), true.mean().item())
    return found


def assert_knows_nothing(result):
    """A modality without the class: half right, whatever it says."""
    assert result.accuracy == .5
    assert result.true_class == pytest.approx(.5, abs=1e-5)
    assert result.cross_entropy >= COIN - 1e-5


@pytest.mark.parametrize('method', ['late', 'udi', 'concat'])
@pytest.mark.parametrize('name, knows, ignorant', [
    ('sound', 'audio', 'visual'), ('picture', 'visual', 'audio')])
def test_class_in_one_modality(clips, tmp_path, name, knows, ignorant,
                               method):
    runner = run(clips, name, method, tmp_path)
    found = measure(runner)
    assert found[knows].accuracy > .95
    assert found['fused'].accuracy > .95
    assert_knows_nothing(found[ignorant])
    if method == 'udi':
        assert runner.train_loop.choice.anchor == knows


@pytest.mark.parametrize('method', ['concat', 'sum', 'late', 'udi'])
def test_additive_predictions_stay_at_chance_on_xor(clips, tmp_path, method):
    found = measure(run(clips, 'xor', method, tmp_path))
    fused = found['fused']
    assert COIN - 1e-5 <= fused.cross_entropy < COIN + .05
    if method in ('late', 'udi'):  # the mean of probabilities
        assert fused.true_class == pytest.approx(.5, abs=1e-5)
    assert .25 <= fused.accuracy <= .75
    for modality in ('audio', 'visual'):
        assert_knows_nothing(found[modality])


def test_mlp_head_learns_xor(clips, tmp_path):
    fused = measure(run(clips, 'xor', 'mlp', tmp_path, epochs=12))['fused']
    # Beyond the reach of every additive score.
    assert fused.accuracy > .95
    assert fused.cross_entropy < COIN / 2
