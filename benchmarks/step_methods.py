"""What the benchmark compares: configs of every method on one model."""
import math
from functools import partial
from typing import Callable, Dict, Optional, Sequence

from mmengine.config import Config

import synthetic_data  # noqa: F401  registers the data set
from mmbalance_plugin.cli.launch import load_config
from step_loops import BareLoop, BareOGMGE, FrameworkRun
from timing import Comparison, Loop

JOINT = {
    'joint': 'joint_av_digits',
    'OGM': 'ogm_av_digits',
    'OGM-GE': 'ogm_ge_av_digits',
    'OPM': 'opm_av_digits',
    'OPM + OGM-GE': 'opm_ogm_ge_av_digits',
}
#: Measured with `--methods`.
OTHERS = {
    'multi-loss': 'multi_loss_av_digits',
    'MMPareto': 'mmpareto_av_digits',
    'MLA': 'mla_av_digits',
    'MLB': 'mlb_av_digits',
    'MIMO': 'mimo_av_digits',
    'DGL': 'dgl_av_digits',
    'TCMax': 'tcmax_av_digits',
    'PMR': 'pmr_av_digits',
    'LFM': 'lfm_av_digits',
    'CML': 'cml_av_digits',
    'QMF': 'qmf_av_digits',
    'MMCosine': 'mmcosine_av_digits',
    'MI-balanced': 'mi_balanced_av_digits',
    'AGM': 'agm_av_digits',
    'InfoReg': 'inforeg_av_digits',
    'UMT': 'umt_av_digits',
    'ReconBoost, a turn': 'reconboost_av_digits',
}
#: Which stage is measured, where it is not the first.
STAGES = {'UMT': 'umt', 'ReconBoost, a turn': 'turn_'}
ROWS = [
    Comparison('bare joint', 'bare joint'),
    Comparison('joint', 'bare joint', 1.05),
    *(Comparison(name, 'bare joint') for name in list(JOINT)[1:]),
    Comparison('bare OGM-GE', 'bare joint'),
    Comparison('OGM-GE', 'bare OGM-GE', 1.00),
    Comparison('joint', 'joint, channels first'),
    Comparison('OGM', 'joint', 1.03),
    Comparison('OGM-GE', 'joint', 1.10),
    Comparison('OPM', 'joint', 1.03),
    Comparison('OPM + OGM-GE', 'joint'),
    *(Comparison(name, 'joint') for name in OTHERS),
    Comparison('bare unimodal', 'bare unimodal'),
    Comparison('unimodal', 'bare unimodal'),
    Comparison('UDI follower', 'bare unimodal'),
    Comparison('UDI follower', 'unimodal', 1.15),
    Comparison('UDI follower, paper', 'unimodal'),
]
ANCHOR, FOLLOWER = 'audio', 'visual'


def benchmark_config(name: str,
                     work_dir: str,
                     width: int,
                     steps: int,
                     batch_size: int = 64,
                     size: int = 64) -> Config:
    """A shipped config on synthetic data, with wider encoders.

    Args:
        name (str): Of the shipped config.
        work_dir (str): Of the run.
        width (int): Channels of an encoder's first stage; the following
            ones have 2, 4 and 4 times as many, as in the shipped configs.
        steps (int): Steps of an epoch: one suffices for the measurement, so
            that no epoch ends within.
        batch_size (int): Defaults to 64.
        size (int): Height and width of a sample. Defaults to 64.

    Returns:
        Config: Without validation and test.
    """
    cfg = load_config(name)
    cfg.work_dir = work_dir
    cfg.log_level = 'WARNING'
    dataset = cfg.train_dataloader.dataset
    cfg.train_dataloader.batch_size = batch_size
    kept = 1 - cfg.train_cfg.get('hold_out', 0)
    cfg.train_dataloader.dataset = dict(
        type='mmbalance_plugin.SyntheticDataset',
        n_samples=math.ceil(steps * batch_size / kept),
        modalities=dataset.modalities,
        shape=(1, size, size),
        pipeline=dataset.pipeline)
    model = cfg.model.get('recognizer', cfg.model)
    for encoder in model.encoders.values():
        encoder.backbone.channels = [width * i for i in (1, 2, 4, 4)]
        encoder.feat_channels = width * 4
    if 'q_base' in cfg.model:
        cfg.model.warmup_epochs = 0
    cfg.train_cfg.max_epochs = 1
    for kind in ('val', 'test'):
        for part in ('cfg', 'dataloader', 'evaluator'):
            cfg[f'{kind}_{part}'] = None
    # Nothing is validated: there is no best checkpoint.
    cfg.default_hooks.checkpoint.save_best = None
    return cfg


def build_loops(work_dir: str,
                width: int,
                steps: int,
                batch_size: int = 64,
                size: int = 64,
                names: Optional[Sequence[str]] = None) -> Dict[str, Loop]:
    """The loops of :data:`ROWS`.

    Args:
        work_dir (str): Folder for the runs.
        width (int): See :func:`benchmark_config`.
        steps (int): See there.
        batch_size (int): See there. Defaults to 64.
        size (int): See there. Defaults to 64.
        names (Sequence[str], optional): Only these. Defaults to None: all
            but :data:`OTHERS`.

    Returns:
        dict[str, Loop]: Name to loop.

    Raises:
        ValueError: An unknown name.
    """

    def config(name: str) -> Config:
        return benchmark_config(name, f'{work_dir}/{name}', width, steps,
                                batch_size, size)

    def unimodal() -> Config:
        cfg = config('late_fusion_av_digits')
        cfg.train_cfg.stages = [
            stage for stage in cfg.train_cfg.stages if stage.name == FOLLOWER
        ]
        return cfg

    def channels_first() -> FrameworkRun:
        cfg = config(JOINT['joint'])
        for encoder in cfg.model.encoders.values():
            encoder.channels_last = False
        return FrameworkRun(cfg, 'channels_first')

    def follower(preset: str) -> FrameworkRun:
        cfg = config('udi_av_digits')
        cfg.train_cfg.update(
            anchor=ANCHOR, cache_anchor=True, preset=preset)
        return FrameworkRun(cfg, f'follower_{preset}', stage='follower_')

    makers = {
        'bare joint': lambda: BareLoop(config(JOINT['joint'])),
        'bare OGM-GE': lambda: BareOGMGE(config(JOINT['OGM-GE'])),
        **{
            method: partial(_framework, config, name, STAGES.get(method))
            for method, name in {**JOINT, **OTHERS}.items()
        },
        'joint, channels first': channels_first,
        'bare unimodal': lambda: BareLoop(unimodal(), (FOLLOWER, )),
        'unimodal': lambda: FrameworkRun(unimodal(), 'unimodal'),
        'UDI follower': partial(follower, 'stable'),
        'UDI follower, paper': partial(follower, 'paper'),
    }
    names = [n for n in makers if n not in OTHERS] if names is None else names
    unknown = [name for name in names if name not in makers]
    if unknown:
        raise ValueError(f'there are no loops {unknown}; there are '
                         f'{list(makers)}')
    return {name: makers[name]() for name in names}


def _framework(config: Callable[[str], Config], name: str,
               stage: Optional[str]) -> FrameworkRun:
    return FrameworkRun(config(name), name, stage)


def steps_needed(rounds: int, block: int, warmup: int) -> int:
    """Steps of one loop, with one to spare: no epoch ends within."""
    return warmup + rounds * block + 1
