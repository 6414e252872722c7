"""What parts of one's own may get wrong is told by the part's name."""
import pytest
import torch
from mmengine.runner import Runner

from mmbalance_plugin.engine.gradients import CoefficientMethod
from mmbalance_plugin.engine.steps import CombinedGradientStep
from mmbalance_plugin.models.heads import ConcatHead
from mmbalance_plugin.models.objectives import ObjectiveTerm
from mmbalance_plugin.registry import MODELS, TASK_UTILS
from tests.engine.digits import digits_cfg, train


@MODELS.register_module()
class HeadOfAClassMore(ConcatHead):

    def forward(self, features):
        logits = super().forward(features)
        return torch.cat([logits, logits[:, :1]], 1)


@MODELS.register_module()
class Bare(ObjectiveTerm):
    fuses = True

    def __call__(self, record):
        return record.fused.sum()


@MODELS.register_module()
class Misnamed(Bare):

    def __call__(self, record):
        return dict(mine=record.fused.sum())


@MODELS.register_module()
class FirstGradient(CombinedGradientStep):

    def group(self, losses):
        return losses

    def combine(self, model, names, gradients):
        return next(iter(gradients.values()))[:1]


@TASK_UTILS.register_module()
class OneForAll(CoefficientMethod):

    def coefficients(self, scores, ratios):
        return dict(all=1.)


@TASK_UTILS.register_module()
class Forgetful(CoefficientMethod):

    def coefficients(self, scores, ratios):
        pass


@TASK_UTILS.register_module()
class PlainNumbers(CoefficientMethod):

    def coefficients(self, scores, ratios):
        return dict.fromkeys(ratios, .5)


def method(name):
    return dict(optim_wrapper=dict(
        type='mmbalance_plugin.GradientOptimWrapper',
        method=dict(type=f'mmbalance_plugin.{name}')))


def term(name):
    return {'model.objective': [dict(type=f'mmbalance_plugin.{name}')]}


@pytest.mark.parametrize('change, message', [
    ({'model.head.type': 'mmbalance_plugin.HeadOfAClassMore'},
     r'HeadOfAClassMore gives logits of shape \(2, 11\).*num_classes=10'),
    (term('Bare'), 'Bare must return losses by name, a dict, not a Tensor'),
    (term('Misnamed'), r"trains nothing: of \['mine'\] none has 'loss'"),
    ({'model.step': dict(type='mmbalance_plugin.FirstGradient')},
     r'FirstGradient.combine\(\) gave 1 gradients for \d+ parameters'),
    (method('OneForAll'), r"OneForAll.coefficients\(\) must give one for each "
     r"of \['audio', 'visual'\], but gave {'all'"),
    (method('Forgetful'), 'but gave None')])
def test_it_is_named(tmp_path, change, message):
    cfg = digits_cfg(tmp_path, dict(max_epochs=1), n_train=32, n_val=32,
                     head='ConcatHead')
    cfg.merge_from_dict(change)
    with pytest.raises((ValueError, TypeError), match=message):
        Runner.from_cfg(cfg).train()


def test_coefficients_may_be_plain_numbers(tmp_path):
    runner = train(digits_cfg(
        tmp_path, dict(max_epochs=1), n_train=32, n_val=32, head='ConcatHead',
        **method('PlainNumbers')))
    logged = runner.message_hub.get_scalar('train/plainnumbers_coefficient_'
                                           'audio')
    assert logged.current() == .5
