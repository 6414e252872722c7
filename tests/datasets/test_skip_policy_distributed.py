"""Clips that are left out, seen by every process of a distributed run."""
import contextlib
import io

from mmengine.logging import MMLogger

from mmbalance_plugin.datasets.audio_visual_dataset import AudioVisualDataset
from tests.dist_utils import run_ranks
from tests.media_utils import tone, write_clip

PIPELINE = [
    dict(type='mmbalance_plugin.PyAVVideoInit'),
    dict(type='mmaction.SampleFrames', clip_len=1, num_clips=3,
         test_mode=True),
    dict(type='mmbalance_plugin.PyAVVideoDecode'),
    dict(type='mmaction.FormatShape', input_format='NCHW'),
    dict(type='mmbalance_plugin.PyAVAudioDecode', duration=0.5,
         sample_rate=16000),
    dict(type='mmbalance_plugin.PackMultimodalInputs'),
]


def read_all(ann_file):
    """Names of the clips that are used, and what was said on the way."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        MMLogger.get_instance('run', logger_name='run')
        dataset = AudioVisualDataset(ann_file, PIPELINE, missing='skip')
        names = [dataset.get_data_info(i)['filename']
                 for i in range(len(dataset))]
        for index in range(len(dataset)):
            dataset[index]
    return names, dataset.skipped, said.getvalue()


def test_ranks_agree_and_all_report(tmp_path):
    good = write_clip(tmp_path / 'good.mp4', frames=20, sound=tone(0.8))
    mute = write_clip(tmp_path / 'mute.mp4', frames=20)
    with open(good, 'rb') as file:
        content = bytearray(file.read())
    begin = content.index(b'mdat') + 8
    content[begin:begin + 1500] = bytes(1500)
    late = tmp_path / 'late.mp4'
    late.write_bytes(content)
    ann_file = tmp_path / 'ann.csv'
    ann_file.write_text(f'path,label\n{good},0\n{mute},0\n{late},0\n')
    ranks = run_ranks(read_all, 2, str(ann_file))
    for names, skipped, said in ranks:
        assert names == [good, str(late)]
        assert skipped == [(mute, 'has no sound (no audio stream)')]
        # What is found while training is not only said by the first rank.
        assert 'replaced by another clip (1 so far' in said
        assert f'{late}: ' in said
