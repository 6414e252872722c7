"""Checkpoints that a kill at any moment cannot lose."""
import os
import os.path as osp
import re
from typing import Optional, Set

from mmengine.dist import is_main_process
from mmengine.fileio import LocalBackend, get_file_backend
from mmengine.hooks import CheckpointHook

from ...compat import POINTER, find_latest_checkpoint, pointer_to
from ...models.wrappers import recognizer_of
from ...registry import HOOKS
from ...utils.files import PARTIAL, move_whole, write_atomic
from ...utils.work_dir import remove_if_there
from ..expected_metrics import expected_metrics, refuse_missing
from ..support import require_supported
from .protection import is_resumed, protect_work_dir

_OUTDATED = 'outdated_ckpt_ids'


@HOOKS.register_module()
class AtomicCheckpointHook(CheckpointHook):
    """mmengine's ``CheckpointHook`` with safe writes, aware of stages.

    It takes the same arguments. What differs: docs/runs.md, Stages.
    ``save_best='auto'`` is refused, since it would settle on the first
    stage's metric, and a finished run is replaced only where the config says
    ``overwrite=True``, see :func:`protect_work_dir`. A work dir may be moved:
    ``last_checkpoint`` is relative to it, and what a checkpoint says of other
    files is looked for beside it.

    Only local folders are supported: writing elsewhere raises.

    Raises:
        ValueError: ``save_best='auto'`` or a metric that certainly no
            validation emits, see :func:`expected_metrics`; or checkpoints
            that would go to another storage than the local file system.
        KeyError: A validation of the whole model did not emit it.
    """

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.best_ckpt_path: Optional[str] = None
        if self.save_best and 'auto' in self.save_best:
            raise ValueError(
                "AtomicCheckpointHook: save_best='auto' would settle on the "
                "first stage's metric; name one, e.g. 'acc/top1'")
        self._training = False
        self.emitted: Set[str] = set()

    def before_train(self, runner) -> None:
        """Check the storage and clear what an interrupted write left."""
        require_supported(runner, type(self).__name__)
        runner.logger.addFilter(_not_about_file_client)
        backend = get_file_backend(
            str(self.out_dir or runner.work_dir),
            backend_args=self.backend_args)
        if self.file_client_args or not isinstance(backend, LocalBackend):
            raise ValueError(
                f'AtomicCheckpointHook writes local files only, got out_dir='
                f'{self.out_dir!r}, file_client_args={self.file_client_args}'
                f', backend_args={self.backend_args}; use CheckpointHook '
                'there')
        info = runner.message_hub.runtime_info
        self._find_files(runner, info)
        modalities = getattr(recognizer_of(runner.model), 'modalities', None)
        if self.save_best and modalities and runner.val_loop is not None:
            names = expected_metrics(
                runner.val_loop.evaluator, modalities, fused=True)
            refuse_missing('save_best names', self.save_best, names,
                           'name one of these')
        protect_work_dir(runner)
        super().before_train(runner)
        self._training, self.emitted = True, set()
        # As if this process had written the checkpoint it resumed from.
        last = info.get('last_ckpt')
        if last is not None and self._is_own(last):
            self.last_ckpt = last
        if is_main_process():
            for step in info.get(_OUTDATED, []):
                self._remove_step(step)
            self._remove(runner, rf'.*{re.escape(PARTIAL)}')
            if runner.cfg.get('overwrite') and not is_resumed(runner):
                # Those of the run that this one replaces.
                stem = re.escape(self.filename_tmpl.partition('{')[0])
                self._remove(
                    runner, rf'(best(_.*)?|assembled|{stem}\d+.*)\.\w+')

    def _remove(self, runner, pattern: str) -> None:
        """Remove files of this run by their names."""
        for folder in {self.out_dir, runner.work_dir}:
            for name in os.listdir(folder) if osp.isdir(folder) else []:
                if re.fullmatch(pattern, name):
                    remove_if_there(osp.join(folder, name))

    def _find_files(self, runner, info: dict) -> None:
        """Correct what a resumed checkpoint says about files."""
        resumed = runner._resume and (
            runner._load_from or find_latest_checkpoint(runner.work_dir))
        if not resumed:
            return
        for key, path in info.items():
            if key == 'last_ckpt' or key.startswith('best_ckpt'):
                beside = osp.join(osp.dirname(resumed), osp.basename(path))
                info[key] = beside if osp.isfile(beside) else path
        # These become names of files to remove: numbers only, and only where
        # they are this run's own. The base class has not worked out yet
        # where that writes.
        own = runner.work_dir
        if self.out_dir not in (None, own):
            own = osp.join(self.out_dir, osp.basename(own))
        own = osp.realpath(osp.dirname(resumed)) == osp.realpath(own)
        for key in ('keep_ckpt_ids', _OUTDATED):
            if key in info:
                info[key] = [step for step in info[key]
                             if own and type(step) is int]

    def _remove_step(self, step: int) -> None:
        name = self.filename_tmpl.format(step)
        remove_if_there(osp.join(self.out_dir, name))

    def _is_own(self, path: str) -> bool:
        """Whether a file lies where this run writes."""
        return osp.realpath(osp.dirname(path)) == osp.realpath(self.out_dir)

    def after_train(self, runner) -> None:
        """Publish, and say where ``save_best`` never had anything to save."""
        never = set(self.save_best or ()) - self.emitted
        if never and self.emitted:
            runner.logger.warning(
                f'save_best names {sorted(never)}, but validation only '
                f'emitted {sorted(self.emitted)}: no such checkpoint was '
                'kept')
        super().after_train(runner)

    def _publish_model(self, runner, ckpt_path) -> None:
        if ckpt_path is not None:  # a metric that no validation emitted
            super()._publish_model(runner, ckpt_path)

    def _write(self, runner, name: str, **kwargs) -> str:
        """Save under a temporary name and move the file into place."""
        path = osp.join(self.out_dir, name)
        # A no-op on the other ranks.
        runner.save_checkpoint(self.out_dir, name + PARTIAL, **kwargs)
        if is_main_process():
            move_whole(path + PARTIAL, path)
        return path

    def _save_checkpoint_with_step(self, runner, step, meta) -> None:
        outdated = []
        if self.max_keep_ckpts > 0:
            kept = self.keep_ckpt_ids
            if not kept or kept[-1] != step:
                if len(kept) == self.max_keep_ckpts:
                    outdated.append(kept.popleft())
                kept.append(step)
                runner.message_hub.update_info('keep_ckpt_ids', list(kept))
                runner.message_hub.update_info(_OUTDATED, list(outdated))
        name = self.filename_tmpl.format(step)
        self.last_ckpt = osp.join(self.out_dir, name)
        runner.message_hub.update_info('last_ckpt', self.last_ckpt)
        self._write(
            runner,
            name,
            save_optimizer=self.save_optimizer,
            save_param_scheduler=self.save_param_scheduler,
            meta=meta,
            by_epoch=self.by_epoch,
            **self.args)
        if not is_main_process():
            return
        pointer = osp.join(runner.work_dir, POINTER)
        text = pointer_to(self.last_ckpt, runner.work_dir)
        write_atomic(pointer, [text.encode()], pointer + PARTIAL)
        for old in outdated:
            self._remove_step(old)

    def _save_best_checkpoint(self, runner, metrics) -> None:
        if not self.save_best or not self._training:
            return
        step = runner.epoch if self.by_epoch else runner.iter
        meta = dict(epoch=runner.epoch, iter=runner.iter)
        hub = runner.message_hub
        single = len(self.key_indicators) == 1
        self.emitted.update(metrics)
        improved = False
        for key, rule in zip(self.key_indicators, self.rules):
            suffix = '' if single else f'_{key}'
            best = hub.runtime_info.get(f'best_score{suffix}',
                                        self.init_value_map[rule])
            stage = getattr(runner.train_loop, 'stage', None)
            if key not in metrics and (stage is None or stage.complete):
                raise KeyError(f'save_best names {key!r}, but validation '
                               f'emitted {sorted(metrics)}')
            score = metrics.get(key)
            if score is None or not self.is_better_than[key](score, best):
                continue
            improved = True
            name = f'best_{key}_{self.filename_tmpl.format(step)}'
            path = osp.join(self.out_dir, name.replace('/', '_'))
            old = hub.runtime_info.get(f'best_ckpt{suffix}')
            hub.update_info(f'best_score{suffix}', score)
            hub.update_info(f'best_ckpt{suffix}', path)
            self._write(
                runner,
                osp.basename(path),
                save_optimizer=False,
                save_param_scheduler=False,
                meta=dict(meta),
                by_epoch=False)
            if single:
                self.best_ckpt_path = path
            else:
                self.best_ckpt_path_dict[key] = path
            if old and self._is_own(old) and is_main_process() and \
                    osp.basename(old).startswith('best_') and \
                    osp.basename(old) != osp.basename(path):
                remove_if_there(old)
            runner.logger.info(f'New best {key} {score:.4f}: saved '
                               f'{osp.basename(path)}')
        # The epoch's checkpoint was written before this validation: write
        # it again, so that a resumed run knows the best one's file.
        if improved and self.last_ckpt is not None:
            self._save_checkpoint_with_step(runner, step, meta)


def _not_about_file_client(record) -> bool:
    """Drop what mmengine says about how mmengine itself writes files."""
    noise = '"FileClient" will be', '"HardDiskBackend" is the alias'
    return not record.getMessage().startswith(noise)
