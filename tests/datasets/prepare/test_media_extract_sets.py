"""--extract of whole sets: what training reads is the same, only smaller."""
import random
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.optim import build_optim_wrapper
from mmengine.registry import init_default_scope

from mmbalance_plugin.datasets import (
    KineticsSoundsDataset,
    UCF101Dataset,
    VGGSoundDataset,
)
from mmbalance_plugin.datasets.prepare import prepare
from mmbalance_plugin.media import MediaReader, frame_index
from mmbalance_plugin.registry import DATASETS, MODELS
from tests.datasets import media_trees
from tests.media_utils import read_number, tone, write_clip

CONFIGS = Path(__file__).resolve().parents[3] / 'configs'
RATE, LATE = 22050, .3
FRAMES = [
    dict(type='mmbalance_plugin.PyAVVideoInit'),
    dict(type='mmaction.SampleFrames', clip_len=1, num_clips=5,
         test_mode=True),
    dict(type='mmbalance_plugin.PyAVVideoDecode'),
    dict(type='mmbalance_plugin.PyAVAudioDecode', sample_rate=RATE),
]
SPECTROGRAM = [
    dict(type='mmbalance_plugin.PyAVAudioDecode', sample_rate=RATE,
         duration=.9, crop='center'),
    dict(type='mmbalance_plugin.LogSpectrogram'),
    dict(type='mmbalance_plugin.PackMultimodalInputs',
         inputs=dict(audio='audios'))
]
SETS = dict(
    kinetics_sounds=(KineticsSoundsDataset, '**/*.mp4', 'train'),
    vggsound=(VGGSoundDataset, 'video/*.mp4', 'train'))


@pytest.fixture(scope='module', params=sorted(SETS))
def pair(request, tmp_path_factory):
    """The same split, from the clips and from their copies.

    Frames carry their number and are shown at uneven times; a tone starts
    a while after the first of them.
    """
    name = request.param
    root = tmp_path_factory.mktemp(name)
    source = media_trees.TREES[name](root / 'source')
    make, pattern, split = SETS[name]
    times = np.cumsum([0, .047, .15, .05, .2, .1, .05, .1, .15]).tolist()
    for path in source.glob(pattern):
        write_clip(path, 9, times=times, size=(64, 96),
                   sound=tone(1.2, RATE, 880.), rate=RATE, sound_start=LATE)
    prepare(name, source, root / 'out', accept_missing=True, extract=True,
            extract_size=32)

    def build(pipeline, extracted):
        return make(split, pipeline, data_root=str(root / 'out'),
                    test_mode=True, extracted=extracted)

    return build


def decoded(dataset):
    """What the transforms before packing leave of each clip."""
    return [dataset.pipeline(dataset.get_data_info(i))
            for i in range(len(dataset))]


def test_frames_have_their_numbers_and_times(pair):
    found = list(zip(decoded(pair(FRAMES, False)),
                     decoded(pair(FRAMES, True))))
    assert found
    for old, new in found:
        assert '/extracted/' in new['filename']
        assert new['label'] == old['label']
        assert list(new['frame_inds']) == list(old['frame_inds'])
        assert [read_number(p) for p in new['imgs']] == list(
            old['frame_inds'])
        assert new['imgs'][0].shape == (32, 48, 3)
        times = [frame_index(MediaReader(results['filename'])).times
                 for results in (old, new)]
        np.testing.assert_allclose(times[1], times[0], atol=2e-5)
        assert times[0][1] == pytest.approx(.047, abs=.002)


def onset(wave):
    """Seconds after which there is sound."""
    return np.argmax(np.abs(np.asarray(wave).ravel()) > .1) / RATE


def test_sound_that_starts_later_still_does(pair):
    for old, new in zip(decoded(pair(FRAMES, False)),
                        decoded(pair(FRAMES, True))):
        assert onset(old['audios']) == pytest.approx(LATE, abs=.03)
        assert onset(new['audios']) == pytest.approx(
            onset(old['audios']), abs=2 / RATE)
        assert old['audios'].shape == new['audios'].shape
        assert np.abs(old['audios'] - new['audios']).max() < 1e-3


def test_spectrograms_agree(pair):
    for old, new in zip(pair(SPECTROGRAM, False), pair(SPECTROGRAM, True)):
        old, new = (s['inputs']['audio'] for s in (old, new))
        assert old.shape == new.shape
        # Silence between samples of 16 bits is near the logarithm's floor.
        loud = old > old.max() - 8
        assert loud.float().mean() > .05
        assert (old - new)[loud].abs().max() < .05


def ramp(height, width, across=True):
    line = np.linspace(20, 220, width if across else height)
    return np.broadcast_to(line if across else line[:, None],
                           (height, width)).astype(np.uint8)


@pytest.fixture(scope='module')
def ucf(tmp_path_factory):
    """UCF101 whose frames and flow show how they lie."""
    root = tmp_path_factory.mktemp('ucf')
    source = media_trees.ucf101(root / 'source')
    for path in source.glob('UCF-101/*/*.avi'):
        write_clip(path, 6, 10, (64, 96), vcodec='mpeg4',
                   voptions=dict(qscale='2'), draw=lambda number, size:
                   np.repeat(ramp(*size)[..., None], 3, axis=2))
    for part in 'uv':
        for path in source.glob(f'tvl1_flow/{part}/*/*.jpg'):
            cv2.imwrite(str(path), ramp(48, 72, part == 'u'))
    prepare('ucf101', source, root / 'out', accept_missing=True,
            extract=True, extract_size=32)
    return root / 'out'


def config_of(ucf, extracted):
    cfg = Config.fromfile(CONFIGS / 'joint_ucf101.py')
    for split in ('train', 'test'):
        dataset = cfg[f'{split}_dataloader'].dataset
        for transform in dataset.pipeline:
            if transform.type == 'Resize':
                transform.scale = (32, 32)
        dataset.update(data_root=str(ucf), extracted=extracted)
    init_default_scope('mmaction')
    return cfg


def samples_of(ucf, extracted, split):
    dataset = config_of(ucf, extracted)[f'{split}_dataloader'].dataset
    dataset = DATASETS.build(dataset)
    return [dataset[i]['inputs'] for i in range(len(dataset))]


def test_flow_lies_over_copies_as_over_clips(ucf):
    samples = zip(samples_of(ucf, False, 'test'),
                  samples_of(ucf, True, 'test'))
    for old, new in samples:
        for key in ('rgb', 'flow'):
            assert old[key].shape == new[key].shape
            assert (old[key].float() - new[key].float()).abs().mean() < 3


@pytest.mark.parametrize('extracted', [False, True])
def test_crops_and_flips_keep_flow_over_its_frames(ucf, extracted):
    np.random.seed(0)
    random.seed(0)
    mirrored = []
    for _ in range(4):
        for inputs in samples_of(ucf, extracted, 'train'):
            grey = inputs['rgb'].float().mean(1, keepdim=True)
            u = inputs['flow'].float()[:, ::2]
            mirrored.append(bool(
                grey[..., 0].mean() > grey[..., -1].mean()))
            # Mirrored, motion to the right becomes motion to the left.
            assert (grey - (255 - u if mirrored[-1] else u)
                    ).abs().mean() < 5
    assert len(set(mirrored)) == 2


def test_a_step_on_copies_and_flow(ucf):
    cfg = config_of(ucf, True)
    dataset = DATASETS.build(cfg.train_dataloader.dataset)
    assert isinstance(dataset, UCF101Dataset)
    batch = pseudo_collate([dataset[i] for i in range(3)])
    model = MODELS.build(cfg.model)
    before = {k: v.clone() for k, v in model.named_parameters()}
    wrapper = build_optim_wrapper(model, cfg.optim_wrapper)
    losses = model.train().train_step(batch, wrapper)
    assert losses['loss'].isfinite()
    for modality in ('rgb', 'flow'):
        assert any(not torch.equal(before[k], v)
                   for k, v in model.named_parameters()
                   if f'encoders.{modality}.' in k)
