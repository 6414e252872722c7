"""Two hundred damaged inputs: each is named or counted, none kills."""
import json
import os
import shutil
import stat

import numpy as np
import pytest
from mmengine.dataset import pseudo_collate
from torch.utils.data import DataLoader

from mmbalance_plugin.datasets.audio_visual_dataset import AudioVisualDataset
from mmbalance_plugin.datasets.av_annotation import AnnotationError
from mmbalance_plugin.media import MediaError
from tests.left_over import nothing_left
from tests.media_utils import flip_bits, tone, truncate, write_clip

PIPELINE = [
    dict(type='mmbalance_plugin.PyAVVideoInit', timeout=20),
    dict(type='mmaction.SampleFrames', clip_len=1, num_clips=3,
         test_mode=True),
    dict(type='mmbalance_plugin.PyAVVideoDecode'),
    dict(type='mmaction.Resize', scale=(32, 32), keep_ratio=False),
    dict(type='mmaction.FormatShape', input_format='NCHW'),
    dict(type='mmbalance_plugin.PyAVAudioDecode', duration=0.5,
         sample_rate=16000, timeout=20),
    dict(type='mmbalance_plugin.PackMultimodalInputs'),
]
BASES = {
    'mp4': dict(),
    'fast.mp4': dict(options=dict(movflags='faststart')),
    'mkv': dict(acodec='flac'),
    'avi': dict(vcodec='mpeg4', acodec='mp3'),
    'flv': dict(vcodec='flv', acodec='mp3', rate=22050),
    'webm': dict(vcodec='libvpx-vp9', acodec='libopus', rate=48000),
    'mpg': dict(vcodec='mpeg2video', acodec='mp2', rate=44100),
    'ts': dict(rate=44100),
}
HUGE = (b'\xff\xff\xff\xff', b'\x7f\xff\xff\xff', b'\xff\xff\xff\x7f')


def overwrite_header(source, target, seed):
    """Put the largest numbers at a few places of the first 2000 bytes."""
    with open(source, 'rb') as file:
        content = bytearray(file.read())
    rng = np.random.default_rng(seed)
    for _ in range(3):
        place = int(rng.integers(min(2000, len(content) - 4)))
        content[place:place + 4] = HUGE[rng.integers(3)]
    with open(target, 'wb') as file:
        file.write(content)


def others(folder, whole):
    """Files that are wrong as a whole."""
    rng = np.random.default_rng(0)
    (folder / 'empty.mp4').write_bytes(b'')
    (folder / 'one.mp4').write_bytes(b'\0')
    (folder / 'zeros.mkv').write_bytes(bytes(10000))
    (folder / 'noise.mp4').write_bytes(rng.bytes(10000))
    (folder / 'text.mp4').write_text('label,path\n' * 100)
    (folder / 'list.m3u8').write_text('#EXTM3U\n#EXTINF:1,\nmp4.mp4\n')
    (folder / 'page.html').write_text('<html>not found</html>')
    (folder / 'folder.mp4').mkdir()
    os.mkfifo(folder / 'pipe.mp4')
    os.symlink(folder / 'gone.mp4', folder / 'link.mp4')
    # The right content under the wrong name is no damage.
    shutil.copy(whole, folder / 'clip.wav')
    shutil.copy(whole, folder / 'clip.txt')
    names = [
        'empty.mp4', 'one.mp4', 'zeros.mkv', 'noise.mp4', 'text.mp4',
        'list.m3u8', 'page.html', 'folder.mp4', 'pipe.mp4', 'link.mp4',
        'clip.wav', 'clip.txt'
    ]
    # Nothing is secret to root: see prepare/test_media_permissions.py.
    if os.geteuid():
        shutil.copy(whole, folder / 'secret.mp4')
        os.chmod(folder / 'secret.mp4', 0)
        names.append('secret.mp4')
    return names


@pytest.fixture(scope='module')
def damaged(tmp_path_factory):
    """A folder and the names of 172 or more damaged files in it."""
    folder = tmp_path_factory.mktemp('damaged')
    names = []
    for kind, settings in BASES.items():
        rate = settings.get('rate', 16000)
        base = write_clip(
            folder / f'whole.{kind}', frames=15, sound=tone(0.6, rate),
            **settings)
        for i in range(7):
            names.append(f'truncated{i}.{kind}')
            truncate(base, folder / names[-1], (0.01, .1, .3, .5, .7, .9,
                                                .99)[i])
        for i in range(8):
            names.append(f'flipped{i}.{kind}')
            flip_bits(base, folder / names[-1], 1 + i * i, seed=i)
        for i in range(5):
            names.append(f'header{i}.{kind}')
            overwrite_header(base, folder / names[-1], seed=i)
    names += others(folder, folder / 'whole.mp4')
    assert len(names) >= 172
    return folder, names


def build(folder, names, ann='all.json', **kwargs):
    path = folder / ann
    path.write_text(json.dumps([dict(path=n, label=0) for n in names]))
    # Serialising collects garbage, which takes longer than the rest.
    return AudioVisualDataset(
        str(path), PIPELINE, data_prefix=dict(video=str(folder)),
        serialize_data=False, **kwargs)


def test_each_is_named_or_read(damaged):
    folder, names = damaged
    outcomes = {'read': 0, 'named': 0}
    for name in names:
        try:
            item = build(folder, [name], 'one.json')[0]
        except MediaError as error:
            assert str(folder / name) in str(error)
            assert len(str(error)) > len(str(folder / name)) + 10
            outcomes['named'] += 1
        else:
            # What comes is content, not something in its place.
            assert item['inputs']['visual'].float().std() > 10, name
            assert item['inputs']['audio'].std() > 0.01, name
            outcomes['read'] += 1
    # Flipped bits inside a picture may well decode.
    assert outcomes['named'] >= 80, outcomes
    assert outcomes['read'] >= 10, outcomes


def test_certain_damage_is_always_named(damaged):
    folder, names = damaged
    certain = [n for n in names if n.startswith('truncated')
               and n[9] in '0123' and not n.endswith(('mpg', 'ts'))]
    certain += ['empty.mp4', 'one.mp4', 'zeros.mkv', 'noise.mp4', 'text.mp4',
                'list.m3u8', 'page.html', 'folder.mp4', 'pipe.mp4',
                'link.mp4']
    for name in certain:
        with pytest.raises(MediaError):
            build(folder, [name], 'one.json')[0]


def test_an_epoch_with_workers_goes_through(damaged, capfd):
    """Counted skips, full batches, and nothing left behind."""
    folder, names = damaged
    with nothing_left():
        dataset = build(folder, names, missing='skip')
        assert len(dataset) + len(dataset.skipped) == len(names)
        loader = DataLoader(
            dataset, batch_size=8, num_workers=2, collate_fn=pseudo_collate,
            timeout=120, shuffle=True)
        # A worker that crashes or hangs is an error of the loader.
        seen = sum(len(batch['data_samples']) for batch in loader)
        assert seen == len(dataset)
        del loader
    report = capfd.readouterr().out
    assert f'{len(dataset.skipped)} of {len(names)} clips cannot be' in report
    # Damage behind a good header is found, and counted, by the workers.
    assert 'replaced by another clip (2 so far in this process)' in report


BAD_ROWS = [
    'a.mp4', 'a.mp4,0,1,2,3', ',0,,', 'a.mp4,,,', 'a.mp4,cat,,',
    'a.mp4,-1,,', 'a.mp4,0.5,,', 'a.mp4,1e3,,', 'a.mp4,0,x,', 'a.mp4,0,-1,',
    'a.mp4,0,nan,', 'a.mp4,0,inf,', 'a.mp4,0,,0', 'a.mp4,0,2,1',
    'a.mp4,0,1,1', 'a.mp4,0,,-2', 'a.mp4,0,1;2,', '"a.mp4,0,,', 'a\0.mp4,0,,',
    'a.mp4,0,0x10,', 'a"b.mp4",0,,,', 'a.mp4,99,,', 'a.mp4,True,,', ';;;',
    'a.mp4;0;0;1', 'a.mp4,0,1:30,', 'a.mp4,zero,0,1', '1,a.mp4,,',
    'a.mp4,0,-0.5,1', 'a.mp4,+,,'
]


@pytest.mark.parametrize('row', BAD_ROWS)
def test_bad_rows_are_named(tmp_path, row):
    path = tmp_path / 'bad.csv'
    path.write_text(f'path,label,start,end\na.mp4,1,0,1\n{row}\n')
    with pytest.raises(AnnotationError, match=r'bad\.csv, line [34]'):
        AudioVisualDataset(str(path), [], num_classes=5)


def test_there_are_two_hundred(damaged):
    assert len(damaged[1]) + len(BAD_ROWS) >= 200


def test_a_pipe_is_not_waited_for(damaged):
    folder, _ = damaged
    assert stat.S_ISFIFO((folder / 'pipe.mp4').stat().st_mode)
    with pytest.raises(MediaError, match='not a regular file'):
        build(folder, ['pipe.mp4'], 'one.json')[0]
