import warnings
from functools import partial
from types import SimpleNamespace

import pytest
from mmengine.logging import MessageHub
from mmengine.optim import (
    AmpOptimWrapper,
    ConstantLR,
    OptimWrapper,
    OptimWrapperDict,
)
from mmengine.optim.optimizer import amp_optimizer_wrapper
from torch.amp import GradScaler
from torch.optim import SGD

from mmbalance_plugin.engine.gradients import (
    GradientHook,
    GradientOptimWrapper,
    OGMHook,
)
from tests.engine.modulation_toy import (
    assert_same,
    batches,
    build,
    config,
    ogm,
    run_cfg,
    train,
    weights,
)

OPTIONS = dict(
    alpha=.6,
    generalization_enhancement=True,
    start_epoch=1,
    end_epoch=2,
    log_interval=1)
OPTIM = dict(
    type='OptimWrapper',
    clip_grad=dict(max_norm=.5),
    accumulative_counts=2,
    optimizer=dict(type='SGD', lr=.1, momentum=.9))
# They put a wrapper that counts around the optim wrapper's step.
SCHEDULE = [
    dict(type='LinearLR', start_factor=.1, by_epoch=False, end=5),
    dict(type='CosineAnnealingLR', convert_to_iter_based=True)
]
EPOCHS = dict(type='EpochBasedTrainLoop')
# A stage alone is not modulated, the joint ones have schedules of their own.
STAGES = dict(
    type='mmbalance_plugin.StagedTrainLoop',
    stages=[
        dict(name='alone', train=['rgb'], epochs=1),
        dict(name='joint', epochs=4),
        dict(name='again', epochs=2, optim_wrapper=dict(
            optimizer=dict(lr=.02)))
    ])
RUNS = dict(
    argvalues=[(EPOCHS, SCHEDULE), (STAGES, SCHEDULE), (EPOCHS, None)],
    ids=['plain', 'staged', 'plain, no schedule'])


def hook_cfg(work_dir, loop, **merge):
    hook = dict(type='mmbalance_plugin.OGMHook', **OPTIONS)
    return run_cfg(
        work_dir,
        config(head='DecisionHead'),
        loop=loop,
        optim_wrapper=OPTIM,
        custom_hooks=[hook],
        **merge)


def wrapper_cfg(work_dir, loop, **merge):
    optim = {**OPTIM, 'type': 'mmbalance_plugin.OGMOptimWrapper', **OPTIONS}
    return run_cfg(
        work_dir,
        config(head='DecisionHead'),
        loop=loop,
        optim_wrapper=optim,
        **merge)


@pytest.mark.parametrize('loop, schedule', **RUNS)
def test_hook_and_wrapper_train_alike(tmp_path, loop, schedule):
    found, logged = [], []
    for name, cfg in (('hook', hook_cfg), ('wrapper', wrapper_cfg)):
        with warnings.catch_warnings():
            # A schedule's, where it finds its own wrapper gone.
            warnings.filterwarnings('error', '.*step.*overridden')
            runner = train(
                cfg(tmp_path / name, loop, param_scheduler=schedule))
        updates = 8 if loop is EPOCHS else 4
        assert schedule is None or \
            runner.optim_wrapper._global_step == updates - 1
        found.append(weights(runner.model))
        logged.append({
            key: buffer.data[0].tolist()
            for key, buffer in runner.message_hub.log_scalars.items()
            if 'ogm' in key
        })
    assert_same(*found)
    assert logged[0] == logged[1]
    assert set(logged[0]) == {
        f'train/ogm_{kind}_{m}'
        for kind in ('score', 'ratio', 'coefficient') for m in ('rgb', 'flow')
    }
    slowest = [
        min(pair) for pair in zip(logged[0]['train/ogm_coefficient_rgb'],
                                  logged[0]['train/ogm_coefficient_flow'])
    ]
    # Two updates an epoch; epochs 1 and 2 of each joint stage.
    joint, again = [0, 0, 1, 1, 1, 1, 0, 0], [0, 0, 1, 1]
    assert [k < 1 for k in slowest] == (
        joint if loop is EPOCHS else joint + again)
    plain = train(
        run_cfg(
            tmp_path / 'plain',
            config(head='DecisionHead'),
            loop=loop,
            optim_wrapper=OPTIM,
            param_scheduler=schedule))
    assert any((found[0][k] != v).any()
               for k, v in weights(plain.model).items())


def test_the_users_optim_wrapper_stays_as_written(tmp_path):
    runner = train(hook_cfg(tmp_path / 'run', EPOCHS))
    wrapper = runner.optim_wrapper
    assert type(wrapper) is OptimWrapper
    assert wrapper.clip_grad_kwargs == dict(max_norm=.5)
    assert wrapper._accumulative_counts == 2
    assert runner.cfg.optim_wrapper.type == 'OptimWrapper'


@pytest.mark.parametrize('cfg', [hook_cfg, wrapper_cfg])
@pytest.mark.parametrize('loop, epoch', [(EPOCHS, 2), (STAGES, 3)],
                         ids=['plain', 'staged'])
def test_resume_in_the_middle_of_modulation(tmp_path, cfg, loop, epoch):
    whole = train(cfg(tmp_path / 'whole', loop, param_scheduler=SCHEDULE))
    MessageHub._instance_dict.clear()
    checkpoint = str(tmp_path / f'whole/epoch_{epoch}.pth')
    resumed = train(
        cfg(
            tmp_path / 'resumed',
            loop,
            param_scheduler=SCHEDULE,
            resume=True,
            load_from=checkpoint))
    assert_same(weights(whole.model), weights(resumed.model))
    assert resumed.message_hub.log_scalars['train/ogm_ratio_rgb'].data[
        0].tolist() == whole.message_hub.log_scalars[
            'train/ogm_ratio_rgb'].data[0].tolist()


def attach(wrapper, model=None):
    hook = OGMHook(alpha=.8)
    runner = SimpleNamespace(optim_wrapper=wrapper, model=model or build())
    hook.before_train_epoch(runner)
    return hook, runner


def test_attached_once_to_each_wrapper():
    model = build()
    wrapper = OptimWrapper(SGD(model.parameters(), lr=.1))
    hook, runner = attach(wrapper, model)
    step = wrapper.step
    hook.before_train_epoch(runner)
    hook.before_stage(runner, stage=None)
    assert wrapper.step is step
    runner.optim_wrapper = OptimWrapper(SGD(model.parameters(), lr=.1))
    hook.before_stage(runner, stage=None)
    assert 'step' in vars(runner.optim_wrapper)
    model.train_step(batches(1)[0], runner.optim_wrapper)
    assert hook.method.last['ratios'].keys() == {'rgb', 'flow'}


def wrappers(monkeypatch):
    """MMEngine's two, the second as if there were an accelerator."""
    monkeypatch.setattr(amp_optimizer_wrapper, 'is_cuda_available',
                        lambda: True)
    monkeypatch.setattr(amp_optimizer_wrapper, 'GradScaler',
                        partial(GradScaler, 'cpu'))
    for kind in (OptimWrapper, AmpOptimWrapper):
        model = build()
        yield model, kind(optimizer=SGD(model.parameters(), lr=.1))


@pytest.mark.parametrize('first', ['schedule', 'hook'])
def test_schedules_count_steps_in_either_order(first, monkeypatch):
    for model, wrapper in wrappers(monkeypatch):
        if first == 'hook':
            hook, _ = attach(wrapper, model)
        schedules = [ConstantLR(wrapper), ConstantLR(wrapper)]
        if first == 'schedule':
            hook, _ = attach(wrapper, model)
        schedules.append(ConstantLR(wrapper))
        for number, batch in enumerate(batches(2)):
            model.train_step(batch, wrapper)
            assert wrapper._global_step == number
            assert min(hook.method.last['coefficients'].values()) < 1
            with warnings.catch_warnings():
                warnings.simplefilter('error')
                for schedule in schedules:
                    schedule.step()


@pytest.mark.parametrize('schedules', [0, 1])
def test_two_of_them_are_an_error(schedules):
    model = build()
    wrapper = OptimWrapper(SGD(model.parameters(), lr=.1))
    attach(wrapper, model)
    for _ in range(schedules):
        ConstantLR(wrapper)
    with pytest.raises(TypeError, match='no other OGM'):
        attach(wrapper, model)
    with pytest.raises(TypeError, match='OGMOptimWrapper'):
        attach(ogm(model), model)


def test_a_hook_and_a_wrapper_for_any_method():
    found = []
    for hooked in (False, True):
        model = build()
        method = dict(
            type='mmbalance_plugin.OGM',
            alpha=.8,
            generalization_enhancement=True)
        optimizer = SGD(model.parameters(), lr=.1)
        if hooked:
            wrapper = OptimWrapper(optimizer)
            runner = SimpleNamespace(optim_wrapper=wrapper, model=model)
            GradientHook(method).before_train_epoch(runner)
        else:
            wrapper = GradientOptimWrapper(optimizer=optimizer, method=method)
            wrapper.initialize_count_status(model, 0, 100)
        for batch in batches(3):
            model.train_step(batch, wrapper)
        found.append(weights(model))
    reference = build()
    named = ogm(
        reference, alpha=.8, momentum=0., generalization_enhancement=True)
    for batch in batches(3):
        reference.train_step(batch, named)
    for other in found:
        assert_same(weights(reference), other)


def test_a_step_of_ones_own_is_not_replaced():

    class Mine(OptimWrapper):

        def step(self, **kwargs):
            """Something else."""

    model = build()
    mine = Mine(SGD(model.parameters(), lr=.1))
    with pytest.raises(TypeError, match='Mine'):
        attach(mine, model)
    ConstantLR(mine)
    with pytest.raises(TypeError, match='Mine'):
        attach(mine, model)
    # Patched by somebody else: it would be lost without a word.
    patched = OptimWrapper(SGD(model.parameters(), lr=.1))
    patched.step = lambda **kwargs: None
    with pytest.raises(TypeError, match='a step of its own'):
        attach(patched, model)
    both = OptimWrapperDict(
        a=OptimWrapper(SGD(model.encoders.parameters(), lr=.1)),
        b=OptimWrapper(SGD(model.head.parameters(), lr=.1)))
    with pytest.raises(TypeError, match='OptimWrapperDict'):
        attach(both, model)


def test_options_are_those_of_the_wrapper():
    with pytest.raises(ValueError, match='backwards'):
        OGMHook(alpha=2., form='tpami')
    with pytest.raises(TypeError, match='beta'):
        OGMHook(alpha=2., beta=1)
