"""Checking many media files in parallel, resumably."""
import json
import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import Dict, Iterable, List, Optional, Tuple

from mmbalance_plugin.media import MediaError, probe
from mmbalance_plugin.utils.files import sha256_file
from mmbalance_plugin.utils.pointers import pointer_file
from mmbalance_plugin.utils.threads import in_threads

from .media_pictures import inspect_pictures, list_pictures, signature

#: What is known of each file, a line each; added to as they are inspected.
FILES = 'files.jsonl'
#: The same of a shard, until all are one.
SHARDS = 'files.{}-of-{}.jsonl'
CHECKS = ('decode', 'header')
_KEYS = ('size', 'mtime_ns', 'listing')  # what tells that a file is the same
_FACTS = ('frames', 'width', 'height', 'sample_rate', 'channels', 'samples',
          'has_video', 'has_audio')
_CHUNK = 64  # files whose state a thread looks up in one go


def inspect_file(path: Path, check: str = 'decode', **allowed) -> dict:
    """What a media file, or a folder of pictures, holds.

    Args:
        path (Path): The file or folder.
        check (str): ``'decode'`` decodes all of it, ``'header'`` trusts its
            header. Defaults to ``'decode'``.
        allowed: What may be wrong with a file, see :func:`probe`.

    Returns:
        dict: Of a folder, see ``inspect_pictures``. Of a file ``size``,
        ``mtime_ns``, ``check`` and, of a good one, ``sha256`` and what
        :class:`MediaInfo` calls by these names: ``duration`` and ``fps`` (to
        three digits), ``peak`` (to five), ``frames``, ``width``,
        ``height``, ``sample_rate``, ``channels``, ``samples``,
        ``has_video``, ``has_audio``, and ``pixel_width`` and ``tolerated``
        where they are unusual; of a bad one ``problem``.
    """
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError) as error:
        problem = pointer_file(path) or error.strerror
        return dict(problem=f'missing: {problem}', check=check)
    except OSError as error:
        return dict(problem=f'unreadable: {error.strerror}', check=check)
    if stat.S_ISDIR(status.st_mode):
        return inspect_pictures(path, check)
    facts = dict(
        size=status.st_size, mtime_ns=status.st_mtime_ns, check=check)
    try:
        if stat.S_ISREG(status.st_mode):  # a pipe would be waited for
            open(path, 'rb').close()  # FFmpeg calls it damaged
        info = probe(str(path), full=check == 'decode', **allowed)
        facts.update({key: getattr(info, key) for key in _FACTS},
                     duration=info.duration and round(info.duration, 3),
                     peak=info.peak and round(info.peak, 5),
                     fps=round(info.fps, 3), sha256=sha256_file(path))
        if info.pixel_width != 1:
            facts['pixel_width'] = round(info.pixel_width, 3)
        if info.tolerated:
            facts['tolerated'] = info.tolerated
    except MediaError as error:
        facts['problem'] = f'broken: {error.reason}'
    except OSError as error:
        facts['problem'] = f'unreadable: {error.strerror}'
    return facts


def inspect_files(names: Iterable[str],
                  out: Path,
                  source: Path,
                  check: str = 'decode',
                  workers: Optional[int] = None,
                  shard: Optional[Tuple[int, int]] = None,
                  **allowed) -> Dict[str, dict]:
    """Inspect files, remembering in ``files.jsonl`` what is done.

    A line is added for each file as it is finished. A process killed at any
    moment leaves at most one line cut short, which is read over, and the
    next one goes on where it stopped. Files already known are only compared
    by size and time.

    Args:
        names (Iterable[str]): Paths relative to the source.
        out (Path): Prepared folder.
        source (Path): Where the files lie.
        check (str): See :func:`inspect_file`. Defaults to ``'decode'``.
        workers (int, optional): Threads; decoding and hashing run outside
            of Python's lock. Defaults to None: one per core.
        shard (tuple[int, int], optional): ``(i, n)`` inspects the i-th of n
            parts of the files and remembers them in a file of its own, so
            that other processes may be at the other parts. Defaults to None:
            all files, of which shards may have inspected some.
        allowed: See :func:`inspect_file`.

    Returns:
        Dict[str, dict]: Path -> facts, see :func:`inspect_file`.
    """
    known = known_files(out)
    workers = workers or os.cpu_count() or 1

    def fresh(name: str) -> bool:
        """Whether what is known of a file still holds."""
        facts = known[name]
        # A problem may have been the disk's, and what was allowed may no
        # longer be: look again.
        if not {'problem', 'tolerated'}.isdisjoint(facts):
            return False
        if check == 'decode' != facts.get('check'):
            return False
        try:
            state = _state(source / name)
        except OSError:
            return False
        return all(state.get(key) == facts.get(key) for key in _KEYS)

    names, journal_name = list(dict.fromkeys(names)), FILES
    if shard is not None:
        names = names[shard[0] - 1::shard[1]]
        journal_name = SHARDS.format(*shard)
    old, done = [n for n in names if n in known], {}
    if old:
        with in_threads(
                fresh, old, workers, _CHUNK, ordered=True,
                what=f'Comparing {len(old)} files with what is known of them'
                ) as results:
            done = {n: known[n] for n, kept in zip(old, results) if kept}
    todo = [n for n in names if n not in done]
    if todo:
        with open(out / journal_name, 'ab') as journal, in_threads(
                lambda name: (name, inspect_file(source / name, check,
                                                 **allowed)),
                todo, workers, what=f'Checking {len(todo)} files '
                f'({len(done)} known already)') as inspected:
            # Ends a line that a kill has cut short.
            journal.write(b'\n')
            for name, facts in inspected:
                done[name] = facts
                journal.write(facts_text({name: facts}).encode())
                journal.flush()
    return done


def shard_files(out: Path) -> List[Path]:
    """What shards have left."""
    return sorted(out.glob(SHARDS.format('*', '*')))


def known_files(out: Path) -> Dict[str, dict]:
    """What preparations and their shards have noted: path -> facts."""
    known = {}
    for path in filter(Path.is_file, [out / FILES, *shard_files(out)]):
        with open(path, 'rb') as lines:
            for line in lines:
                # One may have been cut short by a kill.
                with suppress(ValueError):
                    name, facts = json.loads(line)
                    known[name] = facts
    return known


def facts_text(files: Dict[str, dict]) -> str:
    """Lines of what is known of files, sorted by name."""
    return ''.join(
        json.dumps([name, files[name]], ensure_ascii=False) + '\n'
        for name in sorted(files))


def _state(path: Path) -> dict:
    status = path.stat()
    if stat.S_ISDIR(status.st_mode):
        return signature(list_pictures(path))
    return dict(size=status.st_size, mtime_ns=status.st_mtime_ns)
