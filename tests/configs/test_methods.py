"""Every method, as shipped: on ranks, in parts, scaled and resumed."""
from contextlib import nullcontext
from functools import partial

import pytest
import torch
from mmengine.dist import get_rank
from mmengine.optim.optimizer import amp_optimizer_wrapper
from mmengine.runner import Runner
from torch.amp import GradScaler

from mmbalance_plugin.engine.gradients import to_amp
from tests.configs.shipped import METHODS, shortened
from tests.dist_utils import run_ranks
from tests.engine.digits import assert_same, weights

ALL = sorted({*METHODS, 'ablations/udi_joint'})
#: Whose micro-batches are no part of a batch, as docs/methods.md says: what
#: is drawn, compared or weighed in a batch is so in each of them.
BATCHES = {'agm', 'cml', 'lfm', 'mimo', 'opm', 'opm_ogm_ge', 'pmr', 'qmf',
           'tcmax', 'udi', 'ablations/udi_joint'}
#: Whose ranks do not act as one, likewise.
RANKS = {'cml', 'opm', 'opm_ogm_ge', 'qmf'}


def cfg(method, folder, parts=1, batch_size=32):
    """Two epochs per stage of the three views, without BatchNorm."""
    run = shortened(f'{method}_multiple_features.py', folder, max_epochs=2)
    inner = run.model.get('recognizer', run.model)
    for encoder in inner.encoders.values():
        encoder.backbone.norm_cfg = None
    if 'warmup_epochs' in run.model:
        run.model.warmup_epochs, run.model.p_exe = 0, 1.
    for hook in run.get('custom_hooks', ()):
        hook.interval = 1
    run.train_dataloader.batch_size = batch_size
    run.train_dataloader.dataset.indices = 160
    run.optim_wrapper.accumulative_counts = parts
    # As many updates, each with the same rate, and no choice of an epoch.
    run.param_scheduler = []
    run.train_cfg.val_interval = 100
    run.default_hooks.checkpoint.update(interval=1, max_keep_ckpts=-1)
    return run


def train(run):
    torch.set_num_threads(1)
    runner = Runner.from_cfg(run)
    runner.train()
    return weights(runner)


@pytest.fixture(scope='module')
def whole(tmp_path_factory):
    """Function from a method to the folder and the weights of its run."""
    done = {}

    def get(method):
        if method not in done:
            folder = tmp_path_factory.mktemp('whole')
            done[method] = folder, train(cfg(method, folder))
        return done[method]

    return get


def assert_close(found, expected):
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        torch.testing.assert_close(
            found[name], value, rtol=1e-3, atol=1e-4,
            msg=lambda text, name=name: f'{name}: {text}')


every_method = pytest.mark.parametrize('method', ALL)


@pytest.mark.slow
@every_method
def test_resumed_equals_uninterrupted(whole, method, tmp_path):
    folder, expected = whole(method)
    again = cfg(method, tmp_path)
    last = len(list(folder.glob('epoch_*.pth')))
    again.resume = True
    again.load_from = str(folder / f'epoch_{last - 1}.pth')
    assert_same(train(again), expected)


@pytest.mark.parametrize('method', [
    m if m in ('agm', 'pmr', 'mi_balanced') else pytest.param(
        m, marks=pytest.mark.slow) for m in ALL])
def test_the_loss_scale_does_not_matter(whole, method, tmp_path,
                                        monkeypatch):
    # The scaler alone, without autocast; the wrapper asks for a card.
    monkeypatch.setattr(amp_optimizer_wrapper, 'is_cuda_available',
                        lambda: True)
    monkeypatch.setattr(amp_optimizer_wrapper, 'GradScaler',
                        partial(GradScaler, 'cpu'))
    monkeypatch.setattr('mmengine.runner.amp.autocast',
                        lambda *_, **__: nullcontext())
    run = cfg(method, tmp_path)
    run.optim_wrapper = to_amp(run.optim_wrapper)
    assert_close(train(run), whole(method)[1])


@pytest.mark.slow
@every_method
def test_micro_batches_are_a_batch(whole, method, tmp_path):
    run = cfg(method, tmp_path, parts=2, batch_size=16)
    if method == 'mla':
        with pytest.raises(ValueError, match='accumulative_counts=2'):
            train(run)
        return
    found, expected = train(run), whole(method)[1]
    if method in BATCHES:
        assert all(value.isfinite().all() for value in found.values())
        assert any(not torch.equal(found[k], expected[k]) for k in found)
    else:
        assert_close(found, expected)


def rank_runs(folder):
    found = {}
    for method in ALL:
        run = cfg(method, f'{folder}/{method}_{get_rank()}', batch_size=16)
        run.launcher = 'pytorch'
        found[method] = train(run)
    return found


@pytest.fixture(scope='module')
def ranks(tmp_path_factory):
    return run_ranks(rank_runs, 2, str(tmp_path_factory.mktemp('ranks')))


@pytest.mark.slow
@every_method
def test_two_ranks_are_one_process(whole, ranks, method):
    first, second = (found[method] for found in ranks)
    assert_same(first, second)
    if method not in RANKS:
        assert_close(first, whole(method)[1])
