"""From official layouts to annotations and manifests, all four sets."""
import csv
import json
import os
import re
import shutil

import pytest

from mmbalance_plugin.cli.prepare import main
from mmbalance_plugin.datasets.prepare import (
    PREPARERS,
    PreparationError,
    PreparedDataError,
    media,
    media_verify,
)
from mmbalance_plugin.datasets.prepare.manifest import (
    load_manifest,
    require_complete,
)
from mmbalance_plugin.datasets.prepare.media import MediaPreparer
from mmbalance_plugin.datasets.prepare.media_splits import carve, shuffled
from mmbalance_plugin.datasets.prepare.run import prepare
from tests.datasets import media_trees
from tests.media_utils import tone, truncate, write_clip

SETS = sorted(media_trees.TREES)


@pytest.fixture(scope='module')
def trees(tmp_path_factory):
    """Function from a name to its tree, made once; do not change it."""
    root = tmp_path_factory.mktemp('trees')

    def get(name):
        if not (root / name).exists():
            media_trees.TREES[name](root / name)
        return root / name

    return get


@pytest.fixture
def crema(trees, tmp_path):
    """A copy that may be damaged, and the folder to write to."""
    return shutil.copytree(trees('crema_d'), tmp_path / 'source'), (
        tmp_path / 'out')


def run(name, source, out, *flags):
    return main([name, '--source', str(source), '--out', str(out), *flags])


def manifest(out):
    return json.loads((out / 'manifest.json').read_text())


def facts(out):
    lines = (out / 'files.jsonl').read_text().splitlines()
    return dict(map(json.loads, lines))


def table(path):
    with open(path, newline='') as file:
        return list(csv.DictReader(file))


def snapshot(out):
    return {
        str(p.relative_to(out)): p.read_bytes()
        for p in sorted(out.rglob('*')) if p.is_file() and p.name != '.lock'
    }


@pytest.mark.parametrize('name', SETS)
def test_prepare_and_prepare_again(trees, tmp_path, name, capsys):
    out = tmp_path / 'out'
    assert run(name, trees(name), out, '--accept-missing') == 0
    assert f'{name}: prepared' in capsys.readouterr().out
    before = snapshot(out)
    assert run(name, trees(name), out, '--accept-missing') == 0
    assert f'{name}: up to date' in capsys.readouterr().out
    # The source of the last time is remembered.
    assert main([name, '--out', str(out), '--accept-missing']) == 0
    assert snapshot(out) == before
    content = manifest(out)
    assert content['complete']
    rows = [row for split in content['counts']
            for row in table(out / f'{split}.csv')]
    assert len(rows) == sum(content['counts'].values()) > 0
    known = facts(out)
    for row in rows:
        assert row['label'] in content['classes']
        for column in {'path', 'video', 'audio', 'flow_u'} & set(row):
            assert row[column] in known
    for path, found in known.items():
        assert len(found['sha256']) == 64
        if 'pictures' in found:  # see test_media_pictures
            continue
        assert found['size'] == (trees(name) / path).stat().st_size
        assert found['duration'] == pytest.approx(.6, abs=.15)
        assert not found['has_video'] or found['fps'] == 10
        assert not found['has_video'] or found['frames'] == 6
        assert not found['has_audio'] or found['sample_rate'] == 8000


@pytest.mark.parametrize('name', SETS)
def test_a_part_of_a_set_is_an_error_that_counts(trees, tmp_path, name,
                                                 capsys):
    assert run(name, trees(name), tmp_path) == 1
    error = capsys.readouterr().err
    assert 'is not complete' in error and '--accept-missing' in error
    assert ' of ' in error or 'has ' in error or 'no clip' in error
    assert not manifest(tmp_path)['complete']


@pytest.mark.parametrize('name', SETS)
def test_no_clip_is_in_two_splits(trees, tmp_path, name):
    run(name, trees(name), tmp_path, '--accept-missing')
    for protocol in {p.parent for p in tmp_path.glob('*/train.csv')}:
        rows = {s: table(protocol / f'{s}.csv')
                for s in ('train', 'val', 'test')}
        paths = [r.get('video') or r['path'] for rs in rows.values()
                 for r in rs]
        assert len(set(paths)) == len(paths) > 0
        for split in rows:
            assert len({r['label'] for r in rows[split]}) > 1


def test_missing_and_broken_clips_are_all_reported(crema, capsys):
    source, out = crema
    names = media_trees.crema_names(media_trees.actors())
    wav, flv = source / 'AudioWAV', source / 'VideoFlash'
    (wav / f'{names[0]}.wav').unlink()
    (flv / f'{names[1]}.flv').unlink()
    (wav / f'{names[2]}.wav').write_bytes(b'')
    flv3 = flv / f'{names[3]}.flv'
    truncate(str(flv3), flv3, .4)
    shutil.copy(wav / f'{names[5]}.wav', flv / f'{names[4]}.flv')
    (wav / 'notes.wav').write_bytes(b'RIFF')
    assert run('crema_d', source, out) == 1
    error = capsys.readouterr().err
    rows = {r['clip']: r['problem'] for r in table(out / 'problems.csv')}
    assert rows[names[0]] == 'missing: no audio file was found'
    assert rows[names[1]] == 'missing: no video file was found'
    assert 'is empty' in rows[names[2]]
    assert rows[names[3]].startswith('broken: ')
    assert rows[names[4]].startswith('without video: ')
    assert rows['notes'].startswith('unknown: ')
    assert all(name in error for name in names[:5])
    # Mended, only what was damaged is looked at again.
    assert run('crema_d', source, out, '--accept-missing') == 0
    kept = sum(len(table(p)) for p in out.glob('fair/*.csv'))
    assert kept == len(names) - 5


def test_odd_durations_are_noted(crema, trees, tmp_path, capsys):
    source, out = crema
    name = media_trees.crema_names(media_trees.actors())[0]
    write_clip(source / 'AudioWAV' / f'{name}.wav', None, rate=8000,
               sound=tone(1.9, 8000), acodec='pcm_s16le')
    run('crema_d', source, out, '--accept-missing')
    row, = table(out / 'notes.csv')
    assert row['clip'] == name
    assert re.fullmatch(r'lengths differ: video 0.\d\d s, audio 1.90 s',
                        row['note'])
    assert 'notes.csv' in capsys.readouterr().out
    # It is used all the same.
    assert name in (out / 'fair' / 'train.csv').read_text() + (
        out / 'fair' / 'val.csv').read_text() + (
            out / 'fair' / 'test.csv').read_text()
    run('kinetics_sounds', trees('kinetics_sounds'), tmp_path / 'ks',
        '--accept-missing')
    notes = table(tmp_path / 'ks' / 'notes.csv')
    assert len(notes) == 8
    assert notes[0]['note'].endswith('annotated are 10 s')


def test_only_changed_files_are_read_again(crema, monkeypatch):
    source, out = crema
    run('crema_d', source, out, '--accept-missing')
    seen = []
    inspect = media_verify.inspect_file

    def spy(path, check):
        seen.append(path.name)
        return inspect(path, check)

    monkeypatch.setattr(media_verify, 'inspect_file', spy)
    run('crema_d', source, out, '--accept-missing')
    assert seen == []
    one = sorted((source / 'AudioWAV').iterdir())[0]
    os.utime(one, (1, 1))
    run('crema_d', source, out, '--accept-missing')
    assert seen == [one.name]
    # A header alone is less than what is known; decoding is more.
    run('crema_d', source, tmp := out.with_name('headers'), '--check',
        'header', '--accept-missing')
    seen.clear()
    run('crema_d', source, tmp, '--accept-missing')
    assert len(seen) == len(facts(tmp))


def test_moved_clips_are_not_read_again(crema, monkeypatch):
    source, out = crema
    run('crema_d', source, out, '--accept-missing')
    before, known = manifest(out), facts(out)
    moved = source.rename(source.with_name('moved'))
    with pytest.raises(PreparationError, match='is gone: pass the folder'):
        prepare('crema_d', None, out)
    monkeypatch.setattr(media_verify, 'inspect_file', None)
    assert run('crema_d', moved, out, '--accept-missing') == 0
    after = manifest(out)
    assert after['source'] == str(moved) != before['source']
    assert facts(out) == known


def test_options_of_the_last_time_are_kept_and_added_to(trees, tmp_path):
    source = trees('kinetics_sounds')
    csv = [str(source / f'{s}.csv') for s in ('train', 'val')]
    prepare('kinetics_sounds', source, tmp_path, annotations=csv,
            accept_missing=True)
    assert manifest(tmp_path)['options'] == dict(annotations=csv)
    prepare('kinetics_sounds', None, tmp_path, classes=34,
            accept_missing=True)
    assert manifest(tmp_path)['options'] == dict(annotations=csv, classes=34)
    assert len((tmp_path / 'fair' / 'classes.txt').read_text().split(
        '\n')) == 35
    # With a source, it is another preparation.
    prepare('kinetics_sounds', source, tmp_path, accept_missing=True)
    assert manifest(tmp_path)['options'] == {}


def test_pointers_of_git_lfs_are_told_from_damage(crema):
    source, out = crema
    path = sorted((source / 'AudioWAV').iterdir())[0]
    path.write_text('version https://git-lfs.github.com/spec/v1\n'
                    'oid sha256:abc\nsize 9\n')
    assert run('crema_d', source, out) == 1
    rows = {r['clip']: r['problem'] for r in table(out / 'problems.csv')}
    assert rows[path.stem].startswith('broken: is only a pointer of Git')


def test_a_folder_in_the_place_of_a_clip(crema):
    source, out = crema
    path = sorted((source / 'AudioWAV').iterdir())[0]
    path.unlink()
    path.symlink_to(source / 'VideoFlash')
    pipe = path.with_name('1001_DFA_SAD_XX.wav')
    pipe.unlink()
    os.mkfifo(pipe)
    run('crema_d', source, out)
    rows = {r['clip']: r['problem'] for r in table(out / 'problems.csv')}
    assert rows['1001_DFA_SAD_XX'].startswith(
        'broken: is not a regular file')
    assert path.stem in rows


def test_wrong_numbers_of_threads_are_refused(trees, tmp_path, capsys):
    assert run('crema_d', trees('crema_d'), tmp_path, '--workers', '-2') == 1
    assert '--workers is a positive number' in capsys.readouterr().err


def test_a_manifest_that_is_damaged_or_anothers(trees, tmp_path):
    run('crema_d', trees('crema_d'), tmp_path, '--accept-missing')
    path = tmp_path / 'manifest.json'
    text = path.read_text()
    assert load_manifest(tmp_path, 'crema_d') == json.loads(text)
    with pytest.raises(PreparedDataError, match='needed is ucf101'):
        load_manifest(tmp_path, 'ucf101')
    path.write_text(text[:-20])
    with pytest.raises(PreparedDataError, match='cannot be read'):
        load_manifest(tmp_path, 'crema_d')


def test_training_does_not_start_while_it_is_prepared_anew(
        trees, tmp_path, monkeypatch):
    prepare('crema_d', trees('crema_d'), tmp_path, accept_missing=True)

    def interrupted(path, *args):
        if path.name == 'train.csv':
            raise KeyboardInterrupt
        return write_text(path, *args)

    (tmp_path / 'fair/train.csv').unlink()
    path = tmp_path / 'manifest.json'
    path.write_text(path.read_text().replace('neutral', 'other'))
    write_text = media.write_text
    with monkeypatch.context() as patch:
        patch.setattr(media, 'write_text', interrupted)
        with pytest.raises(KeyboardInterrupt):
            prepare('crema_d', None, tmp_path, accept_missing=True)
    with pytest.raises(PreparedDataError, match='being prepared anew'):
        require_complete(tmp_path, 'crema_d')
    # What the last time was like is known still.
    prepare('crema_d', None, tmp_path, accept_missing=True)
    assert require_complete(tmp_path, 'crema_d')['classes'][0] == 'neutral'


def test_the_source_may_lie_inside_and_move_with_the_rest(trees, tmp_path):
    out = tmp_path / 'one'
    shutil.copytree(trees('vggsound'), out / 'raw')
    run('vggsound', out / 'raw', out, '--accept-missing')
    assert manifest(out)['source'] == 'raw'


def test_flags_of_another_set_are_refused(trees, tmp_path, capsys):
    assert run('vggsound', trees('vggsound'), tmp_path, '--classes',
               '34') == 1
    assert 'vggsound takes no --classes' in capsys.readouterr().err
    assert main(['av_digits', '--out', str(tmp_path), '--accept-missing'
                 ]) == 1
    assert 'takes no --accept-missing' in capsys.readouterr().err


def test_without_a_source_it_says_what_to_do(tmp_path, capsys):
    assert main(['crema_d', '--out', str(tmp_path)]) == 1
    assert '--source' in capsys.readouterr().err
    (tmp_path / 'empty').mkdir()
    assert run('crema_d', tmp_path / 'empty', tmp_path) == 1
    assert 'VideoFlash' in capsys.readouterr().err


def test_carving_depends_on_names_only():
    names = {f'clip{i}': f'class{i % 3}' for i in range(90)}
    splits = carve(names, .1, 'salt')
    chosen = [name for name in names if splits[name] == 'val']
    assert len(chosen) == 9
    assert sorted(names[c] for c in chosen) == sorted(
        ['class0', 'class1', 'class2'] * 3)
    backwards = dict(reversed(list(names.items())))
    assert carve(backwards, .1, 'salt') == splits
    assert carve(names, .1, 'other') != splits
    assert set(splits.values()) == {'train', 'val'}
    assert shuffled(names, 'a') != sorted(names)


def test_all_sets_are_known():
    for name in SETS:
        assert isinstance(PREPARERS[name], MediaPreparer)
    assert prepare
