"""Clips with another's sound: whose it is, and what stays as it was."""
import numpy as np
import pytest
from mmengine.registry import init_default_scope

from mmbalance_plugin.datasets import AudioVisualDataset
from mmbalance_plugin.datasets.cache import file_state
from tests.datasets.av_clips import annotate, build
from tests.datasets.test_ucf101_dataset import dataset as flow_dataset
from tests.datasets.test_ucf101_dataset import ucf  # noqa: F401
from tests.media_utils import loudest_hertz, read_number, tone, write_clip

COUNT, RATE = 8, 16000
SOUND = dict(type='mmbalance_plugin.PyAVAudioDecode', sample_rate=RATE,
             duration=.4)
PICTURE = [dict(type='mmbalance_plugin.PyAVVideoInit'),
           dict(type='mmaction.SampleFrames', clip_len=1, test_mode=True),
           dict(type='mmbalance_plugin.PyAVVideoDecode')]


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """One file, of which every half second is a clip; five and three of a
    class. Frames have numbers, each clip's sound a pitch of its own."""
    folder = tmp_path_factory.mktemp('pairs')
    write_clip(folder / 'all.mkv', frames=5 * COUNT, fps=10,
               sound=np.concatenate([tone(.5, RATE, 400 + 100 * k)
                                     for k in range(COUNT)], 1))
    return folder


@pytest.fixture(autouse=True)
def scope():
    init_default_scope('mmaction')


def clips(folder, sound=SOUND, **kwargs):
    kwargs.setdefault('pairing', 'within_class')
    rows = ''.join(f'all.mkv,{int(k % 8 > 4)},{k / 2},{k / 2 + .5}\n'
                   for k in range(COUNT))
    return build(folder, f'path,label,start,end\n{rows}', [*PICTURE, sound],
                 **kwargs)


def shown(dataset):
    """Which clip each picture and each sound is of."""
    samples = [dataset[i] for i in range(len(dataset))]
    return ([read_number(s['imgs'][0]) // 5 for s in samples],
            [round(loudest_hertz(s['audios'], RATE) / 100) - 4
             for s in samples])


@pytest.mark.parametrize('cached', [False, True])
def test_the_sound_is_of_another_clip_of_the_class(folder, tmp_path, cached,
                                                   monkeypatch):
    # The cache keeps nothing of files that are seconds old.
    monkeypatch.setattr(file_state, 'SETTLED', -10**12)
    sound = SOUND
    if cached:
        sound = dict(
            type='mmbalance_plugin.CachedTransforms', transforms=[SOUND],
            keys=['audios'], sources=['audio_path'], folder=str(tmp_path))
        # What is kept of the real pairs must not be taken for it.
        assert shown(clips(folder, sound, pairing='real'))[1] == list(
            range(COUNT))
    dataset = clips(folder, sound)
    pictures, sounds = shown(dataset)
    assert pictures == list(range(COUNT))
    assert sorted(sounds[:5]) == [0, 1, 2, 3, 4]
    assert sorted(sounds[5:]) == [5, 6, 7]
    assert not any(map(int.__eq__, pictures, sounds))
    # It is recorded, the same in each epoch, and one for each seed.
    infos = [dataset.get_data_info(i) for i in range(COUNT)]
    assert [info['audio_idx'] for info in infos] == sounds
    assert [info['audio_start'] for info in infos] == [
        k / 2 for k in sounds]
    assert shown(dataset)[1] == sounds == shown(clips(folder, sound))[1]
    assert len({str(shown(clips(folder, pairing_seed=seed))[1])
                for seed in range(4)}) > 1


def test_tests_are_as_they_are(folder):
    pictures, sounds = shown(clips(folder, test_mode=True))
    assert pictures == sounds == list(range(COUNT))


def test_a_subset_is_exchanged_in_itself(folder):
    pictures, sounds = shown(clips(folder, indices=[6, 2, 1, 5, 0]))
    assert pictures == [6, 2, 1, 5, 0] and set(pictures) == set(sounds)
    assert not any(map(int.__eq__, pictures, sounds))


def test_a_clip_that_is_skipped_lends_no_sound(folder, tmp_path):
    write_clip(tmp_path / 'mute.mp4', frames=5)
    rows = ''.join(f'{folder}/all.mkv,0,{k / 2},{k / 2 + .5}\n'
                   for k in range(3))
    data = AudioVisualDataset(
        annotate(tmp_path, f'path,label,start,end\n{tmp_path}/mute.mp4,0,,\n'
                 f'{rows}'), [*PICTURE, SOUND], missing='skip',
        pairing='within_class')
    pictures, sounds = shown(data)
    assert pictures == [0, 1, 2] and sorted(sounds) == [0, 1, 2]
    assert not any(map(int.__eq__, pictures, sounds))


@pytest.mark.parametrize('kwargs, message', [
    (dict(sound=dict(SOUND, window='frames')), "use window='clip'"),
    (dict(streams=('video', )), 'of two streams'),
    (dict(multi_class=True, num_classes=2), 'one class each'),
    (dict(indices=[0, 5]), 'class 0 has 1 training samples'),
    (dict(pairing='any'), "'real', 'within_class'")])
def test_what_cannot_be_exchanged(folder, kwargs, message):
    with pytest.raises(ValueError, match=message):
        clips(folder, **kwargs)


def test_flow_of_another_clip(ucf):  # noqa: F811
    real, other = (flow_dataset(ucf, 'train', pairing=pairing)
                   for pairing in ('real', 'within_class'))
    own = [info['flow_u'] for info in real.data_list]
    for info, info_now in zip(real.data_list, other.data_list):
        assert info['filename'] == info_now['filename']
        source = real.data_list[info_now['flow_idx']]
        assert source['label'] == info['label'] and source is not info
        for key in ('flow_u', 'flow_v', 'flow_frames'):
            assert info_now[key] == source[key]
        assert info_now['audio_path'] == info['audio_path']
    assert sorted(own) == sorted(i['flow_u'] for i in other.data_list)
    assert other[0]['inputs']['flow'].shape == (3, 6, 32, 40)
    real, same = (flow_dataset(ucf, 'val', pairing=pairing).data_list
                  for pairing in ('real', 'within_class'))
    assert real == same
