"""Checkpoints that a kill at any moment cannot lose."""
import os
import os.path as osp

from mmengine.dist import is_main_process
from mmengine.fileio import LocalBackend
from mmengine.hooks import CheckpointHook

from ...registry import HOOKS

_PARTIAL = '.partial'


@HOOKS.register_module()
class AtomicCheckpointHook(CheckpointHook):
    """mmengine's ``CheckpointHook`` with safe writes, aware of stages.

    It takes the same arguments. What differs:

    * A file is written beside its final name, flushed to the disk and then
      moved there, so a checkpoint is either whole or absent.
    * An outdated checkpoint is removed after its successor and
      ``last_checkpoint`` are in place, never before.
    * ``save_best`` names its metric. A validation that does not emit it (a
      stage that trains one modality has no fused accuracy) is passed over
      instead of raising; 'auto' is refused, since it would settle on the
      first stage's metric.

    Only local folders are supported: writing elsewhere raises.

    Raises:
        ValueError: ``save_best='auto'``, or checkpoints that would go to
            another storage than the local file system.
    """

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        if self.save_best and 'auto' in self.save_best:
            raise ValueError(
                "AtomicCheckpointHook: save_best='auto' would settle on the "
                "first stage's metric; name one, e.g. 'acc/top1'")

    def before_train(self, runner) -> None:
        """Check the storage and clear what an interrupted write left."""
        super().before_train(runner)
        if not isinstance(self.file_backend, LocalBackend):
            raise ValueError(
                f'AtomicCheckpointHook writes local files only, got out_dir '
                f'{self.out_dir!r}; use CheckpointHook there')
        if is_main_process() and osp.isdir(self.out_dir):
            for name in os.listdir(self.out_dir):
                if name.endswith(_PARTIAL):
                    os.remove(osp.join(self.out_dir, name))

    def _write(self, runner, name: str, **kwargs) -> str:
        """Save under a temporary name and move the file into place."""
        path = osp.join(self.out_dir, name)
        # A no-op on the other ranks.
        runner.save_checkpoint(self.out_dir, name + _PARTIAL, **kwargs)
        if is_main_process():
            _replace(path + _PARTIAL, path)
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
        pointer = osp.join(runner.work_dir, 'last_checkpoint')
        with open(pointer + _PARTIAL, 'w') as f:
            f.write(self.last_ckpt)
        _replace(pointer + _PARTIAL, pointer)
        for old in outdated:
            _remove(osp.join(self.out_dir, self.filename_tmpl.format(old)))

    def _save_best_checkpoint(self, runner, metrics) -> None:
        if not self.save_best:
            return
        step = runner.epoch if self.by_epoch else runner.iter
        meta = dict(epoch=runner.epoch, iter=runner.iter)
        hub = runner.message_hub
        single = len(self.key_indicators) == 1
        improved = False
        for key, rule in zip(self.key_indicators, self.rules):
            suffix = '' if single else f'_{key}'
            best = self.init_value_map[rule]
            if f'best_score{suffix}' in hub.runtime_info:
                best = hub.get_info(f'best_score{suffix}')
            score = metrics.get(key)
            if score is None or not self.is_better_than[key](score, best):
                continue
            improved = True
            name = f'best_{key}_{self.filename_tmpl.format(step)}'
            path = osp.join(self.out_dir, name.replace('/', '_'))
            old = self.best_ckpt_path if single else \
                self.best_ckpt_path_dict[key]
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
            if old and old != path and is_main_process():
                _remove(old)
            runner.logger.info(f'New best {key} {score:.4f}: saved '
                               f'{osp.basename(path)}')
        # The epoch's checkpoint was written before this validation: write
        # it again, so that a resumed run knows the best one's file.
        if improved and self.last_ckpt is not None:
            self._save_checkpoint_with_step(runner, step, meta)


def _replace(source: str, target: str) -> None:
    with open(source, 'rb') as f:
        os.fsync(f.fileno())
    os.replace(source, target)


def _remove(path: str) -> None:
    if osp.isfile(path):
        os.remove(path)
