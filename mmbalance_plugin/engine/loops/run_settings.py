"""What a run was started with, and what of that has changed since."""
import hashlib
from dataclasses import fields, is_dataclass
from typing import Any, Dict, Iterator, List, Sequence, Tuple

from mmengine.dist import get_world_size

Settings = Dict[str, str]
# Parts of a config that decide what is trained or measured.
_SECTIONS = ('model', 'train_dataloader', 'train_cfg', 'optim_wrapper',
             'param_scheduler', 'auto_scale_lr', 'val_dataloader',
             'val_evaluator', 'test_dataloader', 'test_evaluator')
# Told stage by stage.
_OF_STAGES = ('train_cfg.max_epochs', 'train_cfg.follower_epochs',
              'train_cfg.estimate_epochs',
              'train_cfg.stages', 'train_cfg.early_stopping')
# A change of these after the first epoch would mix two runs,
_BINDING = ('model', 'optim_wrapper', 'param_scheduler', 'auto_scale_lr',
            'batches per epoch', 'samples per step', 'train_cfg.hold_out')
# but not of where pretrained weights lie (what they are is checked), nor of
# where outputs are kept.
_FREE = ('.checkpoint', '.pretrained', '.cache', '.cache_device')
_LONG = 100


class ResumeError(ValueError):
    """A run cannot go on with the config it was given."""


def run_settings(runner, dataloader) -> Settings:
    """What decides a run's result, as plain data for its checkpoints: dotted
    name to value."""
    ranks = get_world_size()
    settings = {'processes': str(ranks),
                'batches per epoch': str(len(dataloader))}
    batch = getattr(dataloader, 'batch_size', None)
    if batch:
        settings['samples per step'] = str(batch * ranks)
    for section in _SECTIONS:
        if section in runner.cfg:
            settings.update(_flat(runner.cfg[section], section))
    return {name: value for name, value in settings.items()
            if not name.startswith(_OF_STAGES)}


def stage_settings(stages: Sequence[Any]) -> List[Settings]:
    """What the stages do, as plain data: name to value, for each stage."""
    return [
        dict(pair for field in fields(stage) if field.repr
             for pair in _flat(getattr(stage, field.name),
                               f'stage {stage.name!r}: {field.name}'))
        for stage in stages
    ]


def changes(before: Settings, now: Settings) -> Dict[str, str]:
    """What differs between two sets of settings: name to a line of text."""
    unset = 'unset'
    return {
        name: f'{name}: {before.get(name, unset)} before, '
        f'{now.get(name, unset)} now'
        for name in dict.fromkeys([*before, *now])
        if before.get(name, unset) != now.get(name, unset)
    }


def is_binding(name: str) -> bool:
    """Whether a setting of the run shapes all that it trains."""
    return name.startswith(_BINDING) and not is_free(name)


def is_free(name: str) -> bool:
    """Whether a setting, also a stage's, shapes nothing that is trained."""
    return name.endswith(_FREE)


def _flat(value: Any, name: str) -> Iterator[Tuple[str, str]]:
    if is_dataclass(value):
        value = vars(value)
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from _flat(item, f'{name}.{key}')
    elif isinstance(value, (list, tuple)) and any(
            isinstance(item, dict) for item in value):
        for i, item in enumerate(value):
            yield from _flat(item, f'{name}[{i}]')
    else:
        yield name, _text(value)


def _text(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        text = f'[{", ".join(map(_text, value))}]'
    elif isinstance(value, (str, int, float, dict, type(None))):
        text = repr(value)
    else:  # an object's own text may hold its address
        kind = value if isinstance(value, type) else type(value)
        text = f'{kind.__module__}.{getattr(value, "__name__", kind.__name__)}'
    if len(text) <= _LONG:
        return text
    digest = hashlib.sha256(text.encode()).hexdigest()
    return f'{text[:_LONG]}... ({digest[:8]})'
