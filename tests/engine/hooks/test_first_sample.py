"""An encoder that does not fit its input is told before the first batch."""
import pytest
import torch
from mmengine.runner import Runner

from mmbalance_plugin.engine.hooks.first_sample import try_encoders
from tests.engine.digits import assert_same, digits_cfg, weights

UDI = dict(type='mmbalance_plugin.UDITrainLoop', max_epochs=1)


@pytest.mark.parametrize('key, value, error', [
    ('backbone.in_channels', 3, 'to have 3 channels, but got 1 channels'),
    ('feat_channels', 32, 'set feat_channels=16')])
def test_an_encoder_of_a_later_stage(tmp_path, key, value, error):
    cfg = digits_cfg(tmp_path, UDI, n_train=32, n_val=32)
    cfg.merge_from_dict({f'model.encoders.visual.{key}': value})
    runner = Runner.from_cfg(cfg)
    with pytest.raises((RuntimeError, ValueError), match=error):
        runner.train()
    assert runner.train_loop.iter == 0


def test_an_input_without_an_encoder(tmp_path):
    cfg = digits_cfg(tmp_path, dict(max_epochs=1), n_train=32, n_val=32)
    del cfg.model.encoders['visual']
    with pytest.raises(ValueError, match=r"no encoder for the inputs "
                       r"\['visual'\], but the modalities are \['audio'\]"):
        Runner.from_cfg(cfg).train()


def test_nothing_else_changes(tmp_path):
    runner = Runner.from_cfg(digits_cfg(tmp_path, UDI, n_train=32, n_val=32))
    before, state = weights(runner), torch.get_rng_state()
    called = []
    for name, encoder in runner.model.encoders.items():
        encoder.register_forward_hook(
            lambda *_, name=name: called.append(name))
    runner.model.train()
    try_encoders(runner.model, runner.train_dataloader)
    assert sorted(called) == ['audio', 'visual']
    assert_same(weights(runner), before)
    assert torch.equal(torch.get_rng_state(), state)
    assert all(part.training for part in runner.model.modules())
