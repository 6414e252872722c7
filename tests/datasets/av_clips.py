"""Clips that lack a part, and data sets of them."""
from mmbalance_plugin.datasets.audio_visual_dataset import AudioVisualDataset
from tests.media_utils import tone, truncate, write_clip

PIPELINE = [
    dict(type='mmbalance_plugin.PyAVVideoInit'),
    dict(type='mmaction.SampleFrames', clip_len=1, num_clips=3,
         test_mode=True),
    dict(type='mmbalance_plugin.PyAVVideoDecode'),
    dict(type='mmaction.Resize', scale=(32, 32), keep_ratio=False),
    dict(type='mmaction.FormatShape', input_format='NCHW'),
    dict(type='mmbalance_plugin.PyAVAudioDecode', duration=0.5,
         sample_rate=16000),
    dict(type='mmbalance_plugin.LogSpectrogram', n_fft=128, hop_length=64),
    dict(type='mmbalance_plugin.PackMultimodalInputs'),
]
LISTEN = PIPELINE[5:7] + [
    dict(type='mmbalance_plugin.PackMultimodalInputs',
         inputs=dict(audio='audios'))
]


def write_clips(folder):
    """Clips: whole, without sound, without picture, and damaged."""
    whole = write_clip(folder / 'whole.mp4', frames=10, sound=tone(0.5))
    write_clip(folder / 'mute.mp4', frames=10)
    write_clip(
        folder / 'blind.wav', frames=None, sound=tone(0.5),
        acodec='pcm_s16le')
    truncate(whole, folder / 'broken.mp4', 0.5)
    return folder


def annotate(folder, text, name='ann.csv'):
    path = folder / name
    path.write_text(text, encoding='utf-8')
    return str(path)


def build(folder, text, pipeline=(), name='ann.csv', **kwargs):
    kwargs.setdefault('data_prefix', dict(video=str(folder)))
    return AudioVisualDataset(
        annotate(folder, text, name), list(pipeline), **kwargs)
