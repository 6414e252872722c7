"""UCF101: official splits, and flow that goes with its frames."""
import random

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import Compose
from mmengine.registry import init_default_scope

from mmbalance_plugin.datasets import FlowDecode, SplitFlow, UCF101Dataset
from mmbalance_plugin.datasets.cache import file_state
from mmbalance_plugin.datasets.prepare import prepare
from mmbalance_plugin.media import MediaError
from mmbalance_plugin.registry import DATASETS
from tests.configs.shipped import CACHED, edited
from tests.datasets import media_trees
from tests.media_utils import read_number, write_clip

PIPELINE = [
    dict(type='mmbalance_plugin.PyAVVideoInit'),
    dict(type='mmaction.SampleFrames', clip_len=1, num_clips=3,
         test_mode=True),
    dict(type='mmbalance_plugin.PyAVVideoDecode'),
    dict(type='mmbalance_plugin.FlowDecode', length=3),
    dict(type='mmaction.Resize', scale=(40, 32), keep_ratio=False),
    dict(type='mmaction.Flip', flip_ratio=0.),
    dict(type='mmbalance_plugin.SplitFlow'),
    dict(type='mmbalance_plugin.PackMultimodalInputs',
         inputs=dict(rgb='imgs', flow='flows'))
]


@pytest.fixture(scope='module')
def ucf(tmp_path_factory):
    root = tmp_path_factory.mktemp('ucf')
    media_trees.ucf101(root / 'source')
    prepare('ucf101', root / 'source', root / 'out', accept_missing=True)
    return root


def dataset(ucf, split, ratio=0., **kwargs):
    pipeline = [dict(t) for t in PIPELINE]
    pipeline[5]['flip_ratio'] = ratio
    return UCF101Dataset(split, pipeline, data_root=str(ucf / 'out'),
                         serialize_data=False, **kwargs)


def groups(data):
    return {info['filename'].split('_g')[1][:2] for info in data.data_list}


@pytest.mark.parametrize('protocol', ['split1', 'split2', 'split3'])
def test_groups_are_not_shared(ucf, protocol):
    found = [groups(dataset(ucf, s, protocol=protocol))
             for s in ('train', 'val', 'test')]
    assert found[2] == {'01'}
    assert len(found[1]) == 2 and len(set.union(*found)) == 5
    assert not found[0] & found[1]


def test_samples_have_both_modalities(ucf):
    sample = dataset(ucf, 'test')[0]['inputs']
    assert sample['rgb'].shape == (3, 3, 32, 40)
    assert sample['flow'].shape == (3, 6, 32, 40)
    # Frames 1, 3 and 5 of six; u of picture n is 100 + n, v is 150 + n,
    # n counted from 1 and the last one 5.
    u = sample['flow'][:, ::2].float().mean((-1, -2))
    v = sample['flow'][:, 1::2].float().mean((-1, -2))
    frames = np.array([1, 3, 5])[:, None] + np.arange(-1, 2)
    numbers = np.clip(frames, 0, 4) + 1
    assert np.allclose(u, 100 + numbers, atol=1.5)
    assert np.allclose(v, 150 + numbers, atol=1.5)


def test_mirrored_clips_move_the_other_way(ucf):
    plain = dataset(ucf, 'test')[0]['inputs']['flow'].float()
    mirrored = dataset(ucf, 'test', 1.)[0]['inputs']['flow'].float()
    assert (mirrored[:, ::2] == 255 - plain[:, ::2].flip(-1)).all()
    assert (mirrored[:, 1::2] == plain[:, 1::2].flip(-1)).all()


def test_damaged_flow_is_named(tmp_path):
    frames = [np.zeros((8, 8, 3), np.uint8)]
    results = dict(imgs=frames, frame_inds=np.array([0]), flow_frames=1,
                   flow_names='frame{:06d}.jpg',
                   flow_u=str(tmp_path), flow_v=str(tmp_path))
    with pytest.raises(MediaError, match='frame000001.jpg'):
        FlowDecode(1)(dict(results))
    (tmp_path / 'frame000001.jpg').write_bytes(b'')
    with pytest.raises(MediaError, match='is empty'):
        FlowDecode(1)(dict(results))
    (tmp_path / 'frame000001.jpg').write_bytes(b'no picture')
    with pytest.raises(MediaError, match='is no picture'):
        FlowDecode(1)(dict(results))
    cv2.imwrite(str(tmp_path / 'frame000001.jpg'),
                np.full((4, 4), 7, np.uint8))
    found = SplitFlow()(FlowDecode(1)(dict(results)))
    assert found['flows'].shape == (1, 2, 8, 8)
    assert found['imgs'].shape == (1, 3, 8, 8)
    with pytest.raises(ValueError, match='positive'):
        FlowDecode(0)


def test_missing_flow_is_reported(tmp_path):
    source = media_trees.ucf101(tmp_path / 'source')
    folder = sorted((source / 'tvl1_flow' / 'v').iterdir())[0]
    sorted(folder.iterdir())[-1].unlink()
    prepare('ucf101', source, tmp_path / 'out', accept_missing=True)
    text = (tmp_path / 'out' / 'problems.csv').read_text()
    assert f'{folder.name},"broken: 5 flow pictures in u, 4 in v' in text


# ---- through the shipped configs, with and without a cache --------------
@pytest.fixture
def load(ucf, root, tmp_path, monkeypatch):
    """Function that builds a split of the shipped config."""
    monkeypatch.setattr(file_state, 'SETTLED', -10**12)
    init_default_scope('mmaction')

    def build(split, cached, data=ucf / 'out'):
        edits = [CACHED['ucf101']] if cached else []
        cfg = Config.fromfile(
            edited(tmp_path, 'ucf101', *edits) / '_base_/sets/ucf101.py')
        dataset = cfg[f'{split}_dataloader'].dataset
        dataset.data_root = str(data)
        for step in dataset.pipeline:
            if step.type == 'Resize':
                step.scale = (32, 32)
            if 'folder' in step:
                step.folder = str(tmp_path / 'cache')
        return DATASETS.build(dataset)

    return build


def samples(data):
    return [data[i]['inputs'] for i in range(len(data))]


def test_tests_see_the_same_bits_with_a_cache(load, monkeypatch):
    wanted = samples(load('test', False))
    made = samples(load('test', True))
    monkeypatch.setattr('av.open', None)
    data = load('test', True)
    read = samples(data)
    assert data.deterministic and data.pipeline.transforms[0].misses == 0
    for found in (made, read):
        for a, b in zip(found, wanted):
            assert torch.equal(a['rgb'], b['rgb'])
            assert torch.equal(a['flow'], b['flow'])


def test_frames_out_of_a_cache_go_with_the_flow_of_their_place(
        load, tmp_path):
    clip = write_clip(tmp_path / 'clip.avi', 20, 10)
    for part, value in (('u', 100), ('v', 150)):
        (tmp_path / part).mkdir()
        for number in range(1, 20):
            cv2.imwrite(f'{tmp_path}/{part}/frame{number:06d}.jpg',
                        np.full((24, 36), value + number, np.uint8))
    info = dict(filename=clip, modality='RGB', flow_frames=19,
                flow_names='frame{:06d}.jpg',
                flow_u=f'{tmp_path}/u', flow_v=f'{tmp_path}/v')
    # Cache, sampling, frames with flow, before anything is cropped.
    pipeline = Compose(load('train', True).pipeline.transforms[:3])
    seen = set()
    for _ in range(40):
        found = pipeline(dict(info))
        for place, picture in enumerate(found['imgs'][:3]):
            number = read_number(picture)
            seen.add(number)
            around = np.clip(np.arange(number - 2, number + 3), 0, 18) + 1
            flows = found['imgs'][3 + 5 * place:8 + 5 * place]
            np.testing.assert_allclose(
                [flow[..., 0].mean() for flow in flows], 100 + around,
                atol=1.5)
    assert len(seen) == 8  # four a second


def ramp(height, width, across=True):
    line = np.linspace(20, 220, width if across else height)
    return np.broadcast_to(line if across else line[:, None],
                           (height, width)).astype(np.uint8)


@pytest.fixture(scope='module')
def ramps(tmp_path_factory):
    """UCF101 whose frames and flow show how they lie."""
    root = tmp_path_factory.mktemp('ramps')
    source = media_trees.ucf101(root / 'source')
    for path in source.glob('UCF-101/*/*.avi'):
        write_clip(path, 6, 10, (64, 96), vcodec='mpeg4',
                   voptions=dict(qscale='2'), draw=lambda number, size:
                   np.repeat(ramp(*size)[..., None], 3, axis=2))
    for part in 'uv':
        for path in source.glob(f'tvl1_flow/{part}/*/*.jpg'):
            cv2.imwrite(str(path), ramp(48, 72, part == 'u'))
    prepare('ucf101', source, root / 'out', accept_missing=True)
    return root / 'out'


@pytest.mark.parametrize('cached', [False, True])
def test_crops_and_flips_keep_flow_over_its_frames(load, ramps, cached):
    np.random.seed(0)
    random.seed(0)
    mirrored = []
    for _ in range(4):
        for inputs in samples(load('train', cached, ramps)):
            grey = inputs['rgb'].float().mean(1, keepdim=True)
            u = inputs['flow'].float()[:, ::2]
            mirrored.append(bool(
                grey[..., 0].mean() > grey[..., -1].mean()))
            # Mirrored, motion to the right becomes motion to the left.
            assert (grey - (255 - u if mirrored[-1] else u)
                    ).abs().mean() < 5
    assert len(set(mirrored)) == 2
