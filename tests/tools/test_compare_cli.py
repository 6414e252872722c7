"""tools/compare.py trains a grid and compares what comes out."""
import csv
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mmbalance_plugin.analysis.records import read_record
from mmbalance_plugin.cli.command import UsageError
from mmbalance_plugin.cli.grid import make_grid
from mmbalance_plugin.cli.grid_runs import perform

HERE = Path(__file__).parent
CONFIG = """
default_scope = 'mmaction'
model = dict(
    type='mmbalance_plugin.MultimodalRecognizer',
    encoders=dict((name, dict(
        backbone=dict(
            type='mmbalance_plugin.MLPBackbone', in_channels=channels,
            channels=(8, ), norm_cfg=None),
        feat_channels=8)) for name, channels in (('first', 4), ('second', 3))),
    head=dict(type='mmbalance_plugin.ConcatHead', num_classes=2))
train_dataloader = dict(
    batch_size=4, num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(type='cli_toy.ToyDataset'))
val_dataloader = test_dataloader = dict(
    train_dataloader, sampler=dict(type='DefaultSampler', shuffle=False))
val_evaluator = test_evaluator = dict(
    type='mmbalance_plugin.MultimodalMetric')
val_cfg = test_cfg = dict()
train_cfg = dict(type='mmbalance_plugin.StagedTrainLoop', max_epochs=3)
optim_wrapper = dict(optimizer=dict(type='SGD', lr=0.02))
default_hooks = dict(
    checkpoint=dict(type='mmbalance_plugin.AtomicCheckpointHook',
                    save_best='acc/top1'),
    summary=dict(type='mmbalance_plugin.SummaryHook'))
"""
FAST = 'toy.py::optim_wrapper.optimizer.lr=0.2'


@pytest.fixture
def compare(tmp_path, root, run_python):
    """Call the tool in a folder with a config."""
    (tmp_path / 'toy.py').write_text(CONFIG)
    (tmp_path / 'broken.py').write_text(
        "_base_ = 'toy.py'\nmodel = dict(head=dict(num_classes=1))\n")
    path = os.pathsep.join(filter(None, [
        str(root), str(HERE), os.environ.get('PYTHONPATH')]))

    def call(*args, start=run_python, **kwargs):
        return start(str(root / 'tools/compare.py'), *map(str, args),
                     cwd=tmp_path, PYTHONPATH=path, **kwargs)

    return call


def numbers(folder):
    """A comparison without what no two runs share."""
    data, = json.loads((folder / 'comparison.json').read_text())
    for row in data['rows']:
        del row['cost']['wall_seconds'], row['cost']['peak_memory_bytes']
        del row['commits']  # of a checkout that may be worked on meanwhile
    return data


def test_a_run_leaves_its_record_and_no_weights(tmp_path, monkeypatch):
    (tmp_path / 'toy.py').write_text(CONFIG)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(HERE)
    run, = make_grid(['toy.py'], [], [3], [], out='out', store='kept')
    perform(run)
    record = read_record(run.record)
    assert (record.seed, record.fold, record.key) == (3, None, run.key)
    summary = json.loads((run.work_dir / 'summary.json').read_text())
    assert summary['checkpoint'] is None and summary['seed'] == 3
    assert not list(run.work_dir.glob('*.pth'))
    for split, scores in (('val', summary['val']['best']),
                          ('test', summary['test'])):
        assert scores.items() <= record.scores(split).items()
        assert {'ece', 'log_loss_first'} <= set(record.scores(split))
    # Killed after training: what is missing is made up for, not trained.
    run.record.unlink()
    before = (run.work_dir / 'summary.json').stat().st_mtime_ns
    perform(run)
    assert read_record(run.record).data == record.data
    assert (run.work_dir / 'summary.json').stat().st_mtime_ns == before
    (tmp_path / 'toy.py').write_text(CONFIG.replace('0.02', '0.03'))
    other = run._replace(seed=4)
    with pytest.raises(UsageError, match='toy.py has changed'):
        perform(other)


@pytest.mark.slow
def test_settings_seeds_and_a_run_that_fails(compare, tmp_path):
    # One cannot start, one is killed halfway: what is left of it goes on.
    (tmp_path / 'dies.py').write_text(
        "_base_ = 'toy.py'\n"
        "custom_hooks = [dict(type='cli_toy.DieOnce', epoch=2)]\n")
    args = ['toy.py', 'broken.py', 'dies.py', FAST, '--seeds', 0, 1, 2,
            '--jobs', 2, '--out', 'out', '--baseline', 'toy']

    def failures(done):
        assert done.returncode == 1, done.stdout + done.stderr
        return sorted(line.split(' ', 1)[1] for line
                      in done.stderr.splitlines() if line[:8] == 'failed: ')

    failed = failures(compare(*args))
    # A row's runs that end alike are told once.
    assert [line.split('-')[0] for line in failed] == ['broken', 'dies']
    assert all(line.endswith('; 2 more of it did') for line in failed)
    assert 'output.txt' in failed[0] and 'classes' in failed[0]
    assert 'Error: ' not in failed[0]
    assert 'killed by signal 9' in failed[1]
    data = numbers(tmp_path / 'out')
    assert [row['method'] for row in data['rows']] == ['toy', 'toy lr=0.2']
    done = compare(*args)
    assert '12 runs, 6 finished before' in done.stdout
    assert failures(done) == failed[:1]
    assert '| toy lr=0.2 | 3 |' in done.stdout
    data = numbers(tmp_path / 'out')
    assert [row['method'] for row in data['rows']] == [
        'toy', 'dies', 'toy lr=0.2']
    assert len({row['key'] for row in data['rows']}) == 3
    whole, resumed, other = (row['scores'] for row in data['rows'])
    assert resumed == whole != other
    assert data['rows'][0]['runs'] == [[None, 0], [None, 1], [None, 2]]
    assert {'ece', 'log_loss', 'acc/macro_f1', 'acc/top1_first'} <= set(
        data['rows'][0]['scores'])
    # Two layers, one head, and what it says of each modality alone.
    assert data['rows'][0]['cost']['flops_inference'] == 2 * (
        4 * 8 + 3 * 8 + 2 * 16 * 2)
    with open(tmp_path / 'out/comparison.csv') as file:
        assert {line['method'] for line in csv.DictReader(file)} == {
            'toy', 'dies', 'toy lr=0.2'}
    # Weights are gone, and no summary names them.
    assert not list((tmp_path / 'out').rglob('toy-*/*.pth'))
    for path in (tmp_path / 'out').rglob('toy-*/seed_*/summary.json'):
        assert json.loads(path.read_text())['checkpoint'] is None
    # From what is kept: the same table, and what was finished stays so.
    again = compare('--from', 'out', '--baseline', 'toy')
    assert again.returncode == 0, again.stderr
    assert again.stdout.strip() in done.stdout
    unknown = compare('--from', 'out', '--metric', 'acc/top9')
    assert unknown.returncode == 2 and 'log_loss' in unknown.stderr


@pytest.mark.slow
def test_jobs_of_submitit_and_a_store(compare, tmp_path):
    pytest.importorskip('submitit')
    (tmp_path / 'dies.py').write_text(
        "_base_ = 'toy.py'\n"
        "custom_hooks = [dict(type='cli_toy.DieOnce', epoch=2)]\n")
    done = compare('toy.py', 'broken.py', 'dies.py', '--seeds', 0,
                   '--executor', 'local', '--store', 'kept',
                   '--keep-checkpoints', '--out', 'out',
                   '--executor-options', 'timeout_min=5')
    assert done.returncode == 1, done.stdout + done.stderr
    broken, dies = (line for line in done.stderr.splitlines()
                    if line.startswith('failed: '))
    assert 'num_classes=1: a head tells' in broken and '_log.err' in broken
    assert 'ended without a result' in dies
    record, = (tmp_path / 'kept').glob('toy-*/seed_0.json')
    work_dir, = (tmp_path / 'out').glob('toy-*/seed_0')
    summary = json.loads((work_dir / 'summary.json').read_text())
    assert (work_dir / summary['checkpoint']).is_file()
    # A store is enough: no work dir, no training.
    done = compare('toy.py', '--seeds', 0, '--store', 'kept', '--out', 'new')
    assert '1 runs, 1 finished before' in done.stdout
    assert not list((tmp_path / 'new').glob('toy-*'))


@pytest.mark.slow
def test_killed_at_any_moment_and_started_again(compare, tmp_path):
    """Twice, with all that it started: nobody finishes its runs for it."""
    args = ['toy.py', FAST, '--seeds', 0, 1, 2, '--jobs', 2, '--baseline',
            'toy']
    assert compare(*args, '--out', 'whole').returncode == 0

    def start(*words, cwd, **env):
        return subprocess.Popen(
            [sys.executable, *words], cwd=cwd, env={**os.environ, **env},
            start_new_session=True, stdout=subprocess.DEVNULL)

    def finished():
        return len(list((tmp_path / 'cut').glob('toy-*/seed_*.json')))

    moments = sorted(random.sample(range(4), 2))
    for moment in moments:
        process = compare(*args, '--out', 'cut', start=start)
        while finished() < moment or not list(
                (tmp_path / 'cut').glob('toy-*/seed_*/*.pth')):
            assert process.poll() is None, moments
            time.sleep(.01)
        time.sleep(random.uniform(0, .2))
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        left = 6 - finished()
        assert left, moments
    done = compare(*args, '--out', 'cut')
    assert done.returncode == 0, (moments, done.stderr)
    assert f'6 runs, {6 - left} finished before' in done.stdout
    cut, whole = (numbers(tmp_path / name) for name in ('cut', 'whole'))
    for key in whole:
        assert cut[key] == whole[key], (key, moments)


@pytest.mark.slow
def test_equal_tuning_then_seeds_of_their_own(compare, tmp_path):
    with open(tmp_path / 'toy.py', 'a') as file:
        file.write("tuning = [{'optim_wrapper.optimizer.lr': 0.}]\n")
    done = compare('toy.py', '--tune', 2, '--tune-seeds', 0, '--seeds', 5, 6,
                   '--jobs', 2, '--out', 'out')
    assert done.returncode == 0, done.stdout + done.stderr
    assert '2 runs, 0 finished before' in done.stdout
    data = numbers(tmp_path / 'out')
    assert [row['runs'] for row in data['rows']] == [[[None, 5], [None, 6]]]
    told, = json.loads((tmp_path / 'out/tuning.json').read_text())
    assert told['config'] == 'toy.py' and told['chosen'] == []
    assert data['rows'][0]['tuning'] == [told]
    assert '| toy | **as it is: ' in done.stdout
    again = compare('--from', 'out')
    assert again.stdout.strip() in done.stdout
    for args, word in ((['--seeds', 0], '--tune-seeds'),
                       (['--seeds', 5, '--folds', 0, 1], 'one fold')):
        wrong = compare('toy.py', '--tune', 2, '--tune-seeds', 0, *args)
        assert wrong.returncode == 2 and word in wrong.stderr
