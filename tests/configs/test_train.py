"""Each method trains on one set, and one method on each set."""
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.dataset import pseudo_collate
from mmengine.fileio import load
from mmengine.optim import build_optim_wrapper
from mmengine.registry import init_default_scope
from mmengine.runner import Runner

from mmbalance_plugin.datasets.prepare import PREPARERS, prepare
from mmbalance_plugin.registry import DATASETS
from mmbalance_plugin.utils.sample_batch import SampleBatch
from tests.configs.shipped import (
    ABLATIONS,
    ARRAYS,
    CLIPS,
    LABELS,
    LONG,
    NAMES,
    set_of,
    shortened,
    shrunk,
)
from tests.datasets import media_trees
from tests.datasets.fake_wheels import FAKES
from tests.engine.digits import assert_same, weights

#: Quick: each method on one set, late fusion on each, and what ablations
#: change other than a number.
QUICK = [name for name in NAMES + LABELS if set_of(name) == 'av_digits'
         ] + ['udi_multiple_features.py'] + [
             name for name in ABLATIONS
             if set_of(name) not in ('av_digits', *LONG)
             and '_q_' not in name and '_anchor_' not in name]
SLOW = sorted(name for name in NAMES + ABLATIONS
              if set_of(name) in ARRAYS and name not in QUICK)


@pytest.fixture(scope='module')
def generated(tmp_path_factory):
    """Sets that are prepared on request only, or take long to colour."""
    root = tmp_path_factory.mktemp('generated')
    for name in ('htad', 'cgmnist'):
        wheels = root / 'wheels' / name
        spec = FAKES[name](wheels, np.random.default_rng(0))
        PREPARERS[name].run(root / name, wheels, spec)
    return root


@pytest.mark.parametrize('name', [
    *QUICK, *(pytest.param(name, marks=pytest.mark.slow) for name in SLOW)])
def test_it_trains(name, tmp_path, generated):
    # Nothing is set back after the last epoch.
    epochs = 2 if 'relearning' in name else 1
    cfg = shortened(name, tmp_path, 1, max_epochs=epochs)
    for split in ('train', 'val', 'test'):
        data = cfg[f'{split}_dataloader'].dataset
        folder = generated / Path(data.data_root).name
        if folder.exists():
            data.data_root = str(folder)
            data.indices = min(data.indices, 64 if split == 'train' else 40)
    runner = Runner.from_cfg(cfg)
    before = weights(runner)
    runner.train()
    after = weights(runner)
    assert any(not torch.equal(before[k], after[k]) for k in after)
    # No object is made for each sample.
    batch = next(iter(runner.train_dataloader))
    assert isinstance(batch['data_samples'], SampleBatch)
    assert 'acc/top1' in load(tmp_path / 'summary.json')['test']
    assert 'acc/top1' in runner.train_loop.assembled_metrics


def test_phase_one_of_the_shipped_udi_equals_the_unimodal_configs(tmp_path):
    udi = Runner.from_cfg(
        shortened('udi_av_digits.py', tmp_path / 'udi', 5,
                  **{'train_cfg.consistency': None,
                     'train_cfg.complementarity': None}))
    udi.train()
    late = Runner.from_cfg(
        shortened('late_fusion_av_digits.py', tmp_path / 'late', 5))
    late.train()
    assert_same(weights(udi), weights(late))
    for modality in ('audio', 'visual'):
        alone = Runner.from_cfg(
            shortened(f'unimodal_{modality}_av_digits.py',
                      tmp_path / modality, 5))
        alone.train()
        assert_same(weights(alone, 'encoders'),
                    weights(late, f'encoders.{modality}'))


def test_opm_checkpoints_load_into_the_joint_config(tmp_path):
    opm = Runner.from_cfg(shortened('opm_av_digits.py', tmp_path / 'opm'))
    opm.train()
    joint = Runner.from_cfg(
        shortened('joint_av_digits.py', tmp_path / 'joint'))
    state = torch.load(
        opm.message_hub.get_info('best_ckpt'), weights_only=True)
    joint.model.load_state_dict(state['state_dict'], strict=True)


# ---- clips ---------------------------------------------------------------
@pytest.fixture(scope='module')
def prepared(tmp_path_factory):
    """Function from a data set's name to its prepared folder."""
    root, done = tmp_path_factory.mktemp('trees'), {}

    def get(name):
        if name not in done:
            source = media_trees.TREES[name](root / name)
            prepare(name, source, root / 'out' / name, accept_missing=True)
            done[name] = root / 'out' / name
        return done[name]

    return get


ONE_EACH = ['joint_crema_d.py', 'unimodal_audio_crema_d.py',
            'unimodal_visual_kinetics_sounds.py', 'mmpareto_vggsound.py',
            'udi_ucf101.py', 'udi_slowonly_resnet_audio_kinetics_sounds.py']
OTHERS = sorted(name for name in NAMES
                if set_of(name) in CLIPS and name not in ONE_EACH)


@pytest.mark.parametrize('name', [
    *ONE_EACH,
    *(pytest.param(name, marks=pytest.mark.slow) for name in OTHERS)])
def test_it_trains_a_step_on_clips(name, prepared, tmp_path):
    init_default_scope('mmaction')
    cfg = shrunk(name, prepared(set_of(name)), tmp_path)
    torch.manual_seed(0)
    model = Runner.build_model(None, cfg.model)
    dataset = DATASETS.build(cfg.train_dataloader.dataset)
    batch = pseudo_collate([dataset[i] for i in range(3)])
    before = {k: v.clone() for k, v in model.state_dict().items()}
    wrapper = build_optim_wrapper(model, cfg.optim_wrapper)
    wrapper.initialize_count_status(model, 0, 10)
    losses = model.train().train_step(batch, wrapper)
    assert losses['loss'].isfinite()
    changed = {k for k, v in model.state_dict().items()
               if not torch.equal(before[k], v)}
    assert set(batch['inputs']) == set(cfg.model.get(
        'recognizer', cfg.model).encoders)
    for modality in batch['inputs']:
        assert any(f'encoders.{modality}.' in k and k.endswith('weight')
                   for k in changed)


@pytest.mark.slow
@pytest.mark.parametrize('name', sorted([*ONE_EACH, *OTHERS]))
def test_it_trains_on_clips(name, prepared, tmp_path):
    runner = Runner.from_cfg(
        shrunk(name, prepared(set_of(name)), tmp_path))
    before = weights(runner)
    runner.train()
    after = weights(runner)
    assert any(not torch.equal(before[k], after[k]) for k in after)
    assert (tmp_path / 'summary.json').exists()
    assert 'acc/top1' in runner.train_loop.assembled_metrics
