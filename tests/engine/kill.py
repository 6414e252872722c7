"""Train in processes that SIGKILL ends at a named moment.

A small server imports the heavy packages once and forks a process for each
run, so that a run costs its training and little more.
"""
import json
import os
import os.path as osp
import pickle
import random
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import torch
from mmengine.config import Config
from mmengine.fileio import LocalBackend
from mmengine.hooks import Hook
from mmengine.registry import Registry
from mmengine.runner import Runner
from mmengine.utils import version_utils
from torch import nn

from mmbalance_plugin.compat import find_latest_checkpoint
from mmbalance_plugin.datasets.av_digits_dataset import AVDigitsDataset
from mmbalance_plugin.engine.hooks import summary_hook
from mmbalance_plugin.registry import MODELS, TRANSFORMS
from tests.engine import digits, two_digits  # noqa: F401, a data set

ROOT = Path(__file__).resolve().parents[2]


@TRANSFORMS.register_module()
class NoisyInput:
    """An augmentation that draws from every generator there is."""

    def __init__(self, keys):
        self.keys = keys

    def __call__(self, results):
        noise = random.random() + np.random.rand() + torch.rand(1).item()
        return dict(results, **{k: results[k] + .1 * noise
                                for k in self.keys})


@MODELS.register_module()
class DrawnConsistency(nn.Module):
    """A loss whose constant is drawn as most modules draw their weights."""

    def __init__(self):
        super().__init__()
        self.register_buffer('weight', torch.rand(()))

    def forward(self, anchor_logits, logits):
        return self.weight * (anchor_logits - logits).square().mean()


class Trace:
    """Names the moments of a run as they pass, and kills at one of them.

    A moment that comes again has its count appended: ``'iter 3 (2)'``.
    """

    def __init__(self, kill_at):
        self.kill_at = kill_at
        self.seen = {}

    def __call__(self, name):
        self.seen[name] = count = self.seen.get(name, 0) + 1
        if count > 1:
            name = f'{name} ({count})'
            self.seen[name] = 1
        if name == self.kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    def watch_files(self):
        """Pass through the steps of every write, in this process only."""
        put, replace, remove = LocalBackend.put, os.replace, os.remove

        def traced_put(backend, data, path):
            with open(path, 'wb') as f:
                f.write(data[:len(data) // 2])
            self(f'{osp.basename(path)} is half there')
            put(backend, data, path)

        def traced_replace(source, target):
            self(f'{osp.basename(target)} is about to be replaced')
            replace(source, target)
            self(f'{osp.basename(target)} was replaced')

        def traced_remove(path):
            self(f'{osp.basename(path)} is about to be removed')
            remove(path)

        LocalBackend.put = traced_put
        os.replace, os.remove = traced_replace, traced_remove

    def watch_hooks(self, runner):
        """Pass through the runner's hook points, first and last of all."""
        early, late = Hook(), Hook()

        def epoch(text):
            return lambda runner: self(f'epoch {runner.epoch + 1} {text}')

        def validation(text):

            def call(runner, metrics=None):
                loop = runner.train_loop
                done = loop.stage_index == len(loop.stages)
                what = 'assembly' if done else f'epoch {runner.epoch}'
                self(f'{what} {text}')

            return call

        early.before_stage = lambda _, stage: self(f'{stage.name} begins')
        late.after_stage = lambda _, stage: self(f'{stage.name} ends')
        late.before_train_epoch = epoch('begins')
        late.after_train_iter = lambda runner, **_: self(
            f'iter {runner.iter + 1}')
        early.after_train_epoch = epoch('trained')
        late.after_train_epoch = epoch('saved')
        early.before_val_epoch = validation('to be validated')
        early.after_val_epoch = validation('measured')
        late.after_val_epoch = validation('validated')
        early.before_test_epoch = lambda _: self('test begins')
        late.after_test_epoch = lambda _, metrics: self('test ends')
        runner.register_hook(early, 'HIGHEST')
        runner.register_hook(late, 'LOWEST')


def result_of(runner, trace):
    """Everything of a finished run that a resumed one must reproduce."""
    loop, folder = runner.train_loop, runner.work_dir
    with open(osp.join(folder, 'summary.json')) as f:
        summary = json.load(f)
    summary.pop('commit')
    for key in ('wall_seconds', 'peak_memory_bytes'):
        summary['cost'].pop(key)
    guidance = getattr(loop, 'guidance', None)
    last = find_latest_checkpoint(folder)
    saved = torch.load(last, weights_only=True)
    for key in ('message_hub', 'meta', 'run_summary'):
        saved.pop(key)  # times
    best = {
        k: osp.basename(str(v))
        for k, v in runner.message_hub.runtime_info.items()
        if k.startswith('best_')
    }
    return dict(
        moments=list(trace.seen),
        weights=digits.weights(runner),
        estimator=None if guidance is None else guidance.state_dict(),
        alphas=None if guidance is None else dict(guidance.alphas),
        summary=summary,
        best=best,
        max_epochs=(loop.max_epochs,
                    runner.message_hub.get_info('max_epochs')),
        files=sorted(p for p in os.listdir(folder)
                     if osp.isfile(osp.join(folder, p))
                     and not p.endswith('.py')),
        last_checkpoint=osp.basename(last),
        saved=saved)


def train(cfg, kill_at):
    """One run, in a process of its own."""
    torch.set_num_threads(1)
    np.random.seed()  # MMEngine draws seeds from it; a fork starts alike
    # What takes longest in a run this small.
    version_utils._minimal_ext_cmd = lambda command: b''
    summary_hook._commit = lambda: None
    Runner._log_env = lambda *_, **__: None
    Config.pretty_text = property(lambda self: repr(self._cfg_dict))
    trace = Trace(kill_at)
    runner = Runner.from_cfg(Config(cfg))
    trace.watch_hooks(runner)
    trace.watch_files()
    runner.train()
    torch.save(result_of(runner, trace), cfg['work_dir'] + '.result')


def import_all():
    """Import what a run would, so that forked processes need not."""
    import matplotlib.pyplot  # noqa: F401
    import sklearn.metrics  # noqa: F401
    import torch._dynamo  # noqa: F401
    from mmaction.utils import register_all_modules

    from mmbalance_plugin import registry
    register_all_modules(init_default_scope=False)
    for name in registry.__all__:
        entries = getattr(registry, name)
        if isinstance(entries, Registry):
            entries.import_from_location()


def cache_datasets():
    """Make each data set once, if the server has made it before it forks."""
    load, made = AVDigitsDataset.load_arrays, {}

    def load_arrays(dataset):
        key = dataset.split, dataset.n_pairs, dataset.modalities
        if key not in made:
            made[key] = load(dataset)
        return made[key]

    AVDigitsDataset.load_arrays = load_arrays


def make_datasets(cfg):
    """Fill the cache with what a run needs."""
    for key in ('train_dataloader', 'val_dataloader', 'test_dataloader'):
        if cfg[key] and 'n_pairs' in cfg[key]['dataset']:
            AVDigitsDataset(**{
                k: v
                for k, v in cfg[key]['dataset'].items()
                if k not in ('type', 'pipeline')
            })


def serve():
    """Answer requests from stdin with exit codes on stdout."""
    reply = os.fdopen(os.dup(1), 'w')
    import_all()
    cache_datasets()
    while True:
        try:
            cfg, kill_at = pickle.load(sys.stdin.buffer)
        except EOFError:
            os._exit(0)  # tidying up takes seconds
        make_datasets(cfg)
        pid = os.fork()
        if pid == 0:
            log = os.open(cfg['work_dir'] + '.log',
                          os.O_CREAT | os.O_APPEND | os.O_WRONLY)
            os.dup2(log, 1), os.dup2(log, 2)
            signal.alarm(300)  # a run that hangs ends, and its test fails
            try:
                train(cfg, kill_at)
            except BaseException:
                import traceback
                traceback.print_exc()
                os._exit(1)
            os._exit(0)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        reply.write(f'{code}\n')
        reply.flush()


class Trainer:
    """The server's other end."""

    def __init__(self):
        path = os.pathsep.join(
            filter(None, [str(ROOT), os.environ.get('PYTHONPATH')]))
        self.server = subprocess.Popen(
            [sys.executable, '-m', 'tests.engine.kill'],
            cwd=ROOT,
            env=dict(os.environ, PYTHONPATH=path, OMP_NUM_THREADS='1'),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE)

    def close(self):
        self.server.stdin.close()
        self.server.wait(60)

    def run(self, cfg, kill_at=None, resume=False):
        """Train to the end, or to the moment of the kill.

        Returns:
            dict | None: :func:`result_of` the run, None if it was killed.
        """
        cfg = Config(dict(cfg._cfg_dict.to_dict(), resume=resume))
        request = pickle.dumps((cfg._cfg_dict.to_dict(), kill_at))
        self.server.stdin.write(request)
        self.server.stdin.flush()
        code = int(self.server.stdout.readline())
        log = cfg.work_dir + '.log'
        wanted = 0 if kill_at is None else -signal.SIGKILL
        if code != wanted:
            raise AssertionError(
                f'exit code {code} instead of {wanted} (kill at {kill_at!r}, '
                f'resume={resume}):\n{open(log).read()[-3000:]}')
        if kill_at is None:
            return torch.load(cfg.work_dir + '.result', weights_only=True)
        return None


def differences(a, b, path=''):
    """Where two nested results differ, bit by bit."""
    if isinstance(a, dict) and isinstance(b, dict):
        if list(a) != list(b):
            return [f'{path}: keys {sorted(set(a) ^ set(b), key=str)}']
        return [d for k in a for d in differences(a[k], b[k], f'{path}.{k}')]
    if isinstance(a, (list, tuple)) and isinstance(b, (list, tuple)):
        if len(a) != len(b):
            return [f'{path}: {a} and {b}']
        return [d for i, (x, y) in enumerate(zip(a, b))
                for d in differences(x, y, f'{path}[{i}]')]
    if isinstance(a, torch.Tensor) and isinstance(b, torch.Tensor):
        return [] if torch.equal(a, b) else [f'{path}: tensors']
    if path.endswith('.seconds'):
        return []
    return [] if a == b or (a != a and b != b) else [f'{path}: {a} and {b}']


if __name__ == '__main__':
    serve()
