"""The stage in every line of the log, and in every tag of a dashboard."""
import re
from typing import Any, Dict, Optional, Tuple

from mmaction.visualization import ActionVisualizer
from mmengine.dist import master_only
from mmengine.logging import MessageHub
from mmengine.runner import LogProcessor
from mmengine.visualization import LocalVisBackend

from ..registry import LOG_PROCESSORS, VISUALIZERS

#: Where the running stage's name stands in the message hub, and in each line
#: of ``scalars.json``.
STAGE = 'stage'
# 'acc/top1' of 'acc/top1', 'acc/top1_audio' and 'acc/top1@audio+visual'.
_BASE = re.compile(r'[^_@]*')


def _stage() -> Optional[str]:
    return MessageHub.get_current_instance().get_info(STAGE)


@LOG_PROCESSORS.register_module()
class StageLogProcessor(LogProcessor):
    """Lines that begin with the stage, and short ones of validation.

    A validation's line has the first metric only, of the fused prediction
    and of each modality; all of them are in ``scalars.json``. A test's has
    everything. What runs without stages has MMEngine's lines, but for that.

    Args:
        kwargs: See MMEngine's ``LogProcessor``.
    """

    def get_log_after_iter(self, runner, batch_idx: int,
                           mode: str) -> Tuple[dict, str]:
        """See MMEngine's ``LogProcessor``."""
        tag, text = super().get_log_after_iter(runner, batch_idx, mode)
        return tag, self._staged(text)

    def get_log_after_epoch(self, runner, batch_idx: int, mode: str,
                            with_non_scalar: bool = False
                            ) -> Tuple[dict, str]:
        """See MMEngine's ``LogProcessor``."""
        tag, text = super().get_log_after_epoch(runner, batch_idx, mode,
                                                with_non_scalar)
        metrics = [key for key in tag if not key.endswith('time')]
        if mode == 'val' and metrics:
            base = _BASE.match(metrics[0])[0]  # type: ignore[index]
            shown = '  '.join(f'{key}: {tag[key]:.{self.num_digits}f}'
                              for key in metrics
                              if _BASE.match(key)[0] == base)  # type: ignore
            text = f'{text.split("  ")[0]}  {shown}'
        return tag, self._staged(text)

    def _staged(self, text: str) -> str:
        stage = _stage()
        return f'{stage}  {text}' if stage else text


@VISUALIZERS.register_module()
class StageVisualizer(ActionVisualizer):
    """Names the stage of each number.

    TensorBoard, WandB and other backends get ``STAGE/NAME`` for a tag, so
    that stages are curves of their own. ``scalars.json`` keeps the bare
    names, as what reads it goes by them, with the stage under ``'stage'``.
    The assembled model, and what runs without stages, have the bare names.

    Args:
        kwargs: See MMAction2's ``ActionVisualizer``.
    """

    @master_only
    def add_scalars(self, scalar_dict: Dict[str, Any], step: int = 0,
                    file_path: Optional[str] = None) -> None:
        """See MMEngine's ``Visualizer``."""
        stage = _stage()
        if not stage:
            super().add_scalars(scalar_dict, step, file_path)
            return
        tags = {f'{stage}/{key}': value for key, value in scalar_dict.items()}
        for backend in self._vis_backends.values():
            backend.add_scalars(
                {**scalar_dict, STAGE: stage} if isinstance(
                    backend, LocalVisBackend) else tags, step, file_path)
