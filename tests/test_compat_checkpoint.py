import copy
import inspect
import io
import pickle

import mmengine.runner
import numpy as np
import pytest
import torch
from mmengine.evaluator import BaseMetric
from mmengine.logging import HistoryBuffer, MessageHub
from mmengine.model import BaseModel
from mmengine.optim import OneCycleLR
from mmengine.runner import Runner, load_checkpoint

import mmbalance_plugin.registry  # noqa: F401  applies the shims
from mmbalance_plugin.compat import UnsafeCheckpointError


def safe_round_trip(value):
    file = io.BytesIO()
    torch.save(value, file)
    file.seek(0)
    return torch.load(file)


class ToyModel(BaseModel):

    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(2, 1)
        torch.nn.init.constant_(self.linear.weight, 0.5)
        torch.nn.init.zeros_(self.linear.bias)

    def forward(self, inputs, mode='tensor'):
        out = self.linear(torch.stack(inputs))
        return dict(loss=out.square().mean()) if mode == 'loss' else [out]


class ToyData(torch.utils.data.Dataset):
    # What MMEngine stores with a checkpoint, in a form it cannot load.
    metainfo = dict(classes=np.array(['a', 'b']), mean=np.float32(0.5))

    def __len__(self):
        return 4

    def __getitem__(self, index):
        return dict(inputs=torch.tensor([index, 1.]))


class ToyMetric(BaseMetric):

    def process(self, data_batch, data_samples):
        self.results.append(0)

    def compute_metrics(self, results):
        epoch = MessageHub.get_current_instance().get_info('epoch')
        return dict(top1=np.float64(epoch))


@pytest.fixture
def make_runner(tmp_path):

    def make(name, **kwargs):
        loader = dict(
            dataset=ToyData(),
            batch_size=2,
            sampler=dict(type='DefaultSampler', shuffle=False))
        return Runner(
            model=ToyModel(),
            work_dir=str(tmp_path / name),
            experiment_name=name,
            train_dataloader=loader,
            val_dataloader=loader,
            val_evaluator=dict(type=ToyMetric),
            val_cfg=dict(),
            train_cfg=dict(by_epoch=True, max_epochs=4),
            optim_wrapper=dict(
                optimizer=dict(type='SGD', lr=0.01, momentum=0.9)),
            param_scheduler=dict(
                type='CosineAnnealingLR', T_max=8, by_epoch=False),
            default_hooks=dict(
                checkpoint=dict(
                    type='CheckpointHook', interval=1, save_best='top1'),
                logger=dict(type='LoggerHook', interval=1)),
            randomness=dict(seed=0),
            **kwargs)

    return make


def test_history_buffer_round_trip():
    buffer = HistoryBuffer([1.5, 2.5, 4.0], [1, 1, 2], max_length=7)
    loaded = safe_round_trip(buffer)
    assert type(loaded) is HistoryBuffer
    for ours, theirs in zip(loaded.data, buffer.data):
        assert ours.dtype == theirs.dtype
        np.testing.assert_array_equal(ours, theirs)
    assert loaded.max_length == 7
    assert loaded.mean() == buffer.mean() == 2.0
    loaded.update(3.0)
    assert loaded.statistics('current') == 3.0
    assert copy.deepcopy(buffer).statistics('max') == 4.0


def test_only_history_buffer_is_allowed():
    allowed = torch.serialization.get_safe_globals()
    foreign = [t for t in allowed if not t.__module__.startswith('torch.')]
    assert foreign == [HistoryBuffer]
    default = inspect.signature(torch.load).parameters['weights_only'].default
    assert default is None
    with pytest.raises(pickle.UnpicklingError):
        safe_round_trip(np.float64(1))

    class Malicious:

        def __reduce__(self):
            return getattr, ({}, 'keys')

    with pytest.raises(pickle.UnpicklingError):
        safe_round_trip(Malicious())


def test_resume_equals_the_uninterrupted_run(make_runner, tmp_path):
    whole = make_runner('whole')
    whole.train()
    path = tmp_path / 'whole' / 'epoch_2.pth'
    checkpoint = torch.load(path)
    assert checkpoint['meta']['dataset_meta']['classes'] == ['a', 'b']
    best = checkpoint['message_hub']['runtime_info']['best_score']
    assert type(best) is float
    resumed = make_runner('resumed', load_from=str(path), resume=True)
    resumed.train()
    assert resumed.epoch == 4
    expected = whole.model.state_dict()
    for name, value in resumed.model.state_dict().items():
        assert torch.equal(value, expected[name])
    history = [
        runner.message_hub.get_scalar('train/loss').data[0]
        for runner in (whole, resumed)
    ]
    np.testing.assert_array_equal(*history)


def test_functions_in_scheduler_state_are_left_out(tmp_path):
    optimizer = torch.optim.SGD(ToyModel().parameters(), lr=0.1)
    scheduler = OneCycleLR(optimizer, eta_max=0.1, total_steps=8)
    path = str(tmp_path / 'a.pth')
    mmengine.runner.save_checkpoint(
        dict(state_dict={}, param_schedulers=[scheduler.state_dict()]), path)
    state, = torch.load(path)['param_schedulers']
    assert set(scheduler.state_dict()) - set(state) == {'anneal_func'}
    scheduler.load_state_dict(state)
    scheduler.step()


def test_state_dict_keeps_its_metadata_and_extra_state(tmp_path):
    state = ToyModel().state_dict()
    state['linear._extra_state'] = dict(steps=np.int64(3))
    path = str(tmp_path / 'a.pth')
    mmengine.runner.save_checkpoint(dict(state_dict=state), path)
    loaded = torch.load(path)['state_dict']
    assert loaded._metadata == state._metadata
    assert loaded['linear._extra_state'] == dict(steps=3)
    assert type(state['linear._extra_state']['steps']) is np.int64


def test_unsavable_value_is_named(tmp_path, capfd):
    path = str(tmp_path / 'a.pth')
    mmengine.runner.save_checkpoint(
        dict(state_dict={}, meta=dict(thing=ToyData())), path)
    assert 'checkpoint.meta.thing is a' in ''.join(capfd.readouterr())


def test_foreign_checkpoint_gives_the_way_out(tmp_path):
    path = str(tmp_path / 'foreign.pth')
    model = ToyModel()
    torch.save(
        dict(state_dict=model.state_dict(), meta=np.float64(1)), path)
    with pytest.raises(UnsafeCheckpointError) as caught:
        load_checkpoint(model, path)
    message = str(caught.value)
    assert path in message and 'numpy' in message
    assert 'TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD' in message
    assert "weights_only=False)['state_dict']" in message
