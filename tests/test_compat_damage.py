"""Files that are not what was written."""
import os
import zipfile

import pytest
import torch
from mmengine.runner import CheckpointLoader, load_checkpoint
from torch import nn

import mmbalance_plugin.registry  # noqa: F401  applies the shims
from mmbalance_plugin.compat import (
    DamagedCheckpointError,
    UnsafeCheckpointError,
)

load = CheckpointLoader.load_checkpoint


@pytest.fixture
def model():
    return nn.Linear(32, 64)


@pytest.fixture
def path(model, tmp_path):
    """An undamaged file."""
    path = tmp_path / 'epoch_3.pth'
    torch.save(dict(state_dict=model.state_dict(), text='a'), path)
    return path


def flip(path, offset, bit=0):
    data = bytearray(path.read_bytes())
    data[offset] ^= 1 << bit
    path.write_bytes(data)


def offset_of_the_weights(path):
    with zipfile.ZipFile(path) as archive:
        largest = max(archive.infolist(), key=lambda i: i.file_size)
    return path.read_bytes().index(largest.filename.encode()) + 2000


@pytest.mark.parametrize('bit', range(8))
def test_a_flipped_bit_in_a_weight_is_noticed(model, path, bit):
    """torch.load gives another weight without a word."""
    before = torch.load(path)['state_dict']['weight']
    flip(path, offset_of_the_weights(path), bit)
    assert not torch.equal(torch.load(path)['state_dict']['weight'], before)
    with pytest.raises(DamagedCheckpointError) as error:
        load_checkpoint(model, str(path))
    assert f'{path} is damaged: the record' in str(error.value)
    assert 'fails its checksum' in str(error.value)


def test_no_flipped_bit_changes_what_is_loaded(path):
    """Each is noticed, or of no meaning (padding, dates)."""
    whole = torch.load(path)
    data = path.read_bytes()
    for offset in range(0, len(data), 101):
        flip(path, offset)
        try:
            loaded = load(str(path), logger='silent')
        except DamagedCheckpointError:
            continue
        finally:
            path.write_bytes(data)
        assert loaded['text'] == whole['text']
        for key, value in whole['state_dict'].items():
            assert torch.equal(loaded['state_dict'][key], value), offset


@pytest.mark.parametrize('keep', [0, 3, 1000, -1])
def test_a_file_cut_short(model, path, keep):
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(DamagedCheckpointError, match='epoch_3.pth is damaged'
                       ) as error:
        load_checkpoint(model, str(path))
    assert not isinstance(error.value, UnsafeCheckpointError)


def test_what_is_no_checkpoint_is_not_to_be_trusted(model, tmp_path):
    path = tmp_path / 'config.py'
    path.write_text('model = dict()\n')
    with pytest.raises(DamagedCheckpointError) as caught:
        load_checkpoint(model, str(path))
    assert str(caught.value) == (
        f'{path} is damaged, incomplete or no checkpoint')


def test_the_newest_whole_file_of_the_same_kind_is_offered(model, path):
    for i, name in enumerate(['epoch_1.pth', 'epoch_2.pth', 'epoch_4.pth',
                              'best_acc_epoch_2.pth']):
        other = path.with_name(name)
        other.write_bytes(path.read_bytes())
        os.utime(other, (i, i))
    flip(path, offset_of_the_weights(path))
    other = path.with_name('epoch_4.pth')
    flip(other, offset_of_the_weights(other))
    with pytest.raises(DamagedCheckpointError) as error:
        load_checkpoint(model, str(path))
    assert str(error.value).endswith(
        f'the newest whole one beside it is {path.with_name("epoch_2.pth")}')


def test_files_without_checksums_are_loaded(model, path):
    """torch writes zeros where it was told not to compute them."""
    computed = torch.serialization.get_crc32_options()
    torch.serialization.set_crc32_options(False)
    try:
        torch.save(dict(state_dict=model.state_dict()), path)
    finally:
        torch.serialization.set_crc32_options(computed)
    with zipfile.ZipFile(path) as archive:
        assert {record.CRC for record in archive.infolist()} == {0}
    load_checkpoint(model, str(path))


def test_running_out_of_memory_is_not_called_damage(model, path, monkeypatch):

    def load(*args, **kwargs):
        raise torch.OutOfMemoryError('CUDA out of memory')

    monkeypatch.setattr(torch, 'load', load)
    with pytest.raises(torch.OutOfMemoryError, match='out of memory'):
        load_checkpoint(model, str(path))
