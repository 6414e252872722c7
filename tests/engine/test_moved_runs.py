"""Work dirs that are moved, copied or damaged, and then resumed."""
import json
import os
import shutil
import zipfile

import pytest
import torch
from mmengine.hooks import Hook
from mmengine.logging import MessageHub
from mmengine.runner import Runner

from mmbalance_plugin.compat import DamagedCheckpointError
from tests.engine import digits
from tests.engine.digits import digits_cfg


class Stop(Hook):
    """Ends a run after the validation of its second epoch."""

    priority = 'LOWEST'

    def after_val_epoch(self, runner, metrics=None):
        if runner.epoch == 2:
            raise KeyboardInterrupt


def cfg_of(folder, plain):
    loop = dict(max_epochs=3)
    if plain:
        loop['type'] = 'EpochBasedTrainLoop'
    return digits_cfg(
        folder, loop, head='ConcatHead', n_train=64, n_val=32)


def interrupted(folder, plain):
    runner = Runner.from_cfg(cfg_of(folder, plain))
    runner.register_hook(Stop())
    with pytest.raises(KeyboardInterrupt):
        runner.train()
    MessageHub._instance_dict.clear()  # as in a process of its own


def resumed(folder, plain, **kwargs):
    cfg = cfg_of(folder, plain)
    cfg.merge_from_dict(dict(resume=True, **kwargs))
    runner = Runner.from_cfg(cfg)
    runner.train()
    return runner


def files(folder):
    return {
        path.name: path.read_bytes()
        for path in folder.iterdir()
        if path.is_file() and path.suffix != '.py'
    }


@pytest.mark.parametrize('plain', [False, True])
@pytest.mark.parametrize('move', [shutil.move, shutil.copytree])
def test_a_moved_or_copied_run_goes_on_with_its_own_files(
        tmp_path, move, plain):
    whole = Runner.from_cfg(cfg_of(tmp_path / 'whole', plain))
    whole.train()
    MessageHub._instance_dict.clear()
    interrupted(tmp_path / 'old', plain)
    move(tmp_path / 'old', tmp_path / 'new')
    left = files(tmp_path / 'old') if move is shutil.copytree else {}
    # Whatever an older one wrote.
    (tmp_path / 'new/last_checkpoint').write_text(
        str(tmp_path / 'old/epoch_2.pth'))
    if left:  # another run's would be noticed
        left['epoch_2.pth'] = b'not to be touched'
        (tmp_path / 'old/epoch_2.pth').write_bytes(left['epoch_2.pth'])
    runner = resumed(tmp_path / 'new', plain)
    digits.assert_same(digits.weights(runner), digits.weights(whole))
    assert set(files(tmp_path / 'new')) == set(files(tmp_path / 'whole'))
    best = runner.message_hub.get_info('best_ckpt')
    assert os.path.dirname(best) == str(tmp_path / 'new')
    assert os.path.basename(best) == os.path.basename(
        whole.message_hub.get_info('best_ckpt'))
    assert (tmp_path / 'new/last_checkpoint').read_text() == 'epoch_3.pth'
    if left:
        assert files(tmp_path / 'old') == left
    summaries = [json.loads((tmp_path / name / 'summary.json').read_text())
                 for name in ('new', 'whole')]
    assert summaries[0]['test'] == summaries[1]['test']


def test_a_foreign_checkpoint_names_no_file_to_remove(tmp_path):
    """Numbers of another run's checkpoints, or no numbers at all."""
    interrupted(tmp_path / 'old', False)
    path = tmp_path / 'old/epoch_2.pth'
    saved = torch.load(path)
    saved['message_hub']['runtime_info'].update(
        keep_ckpt_ids=['/../../victim', 7], outdated_ckpt_ids=['/../../prey'],
        best_ckpt=str(tmp_path / 'new/notes.txt'), best_score=0.)
    torch.save(saved, path)
    (tmp_path / 'new').mkdir()
    kept = ['new/epoch_7.pth', 'victim.pth', 'prey.pth', 'new/notes.txt']
    for name in kept:
        (tmp_path / name).write_text('')
    resumed(tmp_path / 'new', False, load_from=str(path))
    assert all((tmp_path / name).exists() for name in kept)


@pytest.mark.parametrize('plain', [False, True])
def test_a_damaged_last_checkpoint_is_named_and_the_one_before_offered(
        tmp_path, plain):
    interrupted(tmp_path / 'run', plain)
    path = tmp_path / 'run/epoch_2.pth'
    with zipfile.ZipFile(path) as archive:
        weights = max(archive.infolist(), key=lambda i: i.file_size)
    data = bytearray(path.read_bytes())
    data[weights.header_offset + weights.file_size] ^= 1
    path.write_bytes(data)
    with pytest.raises(DamagedCheckpointError) as error:
        resumed(tmp_path / 'run', plain)
    assert f'{path} is damaged' in str(error.value)
    before = str(tmp_path / 'run/epoch_1.pth')
    assert before in str(error.value)
    assert resumed(tmp_path / 'run', plain, load_from=before).epoch == 3
