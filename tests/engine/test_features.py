"""The feature bank: complete, in order, deterministic, without a trace."""
import random

import numpy as np
import torch
from mmengine.runner import Runner

from mmbalance_plugin.engine.features import feature_bank
from mmbalance_plugin.registry import TRANSFORMS
from tests.engine.digits import digits_cfg, weights


@TRANSFORMS.register_module()
class JitterEverything:
    """Draws from all three global generators."""

    def __call__(self, results):
        noise = torch.rand(1).item() + random.random() + np.random.rand()
        return dict(results, audio=results['audio'] + noise)


def runner_of(tmp_path, jitter):
    cfg = digits_cfg(
        tmp_path, dict(max_epochs=1), head='ConcatHead', n_train=50)
    if jitter:
        cfg.train_dataloader.dataset.pipeline.insert(
            0, dict(type='mmbalance_plugin.JitterEverything'))
    return Runner.from_cfg(cfg)


def test_rows_are_those_of_each_sample_alone(tmp_path):
    runner = runner_of(tmp_path, jitter=False)
    model = runner.model.train()
    loader = runner.build_dataloader(runner.cfg.train_dataloader)
    before, states = weights(runner), (torch.get_rng_state(),
                                       random.getstate())
    bank = feature_bank(model, loader, features=True)
    assert all(m.training for m in model.modules())
    assert all(torch.equal(v, before[k]) for k, v in weights(runner).items())
    assert torch.equal(torch.get_rng_state(), states[0])
    assert random.getstate() == states[1]
    assert bank.indices.tolist() == list(range(50))
    model.eval()
    for index in (0, 31, 49):  # the loader itself shuffles
        item = loader.dataset[index]
        data = model.data_preprocessor(
            dict(
                inputs={m: [x] for m, x in item['inputs'].items()},
                data_samples=[item['data_samples']]))
        found = model(**data, mode='tensor')
        assert bank.targets[index] == item['data_samples'].gt_label
        for m in ('audio', 'visual'):
            torch.testing.assert_close(bank.features[m][index],
                                       found['features'][m][0].detach())
            torch.testing.assert_close(bank.logits[m][index],
                                       found['unimodal'][m][0].detach())


def test_random_transforms_draw_the_same_each_time(tmp_path):
    runner = runner_of(tmp_path, jitter=True)
    loader = runner.build_dataloader(runner.cfg.train_dataloader)
    first = feature_bank(runner.model, loader)
    torch.rand(3)
    random.random()
    second = feature_bank(runner.model, loader)
    assert torch.equal(first.logits['audio'], second.logits['audio'])
    plain = runner_of(tmp_path / 'plain', jitter=False)
    other = feature_bank(
        runner.model,
        plain.build_dataloader(plain.cfg.train_dataloader))
    assert not torch.allclose(first.logits['audio'], other.logits['audio'])
