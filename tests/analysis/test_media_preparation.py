"""What measures the preparation of clips: forms, layouts, costs, tables."""
import json
import sys
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from mmbalance_plugin.analysis import media_preparation
from mmbalance_plugin.analysis.benchmark import interleave
from mmbalance_plugin.analysis.media_footage import (
    Footage,
    read_footage,
    write_clip,
    write_flow,
    write_wav,
)
from mmbalance_plugin.analysis.media_layouts import Parts, lay_out
from mmbalance_plugin.analysis.media_preparation import (
    Costs,
    encode_clips,
    measure,
)
from mmbalance_plugin.analysis.media_preparation_runs import (
    Run,
    run_command,
    run_preparation,
)
from mmbalance_plugin.analysis.media_preparation_tables import (
    clip_table,
    run_table,
    set_table,
)
from mmbalance_plugin.analysis.media_profiles import PROFILES
from mmbalance_plugin.datasets.prepare import prepare
from mmbalance_plugin.datasets.prepare.crema_d import fair_split
from mmbalance_plugin.datasets.prepare.media_splits import carve
from tests import media_utils

DATASETS = sorted({profile.dataset for profile in PROFILES})
CODECS = dict(crema_d=('flv', 'mp3float'), kinetics_sounds=('h264', 'aac'),
              vggsound=('h264', 'aac'), ucf101=('mpeg4', 'mp3float'))


def small(dataset, **changes):
    """The first form of a set, with small pictures and half a second."""
    profile = next(p for p in PROFILES if p.dataset == dataset)
    return profile._replace(
        **{**dict(size=(64, 48), seconds=.5, bit_rate=100_000), **changes})


@pytest.fixture(scope='module')
def footage(tmp_path_factory):
    """Twelve frames with their numbers, and half a second of two tones."""
    path = tmp_path_factory.mktemp('footage') / 'clip.mp4'
    sound = media_utils.tone(.5, 48000, 700., channels=2)
    media_utils.write_clip(path, 12, 25, (48, 64), sound=sound, rate=48000)
    return read_footage(str(path))


def numbers_shown(path):
    with av.open(str(path)) as container:
        return [media_utils.read_number(frame.to_ndarray(format='rgb24'))
                for frame in container.decode(video=0)]


def test_footage_runs_to_and_fro():
    footage = Footage(list('abcd'), None)
    assert ''.join(map(footage.frame, range(14))) == 'abcdcbabcdcbab'
    assert Footage(['a'], None).frame(7) == 'a'


def test_footage_is_what_the_clip_holds(footage):
    assert len(footage.frames) == 12
    assert footage.wave.shape[0] == 2
    # AAC rounds up to whole blocks of 1024 samples.
    assert 24000 <= footage.wave.shape[1] < 24000 + 2 * 1024
    assert media_utils.loudest_hertz(
        footage.wave[0], 48000) == pytest.approx(700, abs=5)


@pytest.mark.parametrize('dataset', DATASETS)
def test_clip_has_the_form_of_its_set(footage, tmp_path, dataset):
    profile = small(dataset, seconds=1.)
    path = tmp_path / f'clip{profile.suffix}'
    write_clip(str(path), profile, footage)
    with av.open(str(path)) as container:
        video, audio = container.streams.video[0], container.streams.audio[0]
        codecs = video.codec_context.name, audio.codec_context.name
        assert codecs == CODECS[dataset]
        assert (video.width, video.height) == profile.size
        assert (audio.rate, audio.channels) == (profile.sound_rate, 2)
        samples = sum(f.samples for f in container.decode(audio))
        assert samples / audio.rate == pytest.approx(1, abs=.1)
    # As often as the footage has to be played, backwards in between.
    forth = list(range(12))
    shown = (forth + forth[-2:0:-1]) * 2
    assert numbers_shown(path) == shown[:profile.frames]
    assert profile.frames == round(profile.fps)


def test_clips_start_elsewhere(footage, tmp_path):
    profile = small('vggsound')
    paths = [tmp_path / f'{number}.mp4' for number in range(2)]
    for number, path in enumerate(paths):
        write_clip(str(path), profile, footage, number)
    first, second = map(numbers_shown, paths)
    assert first[0] == 0
    assert second[0] == 7  # 37 steps to and fro over twelve frames


def test_wav_is_the_sound_of_the_clip(footage, tmp_path):
    profile = small('crema_d')
    write_wav(str(tmp_path / 'clip.wav'), profile, footage)
    with av.open(str(tmp_path / 'clip.wav')) as container:
        stream = container.streams.audio[0]
        assert (stream.codec_context.name, stream.rate, stream.channels) == (
            'pcm_s16le', 16000, 1)
        wave = np.concatenate(
            [f.to_ndarray()[0] for f in container.decode(stream)])
    assert len(wave) == 8000
    assert media_utils.loudest_hertz(wave, 16000) == pytest.approx(700, abs=5)


def test_flow_is_of_the_movement_between_frames(tmp_path):
    rng = np.random.default_rng(0)
    texture = cv2.GaussianBlur(
        rng.uniform(0, 255, (256, 400)).astype(np.float32), (0, 0), 3)
    texture = (texture - texture.min()) / np.ptp(texture) * 255
    frames = []
    for number in range(4):  # everything moves left by four pixels
        part = texture[:, 4 * number:4 * number + 340]
        picture = np.repeat(part.astype(np.uint8)[..., None], 3, axis=2)
        frames.append(av.VideoFrame.from_ndarray(picture, format='rgb24'))
    profile = small('ucf101', size=(340, 256), seconds=.16)
    write_flow(str(tmp_path), profile, Footage(frames, None))
    for part, expected in (('u', (-4 / 20 + 1) * 127.5), ('v', 127.5)):
        paths = sorted((tmp_path / part).iterdir())
        assert [path.name for path in paths] == [
            f'frame{number:06d}.jpg' for number in (1, 2, 3)]
        flow = cv2.imread(str(paths[0]), cv2.IMREAD_GRAYSCALE)
        assert flow.shape == (256, 340)
        assert np.median(flow) == pytest.approx(expected, abs=4)


@pytest.mark.parametrize('dataset', DATASETS)
def test_layout_is_understood_by_the_preparation(footage, tmp_path, dataset):
    clips = encode_clips(
        str(tmp_path / 'clips'), small(dataset), footage, 2)
    lay_out(dataset, str(tmp_path / 'source'), clips, 7)
    prepare(dataset, tmp_path / 'source', tmp_path / 'out',
            accept_missing=True)
    content = json.loads((tmp_path / 'out/manifest.json').read_text())
    counts = {split: n for split, n in content['counts'].items() if n}
    assert set(counts.values()) == {7}
    assert {split.split('/')[1] for split in counts} == {'test'}
    files = content['files']
    parts = dict(crema_d=2, ucf101=3).get(dataset, 1)
    assert len(files) == 7 * parts
    # Two clips, used again and again.
    assert len({facts['sha256'] for facts in files.values()}) == 2 * parts
    # The set is far from whole, but nothing in it is strange or broken.
    problems = (tmp_path / 'out/problems.csv').read_text()
    assert not [word for word in ('broken', 'missing', 'unknown', 'without')
                if word in problems]


@pytest.mark.parametrize('dataset', DATASETS)
def test_names_do_not_repeat(tmp_path, dataset):
    clip = tmp_path / 'file'
    clip.write_bytes(b'')
    (tmp_path / 'flow').mkdir()
    parts = Parts(str(clip), str(clip), str(tmp_path / 'flow'))
    lay_out(dataset, str(tmp_path / 'source'), [parts], 10_000)
    found = [path for path in (tmp_path / 'source').rglob('*')
             if path.suffix in ('.flv', '.mp4', '.avi')]
    assert len(found) == 10_000


def test_counts_of_crema_d_are_what_its_split_has():
    profile = PROFILES[0]
    splits = [fair_split(actor) for actor in range(1001, 1092)]
    # 82 clips an actor, of which 20 were never published.
    assert profile.clips == 82 * 91 - 20
    for split in ('train', 'val'):
        assert getattr(profile, split) == pytest.approx(
            82 * splits.count(split), abs=20)


@pytest.mark.parametrize('profile', PROFILES[1:4])
def test_validation_is_carved_as_the_preparation_does(profile):
    names = {str(n): str(n % 31) for n in range(profile.epoch)}
    share = .05 if profile.dataset == 'vggsound' else .1
    assert profile.val == pytest.approx(len(carve(names, share, '')), abs=31)


@pytest.mark.parametrize('dataset', ('crema_d', 'ucf101'))
def test_costs_are_those_of_the_real_code(footage, tmp_path, root, dataset,
                                          monkeypatch):
    loaded = {}

    def note(loops, *args, **kwargs):
        loaded.update({name: loop.dataset.get_data_info(0)['filename']
                       for name, loop in loops.items()})
        return interleave(loops, *args, **kwargs)

    monkeypatch.setattr(media_preparation, 'interleave', note)
    profile = small(dataset)
    clips = encode_clips(str(tmp_path / 'clips'), profile, footage, 2)
    costs = measure(profile, clips, str(tmp_path),
                    str(root / 'configs/_base_/datasets'), 1)
    files = [path for clip in clips for path in (clip.video, clip.audio)
             if path]
    assert costs.size == sum(Path(f).stat().st_size for f in files) / 2
    pictures = [*(tmp_path / 'clips').rglob('*.jpg')]
    assert costs.flow_size == sum(p.stat().st_size for p in pictures) / 2
    copies = [*(tmp_path / 'out0/extracted').rglob('*.mov')]
    assert len(copies) == len(files)
    assert costs.copy_size == pytest.approx(
        sum(path.stat().st_size for path in copies) / 2, rel=.01)
    assert all(value > 0 for value in (
        costs.header, costs.decode, costs.extract, costs.load,
        costs.load_copy))
    assert loaded['load'].endswith(profile.suffix)
    assert loaded['load_copy'].endswith(f'{profile.suffix}.mov')
    cached = costs.fill, costs.cache_size, costs.load_cache
    if dataset == 'ucf101':
        assert len(pictures) == 2 * 2 * (profile.frames - 1)
        assert cached == (None, None, None)
    else:
        # Eight frames a second with a short side of 256, a spectrogram, and
        # headers.
        frames = 4 * 256 * 341 * 3
        spectrogram = 257 * 188 * 4
        assert costs.cache_size == pytest.approx(
            frames + spectrogram, abs=3000)
        assert costs.fill > 0 and costs.load_cache > 0


COSTS = Costs(size=500e3, flow_size=0., decode=.36, header=.0036,
              extract=3.6, copy_size=7.5e6, load=.09, load_copy=.009,
              fill=.18, cache_size=21e6, load_cache=.0018)


def test_clip_table():
    profile = small('vggsound', size=(340, 256))
    assert clip_table([(profile, COSTS)]).splitlines()[2:] == [
        '| vggsound 340x256 | 500 | 3.6 | 360 | 3,600 | 7,500 | 21,000 | 180 '
        '| 90 | 9.0 | 1.8 |'
    ]
    costs = COSTS._replace(
        flow_size=2e6, fill=None, cache_size=None, load_cache=None)
    assert clip_table([(profile, costs)]).splitlines()[2] == (
        '| vggsound 340x256 | 500 + flow 2000 | 3.6 | 360 | 3,600 | 7,500 | '
        '- | - | 90 | 9.0 | - |')


def test_set_table_multiplies_by_the_published_counts():
    profile = small('vggsound', size=(340, 256), clips=20_000, train=8_000,
                    val=2_000)
    # 20,000 x .0036 s = 72 s; x .36 s = 2 h; x 3.6 s = 20 h; x 7.5 MB =
    # 150 GB; 8,000 x 21 MB = 168 GB; 10,000 x .09 s = 15 min; x .009 s =
    # 90 s; x .0018 s = 18 s.
    assert set_table([(profile, COSTS)]).splitlines()[2] == (
        '| vggsound 340x256 | 20,000 | 72 s | 2.0 h | 20 h | 150 | 168 | '
        '15 min | 1.5 min | 18 s |')
    costs = COSTS._replace(fill=None, cache_size=None, load_cache=None)
    assert set_table([(profile, costs)]).splitlines()[2] == (
        '| vggsound 340x256 | 20,000 | 72 s | 2.0 h | 20 h | 150 | - | '
        '15 min | 1.5 min | - |')


def test_run_table():
    run = Run('`--check decode`', 2, wall=10., cpu=18., peak=700_000_000)
    assert run.cores == 1.8
    assert run_table([run]).splitlines()[2] == (
        '| `--check decode` | 2 | 10.0 | 18.0 | 1.80 | 700 |')


@pytest.mark.skipif(sys.platform != 'linux', reason='reads /proc')
def test_peak_is_the_commands_own():
    """It counts what the command takes, and not what this process has."""
    ballast = np.ones(200_000_000 // 8)
    small_run = run_command('', 1, [sys.executable, '-S', '-c', 'pass'])
    script = 'import time; x = b"x" * 150_000_000; time.sleep(.2)'
    large_run = run_command('', 1, [sys.executable, '-S', '-c', script])
    assert 0 < small_run.peak < 100e6 < ballast.nbytes
    assert 150e6 < large_run.peak < 200e6


def test_command_that_fails_is_an_error():
    with pytest.raises(RuntimeError, match='exit status 3'):
        run_command('', 1, [sys.executable, '-c', 'raise SystemExit(3)'])


@pytest.mark.slow
def test_the_command_as_a_whole(footage, tmp_path, root):
    profile = small('vggsound')
    clips = encode_clips(str(tmp_path / 'clips'), profile, footage, 1)
    runs = run_preparation(
        str(root / 'tools/prepare_data.py'), 'vggsound', clips,
        str(tmp_path), 3, (1, 2), ('decode', 'extract'))
    assert [(run.what, run.workers) for run in runs] == [
        ('`--check decode`', 1), ('`--extract`', 1),
        ('`--check decode`', 2), ('`--extract`', 2), ('again', 2)]
    for out in ('prepared1', 'prepared2'):
        assert len([*(tmp_path / out).rglob('*.mov')]) == 3
