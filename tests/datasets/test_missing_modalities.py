"""What becomes of clips that lack a part, or are damaged."""
import re
import shutil

import numpy as np
import pytest
import torch
from mmengine.dataset import pseudo_collate
from torch.utils.data import DataLoader

from mmbalance_plugin.media import MediaError, MissingStreamError
from tests.datasets.av_clips import (
    LISTEN,
    PIPELINE,
    build,
    write_clips,
)
from tests.left_over import nothing_left
from tests.media.real_clips import real_clip
from tests.media_utils import tone, write_clip

ALL = ('path,label\nwhole.mp4,0\nmute.mp4,1\nblind.wav,2\nbroken.mp4,3\n'
       'none.mp4,4\n')


@pytest.fixture(scope='module')
def clips(tmp_path_factory):
    return write_clips(tmp_path_factory.mktemp('clips'))


@pytest.fixture
def folder(clips, tmp_path):
    """Clips: whole, without sound, without picture, and damaged."""
    shutil.copytree(clips, tmp_path, dirs_exist_ok=True)
    return tmp_path


@pytest.mark.parametrize('policy', ['error', 'mask'])
def test_files_that_are_not_there_stop_the_start(folder, policy):
    with pytest.raises(MediaError) as caught:
        build(folder, ALL, missing=policy)
    message = str(caught.value)
    assert '1 of 5 clips cannot be used' in message
    assert f'{folder}/none.mp4: no such file' in message
    (folder / 'none.mp4').write_bytes(b'')
    with pytest.raises(MediaError, match=r'none\.mp4: is empty \(0 bytes\)'):
        build(folder, ALL, missing=policy)


def test_error_policy_names_the_clip_in_its_turn(folder):
    dataset = build(folder, ALL.replace('none.mp4,4\n', ''), PIPELINE)
    assert dataset[0]['inputs']['audio'].shape == (1, 65, 126)
    with pytest.raises(MissingStreamError, match=r'mute\.mp4: has no sound'):
        dataset[1]
    with pytest.raises(MissingStreamError, match=r'blind\.wav: has no pic'):
        dataset[2]
    with pytest.raises(MediaError, match=r'broken\.mp4: cannot be opened'):
        dataset[3]
    with pytest.raises(MediaError, match='its row names no audio file'):
        build(folder, 'video,audio,label\nwhole.mp4,,0\n')


def test_skip_policy_counts_what_it_leaves_out(folder, capsys):
    dataset = build(folder, ALL, PIPELINE, missing='skip')
    assert len(dataset) == 1
    assert dataset.get_data_info(0)['label'] == 0
    reasons = dict(dataset.skipped)
    assert len(reasons) == 4
    assert reasons[str(folder / 'none.mp4')] == 'no such file'
    assert reasons[str(folder / 'mute.mp4')] == (
        'has no sound (no audio stream)')
    assert reasons[str(folder / 'blind.wav')] == (
        'has no picture (no video stream)')
    assert 'cannot be opened' in reasons[str(folder / 'broken.mp4')]
    report = capsys.readouterr().out
    assert '4 of 5 clips cannot be used: ' in report
    assert 'are skipped' in report
    with pytest.raises(MediaError, match='no clip is left: 1 of 1'):
        build(folder, 'path,label\nmute.mp4,0\n', missing='skip')


def test_only_what_the_model_needs_is_asked_for(folder):
    text = 'path,label\nwhole.mp4,0\nmute.mp4,1\nblind.wav,2\n'
    dataset = build(
        folder, text, LISTEN, missing='skip', streams=('audio', ))
    assert [dataset.get_data_info(i)['label'] for i in (0, 1)] == [0, 2]
    assert list(dataset[1]['inputs']) == ['audio']
    dataset = build(
        folder, 'video,audio,label\n,blind.wav,0\n', LISTEN,
        streams=('audio', ))
    assert len(dataset) == 1


def damage_middle(path, out):
    """A header that reads well before frames that do not."""
    content = bytearray(open(path, 'rb').read())
    start = content.index(b'mdat') + 1000
    content[start:start + 1500] = bytes(1500)
    open(out, 'wb').write(content)


def test_skip_policy_replaces_clips_found_damaged_later(folder, capsys):
    whole = write_clip(
        folder / 'long.mp4', frames=100, sound=tone(4),
        options=dict(movflags='faststart'))
    damage_middle(whole, folder / 'bad.mp4')
    text = 'path,label\nbad.mp4,1\nlong.mp4,0\n'
    dataset = build(folder, text, PIPELINE, missing='skip')
    assert len(dataset) == 2
    assert dataset[0]['data_samples'].gt_label.tolist() == [0]
    assert dataset.replaced > 0 and not dataset.skipped
    report = capsys.readouterr().out
    assert 'replaced by another clip (1 so far in this process): ' in report
    assert f'{folder}/bad.mp4' in report
    # A test result must not depend on which clip failed.
    dataset = build(
        folder, text, PIPELINE, missing='skip', test_mode=True)
    with pytest.raises(MediaError, match='bad.mp4'):
        dataset[0]


def test_mask_policy_packs_nothing_and_says_so(folder):
    dataset = build(
        folder, 'video,audio,label\nwhole.mp4,whole.mp4,0\nmute.mp4,mute.mp4,'
        '1\nblind.wav,blind.wav,2\nwhole.mp4,,3\n,whole.mp4,4\n', PIPELINE,
        missing='mask')
    batch = pseudo_collate([dataset[i] for i in range(5)])
    masks = [s.modality_mask for s in batch['data_samples']]
    assert [m['visual'] for m in masks] == [True, True, False, True, False]
    assert [m['audio'] for m in masks] == [True, False, True, False, True]
    for modality, tensors in batch['inputs'].items():
        there = [m[modality] for m in masks]
        assert [bool(x.numel()) for x in tensors] == there
        # What is there has one shape, and what is not knows it.
        shape = tensors[there.index(True)].shape
        assert {x.shape for x in tensors} == {shape, (0, *shape)}
    broken = build(
        folder, 'path,label\nbroken.mp4,0\n', PIPELINE, missing='mask')
    with pytest.raises(MediaError, match='broken.mp4: cannot be opened'):
        broken[0]
    with pytest.raises(MediaError, match='has none of the modalities'):
        build(folder, 'path,label\nmute.mp4,0\n', LISTEN, missing='mask')[0]


def test_mask_policy_needs_a_packing_that_knows_it(folder):
    packing = dict(
        type='mmaction.PackActionInputs', collect_keys=('imgs', 'audios'))
    with pytest.raises(ValueError, match="'mask' needs .*PackMultimodalInp"):
        build(
            folder, 'path,label\nwhole.mp4,0\n', [*PIPELINE[:-1], packing],
            missing='mask')


@pytest.mark.parametrize('policy', ['error', 'skip', 'mask'])
def test_real_clip_without_sound(tmp_path, policy):
    real_clip('bikes.mp4', tmp_path)
    write_clip(tmp_path / 'other.mp4', frames=10, sound=tone(0.5))
    dataset = build(
        tmp_path, 'path,label\nbikes.mp4,0\nother.mp4,1\n', PIPELINE,
        missing=policy)
    if policy == 'error':
        with pytest.raises(MissingStreamError, match='bikes.mp4: has no so'):
            dataset[0]
    elif policy == 'skip':
        assert len(dataset) == 1
        assert dataset.skipped == [
            (str(tmp_path / 'bikes.mp4'), 'has no sound (no audio stream)')]
    else:
        item = dataset[0]
        assert item['data_samples'].modality_mask['audio'] is False
        assert item['inputs']['visual'].any()
        assert not item['inputs']['audio'].numel()


def test_errors_of_workers_name_the_clip(folder):
    dataset = build(folder, 'path,label\nmute.mp4,0\n', PIPELINE)
    loader = DataLoader(
        dataset, num_workers=1, collate_fn=pseudo_collate, timeout=60)
    with nothing_left():
        batches = iter(loader)
        with pytest.raises(
                MissingStreamError, match='mute.mp4: has no sound'):
            next(batches)
        with pytest.raises(StopIteration):
            next(batches)


def test_workers_give_what_the_main_process_gives(folder):
    text = 'path,label\n' + 'whole.mp4,0\n' * 6
    dataset = build(folder, text, PIPELINE, test_mode=True)
    loader = DataLoader(
        dataset, batch_size=2, num_workers=2, collate_fn=pseudo_collate,
        timeout=60)
    batches = list(loader)
    assert [s.sample_idx for b in batches for s in b['data_samples']] == list(
        range(6))
    for modality in ('visual', 'audio'):
        torch.testing.assert_close(
            batches[2]['inputs'][modality][1],
            dataset[5]['inputs'][modality])


def test_report_is_short_for_many_clips(folder):
    text = 'path,label\n' + ''.join(f'{i}.mp4,0\n' for i in range(300))
    with pytest.raises(MediaError) as caught:
        build(folder, text)
    message = str(caught.value)
    assert '300 x "no such file"' in message
    assert '... and 290 more' in message
    assert len(message.splitlines()) < 15
    assert re.search(r'/0\.mp4: no such file', message)
    np.testing.assert_array_less(len(message), 3000)


def cut_inside(path, out, name, keep):
    """Cut a file some bytes into the table of contents at its end."""
    content = open(path, 'rb').read()
    place = content.rindex(name) - 4
    open(out, 'wb').write(content[:place + keep])


@pytest.mark.parametrize('policy', ['error', 'skip', 'mask'])
@pytest.mark.parametrize('name, keep', [(b'moov', 200), (b'trak', 20)])
def test_a_table_cut_off_is_no_absence(folder, policy, name, keep):
    """FFmpeg opens it, with the streams in what is left of the table."""
    whole = write_clip(folder / 'both.mp4', frames=20, sound=tone(.8))
    cut_inside(whole, folder / 'cut.mp4', name, keep)
    kwargs = dict(pipeline=PIPELINE, missing=policy)
    text = 'video,audio,label\nwhole.mp4,cut.mp4,0\nwhole.mp4,whole.mp4,0\n'
    if policy == 'skip':
        dataset = build(folder, text, **kwargs)
        (path, reason), = dataset.skipped
        assert path == str(folder / 'cut.mp4')
        assert reason == 'is truncated: it ends within its "moov" box'
        return
    dataset = build(folder, text, **kwargs)
    with pytest.raises(MediaError, match='cut.mp4: is truncated') as caught:
        dataset[0]
    assert not isinstance(caught.value, MissingStreamError)
    # A whole file in its place that has no sound: that is absence.
    text = 'video,audio,label\nwhole.mp4,mute.mp4,0\n'
    if policy == 'error':
        with pytest.raises(MissingStreamError, match='mute.mp4: has no so'):
            build(folder, text, **kwargs)[0]
    else:
        sample = build(folder, text, **kwargs)[0]['data_samples']
        assert sample.modality_mask == dict(visual=True, audio=False)
