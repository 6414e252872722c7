"""UCF101's flow: folders of pictures are facts, checked like clips."""
import hashlib
import json
import os
import shutil

import cv2
import numpy as np
import pytest

from mmbalance_plugin.cli.prepare import main
from mmbalance_plugin.datasets import UCF101Dataset
from mmbalance_plugin.datasets.prepare import media_verify
from mmbalance_plugin.datasets.prepare.errors import PreparedDataError
from mmbalance_plugin.datasets.prepare.media_pictures import (
    PicturesError,
    inspect_pictures,
    numbering,
)
from mmbalance_plugin.datasets.prepare.media_plan import PlannedClip
from mmbalance_plugin.datasets.prepare.ucf101 import relate_flow
from tests.datasets import media_trees
from tests.media_utils import truncate

CLIP = 'v_Archery_g08_c01'
U, V = (f'tvl1_flow/{part}/{CLIP}' for part in 'uv')


@pytest.fixture(scope='module')
def tree(tmp_path_factory):
    return media_trees.ucf101(tmp_path_factory.mktemp('ucf') / 'source')


@pytest.fixture
def ucf(tree, tmp_path):
    """A copy that may be damaged, and the folder to write to."""
    return (shutil.copytree(tree, tmp_path / 'source'), tmp_path / 'out')


def run(source, out, *flags):
    return main(['ucf101', '--source', str(source), '--out', str(out),
                 *flags])


def facts_of(out):
    lines = (out / 'files.jsonl').read_text().splitlines()
    return dict(map(json.loads, lines))


def table(path):
    return path.read_text().splitlines()[1:]


def picture(path, value=9, size=(24, 36)):
    cv2.imwrite(str(path), np.full(size, value, np.uint8))


def test_facts_are_those_of_the_pictures(ucf):
    source, out = ucf
    assert run(source, out, '--accept-missing') == 0
    facts = facts_of(out)
    assert len(facts) == 30
    for name in (U, V):
        paths = sorted((source / name).iterdir())
        digest = hashlib.sha256()
        for path in paths:
            data = path.read_bytes()
            digest.update(f'{path.name}\0{len(data)}\0'.encode() + data)
        found = facts[name]
        assert found['pictures'] == 5
        assert found['size'] == sum(p.stat().st_size for p in paths)
        assert (found['width'], found['height']) == (36, 24)
        assert found['names'] == 'frame{:06d}.jpg'
        assert found['sha256'] == digest.hexdigest()
    assert facts[U]['sha256'] != facts[V]['sha256']
    # Millions of pictures must not be listed one by one.
    assert 'frame000001' not in (out / 'manifest.json').read_text()


def test_headers_alone_only_count(ucf, monkeypatch):
    source, out = ucf
    (source / U / 'frame000002.jpg').write_bytes(b'no picture')
    assert run(source, out, '--accept-missing', '--check', 'header') == 0
    found = facts_of(out)[U]
    assert found['pictures'] == 5 and 'sha256' not in found
    assert f'{CLIP},' not in (out / 'problems.csv').read_text()
    # Decoding is more than what is known.
    assert run(source, out) == 1
    assert (f'{CLIP},broken: frame000002.jpg is no picture ({U})'
            in table(out / 'problems.csv'))


def last(folder):
    return sorted(folder.iterdir())[-1]


def halve(path):
    truncate(str(path), path, .5)


@pytest.mark.parametrize('damage, problem', [
    (lambda s: (s / U / 'frame000003.jpg').unlink(),
     f'missing: frame000003.jpg ({U})'),
    (lambda s: last(s / V).unlink(),
     '"broken: 5 flow pictures in u, 4 in v"'),
    (lambda s: shutil.rmtree(s / V),
     'missing: no folder of flow_v pictures was found'),
    (lambda s: [p.unlink() for p in (s / U).iterdir()],
     f'empty: no pictures ({U})'),
    (lambda s: (s / U / 'frame000004.jpg').write_bytes(b''),
     f'empty: frame000004.jpg ({U})'),
    (lambda s: halve(s / V / 'frame000005.jpg'),
     f'broken: frame000005.jpg is cut short ({V})'),
    (lambda s: picture(s / U / 'frame000002.jpg', size=(24, 40)),
     f'"broken: frame000001.jpg is 36 x 24, frame000002.jpg is 40 x 24 '
     f'({U})"'),
    (lambda s: [picture(p, size=(30, 40)) for p in (s / U).iterdir()],
     '"broken: flow of 40 x 30 in u, 36 x 24 in v"'),
    (lambda s: os.rename(s / U / 'frame000001.jpg', s / U / 'frame0.jpg'),
     f'"broken: pictures are numbered from 0, needed is from 1 ({U})"'),
    (lambda s: os.rename(s / U / 'frame000001.jpg', s / U / 'img_00001.jpg'),
     f'broken: frame000002.jpg and img_00001.jpg are not numbered alike '
     f'({U})'),
    (lambda s: picture(s / U / 'mean.jpg'),
     f'broken: mean.jpg is not numbered ({U})'),
    (lambda s: (shutil.rmtree(s / U), (s / U).write_bytes(b'x')),
     'missing: no folder of flow_u pictures was found'),
])
def test_damaged_flow_is_reported_by_name(ucf, damage, problem, capsys):
    source, out = ucf
    damage(source)
    assert run(source, out) == 1
    assert f'{CLIP},{problem}' in table(out / 'problems.csv')
    assert CLIP in capsys.readouterr().err
    assert run(source, out, '--accept-missing') == 0
    for path in out.glob('split1/*.csv'):
        assert CLIP not in path.read_text()


def test_what_is_no_picture_of_flow_is_passed_over(ucf):
    source, out = ucf
    for name in ('Thumbs.db', '._frame000001.jpg', 'flow.bin'):
        (source / U / name).write_bytes(b'')
    assert run(source, out, '--accept-missing') == 0
    assert table(out / 'problems.csv') == [
        'source,"count: 10 clips, UCF101 has 13320"']


@pytest.mark.parametrize('frames, pictures, problem, note', [
    (100, 99, False, False), (100, 100, False, False),
    (100, 98, False, True), (100, 101, False, True),
    (100, 94, False, True), (100, 105, False, True),
    (100, 93, True, False), (100, 106, True, False),
    (200, 189, False, True), (200, 188, True, False),
    (None, 5, False, False),
])
def test_counts_that_do_not_fit_the_clip(frames, pictures, problem, note):
    clip = PlannedClip('a', 'b', dict(video='v', flow_u='x', flow_v='y'), {})
    folder = dict(pictures=pictures, names='{:d}.jpg', width=4, height=4)
    found = relate_flow(
        clip, dict(v=dict(frames=frames), x=folder, y=dict(folder)))
    said = f'{pictures} flow pictures for {frames} frames'
    assert found.problem == (f'count: {said}' if problem else None)
    assert found.note == (said if note else None)
    if not problem:
        assert found.columns == dict(
            flow_frames=pictures, flow_names='{:d}.jpg')


@pytest.mark.parametrize('names, form', [
    (['frame000001.jpg', 'frame000002.jpg'], 'frame{:06d}.jpg'),
    (['1.png', '10.png', *(f'{i}.png' for i in range(2, 10))], '{:01d}.png'),
    (['v{1}_x_00001.jpeg'], 'v{{1}}_x_{:05d}.jpeg'),
])
def test_numbering(names, form):
    assert numbering(names) == form
    assert sorted(form.format(i + 1) for i in range(len(names))) == names


@pytest.mark.parametrize('names, problem', [
    (['a01.jpg', 'a1.jpg'], 'a number occurs twice'),
    (['a3.jpg'], 'missing: a1.jpg, a2.jpg'),
    ([f'{i}.jpg' for i in (1, 20)],
     'missing: 2.jpg, 3.jpg, 4.jpg, 5.jpg, 6.jpg and 13 more'),
])
def test_numbering_with_gaps(names, problem):
    with pytest.raises(PicturesError, match=problem):
        numbering(names)


def test_flow_that_nothing_describes_is_no_crash(tmp_path):
    os.symlink(tmp_path / 'gone', tmp_path / '1.jpg')
    assert inspect_pictures(tmp_path)['problem'] == (
        'unreadable: 1.jpg: No such file or directory')


def test_a_picture_written_over_is_noticed_and_only_its_folder_read(
        ucf, monkeypatch):
    source, out = ucf
    run(source, out, '--accept-missing')
    seen, inspect = [], media_verify.inspect_file

    def spy(path, check):
        seen.append(str(path.relative_to(source)))
        return inspect(path, check)

    monkeypatch.setattr(media_verify, 'inspect_file', spy)
    before = facts_of(out)
    run(source, out, '--accept-missing')
    assert seen == []
    changed, folder = source / U / 'frame000003.jpg', source / U
    time = folder.stat().st_mtime_ns
    picture(changed, 200)
    # Writing over a file leaves its folder's time of change as it was.
    assert folder.stat().st_mtime_ns == time
    run(source, out, '--accept-missing')
    assert seen == [U]
    after = facts_of(out)
    assert after[U]['sha256'] != before[U]['sha256']
    assert {n for n in after if after[n] != before[n]} == {U}
    # An older one of the same size, as a backup has it.
    other = source / U / 'frame000002.jpg'
    data = bytearray(other.read_bytes())
    data[-3] ^= 1
    other.write_bytes(data)
    os.utime(other, (1, 1))
    seen.clear()
    run(source, out, '--accept-missing')
    assert seen == [U]
    os.rename(source / V / 'frame000005.jpg', source / V / 'frame000006.jpg')
    seen.clear()
    assert run(source, out) == 1
    assert seen == [V]


def test_flow_may_lie_elsewhere_and_the_source_be_a_link(ucf, tmp_path):
    source, out = ucf
    (tmp_path / 'a' / 'b').mkdir(parents=True)
    flow = shutil.move(source / 'tvl1_flow', tmp_path / 'a' / 'b' / 'flow')
    assert run(source, out) == 1
    link = tmp_path / 'link'
    link.symlink_to(source)
    assert run(link, out, '--accept-missing', '--flow', str(flow)) == 0
    for info in UCF101Dataset('train', [], data_root=str(out),
                              serialize_data=False).data_list:
        assert info['flow_u'].startswith(str(flow / 'u'))


def test_the_class_whose_clips_are_spelt_otherwise(ucf):
    # Official: class HandstandPushups, clips v_HandStandPushups_...; the
    # flow that is distributed has v_HandstandPushups_...
    source, out = ucf
    for path in sorted(source.rglob('*Archery*'), reverse=True):
        name = path.name.replace('v_Archery', 'v_Hand{}tandPushups').format(
            's' if path.parent.name in 'uv' else 'S')
        os.rename(path, path.with_name(
            name.replace('Archery', 'HandstandPushups')))
    for path in (source / 'ucfTrainTestlist').iterdir():
        path.write_text(
            path.read_text().replace('v_Archery', 'v_HandStandPushups')
            .replace('Archery', 'HandstandPushups'))
    assert run(source, out, '--accept-missing') == 0
    assert table(out / 'problems.csv') == [
        'source,"count: 10 clips, UCF101 has 13320"']
    data = UCF101Dataset('train', [], data_root=str(out),
                         serialize_data=False)
    assert data.metainfo['classes'] == ['ApplyEyeMakeup', 'HandstandPushups']
    assert len([i for i in data.data_list if i['label'] == 1]) == 2


@pytest.mark.parametrize('damage, message', [
    (shutil.rmtree, 'no such folder of flow'),
    (lambda folder: (folder / 'frame000005.jpg').unlink(),
     'has no frame000005.jpg'),
])
def test_training_does_not_start_where_flow_has_vanished(ucf, damage,
                                                         message):
    source, out = ucf
    run(source, out, '--accept-missing')
    damage(source / V)
    with pytest.raises(PreparedDataError) as caught:
        for split in ('train', 'val', 'test'):
            UCF101Dataset(split, [], data_root=str(out))
    assert f'{source / V}: {message}' in str(caught.value)
    assert 'python tools/prepare_data.py ucf101 --source' in str(
        caught.value)


def test_pictures_of_other_names_are_found(ucf):
    source, out = ucf
    for folder in (source / 'tvl1_flow').glob('*/*'):
        for number, path in enumerate(sorted(folder.iterdir()), 1):
            path.rename(folder / f'flow_{number:03d}.jpg')
    assert run(source, out, '--accept-missing') == 0
    pipeline = [
        dict(type='mmbalance_plugin.PyAVVideoInit'),
        dict(type='mmaction.SampleFrames', clip_len=1, num_clips=2,
             test_mode=True),
        dict(type='mmbalance_plugin.PyAVVideoDecode'),
        dict(type='mmbalance_plugin.FlowDecode', length=1),
        dict(type='mmbalance_plugin.SplitFlow'),
        dict(type='mmbalance_plugin.PackMultimodalInputs',
             inputs=dict(rgb='imgs', flow='flows'))
    ]
    sample = UCF101Dataset('test', pipeline, data_root=str(out))[0]
    assert sample['inputs']['flow'].shape == (2, 2, 32, 48)
