"""What a large-file store has not fetched yet is named as such."""
import os

import pytest
from mmengine.runner.checkpoint import CheckpointLoader
from torch import nn

from mmbalance_plugin.apis.checkpoint import load_weights
from mmbalance_plugin.apis.clip import load_arrays
from mmbalance_plugin.datasets import AudioVisualDataset
from mmbalance_plugin.datasets.av_annotation import read_annotation
from mmbalance_plugin.datasets.av_labels import read_names
from mmbalance_plugin.datasets.prepare import store
from mmbalance_plugin.datasets.prepare.manifest import load_manifest
from mmbalance_plugin.datasets.prepare.media_pictures import read_picture
from mmbalance_plugin.datasets.prepare.media_verify import inspect_file
from mmbalance_plugin.datasets.prepare.packages import Package, fetch
from mmbalance_plugin.media import MediaReader
from mmbalance_plugin.utils.pointers import pointer_content, pointer_file
from mmbalance_plugin.utils.text import read_text

LFS = (b'version https://git-lfs.github.com/spec/v1\n'
       b'oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d'
       b'17e2393\nsize 12345\n')
ANNEX = (b'/annex/objects/SHA256E-s1048576--4d7a214614ab2935c943f9e0ff69d22ea'
         b'dbb8f32b1258daaa5e2ca24d17e2393.mp4\n')
OBJECT = '.git/annex/objects/q7/3M/SHA256E-s10--4d7a/SHA256E-s10--4d7a.mp4'


def lfs(path):
    path.write_bytes(LFS)


def annex(path):
    path.write_bytes(ANNEX)


def link(path):
    """What git-annex leaves where files are locked, which is its default."""
    path.symlink_to(os.path.join('..', OBJECT))


KINDS = {'Git LFS: run "git lfs pull"': lfs,
         'git-annex: run "git annex get"': annex,
         'git-annex: run "git annex get" ': link}


def read_clip(path):
    MediaReader(str(path))


def start_training(path):
    """Told at the start, not when the clip's turn comes."""
    path.with_name('a.csv').write_text(f'path,label\n{path.name},0\n')
    AudioVisualDataset(
        str(path.with_name('a.csv')), [],
        data_prefix=dict(video=str(path.parent)))


def prepare_clip(path):
    raise RuntimeError(f'{path} {inspect_file(path)["problem"]}')


def prepared_array(path):
    path.with_name('manifest.json').write_text(
        '{"dataset": "toys", "version": 1, "files": {"x.npy": {"bytes": 9}}}')
    store.load_array(path.parent, 'x', 'toys', 1)


READERS = {
    'a.mp4': read_clip,
    'b.mp4': start_training,
    'c.mp4': prepare_clip,
    'flow.jpg': read_picture,
    'a.csv': lambda path: read_annotation(str(path)),
    'a.json': lambda path: read_annotation(str(path)),
    'classes.txt': read_names,
    'trainlist01.txt': read_text,
    'clip.npz': lambda path: load_arrays(str(path)),
    'best.pth': lambda path: load_weights(nn.Linear(2, 2), path),
    'epoch_1.pth': lambda path: CheckpointLoader.load_checkpoint(str(path)),
    'x.npy': prepared_array,
    'manifest.json': lambda path: store.read_manifest(path.parent, 'x', 1),
    'media/manifest.json': lambda path: load_manifest(path.parent, 'x'),
    'x.whl': lambda path: fetch(
        Package('x', '1', 'x.whl', '0'), path.parent, path.parent),
}


@pytest.mark.parametrize('kind', KINDS)
@pytest.mark.parametrize('name', READERS)
def test_pointers_are_named_wherever_files_are_read(tmp_path, name, kind):
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    KINDS[kind](path)
    with pytest.raises(Exception, match=kind.strip()) as caught:
        READERS[name](path)
    assert str(path) in str(caught.value)
    assert '\n' not in str(caught.value).strip() or name in (
        'b.mp4', 'x.npy') or 'manifest' in name


def test_what_is_no_pointer(tmp_path):
    for content in (b'', b'version 1', b'annex/objects/', LFS[1:],
                    b'\0' + LFS, ANNEX.lstrip(b'/')):
        (tmp_path / 'a').write_bytes(content)
        assert pointer_content(content) is None
        assert pointer_file(tmp_path / 'a') is None
    assert pointer_file(tmp_path / 'none') is None
    assert pointer_file(tmp_path) is None
    assert pointer_file('a\0b') is None
    (tmp_path / 'broken').symlink_to(tmp_path / 'none')
    assert pointer_file(tmp_path / 'broken') is None


def test_files_that_are_too_long_are_not_opened(tmp_path, monkeypatch):
    (tmp_path / 'a.mp4').write_bytes(LFS + bytes(2000))
    monkeypatch.setattr('builtins.open', None)
    assert pointer_file(tmp_path / 'a.mp4') is None


def test_object_that_git_annex_has_fetched(tmp_path):
    path = tmp_path / OBJECT
    path.parent.mkdir(parents=True)
    path.write_bytes(b'media')
    (tmp_path / 'clips').mkdir()
    link(tmp_path / 'clips' / 'a.mp4')
    assert pointer_file(tmp_path / 'clips' / 'a.mp4') is None
