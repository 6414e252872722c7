"""The commands of docs/clusters.md, up to what needs a cluster."""
import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from torch.distributed.run import parse_args

from mmbalance_plugin.cli import prepare

ROOT = Path(__file__).resolve().parents[2]
# Write down how they are called.
STUB = f"""#!{sys.executable}
import json, os, sys
with open(os.environ['CALLS'], 'a') as calls:
    calls.write(json.dumps([os.path.basename(sys.argv[0]), *sys.argv[1:]])
                + '\\n')
"""
SBATCH = """#!/bin/bash
for task in 1 16; do
    SLURM_ARRAY_TASK_ID=$task SLURM_ARRAY_TASK_COUNT=16 bash -c "${!#}"
done
"""


@pytest.fixture(scope='module')
def calls(tmp_path_factory):
    """What the page's commands call, program first."""
    folder = tmp_path_factory.mktemp('cluster')
    for name, text in (('python', STUB), ('srun', STUB), ('sbatch', SBATCH)):
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    page = (ROOT / 'docs/clusters.md').read_text(encoding='utf-8')
    blocks = re.findall(r'```bash\n(.*?)```', page, re.DOTALL)
    subprocess.run(
        ['bash', '-e', '-c', ''.join(blocks)], cwd=ROOT, check=True,
        env={**os.environ, 'CALLS': str(folder / 'calls'),
             'PATH': f'{folder}{os.pathsep}{os.environ["PATH"]}'})
    return [*map(json.loads, (folder / 'calls').read_text().splitlines())]


def test_configs_are_there(calls):
    configs = {word for call in calls for word in call if 'configs/' in word}
    assert len(configs) == 2
    assert all((ROOT / config).is_file() for config in configs)


def test_machines_of_torchrun(calls):
    found = [parse_args(call[3:]) for call in calls
             if 'mmbalance_plugin.cli.torchrun' in call]
    assert [(a.nnodes, a.node_rank, a.nproc_per_node, a.master_addr)
            for a in found] == [('1', 0, '8', '127.0.0.1'),
                                ('2', 0, '8', 'node1'),
                                ('2', 1, '8', 'node1')]


def test_nodes_of_slurm(calls):
    one, two = (call for call in calls if call[0] == 'srun')
    assert {'--ntasks=8', '--ntasks-per-node=8', '--gres=gpu:8'} <= set(one)
    assert {'--ntasks=16', '--ntasks-per-node=8', '--gres=gpu:8'} <= set(two)


def test_jobs_of_submitit(calls):
    spec = importlib.util.spec_from_file_location(
        'tools_compare', ROOT / 'tools/compare.py')
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    call, = (call for call in calls if 'tools/compare.py' in call)
    args = tool.build_parser().parse_args(call[2:])
    assert args.executor == 'slurm' and len(args.executor_options) == 4


def test_shards(calls, monkeypatch):
    asked = []
    monkeypatch.setattr(
        'mmbalance_plugin.datasets.prepare.prepare',
        lambda *_, **options: asked.append(options.get('shard')))
    for call in calls:
        if 'tools/prepare_data.py' in call:
            assert prepare.main(call[2:]) == 0
    assert asked == [(1, 16), (16, 16), None]
