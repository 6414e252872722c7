"""Short training runs of a study, each done once and kept."""
import copy
import json
import os
import os.path as osp
from typing import Any, Dict, NamedTuple, Optional, Sequence

from mmengine.config import Config
from mmengine.hooks import Hook

from mmbalance_plugin.analysis.curves import Records, read_scalars
from mmbalance_plugin.cli.launch import build_runner, load_config

_DONE = 'trial.json'


class Trial(NamedTuple):
    """One run of a study.

    Attributes:
        config (str): Name of a shipped config.
        label (str): What the run is called; with the seed, unique in the
            study, and the name of its folder.
        options (dict): Overrides of the config by dotted key.
    """
    config: str
    label: str
    options: Dict[str, Any] = {}


class Size(NamedTuple):
    """How long and on how much every run of a study trains.

    Attributes:
        epochs (int): Epochs of each stage.
        samples (int): Training samples at most. Validation is on a quarter
            of that, 200 at least.
    """
    epochs: int = 6
    samples: int = 2000


class Outcome(NamedTuple):
    """What a run found.

    Attributes:
        val (dict): Metrics of the selected weights on validation.
        records (list[dict]): Everything logged, see :func:`read_scalars`.
        extra (list): What the trial's probe recorded.
    """
    val: Dict[str, float]
    records: Records
    extra: list


def trial_config(trial: Trial, size: Size, seed: int, work_dir: str) -> Config:
    """The shipped config, shortened; never looks at the test split."""
    cfg = load_config(trial.config)
    cfg.merge_from_dict({'train_cfg.max_epochs': size.epochs})
    for split, count in (('train', size.samples),
                         ('val', max(200, size.samples // 4))):
        dataset = cfg[f'{split}_dataloader'].dataset
        if 'AVDigits' in dataset.type:
            dataset.n_pairs = count
        else:
            dataset.indices = list(range(min(count, _LENGTHS[split])))
    cfg.test_cfg = cfg.test_dataloader = cfg.test_evaluator = None
    # Nothing is resumed or loaded, and each checkpoint costs as much as
    # dozens of these steps. Without the key MMEngine would add its own hook.
    cfg.default_hooks.checkpoint = None
    cfg.default_hooks.logger.interval = 1
    cfg.log_level = 'WARNING'
    cfg.work_dir = work_dir
    cfg.overwrite = True  # a trial whose config has changed
    cfg.experiment_name = osp.abspath(work_dir).replace(os.sep, '_')
    cfg.randomness.seed = seed
    # A copy: merging takes '_delete_' out of what it is given.
    cfg.merge_from_dict(copy.deepcopy(trial.options))
    return cfg


# Of Multiple Features.
_LENGTHS = dict(train=1200, val=400)


def run_trial(trial: Trial,
              size: Size,
              seed: int,
              folder: str,
              probe: Optional[Hook] = None) -> Outcome:
    """Train, unless it was done before.

    Args:
        trial (Trial): What to train.
        size (Size): How long.
        seed (int): Random seed.
        folder (str): Of the study; the run is kept in
            ``folder/e<epochs>_n<samples>/<label>/seed_<seed>``.
        probe (Hook, optional): Registered with the run; its ``found`` list
            is kept. Defaults to None.

    Returns:
        Outcome: What it found.
    """
    work_dir = osp.join(folder, f'e{size.epochs}_n{size.samples}',
                        trial.label, f'seed_{seed}')
    done = osp.join(work_dir, _DONE)
    cfg = trial_config(trial, size, seed, work_dir)
    # All of it: a shipped config that has changed is trained again.
    key = json.loads(json.dumps(cfg.to_dict(), default=str))
    for name in ('work_dir', 'experiment_name'):
        key.pop(name)
    if osp.isfile(done):
        with open(done, encoding='utf-8') as f:
            kept = json.load(f)
        if kept['key'] == key:
            return Outcome(kept['val'], kept['records'], kept['extra'])
    runner = build_runner(cfg)
    if probe is not None:
        runner.register_hook(probe)
    runner.train()
    with open(osp.join(work_dir, 'summary.json'), encoding='utf-8') as f:
        val = json.load(f)['val']['best']
    outcome = Outcome(val, read_scalars(work_dir), getattr(probe, 'found', []))
    with open(done + '.partial', 'w', encoding='utf-8') as f:
        json.dump(dict(key=key, **outcome._asdict()), f)
    os.replace(done + '.partial', done)
    return outcome


def run_trials(trials: Sequence[Trial], size: Size, seeds: Sequence[int],
               folder: str, make_probe=None) -> Dict[str, list]:
    """All trials with all seeds.

    Args:
        trials (Sequence[Trial]): With labels of their own.
        size (Size): Of each.
        seeds (Sequence[int]): Random seeds.
        folder (str): See :func:`run_trial`.
        make_probe (Callable, optional): Makes a run's probe. Defaults to
            None.

    Returns:
        dict[str, list[Outcome]]: Label to outcomes, one a seed.
    """
    return {
        trial.label: [
            run_trial(trial, size, seed, folder,
                      make_probe() if make_probe else None) for seed in seeds
        ]
        for trial in trials
    }
