"""Annotations of every kind, and the data set as MMAction2 uses it."""
import json
import shutil

import pytest
from mmengine.dataset import ClassBalancedDataset

from mmbalance_plugin.datasets.audio_visual_dataset import AudioVisualDataset
from mmbalance_plugin.datasets.av_annotation import AnnotationError
from tests.datasets.av_clips import (
    LISTEN,
    PIPELINE,
    build,
    write_clips,
)
from tests.media_utils import read_number


@pytest.fixture(scope='module')
def clips(tmp_path_factory):
    return write_clips(tmp_path_factory.mktemp('clips'))


@pytest.fixture
def folder(clips, tmp_path):
    """Clips: whole, without sound, without picture, and damaged."""
    shutil.copytree(clips, tmp_path, dirs_exist_ok=True)
    return tmp_path


def test_csv_with_one_file_for_both(folder):
    dataset = build(
        folder, 'path,label,start,end,actor\nwhole.mp4,1,0.1,0.3,7\n'
        '\nwhole.mp4,0,,,x\n')
    assert len(dataset) == 2
    info = dataset.get_data_info(0)
    assert info['filename'] == info['audio_path'] == str(
        folder / 'whole.mp4')
    assert (info['label'], info['start'], info['end']) == (1, 0.1, 0.3)
    assert (info['actor'], info['sample_idx']) == ('7', 0)
    assert (info['start_index'], info['modality']) == (0, 'RGB')
    info = dataset.get_data_info(1)
    assert (info['start'], info['end'], info['sample_idx']) == (None, None, 1)


def test_csv_with_a_file_for_each(folder):
    (folder / 'sound').mkdir()
    (folder / 'blind.wav').rename(folder / 'sound' / 'blind.wav')
    dataset = build(
        folder, 'label,audio,video\n0,blind.wav,mute.mp4\n', PIPELINE,
        data_prefix=dict(video='', audio='sound'), data_root=str(folder))
    item = dataset[0]
    assert item['inputs']['visual'].shape == (3, 3, 32, 32)
    assert item['inputs']['audio'].shape == (1, 65, 126)
    assert item['data_samples'].gt_label.tolist() == [0]
    assert item['data_samples'].metainfo['sample_idx'] == 0
    assert item['data_samples'].modality_mask == dict(visual=True, audio=True)


def test_rare_classes_can_be_repeated(folder):
    """f = (3/4, 1/4): factors 1 and sqrt(.5 / .25), rounded up."""
    dataset = build(folder, 'path,label\n' + 'whole.mp4,0\n' * 3 +
                    'whole.mp4,1\n')
    balanced = ClassBalancedDataset(dataset, .5)
    assert [balanced.get_data_info(i)['label']
            for i in range(len(balanced))] == [0, 0, 0, 1, 1]


@pytest.mark.parametrize('wrapped', [False, True])
def test_json(folder, wrapped):
    records = [
        dict(path='whole.mp4', label='cat', end=0.25),
        dict(video='mute.mp4', audio='blind.wav', label='dog', start=0)
    ]
    content = records
    kwargs = dict(classes=['dog', 'cat'])
    if wrapped:
        content = dict(
            metainfo=dict(classes=['dog', 'cat']), data_list=records)
        kwargs = {}
    dataset = build(folder, json.dumps(content), name='a.json', **kwargs)
    assert [dataset.get_data_info(i)['label'] for i in (0, 1)] == [1, 0]
    assert dataset.metainfo['classes'] == ['dog', 'cat']
    assert dataset.num_classes == 2
    assert dataset.get_data_info(0)['end'] == 0.25


def test_class_names_from_a_file(folder):
    text = 'path,label\nwhole.mp4,cat\nwhole.mp4,1\n'
    (folder / 'names.txt').write_text('dog\ncat\n\n')
    dataset = build(folder, text, classes=str(folder / 'names.txt'))
    assert [dataset.get_data_info(i)['label'] for i in (0, 1)] == [1, 1]
    # Beside the annotation it needs no mention.
    (folder / 'classes.txt').write_text('\ufeffcat\ndog\n', 'utf-8')
    dataset = build(folder, text)
    assert [dataset.get_data_info(i)['label'] for i in (0, 1)] == [0, 1]


def test_class_names_that_look_like_numbers(folder):
    dataset = build(
        folder, 'path,label\nwhole.mp4,3\n', classes=['7', '3', '0'])
    assert dataset.get_data_info(0)['label'] == 1


def test_several_labels(folder):
    dataset = build(
        folder, 'path,label\nwhole.mp4,a;c\nwhole.mp4,b\n',
        classes=['a', 'b', 'c'], multi_class=True)
    assert dataset.get_data_info(0)['label'].tolist() == [1, 0, 1]
    assert dataset.get_data_info(1)['label'].tolist() == [0, 1, 0]
    # Class-balanced sampling counts the labels that are there.
    assert [dataset.get_cat_ids(i) for i in (0, 1)] == [[0, 2], [1]]


@pytest.mark.parametrize('name', [
    'two words.mp4', 'søren – 犬.mp4', "it's, 100%.mp4", 'a:b.mp4'])
@pytest.mark.parametrize('kind', ['csv', 'json'])
def test_odd_names(folder, name, kind):
    (folder / 'whole.mp4').rename(folder / name)
    if kind == 'csv':
        text = f'path,label\n"{name}",0\n'
    else:
        text = json.dumps([dict(path=name, label=0)], ensure_ascii=False)
    dataset = build(folder, text, PIPELINE, name=f'a.{kind}')
    item = dataset[0]
    assert item['data_samples'].filename == str(folder / name)
    assert item['inputs']['audio'].std() > 0.1


def test_a_clip_with_two_labels_is_told(folder, capsys):
    text = ('path,label,start\nwhole.mp4,1,\nwhole.mp4,1,\nmute.mp4,0,\n'
            'whole.mp4,0,0.2\n')
    build(folder, text, streams=('video', ))
    assert 'another label' not in capsys.readouterr().out
    build(folder, text + 'whole.mp4,0,0.2\nmute.mp4,1,\n',
          streams=('video', ))
    assert (f'1 rows repeat a clip with another label: {folder}/mute.mp4'
            in capsys.readouterr().out)


def test_start_and_end_choose_the_frames(folder):
    dataset = build(
        folder, 'path,label,start,end\nwhole.mp4,0,0.2,0.4\n', PIPELINE[:3])
    assert [read_number(i) for i in dataset[0]['imgs']] == [5, 7, 9]


def test_excel_byte_order_mark_and_line_ends(folder):
    dataset = build(folder, '\ufeffpath,label\r\nwhole.mp4,0\r\n')
    assert dataset.get_data_info(0)['filename'].endswith('whole.mp4')


@pytest.mark.parametrize('text, message', [
    ('', 'lists no clip'),
    ('path,label\n', 'lists no clip'),
    ('whole.mp4,0\n', 'line 1: must name the columns'),
    ('path\nwhole.mp4\n', 'line 1: must name the columns, at least "label"'),
    ('path,label,path\na,0,b\n', 'line 1: column "path" appears twice'),
    ('path,label\nwhole.mp4\n', 'line 2: has 1 columns'),
    ('path,label\na, b.mp4,0\n', 'line 2: has 3 columns.*needs quotes'),
    ('path,label\nwhole.mp4,0\n,1\n', 'line 3, column "path": names no file'),
    ('audio,video,label\n,,1\n', 'line 2, column "video": names no file'),
    ('path,label\nwhole.mp4,\n', 'line 2, column "label": is empty'),
    ('path,label\nwhole.mp4,cat\n', 'line 2, column "label": "cat" is no '
     'class; the class names are not known'),
    ('path,label\nwhole.mp4,-1\n', 'column "label": -1 is not a class'),
    ('path,label\nwhole.mp4,1.5\n', 'column "label": "1.5" is no class'),
    ('path,label,start\nwhole.mp4,0,soon\n',
     "line 2, column \"start\": 'soon' is not a number"),
    ('path,label,start\nwhole.mp4,0,-1\n', 'line 2, column "start"'),
    ('path,label,end\nwhole.mp4,0,nan\n', 'line 2, column "end"'),
    ('path,label,end\nwhole.mp4,0,inf\n', 'line 2, column "end"'),
    ('path,label,start,end\nwhole.mp4,0,2,1\n',
     'line 2, column "end": 1 s is not after the start at 2 s'),
    ('path,video,label\na.mp4,b.mp4,0\n', 'line 2: give either "path" or'),
    ('path,label,sample_idx\nwhole.mp4,0,3\n', 'column "sample_idx"'),
    ('path,label\n"whole.mp4,0\n', r'line \d'),
    ('path,label\nwhole\0.mp4,0\n', r'line 2'),
])
def test_bad_csv_rows(folder, text, message):
    with pytest.raises(AnnotationError, match=message) as caught:
        build(folder, text)
    assert str(folder / 'ann.csv') in str(caught.value)


@pytest.mark.parametrize('text, message', [
    ('[', 'line 1'),
    ('[\n{"path": }]', 'line 2'),
    ('{}', 'must hold a list'),
    ('3', 'must hold a list'),
    ('[3]', 'entry 0: must be an object'),
    ('[{"path": "whole.mp4"}]', 'entry 0, column "label": is missing'),
    ('[{"path": 7, "label": 0}]', 'entry 0, column "path": 7 is not'),
    ('[{"path": "whole.mp4", "label": null}]', 'column "label": is empty'),
    ('[{"path": "whole.mp4", "label": {}}]', 'column "label"'),
    ('[{"path": "a", "label": 0, "end": []}]', 'entry 0, column "end"'),
])
def test_bad_json(folder, text, message):
    with pytest.raises(AnnotationError, match=message):
        build(folder, text, name='a.json')


def test_a_list_of_mmaction2(folder):
    data = build(folder, 'whole.mp4 1\n\nwhole.mp4 0\n', name='a.txt')
    assert [data.get_data_info(i)['label'] for i in range(2)] == [1, 0]
    several = build(folder, 'whole.mp4 0 2', name='a.txt', multi_class=True,
                    num_classes=3)
    assert several.get_data_info(0)['label'].tolist() == [1, 0, 1]
    for line, message in (('whole.mp4 0 2', '"0;2" is no class'),
                          ('whole.mp4', 'is empty')):
        with pytest.raises(AnnotationError, match=f'a.txt, line 1.*{message}'):
            build(folder, line, name='a.txt')


def test_bad_annotation_files(folder):
    with pytest.raises(AnnotationError, match='no such annotation file'):
        AudioVisualDataset(str(folder / 'none.csv'), [])
    with pytest.raises(AnnotationError, match='a .csv or a .json file'):
        AudioVisualDataset(str(folder / 'whole.mp4'), [])
    (folder / 'latin.csv').write_bytes('path,label\nsøren.mp4,0'.encode(
        'latin-1'))
    with pytest.raises(AnnotationError, match='no text in UTF-8'):
        AudioVisualDataset(str(folder / 'latin.csv'), [])
    (folder / 'b.csv').write_bytes((folder / 'whole.mp4').read_bytes())
    with pytest.raises(AnnotationError, match='b.csv'):
        AudioVisualDataset(str(folder / 'b.csv'), [])


def test_classes_that_do_not_fit(folder):
    text = 'path,label\nwhole.mp4,dog\n'
    with pytest.raises(AnnotationError, match='"dog" is no class; the clas'):
        build(folder, text, classes=['cat'])
    with pytest.raises(AnnotationError, match='"cat" is listed twice'):
        build(folder, text, classes=['cat', 'cat'])
    with pytest.raises(AnnotationError, match='num_classes=3, but 1 class'):
        build(folder, text, classes=['dog'], num_classes=3)
    with pytest.raises(AnnotationError, match='9 is not a class number of 0'):
        build(folder, 'path,label\nwhole.mp4,9\n', num_classes=9)
    with pytest.raises(AnnotationError, match='not a list of classes'):
        build(folder, text, classes=str(folder / 'none.txt'))


@pytest.mark.parametrize('kwargs', [
    dict(missing='drop'), dict(streams=('sound', )), dict(streams=())])
def test_wrong_settings(folder, kwargs):
    with pytest.raises(ValueError, match='must be'):
        build(folder, 'path,label\nwhole.mp4,0\n', **kwargs)


def test_deterministic(folder):
    text = 'path,label\nwhole.mp4,0\n'
    assert build(folder, text, LISTEN).deterministic
    assert not build(folder, text, LISTEN, missing='skip').deterministic
    random = [dict(LISTEN[0], crop='random')] + LISTEN[1:]
    assert not build(folder, text, random).deterministic


def test_subset_and_lazy_init(folder):
    text = 'path,label\n' + 'whole.mp4,0\n' * 6
    assert len(build(folder, text, indices=2)) == 2
    dataset = build(folder, text, lazy_init=True)
    assert not dataset._fully_initialized and len(dataset) == 6
