"""Any data set, prepared by name."""
import os
from functools import partial
from pathlib import Path
from typing import (
    Callable,
    ContextManager,
    Dict,
    NamedTuple,
    Optional,
    Tuple,
    Union,
)

from filelock import FileLock, Timeout

from mmbalance_plugin.utils.text import TextError

from . import (
    av_digits,
    clips,
    crema_d,
    htad,
    kinetics_sounds,
    mnist_images,
    multiple_features,
    ucf101,
    vggsound,
    watch,
)
from .errors import PreparationError
from .media import MediaPreparer
from .store import find_damage, remove_partial


class Preparer(NamedTuple):
    """How a data set of plain arrays is prepared.

    Args:
        dataset (str): Its name.
        layout (int): Version of what it writes.
        run (Callable): Called with the output folder and the source
            folder or None.
    """

    dataset: str
    layout: int
    run: Callable[[Path, Optional[Path]], None]
    options: Tuple[str, ...] = ()

    def prepare(self, out: Path, source: Optional[Path]) -> bool:
        """Write the arrays, unless they are there and whole."""
        damage = find_damage(out, self.dataset, self.layout)
        if damage is None:
            return False
        print(f'Preparing {self.dataset} in {out} ({damage})', flush=True)
        self.run(out, source)
        return True


PREPARERS: Dict[str, Union[Preparer, MediaPreparer]] = {
    module.DATASET: Preparer(module.DATASET, module.LAYOUT, run)
    for module, run in ((av_digits, av_digits.prepare_av_digits),
                        (htad, htad.prepare_htad),
                        (multiple_features,
                         multiple_features.prepare_multiple_features),
                        (watch, watch.prepare_watch))
}
for _name in mnist_images.DATASETS:
    PREPARERS[_name] = Preparer(_name, mnist_images.LAYOUT,
                                partial(mnist_images.prepare_images, _name))
for _set in (clips, crema_d, kinetics_sounds, vggsound, ucf101):
    PREPARERS[_set.DATASET] = _set.PREPARER


def prepare(name: str,
            source: Optional[Union[str, Path]] = None,
            out: Optional[Union[str, Path]] = None,
            **options) -> bool:
    """Prepare a data set, unless it is there and whole.

    Safe to interrupt at any point and to run again; two at a time wait
    for each other, shards of one set do not.

    Args:
        name (str): A key of ``PREPARERS``.
        source (str | Path, optional): Folder with files already
            downloaded; nothing is downloaded then. Defaults to None.
        out (str | Path, optional): Where to write. Defaults to
            ``data/<name>``.
        options: Only for data sets of media files, see
            ``MediaPreparer.prepare``.

    Returns:
        bool: False if there was nothing to do.

    Raises:
        PreparationError: If it cannot be prepared.
    """
    if name not in PREPARERS:
        raise PreparationError(f'No data set is called {name!r}; there are '
                               f'{", ".join(PREPARERS)}.')
    out = Path('data', name) if out is None else Path(out)
    source = None if source is None else Path(source)
    if source is not None and not os.path.isdir(source):
        raise PreparationError(f'--source {source} is no folder, or may not '
                               'be looked into.')
    unknown = [key for key in options if key not in PREPARERS[name].options]
    if unknown:
        flags = ', '.join('--' + key.replace('_', '-') for key in unknown)
        raise PreparationError(f'{name} takes no {flags}')
    try:
        out.mkdir(parents=True, exist_ok=True)
        shard = options.get('shard')
        with _alone(out, shard):
            if shard is None:
                remove_partial(out)
            return PREPARERS[name].prepare(out, source, **options)
    except (OSError, TextError) as error:
        # A full disk or a folder without permission: no traceback needed.
        raise PreparationError(str(error)) from error


def _alone(out: Path, shard: Optional[Tuple[int, int]]) -> ContextManager:
    """Wait until no other process prepares the folder, and say so."""
    lock = FileLock(out / ('.lock' + '-of-'.join(map(str, shard or ()))))
    try:
        return lock.acquire(timeout=0)
    except Timeout:
        print(f'Another process prepares {out}: waiting for it', flush=True)
        return lock.acquire()
