"""A diagnosis from a config to its report."""
import contextlib
import io
import json
import math
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

import torch
from mmengine.config import Config

from mmbalance_plugin.analysis.diagnosis.measure import (
    GIVEN,
    Look,
    Measured,
    look_at,
)
from mmbalance_plugin.analysis.diagnosis.variants import (
    for_measuring,
    variants,
    without,
)
from mmbalance_plugin.analysis.diagnosis.verdict import Verdict, verdicts
from mmbalance_plugin.analysis.records import read_record
from mmbalance_plugin.analysis.report.diagnosis import (
    diagnosis_report,
    percent,
)
from mmbalance_plugin.analysis.rows import data_of
from mmbalance_plugin.shipped import shipped_root, tool_call
from mmbalance_plugin.utils.progress import progress
from mmbalance_plugin.utils.work_dir import SUMMARY

from .config_keys import import_custom_modules
from .grid import Run, make_grid
from .grid_runs import on_this_machine, perform_all

#: How the shipped configs call a variant.
_SHIPPED = dict(joint='joint', multi_loss='multi_loss',
                decoupled='late_fusion')
Runs = Dict[str, List[Path]]
#: Epochs that no budget cuts: what is learned late would not be learned.
LEAST_EPOCHS = 15


def train_variants(config: Config, out: Path, seeds: Sequence[int],
                   share: float, jobs: int) -> Tuple[Runs, List[str]]:
    """Train what is compared, as far as it is not.

    Args:
        config (Config): The user's.
        out (Path): Gets ``configs/``, one for each variant as a user would
            train it; ``measured/``, those that are trained here; ``runs/``.
        seeds (Sequence[int]): Of each.
        share (float): Of the epochs, of :data:`LEAST_EPOCHS` at least.
        jobs (int): Runs at a time.

    Returns:
        tuple[dict[str, list[Path]], list[str]]: Work dirs of the variants
        that finished with every seed, and what failed.
    """
    import_custom_modules(config)
    found = variants(config)
    for name, variant in found.items():
        epochs = max(math.ceil(share * variant.max_epochs),
                     min(variant.max_epochs, LEAST_EPOCHS))
        trained = for_measuring(variant, epochs, name == 'joint')
        for folder, cfg in (('configs', variant), ('measured', trained)):
            (out / folder).mkdir(parents=True, exist_ok=True)
            cfg.dump(out / folder / f'{name}.py')
    grid = make_grid([str(out / f'measured/{name}.py') for name in found],
                     [], seeds, (), out=str(out / 'runs'),
                     store=str(out / 'runs'), split='val')
    runs = [run._replace(keep=_name(run) == 'joint') for run in grid]
    print(f'{len(found)} models of {epochs} epochs, seeds '
          f'{" ".join(map(str, seeds))}')
    failed = perform_all(runs, lambda left: on_this_machine(left, jobs))
    whole: Runs = {}
    for name in found:
        own = [run for run in runs if _name(run) == name]
        if all(run.record.is_file() for run in own):
            whole[name] = [run.work_dir for run in own]
    return whole, failed


def _name(run: Run) -> str:
    return Path(run.config).stem


def look_at_models(config: Config, out: Path, joint: Sequence[Path],
                   checkpoint: Optional[str], threads: int) -> List[Look]:
    """Probe the joint models, or the one that the user gave.

    Args:
        config (Config): The user's.
        out (Path): See :func:`train_variants`.
        joint (Sequence[Path]): Work dirs of the joint models.
        checkpoint (str, optional): The model that was given.
        threads (int): Of this process, which the runs have left with one.

    Returns:
        list[Look]: One for each model.
    """
    if checkpoint is None:
        config = Config.fromfile(out / 'measured/joint.py')
        files = [d / json.loads((d / SUMMARY).read_text('utf-8'))['checkpoint']
                 for d in joint]
    else:
        files = [Path(checkpoint)]
    looks = []
    torch.set_num_threads(threads)
    with progress(len(files), 'measuring') as advance:
        for file in files:
            # Loaders and passes say nothing new here.
            with contextlib.redirect_stdout(io.StringIO()):
                looks.append(look_at(config, file))
            advance()
    return looks


def finish(config: str, out: Path, runs: Runs, looks: Sequence[Look],
           facts: Mapping[str, str]
           ) -> Tuple[Dict[str, Any], str, str]:
    """Measure, judge, write it down.

    Args:
        config (str): As the user called it.
        out (Path): See :func:`train_variants`.
        runs (dict): Its result.
        looks (Sequence[Look]): From :func:`look_at_models`.
        facts (Mapping): Shown at the end of the report.

    Returns:
        tuple[dict, str, str]: The diagnosis as plain data, the report as
        HTML, the summary for a terminal.
    """
    measured = Measured(runs, looks, 'checkpoint' in facts).everything()
    said = verdicts(measured)
    records = [read_record(d.with_suffix('.json'))
               for dirs in runs.values() for d in dirs]
    seeds = sorted({r.seed for r in records})
    diagnosis = dict(
        measured,
        config=config,
        verdicts=[dict(kind=v.kind, tone=v.tone, text=v.text) for v in said],
        next=_next(config, out, said[0], facts.get('checkpoint')),
        facts=dict(
            config=config,
            commit=', '.join(sorted({str(r.commit) for r in records})),
            machine='; '.join(sorted({r.machine for r in records})),
            seeds=' '.join(map(str, seeds)),
            split=f'validation, {measured["samples"]} samples',
            **facts))
    return diagnosis, diagnosis_report(diagnosis), summary(diagnosis)


def _next(config: str, out: Path, verdict: Verdict,
          checkpoint: Optional[str]) -> Dict[str, str]:
    """What to run: a shipped config of the same data set, or ours."""
    if verdict.run == GIVEN:
        return dict(command=f'{tool_call("test")} {config} {checkpoint}',
                    why=verdict.why)
    data, own = data_of(Path(config).stem), out / f'configs/{verdict.run}.py'
    name = _SHIPPED.get(verdict.run, verdict.run)
    if verdict.drop:
        rest = without(Config.fromfile(own), verdict.drop)
        own = own.with_name(f'without_{"_".join(verdict.drop)}.py')
        rest.dump(own)
        name = '_'.join(['unimodal', *rest.model['encoders']])
    path = f'configs/{name}_{data}.py'
    if not data or not (shipped_root() / path).is_file():
        path = str(own)
    return dict(command=f'{tool_call("train")} {path}', why=verdict.why)


def summary(diagnosis: Mapping[str, Any]) -> str:
    """Verdicts, what to run next, and the numbers in a few lines."""
    lines = [f'* {v["text"]}' for v in diagnosis['verdicts']]
    lines += [f'next: {diagnosis["next"]["command"]}', '']
    rows = [['accuracy on validation, %', 'alone', 'inside', 'probe'], *(
        [m, *(percent(diagnosis[k][m]) for k in ('alone', 'inside', 'probe'))]
        for m in diagnosis['modalities'])]
    widths = [max(len(row[i]) for row in rows) for i in range(4)]
    lines += ['  '.join(cell.ljust(w) for cell, w in zip(row, widths)).rstrip()
              for row in rows]
    lines.append('fused: ' + ', '.join(
        f'{name} {100 * value[0]:.1f}'
        for name, value in diagnosis['accuracy'].items()))
    differences = dict(diagnosis['differences'])
    if 'interaction' in diagnosis:
        differences['interaction'] = diagnosis['interaction']
    lines += [f'{name}: {percent(value, sign=True)} points'
              for name, value in differences.items()]
    return '\n'.join(lines)
