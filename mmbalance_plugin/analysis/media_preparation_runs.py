"""The preparation's command as a whole: time, cores and memory."""
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import List, NamedTuple, Sequence

from .media_layouts import Parts, lay_out

#: What to do -> flags of the command.
STEPS = dict(header='--check header', decode='--check decode',
             extract='--extract')

_INTERVAL = .02  # seconds between two looks at a process


class Run(NamedTuple):
    """One run of a command.

    Attributes:
        what (str): Its name in the table.
        workers (int): Threads it was given.
        wall (float): Seconds by the clock.
        cpu (float): CPU seconds, of all its threads.
        peak (int): Bytes of memory at its largest; 0 where the system is
            not Linux.
    """
    what: str
    workers: int
    wall: float
    cpu: float
    peak: int

    @property
    def cores(self) -> float:
        """float: Cores it kept busy, on average."""
        return self.cpu / self.wall


def run_command(what: str, workers: int, command: Sequence[str]) -> Run:
    """Run a command to its end, its output thrown away.

    Raises:
        RuntimeError: It fails.
    """
    before, peak = time.perf_counter(), 0
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while True:
        peak = max(peak, _peak(process.pid))
        found, status, usage = os.wait4(process.pid, os.WNOHANG)
        if found:
            break
        time.sleep(_INTERVAL)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f'{" ".join(command)} ended with exit status '
                           f'{process.returncode}')
    return Run(what, workers, time.perf_counter() - before,
               usage.ru_utime + usage.ru_stime, peak)


def _peak(pid: int) -> int:
    """Bytes of memory a process has had at its largest; 0 if it has ended.

    What the system reports at the end counts from before the command took
    over, when the process still was a copy of its large parent.
    """
    try:
        lines = Path(f'/proc/{pid}/status').read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines
               if line.startswith('VmHWM:'))


def run_preparation(tool: str, dataset: str, clips: Sequence[Parts],
                    folder: str, count: int, workers: Sequence[int],
                    steps: Sequence[str] = ('decode', )) -> List[Run]:
    """Prepare a set with each number of threads.

    Args:
        tool (str): ``tools/prepare_data.py``.
        dataset (str): Name of the set.
        clips (Sequence[Parts]): What it is made of.
        folder (str): An existing one on the same disk.
        count (int): Clips of the set.
        workers (Sequence[int]): Numbers of threads.
        steps (Sequence[str]): Of :data:`STEPS`, in this order, each on top
            of those before. Defaults to ``('decode', )``.

    Returns:
        list[Run]: Each step with each number of threads, and last one more
        run with nothing left to do: what the command costs in any case.
    """
    source = os.path.join(folder, 'source')
    lay_out(dataset, source, clips, count)

    def run(what: str, threads: int, out: str, flags: str) -> Run:
        return run_command(what, threads, [
            sys.executable, tool, dataset, '--source', source, '--out',
            os.path.join(folder, out), '--accept-missing', '--workers',
            str(threads), *flags.split()
        ])

    runs = []
    for threads in workers:
        out = f'prepared{threads}'
        for step in steps:
            flags = STEPS[step]
            runs.append(run(f'`{flags}`', threads, out, flags))
    return [*runs, run('again', threads, out, flags)]
