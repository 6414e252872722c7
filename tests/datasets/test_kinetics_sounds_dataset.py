"""Kinetics-Sounds and VGGSound: class lists, names of clips, splits."""
import pytest

from mmbalance_plugin.datasets import KineticsSoundsDataset, VGGSoundDataset
from mmbalance_plugin.datasets.prepare import PreparationError, prepare
from mmbalance_plugin.datasets.prepare.kinetics_sounds import (
    CLASSES_31,
    CLASSES_34,
    class_of,
)
from mmbalance_plugin.datasets.prepare.kinetics_sounds import (
    plan as plan_kinetics,
)
from mmbalance_plugin.datasets.prepare.vggsound import plan as plan_vggsound
from tests.datasets import media_trees

SOUND = [
    dict(type='mmbalance_plugin.PyAVAudioDecode', duration=.3),
    dict(type='mmbalance_plugin.LogSpectrogram'),
    dict(type='mmbalance_plugin.PackMultimodalInputs',
         inputs=dict(audio='audios'))
]


def test_class_lists():
    assert len(CLASSES_31) == len(set(CLASSES_31)) == 31
    assert len(CLASSES_34) == len(set(CLASSES_34)) == 34
    assert set(CLASSES_34) - set(CLASSES_31) == {
        'fingerpicking', 'patting', 'typing'}
    assert list(CLASSES_31) == sorted(CLASSES_31)


@pytest.mark.parametrize('text, name', [
    ('playing bass guitar', 'playing bass guitar'),
    ('playing_bass_guitar', 'playing bass guitar'),
    ('dribbling ball', 'dribbling basketball'),
    ('Stomping', 'stomping grapes'),
])
def test_names_of_classes(text, name):
    assert class_of(text) == name


@pytest.fixture(scope='module')
def kinetics(tmp_path_factory):
    root = tmp_path_factory.mktemp('kinetics')
    media_trees.kinetics_sounds(root / 'source')
    prepare('kinetics_sounds', root / 'source', root / 'out',
            accept_missing=True)
    return root


def test_splits_and_labels(kinetics):
    sizes = {}
    for split in ('train', 'val', 'test'):
        dataset = KineticsSoundsDataset(
            split, SOUND, data_root=str(kinetics / 'out'),
            streams=('audio', ), serialize_data=False)
        sizes[split] = len(dataset)
        assert dataset.num_classes == 31
        for info in dataset.data_list:
            assert CLASSES_31[info['label']] in info['filename']
            assert ('/val/' in info['filename']) == (split == 'test')
        sample = dataset[0]
        assert sample['inputs']['audio'].shape[:2] == (1, 257)
    assert sizes == dict(train=4, val=2, test=2)


def test_34_classes(kinetics, tmp_path):
    out = tmp_path / 'out'
    prepare('kinetics_sounds', kinetics / 'source', out, classes=34,
            accept_missing=True)
    dataset = KineticsSoundsDataset('train', SOUND, data_root=str(out))
    assert dataset.metainfo['classes'] == list(CLASSES_34)


@pytest.mark.parametrize('name', ['{id}_{s:06d}_{e:06d}', '{id}_{s:06d}',
                                  '{id}'])
def test_clips_are_found_by_the_names_in_use(tmp_path, name):
    media_trees.kinetics_sounds(tmp_path, CLASSES_31[:1], train=2, test=0)
    for path in sorted(tmp_path.rglob('*.mp4')):
        start, end = map(int, path.stem.split('_')[-2:])
        video = path.stem[:-14]
        path.rename(tmp_path / f'{name.format(id=video, s=start, e=end)}.mp4')
    clips = plan_kinetics(tmp_path).clips
    assert len(clips) == 2 and all(c.files['path'] for c in clips)


def test_bad_annotations_are_named(tmp_path):
    with pytest.raises(PreparationError, match='--annotations'):
        plan_kinetics(tmp_path)
    path = tmp_path / 'train.csv'
    path.write_text('label,youtube_id\n')
    with pytest.raises(PreparationError, match='time_start'):
        plan_kinetics(tmp_path)
    path.write_text('label,youtube_id,time_start,time_end,split\n'
                    'bowling,x,zero,10,train\n')
    with pytest.raises(PreparationError, match='line 2'):
        plan_kinetics(tmp_path)


def test_vggsound(tmp_path):
    media_trees.vggsound(tmp_path / 'source')
    prepare('vggsound', tmp_path / 'source', tmp_path / 'out',
            accept_missing=True)
    labels = set()
    for split in ('train', 'val', 'test'):
        dataset = VGGSoundDataset(
            split, SOUND, data_root=str(tmp_path / 'out'),
            serialize_data=False)
        assert tuple(dataset.metainfo['classes']) == media_trees.VGG_CLASSES
        labels |= {info['label'] for info in dataset.data_list}
    assert labels == {0, 1}


@pytest.mark.parametrize('name', ['{id}_{s}_{e}', '{id}_{s}000_{e}000',
                                  '{id}_{s:06d}', '{id}'])
def test_names_of_vggsound_clips(tmp_path, name):
    (tmp_path / 'vggsound.csv').write_text('-a_b,30,"frog, croaking",test\n')
    (tmp_path / f'{name.format(id="-a_b", s=30, e=40)}.mp4').write_bytes(b'')
    clip, = plan_vggsound(tmp_path).clips
    assert clip.files['path'] and clip.label == 'frog, croaking'
    assert clip.splits == dict(fair='test')


def test_bad_rows_of_vggsound(tmp_path):
    (tmp_path / 'vggsound.csv').write_text('a,1,x,train\nb,2,x,dev\n')
    with pytest.raises(PreparationError, match='line 2'):
        plan_vggsound(tmp_path)
