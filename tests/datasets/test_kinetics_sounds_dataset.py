"""Kinetics-Sounds and VGGSound: class lists, names of clips, splits."""
from pathlib import Path

import pytest
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.optim import build_optim_wrapper
from mmengine.registry import init_default_scope

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
from mmbalance_plugin.registry import DATASETS, MODELS
from mmbalance_plugin.utils.text import TextError
from tests.datasets import media_trees
from tests.media_utils import set_sizes

CONFIGS = Path(__file__).resolve().parents[2] / 'configs'
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


def test_34_classes_train_with_one_more_line(tmp_path):
    # Annotation of a release that still has the three.
    three = sorted(set(CLASSES_34) - set(CLASSES_31))
    media_trees.kinetics_sounds(tmp_path / 'source', three, train=2, test=1)
    out = tmp_path / 'out'
    prepare('kinetics_sounds', tmp_path / 'source', out, classes=34,
            accept_missing=True)
    cfg = Config.fromfile(CONFIGS / 'joint_kinetics_sounds.py')
    cfg.merge_from_dict({
        'model.head.num_classes': 34,
        'train_dataloader.dataset.data_root': str(out)})
    set_sizes(cfg.train_dataloader.dataset.pipeline, duration=.3)
    init_default_scope('mmaction')
    dataset = DATASETS.build(cfg.train_dataloader.dataset)
    batch = pseudo_collate([dataset[i] for i in range(len(dataset))])
    labels = {int(sample.gt_label) for sample in batch['data_samples']}
    assert labels == {CLASSES_34.index(name) for name in three}
    model = MODELS.build(cfg.model)
    wrapper = build_optim_wrapper(model, cfg.optim_wrapper)
    losses = model.train().train_step(batch, wrapper)
    assert losses['loss'].isfinite()
    scores = model.eval().test_step(batch)[0].pred_score
    assert scores.shape == (34, )


@pytest.mark.parametrize('name', ['{id}_{s:06d}_{e:06d}', '{id}_{s:06d}',
                                  '{id}_{s}_{e}', '{id}_{s}', '{id}'])
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


@pytest.mark.parametrize('rows, line', [
    ('a,1,x,train\nb,2,x,dev\n', 2), ('a,one,x,train\n', 1),
    ('id,start,label,split\na,1,x,train\nb,,x,test\n', 3),
    ('a,1,x,train\nb,1e400,x,train\n', 2), ('a,1,x,train\nb,2\n', 2),
    ('a,1,x,train\n"b,2,x,train\n', 2), ('a,1,,train\n', 1),
])
def test_bad_rows_of_vggsound(tmp_path, rows, line):
    (tmp_path / 'vggsound.csv').write_text(rows)
    with pytest.raises((PreparationError, TextError), match=f'line {line}: '):
        plan_vggsound(tmp_path)


def test_the_header_of_vggsound_is_passed_over(tmp_path):
    path = tmp_path / 'vggsound.csv'
    path.write_bytes(b'\xef\xbb\xbf# YouTube ID, start seconds, label,'
                     b'train/test split.\r\n-a,30,"frog, croaking",test\r\n')
    assert [c.name for c in plan_vggsound(tmp_path).clips] == ['-a_000030']
    path.write_text('# YouTube ID, start seconds, label,split\n')
    with pytest.raises(PreparationError, match='lists no clip'):
        plan_vggsound(tmp_path)


def test_what_vggsound_says_twice(tmp_path):
    path = tmp_path / 'vggsound.csv'
    path.write_text('a,1,x,train\na,1,x,train\na,1,y,train\na,1,x,test\n')
    found = plan_vggsound(tmp_path)
    assert [(c.label, c.splits) for c in found.clips] == [
        ('x', dict(fair='train'))]
    assert [text for _, text in found.problems if 'annotation' in text] == [
        f'annotation: y, train in {path}, line 3, but x, train in {path}, '
        'line 1', f'annotation: x, test in {path}, line 4, but x, train in '
        f'{path}, line 1']
    with pytest.raises(PreparationError, match='one annotation file'):
        plan_vggsound(tmp_path, [str(path), str(path)])
