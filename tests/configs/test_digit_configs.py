"""Every shipped config of the small data sets trains a step."""
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner

from mmbalance_plugin.utils.sample_batch import SampleBatch
from tests.engine.digits import DATA, assert_same, weights

CONFIGS = Path(__file__).resolve().parents[2] / 'configs'
SETS = ('av_digits', 'multiple_features')
SHIPPED = sorted(
    path.name for data in SETS for path in CONFIGS.glob(f'*_{data}.py'))


def shortened(name, work_dir, batches=2, **options):
    """The config with one epoch a stage and a few samples."""
    torch.set_num_threads(1)
    cfg = Config.fromfile(CONFIGS / name)
    data = next(d for d in SETS if name.endswith(f'{d}.py'))
    cfg.merge_from_dict({
        'work_dir': str(work_dir),
        'experiment_name': str(work_dir),
        'train_cfg.max_epochs': 1,
        **options
    })
    for split in ('train', 'val', 'test'):
        loader = cfg[f'{split}_dataloader']
        loader.dataset.data_root = str(DATA / data)
        loader.dataset.indices = batches * loader.batch_size
    return cfg


def test_there_is_a_config_for_every_method():
    for method in ('joint', 'late_fusion', 'udi', 'ogm_ge', 'opm',
                   'opm_ogm_ge', 'unimodal_audio', 'unimodal_visual', 'ogm'):
        assert f'{method}_av_digits.py' in SHIPPED
    for method in ('joint', 'late_fusion', 'udi', 'ogm_ge', 'opm',
                   'opm_ogm_ge', 'unimodal_pix', 'unimodal_fou',
                   'unimodal_mor'):
        assert f'{method}_multiple_features.py' in SHIPPED


@pytest.mark.parametrize('name', SHIPPED)
def test_the_first_line_is_the_command_that_runs_it(name):
    first = (CONFIGS / name).read_text().splitlines()[0]
    assert first == f'# python tools/train.py configs/{name}'


# Each method on the first set and each set with one method; the rest repeats.
@pytest.mark.parametrize('name', [
    name if name.endswith(f'{SETS[0]}.py') or name.startswith('joint_')
    else pytest.param(name, marks=pytest.mark.slow) for name in SHIPPED])
def test_it_trains(name, tmp_path):
    runner = Runner.from_cfg(shortened(name, tmp_path))
    before = weights(runner)
    runner.train()
    after = weights(runner)
    changed = {k for k in after if not torch.equal(before[k], after[k])}
    assert changed
    # No object is made for each sample.
    batch = next(iter(runner.train_dataloader))
    assert isinstance(batch['data_samples'], SampleBatch)
    assert (tmp_path / 'summary.json').exists()
    assert 'acc/top1' in runner.train_loop.assembled_metrics


def test_phase_one_of_the_shipped_udi_equals_the_unimodal_configs(tmp_path):
    udi = Runner.from_cfg(
        shortened('udi_av_digits.py', tmp_path / 'udi', 8,
                  **{'train_cfg.consistency': None,
                     'train_cfg.complementarity': None}))
    udi.train()
    late = Runner.from_cfg(
        shortened('late_fusion_av_digits.py', tmp_path / 'late', 8))
    late.train()
    assert_same(weights(udi), weights(late))
    for modality in ('audio', 'visual'):
        alone = Runner.from_cfg(
            shortened(f'unimodal_{modality}_av_digits.py',
                      tmp_path / modality, 8))
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
