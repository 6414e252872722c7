"""``last_checkpoint`` of a work dir that was moved or copied.

MMEngine's checkpoint hook writes an absolute path into it and reads it back
as it stands: a moved work dir cannot be resumed, and a copied one continues
with the files of the run it was copied from. Here a file beside the pointer
goes first, and ours are written with a relative path.
"""
import os.path as osp
from typing import Optional

from mmbalance_plugin.utils.files import portable

POINTER = 'last_checkpoint'


def install() -> None:
    """Let MMEngine's runner find a checkpoint where it lies now."""
    import mmengine.runner
    from mmengine.runner import checkpoint, runner
    for module in (checkpoint, runner, mmengine.runner):
        module.find_latest_checkpoint = find_latest_checkpoint


def pointer_to(checkpoint: str, work_dir: str) -> str:
    """What to write into a work dir's ``last_checkpoint``.

    Args:
        checkpoint (str): Path of the file.
        work_dir (str): Of the run.

    Returns:
        str: Relative to the work dir where the file lies in it.
    """
    path, folder = osp.realpath(checkpoint), osp.realpath(work_dir)
    inside = path.startswith(osp.join(folder, ''))
    return (portable(osp.relpath(path, folder))
            if inside else osp.abspath(checkpoint))


def find_latest_checkpoint(path: str) -> Optional[str]:
    """The last checkpoint of a work dir.

    Args:
        path (str): The work dir.

    Returns:
        str | None: The file that ``last_checkpoint`` names; None where there
        is no ``last_checkpoint``.

    Raises:
        FileNotFoundError: The file it names is nowhere.
    """
    pointer = osp.join(path, POINTER)
    if not osp.isfile(pointer):
        return None
    with open(pointer, encoding='utf-8') as file:
        named = file.read().strip()
    # By its name alone: an absolute path of before a move or a copy.
    candidates = [osp.join(path, osp.basename(named)),
                  osp.join(path, named), named]
    if not osp.isabs(named):
        candidates = [candidates[1], candidates[0], named]
    for candidate in candidates:
        if osp.isfile(candidate):
            return candidate
    raise FileNotFoundError(
        f'{pointer} names {named}, which is neither beside it nor there: '
        'resume from a file with --resume PATH, or delete last_checkpoint to '
        'start anew')
