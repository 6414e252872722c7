"""The recognizer under MMEngine's Runner and under DDP."""
import pytest
import torch
from mmengine.config import ConfigDict
from mmengine.logging import MessageHub
from mmengine.model import MMDistributedDataParallel
from mmengine.optim import OptimWrapper
from mmengine.registry import DATASETS
from mmengine.runner import Runner
from torch.utils.data import Dataset

from mmbalance_plugin.registry import MODELS
from tests.dist_utils import run_ranks
from tests.models.recognizers.toy import batch, config, snapshot


@DATASETS.register_module()
class RecognizerTestDataset(Dataset):

    def __init__(self):
        self.inputs, self.samples = batch(size=20)

    def __len__(self):
        return 20

    def __getitem__(self, index):
        return dict(
            inputs={m: value[index]
                    for m, value in self.inputs.items()},
            data_samples=self.samples[index])


def test_joint_training_with_a_plain_config(tmp_path):
    loader = dict(
        batch_size=5,
        num_workers=0,
        sampler=dict(type='DefaultSampler', shuffle=False),
        dataset=dict(type='RecognizerTestDataset'))
    runner = Runner.from_cfg(
        ConfigDict(
            # MMAction2's scope, as in its users' configs.
            default_scope='mmaction',
            work_dir=str(tmp_path),
            model=config(
                head='ConcatHead',
                data_preprocessor=dict(
                    type='mmbalance_plugin.MultimodalDataPreprocessor',
                    preprocessors=dict(rgb=dict(mean=0.), flow=None))),
            train_dataloader=loader,
            val_dataloader=loader,
            train_cfg=dict(by_epoch=True, max_epochs=8),
            val_cfg=dict(),
            val_evaluator=dict(type='mmbalance_plugin.MultimodalMetric'),
            optim_wrapper=dict(optimizer=dict(type='SGD', lr=.1, momentum=.9)),
            default_hooks=dict(
                checkpoint=dict(
                    type='CheckpointHook', interval=1, save_best='acc/top1')),
            randomness=dict(seed=3)))
    runner.train()
    metrics = runner.val_loop.run()
    assert list(metrics)[0] == 'acc/top1'
    assert {'acc/mAP_rgb', 'acc/macro_f1_flow'} <= set(metrics)
    assert metrics['acc/top1'] > .6
    assert runner.model.init_seed == 3
    assert list(tmp_path.glob('best_acc_top1_epoch_*.pth'))


def model_without_norm():
    torch.manual_seed(0)
    cfg = config(head='MLPHead', score='auto')
    for encoder in cfg['encoders'].values():
        encoder['backbone']['norm_cfg'] = None
    model = MODELS.build(cfg)
    model.init_weights()
    return model


def steps_on_a_share():
    rank = torch.distributed.get_rank()
    model = MMDistributedDataParallel(model_without_norm())
    reader = model.module.score_reader('test')
    wrapper = OptimWrapper(torch.optim.SGD(model.parameters(), lr=.5))
    inputs, samples = batch(size=8)
    share = slice(4 * rank, 4 * rank + 4)
    for _ in range(3):
        model.train_step(
            dict(
                inputs={m: list(v[share]) for m, v in inputs.items()},
                data_samples=samples[share]), wrapper)
    return snapshot(model.module), reader.read(), logged()


def logged():
    scalars = MessageHub.get_current_instance().log_scalars
    return {
        key: buffer.data[0].tolist()
        for key, buffer in scalars.items() if key != 'train/loss'
    }


def test_two_ranks_follow_one_process():
    model = model_without_norm()
    reader = model.score_reader('test')
    wrapper = OptimWrapper(torch.optim.SGD(model.parameters(), lr=.5))
    inputs, samples = batch(size=8)
    for _ in range(3):
        model.train_step(
            dict(
                inputs={m: list(v) for m, v in inputs.items()},
                data_samples=samples), wrapper)
    scores, log = reader.read(), logged()
    ranks = run_ranks(steps_on_a_share, 2)
    assert scores.counts == dict(rgb=24, flow=24)
    for state, scores_there, logged_there in ranks:
        for key, value in model.state_dict().items():
            torch.testing.assert_close(state[key], value)
        torch.testing.assert_close(scores_there, scores)
        assert logged_there.keys() == log.keys() == {
            f'train/{kind}_{m}'
            for kind in ('score', 'ratio') for m in ('rgb', 'flow')
        }
        for key, values in log.items():
            assert logged_there[key] == pytest.approx(values, rel=1e-5)
