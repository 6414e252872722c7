"""Lists of clips that were written on another system, or by another tool."""
import json
import unicodedata

import pytest

from mmbalance_plugin.datasets.audio_visual_dataset import AudioVisualDataset
from mmbalance_plugin.datasets.av_annotation import AnnotationError
from mmbalance_plugin.media import MediaError
from mmbalance_plugin.media.file_names import find_file

ACCENT = 'café.mp4'


def build(folder, text, name='ann.csv', **kwargs):
    path = folder / name
    path.write_text(text, encoding='utf-8')
    return AudioVisualDataset(
        str(path), [], data_prefix=dict(video=str(folder)), num_classes=2,
        **kwargs)


@pytest.mark.parametrize('disk', ['NFC', 'NFD'])
@pytest.mark.parametrize('written', ['NFC', 'NFD'])
def test_accents_of_either_form(tmp_path, disk, written):
    """They look the same; macOS writes them as two characters."""
    there = tmp_path / unicodedata.normalize(disk, ACCENT)
    there.write_bytes(b'clip')
    dataset = build(
        tmp_path, f'path,label\n{unicodedata.normalize(written, ACCENT)},0\n')
    info = dataset.get_data_info(0)
    assert info['filename'] == info['audio_path'] == str(there)


def test_folders_separated_as_on_windows(tmp_path):
    (tmp_path / 'dogs').mkdir()
    (tmp_path / 'dogs' / 'rex.mp4').write_bytes(b'clip')
    dataset = build(tmp_path, 'path,label\ndogs\\rex.mp4,0\n')
    assert dataset.get_data_info(0)['filename'] == str(
        tmp_path / 'dogs' / 'rex.mp4')


def test_a_name_that_exists_is_taken_as_written(tmp_path):
    odd = tmp_path / 'dogs\\rex.mp4'
    odd.write_bytes(b'clip')
    (tmp_path / 'dogs').mkdir()
    (tmp_path / 'dogs' / 'rex.mp4').write_bytes(b'other')
    assert find_file(str(odd)) == str(odd)
    assert find_file(str(tmp_path / 'none.mp4')) is None


def test_a_folder_is_no_clip(tmp_path):
    (tmp_path / 'dogs').mkdir()
    with pytest.raises(MediaError, match='dogs: is a directory'):
        build(tmp_path, 'path,label\ndogs,0\n')


@pytest.mark.parametrize('separator', [';', '\t'])
def test_columns_that_no_comma_separates(tmp_path, separator):
    text = 'path,label\nrex.mp4,0\n'.replace(',', separator)
    with pytest.raises(AnnotationError, match='line 1.*separated by commas'):
        build(tmp_path, text)


@pytest.mark.parametrize('column', ['masked_keys', 'media_readers'])
def test_column_that_would_confuse_the_decoders(tmp_path, column):
    with pytest.raises(AnnotationError, match=f'"{column}".*rename'):
        build(tmp_path, f'path,label,{column}\nrex.mp4,0,x\n')


@pytest.mark.parametrize('content, message', [
    (dict(metainfo=5, data_list=[]), '"metainfo" must be an object'),
    (dict(metainfo=dict(classes='dog'), data_list=[]), 'a list of class'),
    ([dict(path='a.mp4', label=0, start=True)], 'entry 0, column "start"'),
])
def test_json_of_the_wrong_shape(tmp_path, content, message):
    with pytest.raises(AnnotationError, match=message):
        build(tmp_path, json.dumps(content), name='ann.json')
