"""From a recogniser of MMAction2 to an audio-visual one."""
import copy
import os
import re
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Dict, List, Optional, Union

from mmengine.config import Config
from yapf.yapflib.yapf_api import FormatCode

from mmbalance_plugin.compat import config_packages
from mmbalance_plugin.shipped import find_config, shipped_root

_OWN = 'mmbalance_plugin.'
# The set whose configs show how each method is written on a set of clips.
_PATTERN = 'kinetics_sounds'
_STYLE = ('{based_on_style: pep8, '
          'split_before_expression_after_opening_paren: true}')
_MODELS = ('Recognizer2D', 'Recognizer3D', 'RecognizerAudio')
# What a run reads; the rest of a config is the author's own names.
_READ = ('model', 'train_dataloader', 'val_dataloader', 'test_dataloader',
         'train_cfg', 'val_cfg', 'test_cfg', 'val_evaluator',
         'test_evaluator', 'optim_wrapper', 'param_scheduler',
         'custom_hooks', 'default_hooks', 'log_processor', 'visualizer',
         'custom_imports', 'max_epochs')


class ConversionError(ValueError):
    """A config has something that does not become audio-visual."""


def methods() -> List[str]:
    """Names that :func:`convert_config` knows as ``method``."""
    end = f'_{_PATTERN}.py'
    names = (file.name for file in (shipped_root() / 'configs').glob('*.py'))
    return sorted(n[:-len(end)] for n in names if n.endswith(end)
                  and not n.startswith(('unimodal_', 'udi_slowonly', 'udi_p')))


def convert_config(config: Union[str, os.PathLike],
                   method: str = 'udi',
                   annotations: Optional[Dict[str, str]] = None,
                   videos: Optional[str] = None,
                   folder: Optional[Union[str, os.PathLike]] = None) -> str:
    """Make an audio-visual config of a recogniser's.

    The backbone becomes the encoder of its modality, with its preprocessing,
    pipelines, optimiser, schedule and batch sizes; the other modality gets a
    ResNet18 (of log spectrograms, or of three frames), as the shipped sets
    of clips have it. The sound is that of the clips.

    Args:
        config (str | PathLike): File of a recogniser's config.
        method (str): One of :func:`methods`. Defaults to 'udi'.
        annotations (dict[str, str], optional): Split ('train', 'val',
            'test') to the list of clips and labels, in place of the
            config's; needed for a recogniser of sound, whose own lists name
            extracted features. Defaults to None.
        videos (str, optional): Folder of the clips, in place of the
            config's. Defaults to None.
        folder (str | PathLike, optional): Where the result will lie;
            ``config`` is then named relative to it. Defaults to None, by its
            absolute path.

    Returns:
        str: Text of a config that inherits from ``config``.

    Raises:
        ConversionError: Something cannot be converted; the message names it.
        FileNotFoundError: There is no such config.
    """
    config_packages.install()
    path = Path(find_config(os.fspath(config))).resolve()
    base = Config.fromfile(path, import_custom_modules=False)
    if method not in methods():
        raise ConversionError(f'there is no method {method!r}; there are '
                              f'{", ".join(methods())}')
    clips = _audio_visual(base, path.name, annotations or {}, videos)
    final = _with_method(clips, method)
    if base.model.cls_head.get('multi_class'):
        _take_several_labels(final)
    final.train_cfg.update({k: v for k, v in base.train_cfg.items()
                            if k in ('val_begin', 'val_interval')})
    parent = str(path) if folder is None else os.path.relpath(path, folder)
    lines = [f'# {path.stem}, audio-visual, trained by {method}.',
             '# Made by mmbalance convert; yours to edit.',
             f'_base_ = {parent!r}', '']
    for key in _READ:
        value = final.get(key)
        if value is not None and value != base.get(key):
            lines.append(f'{key} = {_text(_difference(base.get(key), value))}')
    text, _ = FormatCode('\n'.join(lines) + '\n', style_config=_STYLE)
    return text


def _difference(before: Any, after: Any) -> Any:
    """What a config says that inherits one value and wants another."""
    if not isinstance(before, dict) or not isinstance(after, dict):
        return after
    if set(before) - set(after):
        return dict(_delete_=True, **after)
    return {key: _difference(before.get(key), value)
            for key, value in after.items() if value != before.get(key)}


def _text(value: Any) -> str:
    """A value as one writes it in a config, the type first."""
    if isinstance(value, dict) and all(str(k).isidentifier() for k in value):
        keys = sorted(value, key=lambda key: (key != '_delete_',
                                              key != 'type'))
        return f'dict({", ".join(f"{k}={_text(value[k])}" for k in keys)})'
    if isinstance(value, list):
        return f'[{", ".join(map(_text, value))}]'
    return repr(value)


def _audio_visual(base: Config, name: str, annotations: Dict[str, str],
                  videos: Optional[str]) -> Config:
    """The config of the pair, without a method."""
    model = base.get('model') or {}
    kind = str(model.get('type')).split('.')[-1]
    if kind not in _MODELS:
        raise ConversionError(f'{name}: a model of type {kind} cannot be '
                              f'converted, {", ".join(_MODELS)} can')
    if model.get('neck'):
        raise ConversionError(f"{name}: the model's neck "
                              f'({model["neck"].get("type")}) has losses of '
                              'its own, which no encoder has')
    preprocessor = copy.deepcopy(model.get('data_preprocessor'))
    if preprocessor and preprocessor.get('blending'):
        raise ConversionError(
            f'{name}: data_preprocessor.blending mixes the pictures of two '
            'clips and not their sound; take it out, and give blending to '
            'the recognizer that comes of it')
    own, other = ('audio', 'visual') if kind == 'RecognizerAudio' else (
        'visual', 'audio')
    shipped = Config.fromfile(shipped_root() / 'configs/_base_/datasets'
                              / 'audio_visual_clips.py')
    defaults = Config.fromfile(shipped_root() / 'configs/_base_/models'
                               / 'audio_visual_resnet18.py')
    head = model['cls_head']
    encoders, preprocessors = (
        {own: first, other: second[other]} for first, second in (
            (_encoder(model['backbone'], head), defaults.encoders),
            (preprocessor, defaults.preprocessors)))
    cfg = Config(copy.deepcopy(base.to_dict()))
    cfg.modalities = ('audio', 'visual')
    cfg.num_classes = head['num_classes']
    cfg.model = dict(
        type=f'{_OWN}MultimodalRecognizer', encoders=encoders,
        head=dict(type=f'{_OWN}DecisionHead', num_classes=cfg.num_classes),
        data_preprocessor=dict(type=f'{_OWN}MultimodalDataPreprocessor',
                               preprocessors=preprocessors))
    for split in ('train', 'val', 'test'):
        _loader(cfg, base, split, own, shipped, name,
                annotations.get(split), videos)
    _runtime(cfg, base)
    return cfg


def _encoder(backbone: Dict[str, Any], head: Dict[str, Any]
             ) -> Dict[str, Any]:
    several = str(head['type']).endswith('SlowFastHead')
    return dict(type=f'{_OWN}ModalityEncoder',
                backbone=dict(backbone), feat_channels=head['in_channels'],
                **(dict(outputs='all') if several else {}))


def _loader(cfg: Config, base: Config, split: str, own: str,
            shipped: Config, name: str, annotation: Optional[str],
            videos: Optional[str]) -> None:
    """Let a split's pipeline load the pair."""
    loader = cfg[f'{split}_dataloader']
    dataset = loader['dataset']
    kind = str(dataset['type']).split('.')[-1]
    test = 'train' if split == 'train' else 'test'
    visual, audio = shipped[f'visual_{test}'], shipped.audio
    if own == 'audio':
        if not annotation or not videos:
            raise ConversionError(
                f'{name}: its lists name extracted sound features; say where '
                'the clips and their lists are (videos, and annotations of '
                'train, val and test)')
        dataset = dict(test_mode=split != 'train')
        audio = _spectrogram(base, shipped)
    elif kind != 'VideoDataset':
        raise ConversionError(f'{name}: {split}_dataloader reads a {kind}, '
                              'which has no sound; VideoDataset has')
    elif dataset.pop('delimiter', ' ') != ' ':
        raise ConversionError(f'{name}: {split}_dataloader reads a list that '
                              'is not separated by blanks; make a csv of it, '
                              'path,label, and take out delimiter')
    else:
        visual = _without_packing(dataset['pipeline'], name)
    # Which reads the same lists, and knows of clips without sound.
    dataset.update(type=f'{_OWN}AudioVisualDataset', missing='error')
    if annotation:
        dataset['ann_file'] = annotation
    if videos:
        dataset['data_prefix'] = dict(video=videos)
    dataset['pipeline'] = [
        dict(type=f'{_OWN}PerModality', visual=visual, audio=audio),
        dict(type=f'{_OWN}PackMultimodalInputs')]
    loader['dataset'] = dataset


def _without_packing(pipeline: List[Dict[str, Any]],
                     name: str) -> List[Dict[str, Any]]:
    last = str(pipeline[-1]['type']).split('.')[-1]
    if last != 'PackActionInputs':
        raise ConversionError(f'{name}: a pipeline ends with {last} instead '
                              'of PackActionInputs')
    return list(pipeline[:-1])


def _spectrogram(base: Config, shipped: Config) -> List[Dict[str, Any]]:
    """Log-mel frames as many as the recogniser of sound looks at."""
    steps = base.train_dataloader['dataset']['pipeline']
    frames = next(s['clip_len'] for s in steps if 'clip_len' in s)
    # The features that MMAction2 extracts: 80 mel bands, 16 kHz, a window
    # every 10 ms.
    return [dict(shipped.audio[0], sample_rate=16000,
                 duration=frames / 100),
            dict(type=f'{_OWN}LogMelSpectrogram', n_mels=80)]


def _runtime(cfg: Config, base: Config) -> None:
    """Loop, metric and hooks of this package, for as long as before."""
    cfg.max_epochs = base.train_cfg.get('max_epochs') or base.get(
        'max_epochs')
    # The method says which loop.
    cfg.pop('train_cfg')
    cfg.val_evaluator = dict(type=f'{_OWN}MultimodalMetric')
    cfg.test_evaluator = cfg.val_evaluator
    hooks = copy.deepcopy(dict(base.get('default_hooks') or {}))
    hooks['checkpoint'] = dict(
        {k: v for k, v in (hooks.get('checkpoint') or {}).items()
         if k != 'type'},
        type=f'{_OWN}AtomicCheckpointHook', save_best='acc/top1')
    cfg.default_hooks = dict(
        hooks, labels=dict(type=f'{_OWN}LabelCheckHook'),
        summary=dict(type=f'{_OWN}SummaryHook'))
    for key, kind in (('log_processor', 'StageLogProcessor'),
                      ('visualizer', 'StageVisualizer')):
        cfg[key] = dict(base.get(key) or {}, type=f'{_OWN}{kind}')
    cfg.custom_imports = dict(imports=['mmbalance_plugin.registry'])


def _take_several_labels(cfg: Config) -> None:
    """As the data do, which were for a head with ``multi_class``."""
    cfg.model.get('recognizer', cfg.model).head.multi_class = True
    for key in ('val_evaluator', 'test_evaluator'):
        cfg[key] = dict(cfg[key], measures=['mAP'])
    cfg.default_hooks.checkpoint.save_best = 'acc/mAP'


def _with_method(clips: Config, method: str) -> Config:
    """Put a method on a set, as its shipped config does on one of clips."""
    configs = shipped_root() / 'configs'
    with TemporaryDirectory() as folder:
        clips.dump(Path(folder, 'set.py'))
        todo, done = [method], set()
        while todo:
            name = todo.pop()
            done.add(name)
            text = (configs / f'{name}_{_PATTERN}.py').read_text('utf-8')
            parents = re.findall(rf"'(?:\./)?(\w+)_{_PATTERN}\.py'", text)
            for parent in parents:
                text = text.replace(f'{parent}_{_PATTERN}.py',
                                    f'{parent}.py')
            todo += [p for p in parents if p not in done]
            text = text.replace(f'_base_/sets/{_PATTERN}.py', './set.py')
            text = text.replace("'_base_/", f"'{configs.as_posix()}/_base_/")
            Path(folder, f'{name}.py').write_text(text, 'utf-8')
        return Config.fromfile(Path(folder, f'{method}.py'),
                               import_custom_modules=False)
