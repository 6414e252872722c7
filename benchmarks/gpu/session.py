"""What the checks share: the device, the runs, the lines they print."""
import os
import shutil
import tempfile
import time
import traceback
import warnings
from typing import Callable, Dict, List
from unittest import mock

import torch
import torch.distributed as torch_dist
from mmengine.config import Config
from mmengine.runner import Runner

from tests.engine.digits import DATA, digits_cfg


class Skip(Exception):
    """The device lacks what a check needs."""


class Session:
    """One execution of all checks.

    Args:
        device (str): 'cuda' or 'cpu'.
        nccl (bool): Whether torchrun started several processes.
        quick (bool): Fewer paths.
        trace (bool): Print the traceback of failures.

    Attributes:
        runs (dict[str, Runner]): The trained runs by name, for checks that
            need a trained model.

    Raises:
        RuntimeError: There is no such device, or no data.
    """

    def __init__(self, device: str, nccl: bool, quick: bool,
                 trace: bool) -> None:
        if device == 'cuda' and not torch.cuda.is_available():
            raise RuntimeError('torch sees no CUDA device; --device cpu '
                               'runs the checks that need none')
        if device == 'cpu' and torch.cuda.is_available():
            raise RuntimeError('MMEngine trains on the card where it sees '
                               'one: hide it, CUDA_VISIBLE_DEVICES=""')
        if not (DATA / 'av_digits').is_dir():
            raise RuntimeError(f'{DATA / "av_digits"} does not exist: python '
                               'tools/prepare_data.py av_digits')
        self.device, self.nccl, self.quick = device, nccl, quick
        self.trace = trace
        self.rank = int(os.environ.get('RANK', 0))
        self.root = tempfile.mkdtemp()
        self.runs: Dict[str, Runner] = {}
        self.failed: List[str] = []
        self._made = 0

    @property
    def cuda(self) -> bool:
        """bool: Whether a card is checked."""
        return self.device == 'cuda'

    def __enter__(self) -> 'Session':
        self._warnings = warnings.catch_warnings()
        self._warnings.__enter__()
        warnings.simplefilter('ignore')
        # Otherwise equal runs need not be bit-equal on a card.
        self._cudnn = torch.backends.cudnn.deterministic
        torch.backends.cudnn.deterministic = True
        if self.cuda:
            kind = torch.cuda.get_device_properties(0)
            self.say(f'INFO {kind.name}, {kind.multi_processor_count} SMs, '
                     f'torch {torch.__version__}')
        return self

    def __exit__(self, *_) -> None:
        torch.backends.cudnn.deterministic = self._cudnn
        self._warnings.__exit__(None, None, None)
        shutil.rmtree(self.root, ignore_errors=True)
        if self.nccl and torch_dist.is_initialized():
            torch_dist.destroy_process_group()

    def say(self, text: str) -> None:
        """Print on one rank."""
        if self.rank == 0:
            print(text, flush=True)

    def check(self, name: str, what: Callable, *args) -> None:
        """Call ``what(session, *args)``, print its verdict and its text."""
        begin, word = time.perf_counter(), 'PASS'
        try:
            text = what(self, *args) or ''
        except Skip as reason:
            word, text = 'SKIP', str(reason)
        except Exception as error:
            word, text = 'FAIL', f'{type(error).__name__}: {error}'[:400]
            self.failed.append(name)
            if self.trace:
                traceback.print_exc()
        seconds = time.perf_counter() - begin
        self.say(f'{word} {name} ({seconds:.1f} s) {text}')

    def report(self) -> int:
        """Print what failed and return the exit status."""
        failed = ', '.join(self.failed)
        self.say(f'FAILED: {failed}' if failed else 'ALL PASSED')
        return bool(failed)

    def config(self, loop: dict, head: str = 'ConcatHead', **merge) -> Config:
        """Config of a small run in a folder of its own."""
        self._made += 1
        name = f'check{self._made}'
        cfg = digits_cfg(
            os.path.join(self.root, name), loop, head=head, **merge)
        cfg.log_level = 'ERROR'
        cfg.experiment_name = f'{name}_{os.getpid()}'
        backend = 'nccl' if self.cuda else 'gloo'
        cfg.env_cfg = dict(dist_cfg=dict(backend=backend))
        if self.nccl:
            cfg.launcher = 'pytorch'
            # One folder for all ranks; the first run starts the group.
            if torch_dist.is_initialized():
                box = [cfg.work_dir]
                torch_dist.broadcast_object_list(box)
                cfg.work_dir = box[0]
        return cfg

    def train(self, cfg: Config) -> Runner:
        """Train, and see that it was on the device asked for."""
        # It asks the compiler for its version, which takes longest of all.
        with mock.patch.object(Runner, '_log_env'):
            runner = Runner.from_cfg(cfg)
        runner.train()
        place = next(runner.model.parameters()).device.type
        assert place == self.device, f'the model trained on {place}'
        if self.nccl:
            self._assert_ranks_agree(runner)
        return runner

    def _assert_ranks_agree(self, runner: Runner) -> None:
        flat = torch.cat([v.double().flatten()
                          for v in weights(runner).values()])
        flat = flat.to(self.device)
        first = flat.clone()
        torch_dist.broadcast(first, 0)
        assert torch.equal(flat, first), (
            f'rank {self.rank} has other weights than rank 0')


def bare(runner: Runner) -> torch.nn.Module:
    """The model without its DDP wrapper."""
    return getattr(runner.model, 'module', runner.model)


def weights(runner: Runner) -> Dict[str, torch.Tensor]:
    """The model's tensors, copied to the CPU."""
    return {
        k: v.detach().cpu().clone()
        for k, v in bare(runner).state_dict().items()
        if isinstance(v, torch.Tensor)
    }


def assert_same(a: Dict[str, torch.Tensor],
                b: Dict[str, torch.Tensor]) -> None:
    """Bit-equality of two sets of tensors."""
    assert a.keys() == b.keys()
    gaps = {k: (a[k].double() - b[k].double()).abs().max().item()
            for k in a if not torch.equal(a[k], b[k])}
    assert not gaps, (f'{len(gaps)} of {len(a)} tensors differ, at most by '
                      f'{max(gaps.values()):.2g}')
