"""CremaDDataset: protocols, classes, and what it refuses to start with."""
import re
import shutil

import pytest

from mmbalance_plugin.cli.prepare import main
from mmbalance_plugin.datasets import CremaDDataset
from mmbalance_plugin.datasets.prepare import prepare
from mmbalance_plugin.datasets.prepare.crema_d import EMOTIONS, FAIR
from tests.datasets import media_trees

PIPELINE = [
    dict(type='mmbalance_plugin.PyAVVideoInit'),
    dict(type='mmaction.SampleFrames', clip_len=1, num_clips=3),
    dict(type='mmbalance_plugin.PyAVVideoDecode'),
    dict(type='mmaction.FormatShape', input_format='NCHW'),
    dict(type='mmbalance_plugin.PyAVAudioDecode', duration=.5),
    dict(type='mmbalance_plugin.LogSpectrogram'),
    dict(type='mmbalance_plugin.PackMultimodalInputs')
]


@pytest.fixture
def crema(tmp_path):
    """Source and prepared folder of a tree with both protocols."""
    names = media_trees.crema_names(media_trees.actors())
    source = media_trees.crema_d(tmp_path / 'CREMA-D mirror', names)
    split = media_trees.crema_d_split(tmp_path / 'split', names)
    prepare('crema_d', source, tmp_path / 'out', accept_missing=True,
            split_csv=[str(split)])
    return source, tmp_path / 'out'


def test_fair_splits_share_no_actor(crema):
    seen = {}
    for split in ('train', 'val', 'test'):
        dataset = CremaDDataset(split, PIPELINE, data_root=str(crema[1]),
                                serialize_data=False)
        assert dataset.metainfo['classes'] == list(EMOTIONS.values())
        seen[split] = {int(info['actor']) for info in dataset.data_list}
        assert {FAIR[actor] for actor in seen[split]} == {split}
        assert len(dataset) == 6
    assert not set.intersection(*seen.values())


def test_samples(crema):
    dataset = CremaDDataset('train', PIPELINE, data_root=str(crema[1]))
    labels = []
    for sample in dataset:
        name = sample['data_samples'].filename
        code = name.split('_')[-2]
        labels.append(int(sample['data_samples'].gt_label))
        assert labels[-1] == list(EMOTIONS).index(code)
        assert sample['data_samples'].audio_path.endswith(
            name.split('/')[-1].replace('.flv', '.wav'))
        # The generated picture's brightness is its class's.
        level = sample['inputs']['visual'].float().mean()
        assert level == pytest.approx(40 + 35 * labels[-1], abs=8)
        assert sample['inputs']['audio'].shape[:2] == (1, 257)
    assert sorted(labels) == list(range(6))


def test_paper_protocol(crema):
    names = {}
    for split in ('train', 'val', 'test'):
        dataset = CremaDDataset(split, PIPELINE, 'paper', str(crema[1]),
                                serialize_data=False)
        names[split] = {info['filename'] for info in dataset.data_list}
    assert sum(map(len, names.values())) == len(set.union(*names.values()))
    assert len(names['test']) == 6


def test_paper_protocol_needs_the_csv(crema, tmp_path):
    out = tmp_path / 'fair only'
    prepare('crema_d', crema[0], out, accept_missing=True)
    with pytest.raises(RuntimeError, match='--split-csv') as error:
        CremaDDataset('train', PIPELINE, 'paper', str(out))
    assert 'there are fair/test, fair/train, fair/val' in str(error.value)


def test_media_root_replaces_the_source(crema, tmp_path):
    moved = tmp_path / 'elsewhere'
    shutil.move(crema[0], moved)
    with pytest.raises(RuntimeError, match='no such file'):
        CremaDDataset('train', PIPELINE, data_root=str(crema[1]))
    dataset = CremaDDataset('train', PIPELINE, data_root=str(crema[1]),
                            media_root=str(moved))
    assert len(dataset) == 6


def test_it_does_not_start_unprepared(tmp_path):
    with pytest.raises(RuntimeError) as error:
        CremaDDataset('train', PIPELINE, data_root=str(tmp_path))
    assert 'manifest.json does not exist' in str(error.value)
    assert 'tools/prepare_data.py crema_d --source' in str(error.value)


def test_it_does_not_start_on_an_incomplete_set(crema):
    source, out = crema
    gone = sorted((source / 'AudioWAV').iterdir())[:7]
    for path in gone:
        path.unlink()
    # Vanished since the preparation: found when the split is built ...
    with pytest.raises(RuntimeError) as error:
        CremaDDataset(FAIR[int(gone[0].name[:4])], PIPELINE,
                      data_root=str(out))
    assert str(gone[0]) in str(error.value)
    assert f'--source {repr(str(source))}' in str(error.value)
    # ... and by the preparation, which everything else relies on.
    assert main(['crema_d', '--out', str(out)]) == 1
    with pytest.raises(RuntimeError) as error:
        CremaDDataset('train', PIPELINE, data_root=str(out))
    message = str(error.value)
    assert f'{gone[0].stem}: missing: no audio file' in message
    assert re.search(r'and \d+ more', message)
    assert 'python tools/prepare_data.py crema_d --source' in message
    # Going on without must be said.
    assert main(['crema_d', '--out', str(out), '--accept-missing']) == 0
    assert sum(
        len(CremaDDataset(s, PIPELINE, data_root=str(out)))
        for s in ('train', 'val', 'test')
        if (out / 'fair' / f'{s}.csv').exists()) == 11
