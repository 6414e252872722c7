"""Typical mistakes: each ends in one line that says what to do."""
import errno
import json
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
import torch

from mmbalance_plugin.cli import launch

DATA = 'train_dataloader.dataset.'
HOOK = 'default_hooks.checkpoint.'


def options(*words):
    return ['toy.py', '--cfg-options', *words]


def clips(*words):
    """The toy's training data are clips of ``a.csv``."""
    return options(f'{DATA}type=mmbalance_plugin.AudioVisualDataset',
                   f'{DATA}ann_file=a.csv', f'{DATA}pipeline=[]', *words)


# ---- what there is beforehand -------------------------------------------
def listed(row):
    return lambda: Path('a.csv').write_text(f'path,label\n{row}\n')


def replaced(old, new):
    """The config, with a slip."""

    def change():
        text = Path('toy.py').read_text()
        assert old in text
        Path('toy.py').write_text(text.replace(old, new))

    return change


def weights_of_three_classes():
    cfg = launch.load_config('toy.py', {'model.head.num_classes': 3})
    torch.save(launch.build_runner(cfg).model.state_dict(), 'three.pth')


def finished():
    Path('work_dirs/toy').mkdir(parents=True)
    Path('work_dirs/toy/summary.json').write_text(json.dumps({}))


def loop(kind):
    return replaced('dict(by_epoch=True, max_epochs=2)',
                    f"dict(type='mmbalance_plugin.{kind}', max_epochs=1)")


def trained_with_stages():
    loop('StagedTrainLoop')()
    replaced("type='CheckpointHook'",
             "type='mmbalance_plugin.AtomicCheckpointHook'")()
    cfg = launch.load_config('toy.py')
    launch.build_runner(cfg).train()


WEIGHTS = ('three.pth does not fit the model of the config; weights 2 of '
           'another shape: head.fc.weight: (3, 16) in the file, (2, 16) in')
MISTAKES = dict(
    config=('train', ['toi.py'], None, "there is no config 'toi.py'"),
    option=('train', options('a'), None, "'a' is not KEY=VALUE"),
    key_of_an_option=(
        'train', options('train_cfg.max_epoch=5'), None,
        'does not read train_cfg.max_epoch; did you mean max_epochs?'),
    key_of_the_config=(
        'train', ['toy.py'], replaced('num_classes', 'num_clases'),
        "ConcatHead.__init__() missing 1 required positional argument: "
        "'num_classes'"),
    scope=('train', options('model.type=MultimodalRecognizer'), None,
           'without its scope (mmbalance_plugin.X)'),
    optimiser=('train', options('optim_wrapper.optimizer.type=Adm'), None,
               'no optimiser is called Adm; did you mean Adam?'),
    learning_rate=('train', options('optim_wrapper.optimizer.lr=fast'), None,
                   "SGD cannot be built: '<' not supported between"),
    schedule=('train', ['toy.py'], replaced(
        'val_cfg =', "param_scheduler = dict(type='CosineLR')\nval_cfg ="),
        'CosineLR is not in the mmaction::parameter scheduler registry: mis'),
    milestones=('train', ['toy.py'], replaced(
        'val_cfg =', "param_scheduler = dict(type='MultiStepLR', "
        'milestones=5)\nval_cfg ='), 'MultiStepLR cannot be built: '),
    micro_batches=(
        'train', options('optim_wrapper.accumulative_counts=1.5'), None,
        'optim_wrapper.accumulative_counts=1.5: a whole number from 1'),
    no_loop=('train', options('train_cfg=None'), None,
             'toy.py has no train_cfg: inherit from a method, such as'),
    archive_for_weights=(
        'test', ['toy.py', 'x.npz'], lambda: np.savez('x.npz', a=1),
        'x.npz is an archive, but no checkpoint'),
    weights_for_a_config=('test', ['three.pth', 'toy.py'],
                          weights_of_three_classes,
                          'three.pth is no config: they end with .py'),
    data=('train', options(
        f'{DATA}type=mmbalance_plugin.AVDigitsDataset', f'{DATA}split=train',
        f'{DATA}data_root=nowhere'), None,
        'Mend it with python tools/prepare_data.py av_digits --out nowhere'),
    annotation=('train', clips(), None, 'a.csv: no such annotation file'),
    clip=('train', clips(), listed('gone.mp4,0'), 'gone.mp4: no such file'),
    label=('train', clips(f'{DATA}classes=[cat,dog]'), listed('a.mp4,cta'),
           'a.csv, line 2, column "label": "cta" is no class; the classes '
           'are cat, dog'),
    num_classes=('train', options('model.head.num_classes=1'), None,
                 'num_classes=1: a head tells two or more classes apart'),
    channels_of_an_encoder=(
        'train', ['toy.py'], replaced('second=encoder(3)',
                                      'second=encoder(5)'),
        "the backbone MLPBackbone of 'second' cannot take its input of shape "
        '(4, 3): mat1 and mat2 shapes cannot be multiplied'),
    batch_size=('train', options('train_dataloader.batch_size=2.5'), None,
                'train_dataloader.batch_size=2.5: a whole number from 1'),
    num_workers=('train', options('val_dataloader.num_workers=-1'), None,
                 'val_dataloader.num_workers=-1: a whole number from 0'),
    epochs=('train', options('train_cfg.max_epochs=1.5'),
            loop('StagedTrainLoop'), 'max_epochs=1.5: epochs are whole'),
    dict_as_an_option=('train', options('a.b=dict(c=1, d=2)'), None,
                       'a dict is given key by key: a.b.type=...'),
    modality_without_encoder=(
        'train', ['toy.py'], replaced(', second=encoder(3)', ''), 'second'),
    encoder_without_modality=(
        'train', ['toy.py'], replaced('second=encoder(3)',
                                      'second=encoder(3), third=encoder(1)'),
        "the batch lacks ['third']"),
    one_modality_for_udi=(
        'train', ['toy.py'],
        lambda: (replaced(', second=encoder(3)', '')(),
                 loop('UDITrainLoop')()),
        'UDITrainLoop needs at least two modalities'),
    metric=('train', options(f'{HOOK}save_best=acc/top7'), None,
            'save_best names acc/top7, which validation does not give'),
    metric_of_our_hook=(
        'train', options(f'{HOOK}save_best=acc/top1_frist',
                         f'{HOOK}type=mmbalance_plugin.AtomicCheckpointHook'),
        None, 'acc/top1_frist'),
    weights_to_test=('test', ['toy.py', 'three.pth'],
                     weights_of_three_classes, WEIGHTS),
    weights_to_start_from=('train', options('load_from=three.pth'),
                           weights_of_three_classes, WEIGHTS),
    no_weights=('train', options('load_from=no.pth'), None,
                'there is no checkpoint no.pth'),
    nothing_to_resume=('train', ['toy.py', '--resume', 'no.pth'], None,
                       'there is no checkpoint no.pth'),
    resume_with_another_config=(
        'train', ['toy.py', '--resume', '--cfg-options',
                  'optim_wrapper.optimizer.lr=3'], trained_with_stages,
        'optim_wrapper'),
    finished_run=('train', ['toy.py'], finished,
                  'take another --work-dir, or say --overwrite'),
    work_dir=('train', ['toy.py', '--work-dir', 'toy.py/x'], None,
              'toy.py/x: Not a directory'),
    pytorch=('train', ['toy.py', '--launcher', 'pytorch'], None,
             'RANK is not set: bash tools/dist_train.sh CONFIG PROCESSES'),
    slurm=('train', ['toy.py', '--launcher', 'slurm'], None,
           'SLURM_PROCID is not set: bash tools/slurm_train.sh'),
    mpi=('train', ['toy.py', '--launcher', 'mpi'], None, 'mpirun -n'),
    strategy=('train', options('strategy.type=DeepSpeedStrategy'), None,
              'not with FlexibleRunner: take'),
    records=('compare', ['--from', 'x'], None,
             'no record of a run below x: python tools/compare.py CONFIG'),
    set_name=('prepare_data', ['av_digit'], None, 'av_digits'),
)


@pytest.fixture(autouse=True)
def started_by_hand(monkeypatch):
    for name in ('RANK', 'SLURM_PROCID', 'OMPI_COMM_WORLD_RANK'):
        monkeypatch.delenv(name, raising=False)


def last_line(main, capsys, *words):
    capsys.readouterr()
    with pytest.raises(SystemExit) as stopped:
        main(*words)
    assert stopped.value.code == 2
    told = capsys.readouterr().err
    assert 'Traceback' not in told and told.count('error: ') == 1
    return told.splitlines()[-1]


@pytest.mark.parametrize('name', MISTAKES)
def test_one_line(config, main, capsys, name):
    tool, words, before, message = MISTAKES[name]
    if before is not None:
        before()
    assert message in last_line(main, capsys, tool, *words)


def test_a_folder_that_may_not_be_written_to(config, main, capsys):
    """tests/tools/test_train_cli.py has a real one."""
    refused = PermissionError(errno.EACCES, 'Permission denied')
    with mock.patch.object(Path, 'touch', side_effect=refused):
        line = last_line(main, capsys, 'train', 'toy.py')
    assert line == ('error: ./work_dirs/toy: Permission denied: nothing can '
                    'be written there')
