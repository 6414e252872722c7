"""What a work dir holds already. Without torch, for the command line."""
import os
import os.path as osp

SUMMARY = 'summary.json'


class FinishedRunError(ValueError):
    """A finished run would be replaced."""


def refuse_finished(work_dir: str, what: str = 'a new run') -> None:
    """Refuse to write into the work dir of a finished run.

    Args:
        work_dir (str): The folder; it need not exist.
        what (str): What would replace it. Defaults to 'a new run'.

    Raises:
        FinishedRunError: There is a summary.
    """
    path = osp.join(work_dir, SUMMARY)
    if osp.isfile(path):
        raise FinishedRunError(
            f'{work_dir} holds a finished run ({SUMMARY}), which {what} would '
            'replace: take another --work-dir, or say --overwrite '
            '(overwrite=True in the config)')


def remove_if_there(path: str) -> None:
    """Remove a file or link, if there is one."""
    if osp.isfile(path) or osp.islink(path):
        os.remove(path)
