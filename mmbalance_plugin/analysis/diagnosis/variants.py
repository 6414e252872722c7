"""The baselines of a config: the same encoders and data, trained otherwise."""
import copy
from typing import Any, Dict, Sequence

from mmengine.config import Config

from mmbalance_plugin.apis.building import default_scope, recognizer_config
from mmbalance_plugin.datasets import ArrayDataset, AudioVisualDataset
from mmbalance_plugin.datasets.pairing import sound_follows_picture
from mmbalance_plugin.datasets.transforms import PackMultimodalInputs
from mmbalance_plugin.models.heads import (
    ConcatHead,
    DecisionHead,
    FiLMHead,
    GatedHead,
    MLPHead,
    SumHead,
)
from mmbalance_plugin.registry import DATASETS, MODELS

# Of an optim wrapper, what does not belong to a method.
_PLAIN = ('optimizer', 'clip_grad', 'accumulative_counts', 'paramwise_cfg',
          'dtype', 'loss_scale', 'constructor')
_OWN = 'mmbalance_plugin.'
# Heads of joint training; any other of this package belongs to a method.
_JOINT = (ConcatHead, SumHead, MLPHead, FiLMHead, GatedHead)


def variants(config: Config) -> Dict[str, Config]:
    """Make the configs that a diagnosis trains.

    What belongs to a balancing method is taken out, so that any config of a
    data set gives the same ones: the model that a method wraps, its
    head, objective and step, its optim wrapper, its loop, and hooks of this
    package among ``custom_hooks``.

    Args:
        config (Config): Resolved, of a model with two or more modalities.

    Returns:
        dict[str, Config]: 'joint'; 'multi_loss'; 'decoupled', each modality
        alone and their log-probabilities added up; 'pairs' and 'exchanged',
        joint training with a head that can see what only a pair tells
        (:class:`MLPHead`), on the real pairs and on pairs that are exchanged
        within the class. Where the config has that head, 'joint' serves as
        'pairs'. A data set that cannot exchange pairs has neither.

    Raises:
        ValueError: The model has one modality, or several labels per
            sample, or the config does not say for how many epochs it trains.
    """
    joint = Config(copy.deepcopy(config.to_dict()))
    with default_scope(config):
        model = recognizer_config(config)
        head = MODELS.get(model['head'].get('type', 'ConcatHead'))
    names = list(model['encoders'])
    if len(names) < 2:
        raise ValueError(f'the model has one modality, {names[0]!r}: there '
                         'is nothing to balance')
    if model['head'].get('multi_class'):
        raise ValueError(
            'the head has multi_class=True, but a diagnosis is of one class '
            'per sample: compare methods with mmbalance compare instead')
    for key in ('objective', 'step'):
        model.pop(key, None)
    classes = model['head']['num_classes']
    if issubclass(head, DecisionHead) or (
            head.__module__.startswith(_OWN) and head not in _JOINT):
        model['head'] = dict(type=f'{_OWN}ConcatHead', num_classes=classes)
    joint.model = model
    joint.optim_wrapper = _plain_wrapper(config.optim_wrapper)
    joint.max_epochs = _epochs(config)
    joint.pop('work_dir', None)
    joint.train_cfg = dict(type=f'{_OWN}StagedTrainLoop')
    joint.custom_hooks = [
        hook for hook in config.get('custom_hooks') or []
        if not str(hook['type']).startswith(_OWN)
    ]
    multi_loss, decoupled, pairs, exchanged = (
        Config(copy.deepcopy(joint.to_dict())) for _ in range(4))
    multi_loss.model['objective'] = [
        dict(type=f'{_OWN}FusedLoss'), dict(type=f'{_OWN}UnimodalLoss')]
    decoupled.model['head'] = dict(
        type=f'{_OWN}DecisionHead', num_classes=classes,
        combine='sum_log_probs')
    decoupled.train_cfg['stages'] = [dict(name=m, train=[m]) for m in names]
    found = dict(joint=joint, multi_loss=multi_loss, decoupled=decoupled)
    data = _innermost(exchanged.train_dataloader['dataset'])
    with default_scope(config):
        kind = DATASETS.get(data['type'])
    if data.get('multi_class') or not issubclass(
            kind, (ArrayDataset, AudioVisualDataset)) or \
            sound_follows_picture(data.get('pipeline')):
        return found
    data['pairing'] = 'within_class'
    if not issubclass(head, MLPHead):
        mlp = dict(type=f'{_OWN}MLPHead', num_classes=classes)
        pairs.model['head'] = exchanged.model['head'] = mlp
        found['pairs'] = pairs
    return dict(found, exchanged=exchanged)


def for_measuring(config: Config, epochs: int, observed: bool) -> Config:
    """Make the run of a variant that is measured.

    It is validated once, when training has ended, so that nothing is chosen
    on the validation data and they can judge; the test data are left alone.

    Args:
        config (Config): Of :func:`variants`.
        epochs (int): Of each stage.
        observed (bool): Whether the discrepancy ratios are logged, by an OGM
            that changes nothing.

    Returns:
        Config: Another one.

    Raises:
        ValueError: There is no validation split.
    """
    config = Config(copy.deepcopy(config.to_dict()))
    if not config.get('val_dataloader'):
        raise ValueError('a diagnosis judges on the validation split: give '
                         'the config a val_dataloader and a val_evaluator')
    config.max_epochs = epochs
    config.train_cfg['val_interval'] = epochs
    for part in ('dataloader', 'evaluator', 'cfg'):
        config.pop(f'test_{part}', None)
    if observed:
        mixed = 'Amp' if 'Amp' in config.optim_wrapper['type'] else ''
        config.optim_wrapper.update(
            type=f'{_OWN}OGM{mixed}OptimWrapper', alpha=0.)
    return config


def without(config: Config, dropped: Sequence[str]) -> Config:
    """Take modalities out of a config of joint training.

    Args:
        config (Config): 'joint' of :func:`variants`.
        dropped (Sequence[str]): Modalities.

    Returns:
        Config: Another one.
    """
    config = Config(copy.deepcopy(config.to_dict()))
    model = config.model
    if len(model['encoders']) - len(dropped) == 1:
        # Some heads need two.
        model['head'] = dict(type=f'{_OWN}ConcatHead',
                             num_classes=model['head']['num_classes'])
    owners = [model['encoders'],
              model.get('data_preprocessor', {}).get('preprocessors', {})]
    for split in ('train', 'val', 'test'):
        loader = config.get(f'{split}_dataloader') or dict(dataset={})
        for pack in _innermost(loader['dataset']).get('pipeline', [])[-1:]:
            if 'collect_keys' in pack:  # MMAction2's
                pack['collect_keys'] = [
                    k for k in pack['collect_keys'] if k not in dropped]
                continue
            pack['inputs'] = PackMultimodalInputs(pack.get('inputs')).inputs
            owners.append(pack['inputs'])
    for owner in owners:
        for name in dropped:
            owner.pop(name, None)
    return config


def _plain_wrapper(wrapper: Dict[str, Any]) -> Dict[str, Any]:
    mixed = 'Amp' in str(wrapper.get('type', ''))
    return dict(type='AmpOptimWrapper' if mixed else 'OptimWrapper',
                **{k: wrapper[k] for k in _PLAIN if k in wrapper})


def _epochs(config: Config) -> int:
    """Epochs of one model, whatever the loop calls them."""
    loop = config.train_cfg
    stages = [s['epochs'] for s in loop.get('stages') or []
              if s.get('epochs')]
    epochs = loop.get('max_epochs') or config.get('max_epochs') or max(
        stages, default=None)
    if not epochs:
        raise ValueError('the config does not say for how many epochs it '
                         'trains: set max_epochs at its top level')
    return epochs


def _innermost(dataset: Dict[str, Any]) -> Dict[str, Any]:
    """The data set itself, inside of what repeats or balances it."""
    while isinstance(dataset.get('dataset'), dict):
        dataset = dataset['dataset']
    return dataset
