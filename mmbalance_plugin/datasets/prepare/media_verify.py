"""Checking many media files in parallel, resumably."""
import json
import os
import sys
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Dict, Iterable, Optional, Tuple

from mmengine.utils import ProgressBar

from mmbalance_plugin.media import MediaError, probe

from .packages import sha256_file

JOURNAL = '.verified.jsonl'
CHECKS = ('decode', 'header')
_DIGITS = 3  # of seconds, so that facts do not depend on rounding


def inspect_file(path: Path, check: str = 'decode') -> dict:
    """What a media file holds.

    Args:
        path (Path): The file.
        check (str): ``'decode'`` decodes all of it, ``'header'`` trusts its
            header. Defaults to ``'decode'``.

    Returns:
        dict: ``size``, ``mtime_ns``, ``check`` and, of a good file,
        ``duration``, ``fps``, ``frames``, ``width``, ``height``,
        ``sample_rate``, ``channels``, ``samples`` and ``sha256``; of a bad
        one ``problem``.
    """
    try:
        status = path.stat()
        facts = dict(
            size=status.st_size, mtime_ns=status.st_mtime_ns, check=check)
    except OSError as error:
        return dict(problem=f'missing: {error.strerror}', check=check)
    try:
        info = probe(str(path), full=check == 'decode')
        facts.update(
            duration=_rounded(info.duration),
            fps=_rounded(info.fps),
            frames=info.frames,
            width=info.width,
            height=info.height,
            sample_rate=info.sample_rate,
            channels=info.channels,
            samples=info.samples,
            has_video=info.has_video,
            has_audio=info.has_audio,
            sha256=sha256_file(path))
    except MediaError as error:
        facts['problem'] = f'broken: {error.reason}'
    except OSError as error:
        facts['problem'] = f'unreadable: {error.strerror}'
    return facts


def _rounded(value: Optional[float]) -> Optional[float]:
    return None if value is None else round(float(value), _DIGITS)


class Verifier:
    """Inspects files, remembering in a journal what is done.

    A line is added for each file as it is finished. A process killed at any
    moment leaves at most one line cut short, which is read over, and the
    next one goes on where it stopped.

    Args:
        out (Path): Folder of the journal.
        source (Path): Folder that the files are relative to.
        known (Dict[str, dict]): Facts of an earlier manifest.
        check (str): See :func:`inspect_file`. Defaults to ``'decode'``.
        workers (int, optional): Threads; decoding and hashing run outside
            of Python's lock. Defaults to None: one a core.
    """

    def __init__(self,
                 out: Path,
                 source: Path,
                 known: Dict[str, dict],
                 check: str = 'decode',
                 workers: Optional[int] = None) -> None:
        self.path, self.source, self.check = out / JOURNAL, source, check
        self.workers = workers or os.cpu_count() or 1
        self.known = dict(known)
        self._read_journal()

    def _read_journal(self) -> None:
        if not self.path.is_file():
            return
        for line in self.path.read_bytes().split(b'\n'):
            try:
                source, name, facts = json.loads(line)
            except ValueError:
                continue  # cut short by a kill
            if source == str(self.source):
                self.known[name] = facts

    def run(self, names: Iterable[str]) -> Dict[str, dict]:
        """Inspect files, those already known only by size and time.

        Args:
            names (Iterable[str]): Paths relative to the source.

        Returns:
            Dict[str, dict]: Path -> facts, see :func:`inspect_file`.
        """
        names = list(dict.fromkeys(names))
        done = {n: self.known[n] for n in names if self._fresh(n)}
        todo = [n for n in names if n not in done]
        if not todo:
            return done
        print(f'Checking {len(todo)} files ({len(done)} known already)',
              flush=True)
        bar = ProgressBar(len(todo), bar_width=30, file=sys.stdout)
        pool = ThreadPoolExecutor(self.workers)
        try:
            with open(self.path, 'ab') as journal:
                # Ends a line that a kill has cut short.
                journal.write(b'\n')
                for name, facts in self._results(pool, todo):
                    done[name] = facts
                    journal.write(
                        json.dumps([str(self.source), name, facts]).encode() +
                        b'\n')
                    journal.flush()
                    bar.update()
        finally:
            # On an interrupt, what has not begun never does.
            pool.shutdown(cancel_futures=True)
        print(flush=True)
        return done

    def _results(self, pool, names) -> Iterable[Tuple[str, dict]]:
        jobs = {
            pool.submit(inspect_file, self.source / name, self.check): name
            for name in names
        }
        for job in as_completed(jobs):
            yield jobs[job], job.result()

    def _fresh(self, name: str) -> bool:
        """Whether what is known of a file still holds."""
        facts = self.known.get(name)
        # A problem may have been the disk's: look again.
        if facts is None or 'problem' in facts:
            return False
        if self.check == 'decode' and facts.get('check') != 'decode':
            return False
        try:
            status = (self.source / name).stat()
        except OSError:
            return False
        return (status.st_size, status.st_mtime_ns) == (facts['size'],
                                                        facts['mtime_ns'])

    def forget(self) -> None:
        """Remove the journal, once a manifest has its contents."""
        self.path.unlink(missing_ok=True)
