"""Checkpoints: what mmengine's hook keeps, and what a kill cannot lose."""
import os
import os.path as osp

import pytest
import torch
from mmengine.fileio import LocalBackend
from mmengine.hooks import Hook

from mmbalance_plugin.compat import find_latest_checkpoint
from mmbalance_plugin.engine.hooks import AtomicCheckpointHook
from tests.engine.digits import digits_cfg, train
from tests.engine.toy_run import toy_runner

SCORES = [.1, .3, .2, .4, .1]
SCRIPT = [{'acc': a, 'other/loss': 1 - a / 2} for a in SCORES]


def files(folder):
    return sorted(
        name for name in os.listdir(folder)
        if osp.isfile(osp.join(folder, name)) and not name.endswith('.py'))


class Files(Hook):
    """Notes which files there are, after every other hook."""

    priority = 'LOWEST'

    def __init__(self, folder):
        self.folder, self.seen = folder, []

    def note(self, runner, *args, **kwargs):
        with_pointer = []
        for name in files(self.folder) if osp.isdir(self.folder) else []:
            path = osp.join(self.folder, name)
            if name == 'last_checkpoint':
                name += ' ' + osp.basename(open(path).read())
            with_pointer.append(name)
        self.seen.append(with_pointer)

    after_train_iter = after_train_epoch = after_val_epoch = note


def run(folder, hook, **kwargs):
    """Train with a checkpoint hook; return what can be seen of it."""
    kwargs.setdefault('script', SCRIPT)
    runner = toy_runner(folder, hook, **kwargs)
    watch = Files(hook.get('out_dir') and f'{hook["out_dir"]}/'
                  f'{osp.basename(folder)}' or folder)
    runner.register_hook(watch)
    torch.manual_seed(0)
    runner.train()
    info = runner.message_hub.runtime_info
    kept = {
        k: osp.basename(str(v))
        for k, v in info.items()
        if k.startswith('best') or k in ('last_ckpt', 'keep_ckpt_ids')
    }
    contents = {}
    for name in files(watch.folder):
        if name.endswith('.pth'):
            saved = torch.load(osp.join(watch.folder, name))
            meta = saved.get('meta', {})
            contents[name] = (sorted(saved), meta.get('epoch'),
                              meta.get('iter'))
    return watch.seen, kept, contents, runner


@pytest.mark.parametrize('hook', [
    dict(interval=1),
    dict(interval=2),
    dict(interval=2, save_last=False),
    dict(interval=1, max_keep_ckpts=1),
    dict(interval=1, max_keep_ckpts=2, save_best='acc', rule='greater'),
    dict(interval=2, max_keep_ckpts=1, save_best='acc'),
    dict(interval=1, save_best='other/loss', save_optimizer=False),
    dict(interval=3, save_best=['acc', 'other/loss']),
    dict(interval=1, save_begin=3, filename_tmpl='my_{}.pth'),
    dict(interval=2, save_param_scheduler=False, out_dir='elsewhere'),
    dict(interval=2, by_epoch=False, max_keep_ckpts=1, save_best='acc'),
],
                         ids=str)
def test_the_same_files_as_mmengines_hook_keeps(tmp_path, monkeypatch, hook):
    monkeypatch.chdir(tmp_path)
    results = []
    for name in ('CheckpointHook', 'mmbalance_plugin.AtomicCheckpointHook'):
        folder = tmp_path / name[-20:]
        own = dict(hook, type=name)
        if 'out_dir' in hook:
            own['out_dir'] = str(tmp_path / hook['out_dir'])
        results.append(
            run(folder, own, by_epoch=hook.get('by_epoch', True))[:3])
    assert results[0][2]  # there are checkpoints
    for theirs, ours in zip(*results):
        assert theirs == ours


def test_publishing_works_and_passes_over_what_was_never_kept(tmp_path):
    hook = dict(
        type='mmbalance_plugin.AtomicCheckpointHook',
        interval=5,
        save_best='acc',
        published_keys=['meta', 'state_dict'])
    _, _, contents, _ = run(tmp_path / 'a', hook)
    published = [v for k, v in contents.items() if '-' in k]
    assert len(published) == 2
    assert all(keys == ['meta', 'state_dict'] for keys, _, _ in published)


ATOMIC = dict(type='mmbalance_plugin.AtomicCheckpointHook', interval=1)


def test_the_old_file_goes_when_the_new_one_can_be_resumed(
        tmp_path, monkeypatch):
    remove, removed = os.remove, []

    def watched(path):
        last = find_latest_checkpoint(tmp_path / 'run')
        torch.load(last)  # whole
        removed.append((osp.basename(path), osp.basename(last)))
        remove(path)

    monkeypatch.setattr(os, 'remove', watched)
    run(tmp_path / 'run', dict(ATOMIC, max_keep_ckpts=1, save_best='acc'))
    assert removed == [
        ('epoch_1.pth', 'epoch_2.pth'),
        ('best_acc_epoch_1.pth', 'epoch_2.pth'),
        ('epoch_2.pth', 'epoch_3.pth'),
        ('epoch_3.pth', 'epoch_4.pth'),
        ('best_acc_epoch_2.pth', 'epoch_4.pth'),
        ('epoch_4.pth', 'epoch_5.pth'),
    ]


def test_a_full_disk_costs_no_checkpoint(tmp_path, monkeypatch):
    put = LocalBackend.put

    def full(backend, data, path):
        if 'epoch_3' in osp.basename(path):
            put(backend, data[:100], path)
            raise OSError('No space left on device')
        put(backend, data, path)

    monkeypatch.setattr(LocalBackend, 'put', full)
    with pytest.raises(OSError, match='No space'):
        run(tmp_path / 'run', dict(ATOMIC, max_keep_ckpts=1))
    assert files(tmp_path / 'run') == [
        'epoch_2.pth', 'epoch_3.pth.partial', 'last_checkpoint'
    ]
    assert torch.load(find_latest_checkpoint(tmp_path / 'run'))


def test_leftovers_of_interrupted_writes_go_at_the_start(tmp_path):
    for folder in ('run', 'out/run'):
        os.makedirs(tmp_path / folder)
        for name in ('epoch_7.pth.partial', 'last_checkpoint.partial',
                     'notes.txt'):
            (tmp_path / folder / name).write_text('')
    run(tmp_path / 'run', dict(ATOMIC, out_dir=str(tmp_path / 'out')))
    for folder in ('run', 'out/run'):
        left = files(tmp_path / folder)
        assert not [name for name in left if name.endswith('.partial')]
        assert 'notes.txt' in left


@pytest.mark.parametrize('cfg, words', [
    (dict(save_best='auto'), ['auto', 'acc/top1']),
    (dict(save_best=['auto']), ['auto', 'acc/top1']),
])
def test_a_metric_must_be_named(cfg, words):
    with pytest.raises(ValueError) as error:
        AtomicCheckpointHook(**cfg)
    for word in words:
        assert word in str(error.value)


@pytest.mark.parametrize('option, word', [
    (dict(out_dir='http://somewhere/else'), 'http://somewhere/else'),
    (dict(backend_args=dict(backend='http')), 'http'),
    (dict(file_client_args=dict(backend='petrel')), 'petrel'),
])
def test_other_storage_is_refused(tmp_path, option, word):
    runner = toy_runner(tmp_path / 'run', dict(ATOMIC, **option), SCRIPT)
    with pytest.raises(ValueError, match=f'{word}.* use CheckpointHook'):
        runner.train()


def test_without_stages_a_missing_metric_is_an_error(tmp_path):
    with pytest.raises(KeyError, match='acc/top1.*other/loss'):
        run(tmp_path / 'run', dict(ATOMIC, save_best='acc/top1'))


def test_with_stages_it_is_passed_over_until_it_comes(tmp_path):
    stages = [dict(name=m, train=[m]) for m in ('audio', 'visual')]
    cfg = digits_cfg(
        tmp_path / 'run', dict(max_epochs=1, stages=stages), n_train=64,
        n_val=32)
    cfg.default_hooks.checkpoint.save_best = [
        'acc/top1', 'acc/top1_audio', 'acc/top11'
    ]
    # With a metric that does not tell its names beforehand, who knows?
    cfg.val_evaluator = [cfg.val_evaluator, dict(type='DumpResults',
                                                 out_file_path='a.pkl')]
    cfg.val_evaluator[1].out_file_path = str(tmp_path / 'a.pkl')
    runner = train(cfg)
    best = [name for name in files(tmp_path / 'run') if 'best' in name]
    assert any(name.startswith('best_acc_top1_audio_epoch') for name in best)
    assert 'best_acc_top1_epoch_2.pth' in best
    assert not [name for name in best if 'top11' in name]
    log = open(runner.logger.handlers[-1].baseFilename).read()
    assert "save_best names ['acc/top11'], but validation only" in log


def test_validation_outside_of_training_saves_nothing(tmp_path):
    runner = toy_runner(
        tmp_path / 'run', dict(ATOMIC, save_best='acc'), SCRIPT)
    assert runner.val()['acc'] == .1
    assert not [name for name in files(tmp_path / 'run') if 'best' in name]


def test_no_warning_about_how_mmengine_writes_files(tmp_path):
    runner = run(tmp_path / 'run', dict(ATOMIC, save_best='acc'))[-1]
    log = open(runner.logger.handlers[-1].baseFilename).read()
    assert 'Checkpoints will be saved to' in log
    assert 'FileClient' not in log and 'HardDiskBackend' not in log


def test_resume_keeps_counting_and_ranking(tmp_path):
    """Three epochs, then two more in another runner, as five at once."""
    hook = dict(ATOMIC, max_keep_ckpts=2, save_best='acc')
    whole = run(tmp_path / 'whole', hook)
    run(tmp_path / 'run', hook, epochs=3)
    resumed = run(
        tmp_path / 'run', hook, script=SCRIPT[3:], resume=True)
    assert resumed[1] == whole[1] and resumed[2] == whole[2]
    assert files(tmp_path / 'run') == files(tmp_path / 'whole')
