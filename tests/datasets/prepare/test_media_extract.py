"""--extract: copies with the same frames, times and sound, resumably."""
import contextlib
import io
import os
import shlex

import numpy as np
import pytest

from mmbalance_plugin.datasets import CremaDDataset, UCF101Dataset
from mmbalance_plugin.datasets.prepare import media_extract, media_verify
from mmbalance_plugin.datasets.prepare.crema_d import fair_split
from mmbalance_plugin.datasets.prepare.errors import (
    PreparationError,
    PreparedDataError,
)
from mmbalance_plugin.datasets.prepare.media_extract import extract_file
from mmbalance_plugin.datasets.prepare.run import main, prepare
from mmbalance_plugin.media import (
    MediaReader,
    decode_audio,
    decode_frames,
    frame_index,
)
from tests.datasets import media_trees
from tests.datasets.test_crema_d_dataset import PIPELINE
from tests.media_utils import read_number, tone, write_clip

NAMES = media_trees.crema_names(media_trees.actors())[::4]


def copies(out):
    return {
        str(p.relative_to(out)): (
            p.read_bytes(), p.suffix == '.mov' and p.stat().st_mtime_ns)
        for p in sorted((out / 'extracted').rglob('*')) if p.is_file()
    }


@pytest.fixture
def crema(tmp_path):
    return media_trees.crema_d(tmp_path / 'source', NAMES), tmp_path / 'out'


def both(path, target, **kwargs):
    extract_file(path, target, ('video', 'audio'), **kwargs)
    return MediaReader(str(path)), MediaReader(str(target))


@pytest.mark.parametrize('late', ['sound', 'picture'])
def test_same_frames_at_the_same_times_beside_the_same_sound(tmp_path, late):
    times = np.cumsum([.2 * (late == 'picture'), .04, .1, .04, .2, .08, .04])
    write_clip(
        tmp_path / 'a.mp4', 7, times=times.tolist(), size=(64, 96),
        sound=tone(.8, 16000, 500.), rate=16000,
        sound_start=.3 if late == 'sound' else 0.)
    old, new = both(tmp_path / 'a.mp4', tmp_path / 'a.mov', short_side=32)
    index, copied = frame_index(old), frame_index(new)
    assert len(copied) == 7
    np.testing.assert_allclose(copied.times, index.times, atol=2e-5)
    assert copied.end == pytest.approx(index.end, abs=2e-5)
    pictures = decode_frames(new, range(7))
    assert pictures[0].shape == (32, 48, 3)
    assert [read_number(p) for p in pictures] == list(range(7))
    wanted, wave = decode_audio(old, 22050), decode_audio(new, 22050)
    assert len(wave) == len(wanted)
    np.testing.assert_allclose(wave, wanted, atol=2e-4)


def test_small_pictures_keep_their_size(tmp_path):
    write_clip(tmp_path / 'a.mp4', 2, size=(34, 50))
    extract_file(tmp_path / 'a.mp4', tmp_path / 'a.mov', ('video', ))
    [picture] = decode_frames(MediaReader(str(tmp_path / 'a.mov')), [1])
    assert picture.shape == (34, 50, 3)


def test_interrupted_and_repeated_ends_like_one_run(
        crema, tmp_path, monkeypatch):
    source, out = crema
    options = dict(accept_missing=True, workers=1, extract=True)
    assert prepare('crema_d', source, tmp_path / 'clean', **options)
    replace, moved = os.replace, []

    def interrupted(old, new):
        if str(new).endswith('.mov'):
            moved.append(new)
            if len(moved) % 3 == 0:
                raise KeyboardInterrupt
        replace(old, new)

    monkeypatch.setattr(media_extract.os, 'replace', interrupted)
    for _ in range(len(NAMES)):
        try:
            prepare('crema_d', source, out, **options)
            break
        except KeyboardInterrupt:
            pass
    monkeypatch.undo()
    # Four copies were cut off, each made again.
    assert len(moved) == 2 * len(NAMES) + 4
    found = copies(out)
    assert found == copies(tmp_path / 'clean')
    # Beside the copies their settings and sizes.
    assert len(found) == 2 * len(NAMES) + 2
    assert not prepare('crema_d', source, out, **options)
    assert copies(out) == found


def test_training_reads_the_copies_with_one_more_line(crema):
    source, out = crema
    prepare('crema_d', source, out, accept_missing=True, extract=True)
    root = dict(data_root=str(out), test_mode=True)
    pairs = zip(CremaDDataset('train', PIPELINE, **root),
                CremaDDataset('train', PIPELINE, extracted=True, **root))
    for old, new in pairs:
        assert '/extracted/VideoFlash/' in new['data_samples'].filename
        assert '/extracted/AudioWAV/' in new['data_samples'].audio_path
        for key in ('visual', 'audio'):
            assert old['inputs'][key].shape == new['inputs'][key].shape
        gap = old['inputs']['visual'].float() - new['inputs']['visual']
        assert gap.abs().mean() < 8


def test_a_changed_clip_is_extracted_again_unasked(crema):
    source, out = crema
    prepare('crema_d', source, out, accept_missing=True, extract=True,
            extract_size=16)
    before, name = copies(out), NAMES[0]
    media_trees.write_video(source / 'VideoFlash' / f'{name}.flv', 5,
                            sound=False, vcodec='flv')
    assert prepare('crema_d', source, out, accept_missing=True)
    after = copies(out)
    assert {key for key in after if after[key] != before[key]} == {
        f'extracted/VideoFlash/{name}.flv.mov', 'extracted/copies.json'}
    with pytest.raises(PreparationError, match='other settings'):
        prepare('crema_d', source, out, accept_missing=True, extract=True,
                extract_size=20)


def halve(path):
    """Keep half of a file and its time of change, as a bad copy does."""
    status = path.stat()
    os.truncate(path, status.st_size // 2)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


@pytest.mark.parametrize('damage, message', [
    (None, 'holds no copies of the clips'),
    (os.unlink, 'no such file'),
    (halve, 'is not the copy that was extracted'),
])
def test_without_whole_copies_training_does_not_start(crema, damage, message):
    source, out = crema
    prepare('crema_d', source, out, accept_missing=True,
            extract=damage is not None)
    options = dict(data_root=str(out), extracted=True)
    if damage is not None:
        whole = copies(out)
        CremaDDataset('train', PIPELINE, **options)
        # Of the only clip in that split.
        [name] = [n for n in NAMES if fair_split(int(n[:4])) == 'train']
        path = out / 'extracted' / 'AudioWAV' / f'{name}.wav.mov'
        damage(path)
    with pytest.raises(PreparedDataError, match=message) as caught:
        CremaDDataset('train', PIPELINE, **options)
    command = str(caught.value).rsplit('python tools/prepare_data.py ')[1]
    assert command.endswith(' --extract --accept-missing')
    if damage is not None:
        assert str(path) in str(caught.value)
    # The command mends it, and does nothing else.
    assert main(shlex.split(command)) == 0
    CremaDDataset('train', PIPELINE, **options)
    assert damage is None or copies(out) == whole
    assert 'up to date' in rerun(command)


def rerun(command):
    with contextlib.redirect_stdout(io.StringIO()) as said:
        assert main(shlex.split(command)) == 0
    return said.getvalue()


def test_copies_of_an_earlier_preparation_are_not_trained_on(
        crema, monkeypatch):
    source, out = crema
    prepare('crema_d', source, out, accept_missing=True, extract=True)
    media_trees.write_video(source / 'VideoFlash' / f'{NAMES[0]}.flv', 5,
                            sound=False, vcodec='flv')

    def killed(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(media_extract, 'extract_file', killed)
    with pytest.raises(KeyboardInterrupt):
        prepare('crema_d', source, out, accept_missing=True)
    monkeypatch.undo()
    with pytest.raises(PreparedDataError, match='an earlier preparation'):
        CremaDDataset('train', PIPELINE, data_root=str(out), extracted=True)
    prepare('crema_d', source, out, accept_missing=True)
    CremaDDataset('train', PIPELINE, data_root=str(out), extracted=True)


def test_flow_stays_where_it_is(tmp_path):
    source = media_trees.ucf101(tmp_path / 'source')
    assert main(['ucf101', '--source', str(source), '--out',
                 str(tmp_path / 'out'), '--extract', '--accept-missing']) == 0
    dataset = UCF101Dataset(
        'train', [], data_root=str(tmp_path / 'out'), extracted=True,
        serialize_data=False)
    for info in dataset.data_list:
        assert info['filename'].endswith('.avi.mov')
        assert os.path.isdir(info['flow_u'])


@pytest.mark.parametrize('flags', [
    ['--extract-size', '64'], ['--extract', '--extract-size', '-1']])
def test_wrong_sizes_are_refused_before_any_clip_is_read(
        crema, capsys, monkeypatch, flags):
    source, out = crema
    monkeypatch.setattr(media_verify, 'inspect_file', None)
    assert main(['crema_d', '--source', str(source), '--out', str(out),
                 '--accept-missing', *flags]) == 1
    assert '--extract-size is a positive' in capsys.readouterr().err
