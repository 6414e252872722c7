"""Reading ``summary.json`` of a run."""
import json
import os.path as osp

SMALL = dict(n_train=64, n_val=32)


def summary_of(runner):
    def refuse(name):
        raise ValueError(f'{name} is not JSON')

    with open(osp.join(runner.work_dir, 'summary.json')) as f:
        return json.load(f, parse_constant=refuse)
