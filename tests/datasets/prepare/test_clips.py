"""Clips of one's own: splits by groups, damage by name, settings, runs."""
import csv
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner import Runner

from mmbalance_plugin.cli.prepare import main
from mmbalance_plugin.media import MediaReader
from mmbalance_plugin.registry import DATASETS
from mmbalance_plugin.shipped import find_config
from tests.configs.shipped import shrunk
from tests.datasets.media_trees import FRAMES, RATE, sound_of, write_video
from tests.media_utils import truncate, write_clip

LABELS = ('cat', 'dog')
PEOPLE = 6


@pytest.fixture(scope='module')
def tree(tmp_path_factory):
    """CLASS/s<person>_<take>.mp4; do not change it."""
    root = tmp_path_factory.mktemp('tree') / 'my clips'
    for number, label in enumerate(LABELS):
        for person in range(PEOPLE):
            for take in range(2):
                write_video(root / label / f's{person}_{take}.mp4',
                            3 * number)
    return root


def prepare(source, out, *flags):
    return main(['clips', '--source', str(source), '--out', str(out),
                 *map(str, flags)])


def table(path):
    with open(path, newline='', encoding='utf-8') as file:
        return list(csv.DictReader(file))


def rows_of(out):
    return {split: table(out / 'own' / f'{split}.csv')
            for split in ('train', 'val', 'test')}


def write_table(path, rows):
    with open(path, 'w', newline='', encoding='utf-8') as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return path


def test_speakers_are_in_one_split_each(tree, tmp_path, capsys):
    """By a rule on the path; all clips, both classes everywhere."""
    out = tmp_path / 'out'
    assert prepare(tree, out, '--group', r'(s\d+)_') == 0
    found = rows_of(out)
    speakers = {split: {row['group'] for row in rows}
                for split, rows in found.items()}
    assert sorted(s for group in speakers.values() for s in group) == [
        f's{n}' for n in range(PEOPLE)]
    for rows in found.values():
        assert {row['label'] for row in rows} == set(LABELS)
    paths = {row['path'] for rows in found.values() for row in rows}
    assert len(paths) == len(LABELS) * PEOPLE * 2
    assert len(found['train']) > len(found['val']) > 0
    assert (out / 'own' / 'classes.txt').read_text() == 'cat\ndog\n'
    assert 'clips: prepared' in capsys.readouterr().out
    before = (out / 'own' / 'train.csv').read_bytes()
    assert main(['clips', '--out', str(out)]) == 0  # with the same rule
    assert 'up to date' in capsys.readouterr().out
    assert (out / 'own' / 'train.csv').read_bytes() == before


def listed(tree, column='speaker'):
    return [{'path': f'{label}/s{person}_{take}.mp4', 'label': label,
             column: f's{person}'}
            for label in LABELS for person in range(PEOPLE)
            for take in range(2)]


def test_a_column_is_a_group(tree, tmp_path):
    listing = write_table(tmp_path / 'all.csv', listed(tree))
    out = tmp_path / 'out'
    assert prepare(tree, out, '--annotations', listing, '--group',
                   'speaker') == 0
    found = [(row['speaker'], split) for split, rows in rows_of(out).items()
             for row in rows]
    assert len(set(found)) == PEOPLE


def test_parts_of_one_recording_stay_together(tree, tmp_path):
    rows = [{**row, 'start': start, 'end': start + .2}
            for row in listed(tree) for start in (0, .3)]
    out = tmp_path / 'out'
    assert prepare(tree, out, '--annotations',
                   write_table(tmp_path / 'parts.csv', rows)) == 0
    places = {(row['path'], split) for split, rows in rows_of(out).items()
              for row in rows}
    assert len(places) == len(rows) / 2


@pytest.mark.parametrize('change, flags, words', [
    (dict(split='train'), ('--group', 'speaker'), 's0 is in test, and in '),
    (dict(split='exam'), (), "'exam' is none of train, val, test"),
    (dict(label=''), (), 'line 2: its label is empty'),
    ({}, ('--group', 'person'), 'no such column (there are: speaker'),
    ({}, ('--group', r'(x\d+)'), 'finds no group of cat/s0_0.mp4'),
    ({}, ('--group', '(s'), '--group (s: '),
])
def test_what_cannot_be_split_is_refused_by_name(tree, tmp_path, capsys,
                                                 change, flags, words):
    rows = listed(tree)
    if 'split' in change:
        rows = [{**row, 'split': ('val', 'test')[n % 2]}
                for n, row in enumerate(rows)]
    rows[0].update(change)
    listing = write_table(tmp_path / 'all.csv', rows)
    assert prepare(tree, tmp_path / 'out', '--annotations', listing,
                   *flags) == 1
    error = capsys.readouterr().err
    assert words in error and len(error.splitlines()) == 1


def test_given_splits_are_kept(tree, tmp_path):
    """By folders; of a class that one lacks there is a note."""
    root, out = tmp_path / 'given', tmp_path / 'out'
    for split, person in (('train', 0), ('val', 1), ('test', 2)):
        for label in LABELS[:2 if split != 'val' else 1]:
            target = root / split / label / f'{person}.mp4'
            target.parent.mkdir(parents=True)
            shutil.copy(tree / label / f's{person}_0.mp4', target)
    assert prepare(root, out) == 0
    found = rows_of(out)
    assert {s: len(rows) for s, rows in found.items()} == dict(
        train=2, val=1, test=2)
    assert found['val'][0]['path'] == 'val/cat/1.mp4'
    assert table(out / 'notes.csv') == [
        dict(clip='dog', note='class: no clip of it in val')]


def test_damage_is_named_and_sound_beside_a_picture_is_its(tree, tmp_path,
                                                           capsys):
    source = shutil.copytree(tree, tmp_path / 'source')
    out = tmp_path / 'out'
    bad = source / 'dog' / 's3_1.mp4'
    truncate(tree / 'dog' / 's3_1.mp4', bad, .6)
    write_video(source / 'cat' / 's9_0.mp4', 0, sound=False)
    assert prepare(source, out) == 1
    error = capsys.readouterr().err
    assert 'dog/s3_1.mp4: broken:' in error
    assert 'cat/s9_0.mp4: without audio' in error
    assert '--accept-missing' in error
    assert not (out / 'settings.json').exists()

    bad.unlink()
    write_clip(source / 'cat' / 's9_0.wav', None, sound=sound_of(0),
               rate=RATE, acodec='pcm_s16le')
    assert prepare(source, out) == 0
    row, = (row for rows in rows_of(out).values() for row in rows
            if row['video'] == 'cat/s9_0.mp4')
    assert row['audio'] == 'cat/s9_0.wav'


def test_settings_follow_from_the_clips_and_are_the_users(tree, tmp_path):
    out = tmp_path / 'out'
    assert prepare(tree, out) == 0
    path = out / 'settings.json'
    seconds = FRAMES / 10
    settings = json.loads(path.read_text())
    assert settings['sample_rate'] == RATE
    assert settings['picture'] == 32
    assert settings['sound_seconds'] == pytest.approx(seconds, abs=.1)
    assert settings['kept_fps'] == 10  # all there are
    path.write_text(json.dumps({**settings, 'picture': 48}))
    assert prepare(tree, out) == 0
    assert json.loads(path.read_text())['picture'] == 48
    assert prepare(tree, out, '--preset', 'tiny') == 0
    assert json.loads(path.read_text())['max_epochs'] == 2


def test_one_line_is_a_method(tree, tmp_path, monkeypatch):
    """Prepared, trained without an override, and tested.

    UDI is in tests/docs/test_own_clips.py.
    """
    monkeypatch.chdir(tmp_path)
    # A class more than there are in the shipped configs.
    source = shutil.copytree(tree, tmp_path / 'clips')
    shutil.copytree(source / 'dog', source / 'eel')
    assert main(['clips', '--source', 'clips', '--preset', 'tiny']) == 0
    settings = tmp_path / 'data/clips/settings.json'
    settings.write_text(settings.read_text().replace(
        '"max_epochs": 2', '"max_epochs": 1'))
    (tmp_path / 'mine.py').write_text(
        "_base_ = 'mmbalance_plugin::joint_clips.py'\n")
    cfg = Config.fromfile('mine.py')
    assert cfg.model.head.num_classes == 3
    cfg.work_dir = 'work'
    runner = Runner.from_cfg(cfg)
    runner.train()
    summary = json.loads((tmp_path / 'work/summary.json').read_text())
    assert 0 <= summary['test']['acc/top1'] <= 1
    assert 'acc/top1_audio' in summary['test']
    # The run's own config has the numbers in it, from wherever it is read.
    monkeypatch.chdir(tmp_path / 'work')
    dumped = Config.fromfile(tmp_path / 'work' / 'mine.py')
    assert dumped.model.head.num_classes == 3


def test_another_folder_by_its_variable(tree, tmp_path, monkeypatch):
    out = tmp_path / 'pets'
    assert prepare(tree, out, '--preset', 'tiny') == 0
    monkeypatch.setenv('MMBALANCE_CLIPS', str(out))
    cfg = Config.fromfile(find_config('joint_clips'))
    assert cfg.train_dataloader.dataset.data_root == str(out)
    assert cfg.train_dataloader.batch_size == 8


def test_silence_and_clips_far_too_long_are_noted(tree, tmp_path):
    source = shutil.copytree(tree, tmp_path / 'source')
    out = tmp_path / 'out'
    write_clip(source / 'cat' / 'still.mp4', FRAMES, 10,
               sound=0 * sound_of(0), rate=RATE)
    write_clip(source / 'dog' / 'film.mp4', 6 * FRAMES, 10,
               sound=np.tile(sound_of(0), 6), rate=RATE)
    assert prepare(source, out) == 0
    still, film = table(out / 'notes.csv')
    assert still == dict(clip='cat/still.mp4', note='silent: nothing is to '
                         'be heard in cat/still.mp4')
    assert film['clip'] == 'dog/film.mp4'
    assert re.fullmatch(r'long: 3\.\d+ s, half of the clips of dog last '
                        r'0\.\d+ s at the most', film['note'])


def cut_short(tree, path):
    whole = write_clip(tree.parent / path.name, 5 * FRAMES, 10,
                       sound=np.tile(sound_of(0), 5), rate=RATE,
                       options=dict(movflags='faststart'))
    truncate(whole, path, .6)


def joined(tree, path):
    """Two pieces of a stream, of another size each."""
    parts = [
        write_clip(path.with_suffix(f'.{size}'), 8, 10, (size, size),
                   times=[start + n / 10 for n in range(8)], format='mpegts',
                   sound=sound_of(0), rate=RATE, sound_start=start)
        for start, size in enumerate((32, 48))]
    with open(path, 'wb') as file:
        for part in map(Path, parts):
            file.write(part.read_bytes())
            part.unlink()


def overwritten(tree, path):
    """A picture that is none."""
    write_clip(path, FRAMES, 10, vcodec='mjpeg', pix_fmt='yuvj420p',
               sound=sound_of(0), rate=RATE, acodec='pcm_s16le')
    with MediaReader(str(path)) as reader:
        bad = [bytes(packet) for packet in reader.demux(reader.video)][3]
    content = path.read_bytes()
    assert content.count(bad) == 1
    path.write_bytes(content.replace(bad, b'\xff' * len(bad)))


@pytest.mark.parametrize('spoil, name, flags, found', [
    (cut_short, 'odd.mp4', ['--allow-truncated'], '1 x early end'),
    (joined, 'odd.ts', ['--allow-changes'], '8 x frame of another size'),
    (overwritten, 'odd.mkv', ['--allow-damage', '1'], '1 x damaged place'),
])
def test_what_is_wrong_with_a_clip_is_allowed_by_option(
        tree, tmp_path, capsys, monkeypatch, spoil, name, flags, found):
    """The refusal names the option, and training reads by the same."""
    source, out = shutil.copytree(tree, tmp_path / 'source'), tmp_path / 'out'
    spoil(tree, source / 'dog' / name)
    option = flags[0][2:].replace('-', '_')
    assert prepare(source, out) == 1
    error = capsys.readouterr().err
    assert f'dog/{name}: broken: ' in error and option in error

    assert prepare(source, out, '--preset', 'tiny', *flags) == 0
    what = found.split(' x ')[1]
    assert f'Allowed: 1 files with {what}' in capsys.readouterr().out
    assert table(out / 'notes.csv') == [dict(
        clip=f'dog/{name}', note=f'allowed: {found} in dog/{name}')]
    settings = json.loads((out / 'settings.json').read_text())
    assert settings[option] == (int(flags[1]) if flags[1:] else True)
    assert main(['clips', '--out', str(out)]) == 0  # by the same options
    monkeypatch.setenv('MMBALANCE_CLIPS', str(out))
    monkeypatch.chdir(tmp_path)
    cfg = Config.fromfile(find_config('joint_clips'))
    init_default_scope('mmaction')
    for split in ('train', 'val', 'test'):
        data = DATASETS.build(cfg[f'{split}_dataloader'].dataset)
        for i in range(len(data)):
            assert data[i]['inputs'].keys() == {'audio', 'visual'}

    # What is no longer allowed is refused again, and nobody trains on it.
    assert prepare(source, out) == 1


def test_pixels_that_are_not_square_are_noted(tree, tmp_path):
    source, out = shutil.copytree(tree, tmp_path / 'source'), tmp_path / 'out'
    write_clip(source / 'dog' / 'wide.mkv', FRAMES, 10, sample_aspect=(3, 2),
               sound=sound_of(0), rate=RATE)
    assert prepare(source, out, '--square-pixels') == 0
    assert table(out / 'notes.csv') == [dict(
        clip='dog/wide.mkv', note='pixels: 1.5 times as wide as high in '
        'dog/wide.mkv (square_pixels shows them so)')]
    assert json.loads((out / 'settings.json').read_text())['square_pixels']
    assert prepare(source, out) == 0
    assert not json.loads((out / 'settings.json').read_text()
                          )['square_pixels']


def test_several_labels_of_a_clip(tree, tmp_path, capsys, monkeypatch):
    rows = [dict(path=f'{label}/s{n}_{take}.mp4',
                 label=label if take else f'{label} ; loud')
            for label in LABELS for n in range(PEOPLE) for take in range(2)]
    listed = write_table(tmp_path / 'clips.csv', rows)
    out = tmp_path / 'out'
    assert prepare(tree, out, '--annotations', listed, '--several-labels',
                   '--check', 'header') == 0
    assert (out / 'own/classes.txt').read_text() == 'cat\ndog\nloud\n'
    for rows in rows_of(out).values():
        # Each set of labels is in each split.
        assert {row['label'] for row in rows} == {
            'cat', 'dog', 'cat ; loud', 'dog ; loud'}
    data = DATASETS.build(dict(
        type='mmbalance_plugin.OwnClipsDataset', data_root=str(out),
        protocol='own', split='test', multi_class=True))
    found = {tuple(data.get_data_info(i)['label'].tolist())
             for i in range(len(data))}
    assert found == {(1, 0, 0), (0, 1, 0), (1, 0, 1), (0, 1, 1)}
    # The shipped config trains a step on them.
    monkeypatch.setenv('MMBALANCE_CLIPS', str(out))
    cfg = shrunk('labels/multi_label_clips.py', out, tmp_path / 'run')
    assert cfg.model.head.num_classes == 3
    runner = Runner.from_cfg(cfg)
    runner.train()
    assert set(runner.train_loop.assembled_metrics) == {
        'acc/mAP', 'acc/mAP_audio', 'acc/mAP_visual'}
    (tmp_path / 'my').symlink_to(tree)
    listed.write_text('path,label\ncat/s0_0.mp4,cat;\n')
    assert prepare(tmp_path / 'my', out, '--annotations', listed,
                   '--several-labels') == 1
    assert 'its label is empty' in capsys.readouterr().err
