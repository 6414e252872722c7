"""The shipped configs: which there are, and as a user would change them."""
import shutil
from functools import cache
from pathlib import Path

import torch
from mmengine.config import Config

from tests.engine.digits import DATA

CONFIGS = Path(__file__).resolve().parents[2] / 'configs'
#: In memory, and for how many epochs each stage trains there.
EPOCHS = dict(
    av_digits=6, multiple_features=20, multiple_features_hard=20,
    multiple_features_pair=20, multiple_features_six=20, mnist_halves=10,
    watch=15, htad=20, cgmnist=3, cgmnist_full=100)
ARRAYS = tuple(EPOCHS)
CLIPS = ('crema_d', 'kinetics_sounds', 'vggsound', 'ucf101')
#: A user's own: tests/datasets/prepare/test_clips.py trains on some.
OWN = 'clips'
SETS = (*ARRAYS, *CLIPS, OWN)
#: Another recipe of a set before, with a few methods.
LONG = {'cgmnist_full': ('joint', 'udi', 'multi_loss', 'late_fusion',
                         'unimodal_gray', 'unimodal_color')}
#: Those with every method, and those on which strengths were chosen.
COMPLETE = tuple(
    data for data in (*ARRAYS, 'crema_d', 'kinetics_sounds', OWN)
    if data not in LONG)
CHOSEN = ('av_digits', 'multiple_features', 'crema_d', 'kinetics_sounds')
#: On every set but the long ones, and on those with the balancing methods of
#: the literature.
EVERYWHERE = ('joint', 'udi', 'multi_loss', 'mmpareto', 'relearning', 'tcmax',
              'mimo', 'lfm', 'cml', 'qmf', 'pmr', 'agm', 'dgl', 'mlb',
              'mmcosine', 'mi_balanced', 'mi_distilled', 'inforeg', 'mla',
              'g_blend', 'umt', 'reconboost')
METHODS = (*EVERYWHERE, 'late_fusion', 'ogm_ge', 'opm', 'opm_ogm_ge')
#: Pipelines of their own.
RECIPES = ('udi_slowonly', 'udi_paper_crema_d', 'udi_paper_kinetics_sounds',
           'udi_paper_ucf101')
NAMES = sorted(path.name for path in CONFIGS.glob('*.py'))
#: UDI with one thing changed, and its controls.
ABLATIONS = sorted(
    f'ablations/{path.name}' for path in CONFIGS.glob('ablations/*.py'))
#: With encoders of others; tests/configs/test_backbones.py.
BACKBONES = sorted(
    f'backbones/{path.name}' for path in CONFIGS.glob('backbones/*.py'))
#: Several labels, and blended ones.
LABELS = sorted(
    f'labels/{path.name}' for path in CONFIGS.glob('labels/*.py'))


def set_of(name):
    """The data set of a config's file."""
    return next(d for d in SETS if name.endswith(f'_{d}.py'))


@cache
def config(name):
    """A shipped config, to look at only."""
    return Config.fromfile(CONFIGS / name)


def edited(folder, name, *edits):
    """A copy of the configs in which a set's base is edited.

    Args:
        folder (Path): Where to.
        name (str): Of the set.
        edits (tuple[str, str]): A text that occurs once, and its successor.

    Returns:
        Path: The copy.
    """
    copy = shutil.copytree(CONFIGS, folder / 'configs', dirs_exist_ok=True)
    base = copy / '_base_' / 'sets' / f'{name}.py'
    text = (CONFIGS / '_base_' / 'sets' / f'{name}.py').read_text()
    for before, after in edits:
        code = text[text.index('_base_ ='):]
        assert code.count(before) == 1, (name, before)
        text = text.replace(code, code.replace(before, after))
    base.write_text(text)
    return copy


#: How a set's base gets a cache, or another protocol; see
#: docs/datasets/clips.md.
CACHED = {
    'crema_d': ('short_clips.py', 'short_clips_cached.py'),
    'ucf101': ('frames_and_flow.py', 'frames_and_flow_cached.py'),
    **dict.fromkeys(('kinetics_sounds', 'vggsound'),
                    ('audio_visual_clips.py',
                     'audio_visual_clips_cached.py'))
}
PAPER = ("protocol='fair'", "protocol='paper'")


def shortened(name, work_dir, batches=2, **options):
    """A config of a set in memory: one epoch per stage, a few samples."""
    torch.set_num_threads(1)
    cfg = Config.fromfile(CONFIGS / name)
    cfg.merge_from_dict({
        'work_dir': str(work_dir),
        'experiment_name': str(work_dir),
        'max_epochs': 1,
        **options
    })
    for split in ('train', 'val', 'test'):
        loader = cfg[f'{split}_dataloader']
        loader.dataset.data_root = str(
            DATA / Path(loader.dataset.data_root).name)
        loader.dataset.indices = batches * loader.batch_size
    return cfg


def shrunk(name, folder, work_dir=None):
    """A config of a set of clips: three small ones."""
    cfg = Config.fromfile(CONFIGS / name)
    for split in ('train', 'val', 'test'):
        loader = cfg[f'{split}_dataloader']
        loader.batch_size = 3
        loader.num_workers = 0
        loader.persistent_workers = False
        loader.dataset.data_root = str(folder)
        loader.dataset.indices = 3
    _shrink(cfg._cfg_dict)
    cfg.max_epochs = 1
    if work_dir is not None:
        cfg.work_dir = cfg.experiment_name = str(work_dir)
    return cfg


def _shrink(node):
    """Smaller pictures and shorter sound, everything else as shipped."""
    if isinstance(node, dict):
        if node.get('type') == 'Resize':
            node['scale'] = (32, 32)
        if 'duration' in node:
            node['duration'] = .3
        for value in node.values():
            _shrink(value)
    elif isinstance(node, (list, tuple)):
        for value in node:
            _shrink(value)
