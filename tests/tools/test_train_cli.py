"""Runs by the tools, and the one line with which those end that cannot be."""
import json
import os
import pickle
import socket
import sys
from pathlib import Path
from unittest import mock

import pytest
import torch

import mmbalance_plugin.registry  # noqa: F401  reads what was saved
from mmbalance_plugin import shipped
from mmbalance_plugin.cli import launch
from mmbalance_plugin.cli.environment import require_writable
from tests.datasets.unprivileged import open_folder, unprivileged

HERE = Path(__file__).parent


def losses(work_dir):
    log, = Path(work_dir).glob('*/vis_data/scalars.json')
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    return [line for line in lines if 'acc/top1' in line]


@pytest.mark.parametrize('args, message', [
    (['nope.py'], "there is no config 'nope.py'"),
    (['toy.py', '--auto-scale-lr'], 'auto_scale_lr=dict(base_batch_size='),
    (['toy.py', '--amp', '--cfg-options', 'optim_wrapper.type=Odd'], "'Odd'"),
    (['toy.py', '--resume', '--work-dir', 'lost'], 'names gone.pth'),
    (['toy.py', '--cfg-options', 'a'], "--cfg-options: 'a' is not KEY=VALUE"),
    (['toy.py', '--cfg-options', 'a..b=1'], "'a..b=1' is not KEY=VALUE"),
    (['toy.py', '--cfg-options', 'a=[1,(2]'], "'a=[1,(2]': "),
    (['toy.py', '--cfg-options', 'default_scope.a=1'],
     '--cfg-options: TypeError'),
    (['toy.py', '--cfg-options', 'train_datalaoder.batch_size=4'],
     'the runner does not read train_datalaoder; did you mean '
     'train_dataloader?'),
    (['toy.py', '--cfg-options', 'model.encoders.first.backbon.channels=4'],
     'model.encoders.first.backbon; did you mean backbone?'),
    (['toy.py', '--cfg-options', 'runner_type=FlexibleRunner'],
     "MMEngine's Runner, not with FlexibleRunner: take runner_type and"),
    (['toy.py', '--cfg-options', 'strategy.type=DeepSpeedStrategy'],
     'not with FlexibleRunner'),
    (['toy.py', '--cfg-options', 'model_wrapper_cfg.type='
      'MMFullyShardedDataParallel'], 'not with MMFullyShardedDataParallel: '),
    (['toy.py', '--work-dir', 'toy.py/x'], 'toy.py/x: Not a directory'),
    (['broken.py'], 'broken.py: SyntaxError: '),
    (['empty.py'], 'empty.py has no model'),
    (['imports.py'], 'custom_imports: Failed to import no_such_module: No '
     "module named 'no_such_module'"),
])
def test_errors_name_the_fix(config, main, capsys, args, message):
    Path('broken.py').write_text('model = = 1\n')
    Path('empty.py').write_text('')
    Path('imports.py').write_text(
        "model = dict()\ncustom_imports = dict(imports=['no_such_module'])")
    Path('lost').mkdir()
    Path('lost/last_checkpoint').write_text('gone.pth')
    with pytest.raises(SystemExit) as stopped:
        main('train', *args)
    assert stopped.value.code == 2
    told = capsys.readouterr().err
    assert message in told.splitlines()[-1]
    assert 'Traceback' not in told


@pytest.mark.parametrize('args', [
    ['--deterministic'], ['--cfg-options', 'randomness.deterministic=True']])
def test_deterministic_sets_what_cublas_wants(
        config, main, monkeypatch, capsys, args):
    """It is an error of PyTorch's at the first product on a GPU, else."""
    name = 'CUBLAS_WORKSPACE_CONFIG'
    monkeypatch.setenv(name, ':0:0')
    with pytest.raises(SystemExit) as stopped:
        main('train', 'toy.py', *args)
    assert stopped.value.code == 2
    assert capsys.readouterr().err.splitlines()[-1] == (
        f'error: {name}=:0:0 is not deterministic: unset it, or set it to '
        ':4096:8 or :16:8')
    monkeypatch.delenv(name)
    # The run itself would make this process deterministic.
    with mock.patch('mmengine.runner.Runner.from_cfg', side_effect=OSError):
        with pytest.raises(SystemExit):
            main('train', 'toy.py', *args)
    assert os.environ.pop(name) == ':4096:8'
    with mock.patch('mmengine.runner.Runner.from_cfg', side_effect=OSError):
        with pytest.raises(SystemExit):
            main('train', 'toy.py')
    assert name not in os.environ


def test_a_folder_that_may_not_be_written():
    with open_folder() as folder:
        (folder / 'closed').mkdir(mode=0o555)
        with pytest.raises(PermissionError, match='nothing can be written'):
            unprivileged(lambda: require_writable(folder / 'closed'))
        require_writable(folder / 'new' / 'one')
        assert not list((folder / 'new' / 'one').iterdir())


@pytest.mark.parametrize('args, message', [
    (['toy.py', 'no.pth'], 'there is no checkpoint no.pth'),
    (['toy.py', 'toy.py', '--dump', 'a.json'], 'must end in .pkl'),
])
def test_errors_of_test(config, main, capsys, args, message):
    with pytest.raises(SystemExit) as stopped:
        main('test', *args)
    assert stopped.value.code == 2
    assert message in capsys.readouterr().err


def test_shipped_configs_are_found_from_anywhere(tmp_path, monkeypatch, root):
    monkeypatch.chdir(tmp_path)
    runtime = root / 'configs' / '_base_' / 'default_runtime.py'
    for name in ('configs/_base_/default_runtime.py',
                 '_base_/default_runtime.py', '_base_/default_runtime'):
        assert shipped.find_config(name) == runtime
    # A file of the user's own goes first.
    own = tmp_path / 'configs' / '_base_' / 'default_runtime.py'
    own.parent.mkdir(parents=True)
    own.write_text('')
    found = shipped.find_config('configs/_base_/default_runtime.py')
    assert found.resolve() == own.resolve()


def test_close_names_are_suggested(tmp_path, monkeypatch):
    (tmp_path / 'configs').mkdir()
    (tmp_path / 'configs' / 'udi_av_digits.py').write_text('')
    monkeypatch.setattr(shipped, 'shipped_root', lambda: tmp_path)
    with pytest.raises(FileNotFoundError, match='did you mean udi_av_digits'):
        shipped.find_config('udi_avdigits.py')


def test_train_then_test(config, main, capsys):
    main('train', 'toy.py')
    work_dir = Path('work_dirs') / 'toy'
    # The log file has the config once, the console its place.
    console = capsys.readouterr().out
    log, = work_dir.glob('*/*.log')
    for introduction in ('System environment', 'train_dataloader = dict('):
        assert log.read_text().count(introduction) == 1
        assert introduction not in console
    for noise in ('Hooks will be executed', 'Exp name',
                  'The value is the same before'):
        assert noise not in log.read_text() and noise not in console
    assert str(log.parent) in console
    assert 'Epoch(val) [2]' in console
    assert (work_dir / 'epoch_2.pth').is_file()
    trained = losses(work_dir)[-1]
    main('test', 'toy.py', work_dir / 'epoch_2.pth', '--work-dir', 'tested',
         '--dump', 'scores.pkl')
    log, = Path('tested').glob('*/*.json')
    assert json.loads(log.read_text())['acc/top1'] == trained['acc/top1']
    with open('scores.pkl', 'rb') as file:
        assert len(pickle.load(file)) == 16


@pytest.mark.parametrize('spoil, message', [
    (lambda weights: weights.pop(next(iter(weights))), 'weights 1 missing'),
    (lambda weights: weights.update(
        {k: v[:0] for k, v in weights.items() if v.dim()}), 'another shape'),
    (None, 'is damaged, incomplete or no checkpoint'),
])
def test_test_refuses_weights_that_do_not_fit(config, main, capsys, spoil,
                                              message):
    """Initial weights would be tested in their place."""
    cfg = launch.load_config('toy.py')
    weights = launch.build_runner(cfg).model.state_dict()
    if spoil is None:
        Path('x.pth').write_bytes(b'')
    else:
        spoil(weights)
        torch.save(dict(state_dict=weights), 'x.pth')
    with pytest.raises(SystemExit):
        main('test', 'toy.py', 'x.pth')
    assert message in capsys.readouterr().err.splitlines()[-1]


def test_mistyped_keys_of_a_file_are_warned_of(config, main, capsys):
    plain = config.read_text()
    config.write_text(plain + """
modle = dict()
model['head']['num_clases'] = 2
""")
    with pytest.raises(SystemExit):
        main('train', 'toy.py')
    told = capsys.readouterr().err.splitlines()
    assert told[-3:-1] == [
        'warning: the runner does not read modle; did you mean model?',
        'warning: ConcatHead does not read model.head.num_clases; did you '
        'mean num_classes?'
    ]
    assert told[-1].startswith('error: ')
    assert "unexpected keyword argument 'num_clases'" in told[-1]
    # What breaks nothing is warned of in the log.
    config.write_text(plain + 'modle = dict()\n')
    with mock.patch('mmengine.runner.Runner.train'):
        main('train', 'toy.py')
    told = 'the runner does not read modle; did you mean model?'
    log = max(Path('work_dirs/toy').glob('*/*.log'))
    assert told in log.read_text()
    assert told in capsys.readouterr().out


def test_a_run_that_cannot_begin_ends_with_one_line(config, main, capsys):
    with pytest.raises(SystemExit) as stopped:
        main('train', 'toy.py', '--cfg-options',
             'train_dataloader.dataset.type=mmbalance_plugin.AVDigitsDataset',
             'train_dataloader.dataset.split=train',
             'train_dataloader.dataset.data_root=nowhere')
    assert stopped.value.code == 2
    line = capsys.readouterr().err.splitlines()[-1]
    assert line == (
        'error: nowhere/manifest.json does not exist. Mend it with python '
        'tools/prepare_data.py av_digits --out nowhere')
    log, = Path('work_dirs/toy').glob('*/*.log')
    assert line in log.read_text()


def test_ctrl_c_says_how_to_go_on(config, main, capsys):
    config.write_text(config.read_text() + """
custom_imports = dict(imports=['cli_toy'])
custom_hooks = [dict(type='cli_toy.PressCtrlC', epoch=0)]
""")

    def interrupted(*args):
        with pytest.raises(SystemExit) as stopped:
            main('train', 'toy.py', *args)
        assert stopped.value.code == 130
        return capsys.readouterr().err.splitlines()[-1]

    work_dir = Path('work_dirs/toy').absolute()
    assert interrupted() == (
        f'interrupted: nothing is saved in {work_dir} yet')
    assert interrupted('--cfg-options', 'custom_hooks.0.epoch=1') == (
        'interrupted: the same command with --resume goes on from '
        f'{work_dir / "epoch_1.pth"}')
    main('train', 'toy.py', '--resume', '--cfg-options',
         'custom_hooks.0.epoch=9')
    assert (work_dir / 'epoch_2.pth').is_file()


LIGHT = """
import json, runpy, sys
statuses = []
for path, *args in {lines}:
    sys.argv = [path, *args]
    try:
        runpy.run_path(path, run_name='__main__')
    except SystemExit as end:
        statuses.append(end.code)
heavy = ['torch', 'mmengine.runner', 'matplotlib', 'mmaction', 'scipy',
         'sklearn']
print()
print(json.dumps([statuses, [m for m in heavy if m in sys.modules]]))
"""


def test_help_and_first_errors_come_before_heavy_imports(
        config, root, run_python):
    tools = {path.stem: str(path) for path in (root / 'tools').glob('*.py')}
    lines = [(path, '--help') for path in tools.values()]
    statuses = [0] * len(lines)
    for name, *args in (
            ('train', 'nope.py'), ('train', 'toy.py', '--cfg-options', 'a'),
            ('train', 'toy.py', '--auto-scale-lr'),
            ('test', 'toy.py', 'no.pth'), ('infer', 'toy.py', 'no.pth', 'a'),
            ('compare', 'nope.py'), ('plot_curves', '.'),
            ('prepare_data', 'av_digit')):
        lines.append((tools[name], *args))
        statuses.append(2)
    done = run_python('-c', LIGHT.format(lines=lines), cwd=config.parent)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == [statuses, []]


def test_distributed_on_the_cpu(config, root, run_python):
    """An ordinary config, two processes, no GPU."""
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        port = free.getsockname()[1]
    code = ('import subprocess, sys; sys.exit(subprocess.call(["bash", '
            f'{str(root / "tools" / "dist_train.sh")!r}, "toy.py", "2", '
            '"--cfg-options", "env_cfg.dist_cfg.backend=nccl"]))')
    done = run_python(
        '-c', code, cwd=config.parent, PYTHON=sys.executable, PORT=str(port),
        CUDA_VISIBLE_DEVICES='',
        PYTHONPATH=os.pathsep.join([str(root), str(HERE)]))
    assert done.returncode == 0, done.stderr
    checkpoint = torch.load('work_dirs/toy/epoch_2.pth')
    assert 'MultimodalDistributedDataParallel' in Path(
        'work_dirs/toy/toy.py').read_text()
    # Two ranks take eight of the sixteen samples a step: two steps an epoch.
    assert checkpoint['meta']['iter'] == 4
    assert len(losses('work_dirs/toy')) == 2


MMACTION_TRAIN = """
import runpy, sys, types
if {repaired}:
    # A release of MMAction2 that has the sub-package 1.2.0 lacks.
    for name in ('drn', 'drn.drn'):
        name = 'mmaction.models.localizers.' + name
        sys.modules[name] = types.ModuleType(name)
    sys.modules[name].DRN = object
import mmaction
sys.argv = ['train.py', 'toy.py']
runpy.run_path(mmaction.__path__[0] + '/.mim/tools/train.py',
               run_name='__main__')
"""


@pytest.mark.parametrize('repaired', [True, False])
def test_training_entry_of_mmaction(config, root, run_python, repaired):
    if not repaired:
        # MMAction2 1.2.0 as published cannot import its own models. The
        # shim must come first, which is one line.
        config.write_text(
            config.read_text()
            + "custom_imports = dict(imports='mmbalance_plugin.registry')\n")
    done = run_python(
        '-c', MMACTION_TRAIN.format(repaired=repaired), cwd=config.parent,
        PYTHONPATH=os.pathsep.join([str(root), str(HERE)]))
    assert done.returncode == 0, done.stderr
    assert Path('work_dirs/toy/epoch_2.pth').is_file()
