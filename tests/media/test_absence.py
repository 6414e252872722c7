"""A stream that is not there, and one that damage has taken away."""
import os

import pytest

from mmbalance_plugin.media import (
    MediaError,
    MediaReader,
    MissingStreamError,
    probe,
)
from tests.media_utils import tone, write_clip

LAYOUTS = {
    'mp4': {},
    'mov': {},
    'fast.mp4': dict(options=dict(movflags='faststart')),
    'pieces.mp4': dict(options=dict(movflags='frag_keyframe+empty_moov')),
    'mkv': {},
    'avi': dict(vcodec='mpeg4', acodec='mp3'),
    'flv': {},
    'ts': {},
}


def ask(path, kind):
    with MediaReader(path) as reader:
        return reader.require(kind)


@pytest.mark.parametrize('name', LAYOUTS)
def test_a_whole_file_may_lack_a_stream(tmp_path, name):
    layout = dict(LAYOUTS[name])
    mute = write_clip(tmp_path / f'mute.{name}', frames=20, **layout)
    with pytest.raises(MissingStreamError, match='no sound'):
        ask(mute, 'audio')
    assert not probe(mute).has_audio
    layout.pop('vcodec', None)
    blind = write_clip(
        tmp_path / f'blind.{name}', frames=None, sound=tone(.5), **layout)
    with pytest.raises(MissingStreamError, match='no picture'):
        ask(blind, 'video')
    assert not probe(blind).has_video


@pytest.mark.parametrize('name', LAYOUTS)
def test_a_cut_file_lacks_nothing(tmp_path, name):
    """Wherever it is cut: both streams are there, or it is damaged."""
    whole = write_clip(
        tmp_path / f'whole.{name}', frames=20, sound=tone(.8),
        **LAYOUTS[name])
    content = open(whole, 'rb').read()
    size = len(content)
    # The tables of contents, and the first packets, lie at the ends.
    cuts = [*range(8, 2400, 160), *range(2400, size, size // 8),
            *range(size - 2800, size, 160)]
    cut = tmp_path / f'cut.{name}'
    taken = 0
    for length in cuts:
        cut.write_bytes(content[:length])
        for kind in ('video', 'audio'):
            try:
                ask(cut, kind)
            except MissingStreamError as error:
                # What is left of it is taken for another format.
                assert name == 'ts' and length < 2200, (length, error)
            except MediaError:
                taken += 1
    assert taken
    assert os.path.getsize(whole) == size
