"""Files and folders that really may not be read or written."""
import contextlib
import csv
import io
import os

import pytest

from mmbalance_plugin.cli.prepare import main
from mmbalance_plugin.datasets import (
    AudioVisualDataset,
    KineticsSoundsDataset,
    UCF101Dataset,
)
from mmbalance_plugin.datasets.prepare.errors import PreparedDataError
from mmbalance_plugin.datasets.transforms import (
    PyAVAudioDecode,
    PyAVVideoInit,
)
from mmbalance_plugin.media import MediaError
from tests.datasets import media_trees
from tests.datasets.unprivileged import give_away, open_folder, unprivileged

DENIED = 'Permission denied'


@pytest.fixture
def folder():
    with open_folder() as found:
        yield found


@pytest.fixture
def kinetics(folder):
    source = media_trees.kinetics_sounds(folder / 'source')
    give_away(folder)
    return source, folder / 'out'


def run(name, source, out, *flags):
    """Exit status and what was said, of a user who is not root."""

    def call():
        said = io.StringIO()
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(
                said):
            code = main([name, '--source', str(source), '--out', str(out),
                         *flags])
        return code, said.getvalue()

    return unprivileged(call)


def problems(out):
    with open(out / 'problems.csv', newline='') as file:
        return {row['clip']: row['problem'] for row in csv.DictReader(file)}


def test_a_clip_that_may_not_be_read_is_reported(kinetics):
    source, out = kinetics
    path = sorted(source.rglob('*.mp4'))[0]
    path.chmod(0)
    code, said = run('kinetics_sounds', source, out)
    assert code == 1 and 'Traceback' not in said
    name = path.relative_to(source)
    assert problems(out)[path.stem] == f'unreadable: {DENIED} ({name})'
    assert f'{path.stem}: unreadable: {DENIED}' in said
    # Made readable, only this one is looked at again.
    path.chmod(0o600)
    code, said = run('kinetics_sounds', source, out, '--accept-missing')
    assert code == 0 and 'Checking 1 files (7 known already)' in said
    assert path.stem not in problems(out)


def test_a_clip_that_may_not_be_read_stops_training_before_it_starts(
        kinetics):
    source, out = kinetics
    assert run('kinetics_sounds', source, out, '--accept-missing')[0] == 0
    path = sorted(source.glob('val/*/*.mp4'))[0]
    path.chmod(0)
    with pytest.raises(PreparedDataError) as caught:
        unprivileged(lambda: len(
            KineticsSoundsDataset('test', [], data_root=str(out))))
    assert f'{path}: cannot be read: {DENIED}' in str(caught.value)


def test_transforms_name_a_file_that_may_not_be_read(kinetics):
    path = sorted(kinetics[0].rglob('*.mp4'))[0]
    path.chmod(0)
    sample = dict(filename=str(path), audio_path=str(path), start=None,
                  end=None, missing='error')
    for transform in (PyAVVideoInit(), PyAVAudioDecode()):
        with pytest.raises(MediaError) as caught:
            unprivileged(lambda t=transform: t(dict(sample)) and None)
        assert str(path) in str(caught.value)
        assert DENIED.lower() in str(caught.value).lower()


@pytest.mark.parametrize('missing, error', [('error', MediaError),
                                            ('skip', None)])
def test_plain_data_sets_name_or_count_it(folder, missing, error):
    names = ['a.mp4', 'b.mp4']
    for name in names:
        media_trees.write_video(folder / name, 1)
    (folder / 'all.csv').write_text('path,label\na.mp4,0\nb.mp4,0\n')
    give_away(folder)
    (folder / 'a.mp4').chmod(0)

    def build():
        data = AudioVisualDataset(
            str(folder / 'all.csv'), [], dict(video=str(folder)),
            missing=missing, num_classes=1)
        return len(data), data.skipped

    if error:
        with pytest.raises(error, match=f'a.mp4: cannot be read: {DENIED}'):
            unprivileged(build)
    else:
        count, skipped = unprivileged(build)
        assert count == 1
        assert skipped == [(str(folder / 'a.mp4'),
                            f'cannot be read: {DENIED}')]


def test_a_folder_that_may_not_be_listed_is_reported(kinetics):
    source, out = kinetics
    closed = source / 'train' / 'blowing nose'
    closed.chmod(0)
    code, said = run('kinetics_sounds', source, out)
    assert code == 1 and 'Traceback' not in said
    found = problems(out)
    assert found[str(closed)] == (
        f'unreadable: this folder cannot be listed: {DENIED}')
    assert sum('no file was found' in text for text in found.values()) == 3


def test_a_folder_that_may_be_listed_but_not_entered(kinetics):
    source, out = kinetics
    run('kinetics_sounds', source, out, '--accept-missing')
    closed = source / 'val' / 'blowing nose'
    closed.chmod(0o444)
    code, said = run('kinetics_sounds', source, out)
    [path] = [p.stem for p in (closed).iterdir()]
    assert code == 1 and problems(out)[path].startswith(
        f'unreadable: {DENIED} (val/')
    with pytest.raises(PreparedDataError, match='is not complete'):
        unprivileged(lambda: len(
            KineticsSoundsDataset('test', [], data_root=str(out))))


@pytest.mark.parametrize('name', sorted(media_trees.TREES))
@pytest.mark.parametrize('mode', [0o000, 0o444])
def test_a_source_that_may_not_be_listed_or_entered(folder, name, mode):
    source = media_trees.TREES[name](folder / 'source')
    give_away(folder)
    source.chmod(mode)
    code, said = run(name, source, folder / 'out')
    assert code == 1 and 'Traceback' not in said
    assert str(source) in said
    (folder / 'shut').mkdir(mode=0o700)
    if os.geteuid() == 0:
        code, said = run(name, folder / 'shut' / 'source', folder / 'out')
        assert code == 1 and 'may not be looked into' in said


def test_annotations_that_may_not_be_read(kinetics):
    source, out = kinetics
    (source / 'val.csv').chmod(0)
    code, said = run('kinetics_sounds', source, out)
    assert code == 1
    assert f'error: {source}/val.csv cannot be read: {DENIED}' in said


@pytest.mark.parametrize('closed', ['out', 'parent'])
def test_an_out_folder_that_may_not_be_written(kinetics, closed):
    source, out = kinetics
    if closed == 'out':
        out.mkdir()
        out.chmod(0o555)
    else:
        source.parent.chmod(0o555)
    code, said = run('kinetics_sounds', source, out)
    assert code == 1 and 'Traceback' not in said
    assert DENIED in said and str(out) in said


def test_a_manifest_that_may_not_be_read(kinetics):
    source, out = kinetics
    run('kinetics_sounds', source, out, '--accept-missing')
    (out / 'manifest.json').chmod(0)
    with pytest.raises(PreparedDataError, match=f'read .{DENIED}'):
        unprivileged(lambda: len(
            KineticsSoundsDataset('test', [], data_root=str(out))))


@pytest.mark.parametrize('mode, problem', [
    (0o000, f'unreadable: v_Archery_g08_c01: {DENIED} '
     '(tvl1_flow/u/v_Archery_g08_c01)'),
    ('picture', f'unreadable: frame000002.jpg: {DENIED} '
     '(tvl1_flow/u/v_Archery_g08_c01)')])
def test_flow_that_may_not_be_read(folder, mode, problem):
    source = media_trees.ucf101(folder / 'source')
    give_away(folder)
    flow = source / 'tvl1_flow' / 'u' / 'v_Archery_g08_c01'
    if mode == 'picture':
        (flow / 'frame000002.jpg').chmod(0)
    else:
        flow.chmod(mode)
    code, said = run('ucf101', source, folder / 'out')
    assert code == 1
    assert problems(folder / 'out')['v_Archery_g08_c01'] == problem
    flow.chmod(0o700)
    (flow / 'frame000002.jpg').chmod(0o600)
    assert run('ucf101', source, folder / 'out', '--accept-missing')[0] == 0
    flow.chmod(0)
    with pytest.raises(PreparedDataError, match='has no frame000005.jpg'):
        unprivileged(lambda: [
            len(UCF101Dataset(split, [], data_root=str(folder / 'out')))
            for split in ('train', 'val')])
