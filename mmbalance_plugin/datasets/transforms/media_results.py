"""What the decoding transforms keep in ``results`` for each other."""
import logging
from typing import Dict, Optional, Set

from mmengine.logging import print_log

from mmbalance_plugin.media import MediaReader, MissingStreamError

_HINT = ("; AudioVisualDataset(missing='skip') leaves such clips out, "
         "missing='mask' uses what they have")


def open_media(results: dict, path: Optional[str], kind: str,
               timeout: Optional[float]) -> MediaReader:
    """Open a sample's file once, for picture and sound alike.

    Args:
        results (dict): The sample; keeps the reader under
            ``'media_readers'`` until it is packed.
        path (str, optional): The file; None or '' where the annotation
            names none.
        kind (str): 'video' or 'audio': the stream that is needed.
        timeout (float, optional): Seconds for each request.

    Raises:
        MissingStreamError: There is no file or no such stream.
    """
    if not path:
        name = results.get('filename') or results.get('audio_path') or (
            f"sample {results.get('sample_idx', '?')}")
        raise MissingStreamError(
            name, f'the annotation names no {kind} file for it')
    readers = results.setdefault('media_readers', {})
    if path not in readers:
        readers[path] = MediaReader(path, timeout=timeout)
    readers[path].timeout = timeout
    readers[path].require(kind)
    return readers[path]


def mask_or_raise(results: dict, key: str, error: MissingStreamError) -> None:
    """Note that ``results[key]`` will stand for a missing modality.

    Raises:
        MissingStreamError: ``error`` again, unless the sample comes from a
            dataset whose policy for missing modalities is ``'mask'``.
    """
    if results.get('missing', 'error') != 'mask':
        hint = _HINT if 'missing' in results else ''
        raise MissingStreamError(error.path, error.reason + hint) from error
    results.setdefault('masked_keys', set()).add(key)


def is_masked(results: dict, key: str) -> bool:
    """Whether ``results[key]`` stands for a missing modality."""
    return key in results.get('masked_keys', ())


#: What was tolerated -> the files, as far as this process has read them.
_TOLERATED: Dict[str, Set[str]] = {}


def report_tolerated(reader: MediaReader) -> None:
    """Warn of what a file was allowed, once for each, and count the files."""
    for what, count in reader.tolerated.items():
        files = _TOLERATED.setdefault(what, set())
        if reader.path not in files:
            files.add(reader.path)
            print_log(
                f'{reader.path}: {count} x {what}, allowed ({len(files)} '
                'files so far in this process)', 'current',
                level=logging.WARNING)
    reader.tolerated.clear()
