"""UCF101: official splits, and flow that goes with its frames."""
import cv2
import numpy as np
import pytest

from mmbalance_plugin.datasets import FlowDecode, SplitFlow, UCF101Dataset
from mmbalance_plugin.datasets.prepare import prepare
from mmbalance_plugin.media import MediaError
from tests.datasets import media_trees

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
