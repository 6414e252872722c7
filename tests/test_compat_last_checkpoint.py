"""Which file a work dir is resumed from, wherever it lies."""
import pytest
from mmengine.runner import find_latest_checkpoint, runner

from mmbalance_plugin import compat
from mmbalance_plugin.compat import pointer_to

compat.apply_shims()


@pytest.fixture
def folder(tmp_path):

    def make(name, pointer, *files):
        path = tmp_path / name
        path.mkdir()
        if pointer is not None:
            (path / 'last_checkpoint').write_text(str(pointer))
        for file in files:
            (path / file).write_text('')
        return str(path)

    return make


def test_the_runner_asks_ours():
    assert runner.find_latest_checkpoint is compat.find_latest_checkpoint
    assert find_latest_checkpoint is compat.find_latest_checkpoint


@pytest.mark.parametrize('pointer', ['epoch_2.pth', '/gone/run/epoch_2.pth',
                                     'gone/run/epoch_2.pth'])
def test_a_file_beside_the_pointer(folder, pointer):
    path = folder('run', pointer, 'epoch_1.pth', 'epoch_2.pth')
    assert find_latest_checkpoint(path) == f'{path}/epoch_2.pth'


def test_a_copy_goes_on_with_its_own_files(folder):
    first = folder('first', None, 'epoch_2.pth')
    copy = folder('copy', f'{first}/epoch_2.pth\n', 'epoch_2.pth')
    assert find_latest_checkpoint(copy) == f'{copy}/epoch_2.pth'


def test_files_that_are_written_elsewhere(folder, tmp_path, monkeypatch):
    out = folder('out', None, 'epoch_2.pth')
    path = folder('run', f'{out}/epoch_2.pth')
    assert find_latest_checkpoint(path) == f'{out}/epoch_2.pth'
    monkeypatch.chdir(tmp_path)  # as MMEngine writes a relative out_dir
    path = folder('other', 'out/epoch_2.pth')
    assert find_latest_checkpoint(path) == 'out/epoch_2.pth'


def test_nothing_to_resume(folder):
    assert find_latest_checkpoint(folder('run', None)) is None
    with pytest.raises(FileNotFoundError, match='gone.pth.*neither beside'):
        find_latest_checkpoint(folder('lost', '/somewhere/gone.pth'))


def test_what_is_written(folder, tmp_path, monkeypatch):
    path = folder('run', None, 'epoch_1.pth')
    assert pointer_to(f'{path}/epoch_1.pth', path) == 'epoch_1.pth'
    monkeypatch.chdir(tmp_path)
    assert pointer_to('run/a/epoch_1.pth', path) == 'a/epoch_1.pth'
    assert pointer_to('out/x.pth', path) == str(tmp_path / 'out/x.pth')
