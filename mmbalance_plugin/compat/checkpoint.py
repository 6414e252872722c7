"""Resume under torch's safe loading.

Since torch 2.6 ``torch.load`` rebuilds known types only. MMEngine 0.10.7
cannot resume its own checkpoints under it: the message hub's HistoryBuffer
is refused, and so are NumPy numbers among the recorded values.
https://github.com/open-mmlab/mmengine/issues/1655 (answered upstream, not
released, by switching safe loading off:
https://github.com/open-mmlab/mmengine/pull/1670).

Here safe loading stays on, for everybody. HistoryBuffer is pickled as a call
of its own constructor on plain lists, which is then the only name to allow;
whatever else surrounds the weights is made plain when it is saved. A file
that safe loading refuses all the same gives an error that says what to do.

What MMEngine downloads, it would load unsafely: ``torch.hub``'s loader asks
for that unless told otherwise. It is told otherwise.
"""
import copy
import copyreg
import io
import logging
import os
import pickle
import re
from typing import Any, Callable, List, Set

import mmengine.runner
import torch
from mmengine.logging import HistoryBuffer, print_log
from mmengine.runner import checkpoint as mmengine_checkpoint
from mmengine.runner import runner as mmengine_runner

from mmbalance_plugin.utils.pointers import pointer_file

from .config_text import disarm
from .damage import find_damage, is_archive, whole_neighbour
from .errors import DamagedCheckpointError, UnsafeCheckpointError
from .plain import to_plain
from .replaced import replace


def install() -> None:
    """Make MMEngine's checkpoints safe to load, and to save."""
    if not _survives_safe_loading(HistoryBuffer([1.], [1])):
        copyreg.pickle(HistoryBuffer, _reduce_history_buffer)
        torch.serialization.add_safe_globals([HistoryBuffer])
    replace(mmengine_checkpoint, 'save_checkpoint')(_save)
    for module in (mmengine_runner, mmengine.runner):
        module.save_checkpoint = mmengine_checkpoint.save_checkpoint
    replace(mmengine_checkpoint.CheckpointLoader, 'load_checkpoint')(_load)
    # None: as torch.load does by default, environment variable included.
    replace(mmengine_checkpoint, 'load_url')(
        lambda original, *args, **kwargs: original(
            *args, **dict(kwargs, weights_only=None)))


def _survives_safe_loading(value: object) -> bool:
    file = io.BytesIO()
    torch.save(value, file)
    file.seek(0)
    try:
        torch.load(file, weights_only=True)
    except pickle.UnpicklingError:
        return False
    return True


def _reduce_history_buffer(buffer: HistoryBuffer) -> tuple:
    # Lists, not tensors: map_location would move those to the GPU, from
    # where the constructor cannot read them.
    log, count = buffer.data
    return HistoryBuffer, (log.tolist(), count.tolist(), buffer.max_length)


def plain_checkpoint(checkpoint: dict) -> dict:
    """Copy a checkpoint with everything around the tensors made plain.

    Args:
        checkpoint (dict): As MMEngine's Runner assembles it.

    Returns:
        dict: Same keys. A value without a plain form is kept and named in
        a warning, since the file could not be resumed from.
    """
    keep = {HistoryBuffer, *torch.serialization.get_safe_globals()}

    def warn(path: str, value: object) -> None:
        print_log(
            f'checkpoint{path} is a {type(value).__module__}.'
            f'{type(value).__qualname__}, which safe loading refuses: this '
            'checkpoint cannot be resumed from. Store plain Python or '
            'tensors there.',
            logger='current',
            level=logging.WARNING)

    plain = {}
    for key, value in checkpoint.items():
        if key == 'state_dict':
            plain[key] = _plain_state_dict(value, keep, warn)
        else:
            plain[key] = to_plain(
                value, f'.{key}', keep, warn,
                drop_callables=key == 'param_schedulers')
    return plain


def _plain_state_dict(state_dict: dict, keep: Set[type], warn) -> dict:
    # Shallow copy of the original mapping: it carries the modules' versions
    # in an attribute that a rebuilt one would lose.
    plain = copy.copy(state_dict)
    for name, value in state_dict.items():
        plain[name] = to_plain(value, f'.state_dict.{name}', keep, warn)
    return plain


def _save(original: Callable, checkpoint: Any, *args, **kwargs) -> None:
    if isinstance(checkpoint, dict):
        checkpoint = plain_checkpoint(checkpoint)
    original(checkpoint, *args, **kwargs)


def _load(original: Callable, cls: type, filename: str, *args,
          **kwargs) -> Any:
    path = os.path.expanduser(filename)
    pointer = pointer_file(path)
    if pointer is not None:
        raise DamagedCheckpointError(f'{path} {pointer}')
    local = os.path.isfile(path)
    archive = local and is_archive(path)
    if archive:
        damage = find_damage(path)
        if damage:
            raise _damaged(path, f': {damage}')
    try:
        checkpoint = original(cls, filename, *args, **kwargs)
    except (OSError, MemoryError, torch.OutOfMemoryError):
        raise
    except Exception as error:  # a damaged pickle leads anywhere
        refused = _refused(filename, error)
        if refused:
            raise UnsafeCheckpointError(
                f'{filename} cannot be loaded safely: it holds '
                f'{", ".join(refused)}. Loading such a file may run '
                'code hidden in it. If you trust where it came from, '
                'either set TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD=1 for this '
                'run, or keep only its weights: python -c "import torch; '
                'torch.save(dict(state_dict=torch.load(SRC, '
                "weights_only=False)['state_dict']), DST)\"") from error
        if archive and 'is not in a subdirectory' in str(error):
            raise DamagedCheckpointError(
                f'{path} is an archive, but no checkpoint') from error
        if not local or (archive and 'StreamReader' not in str(error)):
            raise
        raise _damaged(path, ', incomplete or no checkpoint') from error
    return disarm(checkpoint)


def _damaged(path: str, what: str) -> DamagedCheckpointError:
    other = whole_neighbour(path)
    hint = f'; the newest whole one beside it is {other}' if other else ''
    return DamagedCheckpointError(f'{path} is damaged{what}{hint}')


def _refused(filename: str, error: Exception) -> List[str]:
    """Names of what safe loading refused; none where it was no name."""
    if 'weights_only' not in str(error):
        return []
    try:
        names = torch.serialization.get_unsafe_globals_in_checkpoint(filename)
    except Exception:  # a URL, a legacy format: what the error itself says
        names = re.findall(r'GLOBAL ([\w.]+)', str(error))
    return sorted(set(names))
