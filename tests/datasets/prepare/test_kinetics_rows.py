"""Kinetics-Sounds' annotation in every form that circulates."""
import json

import pytest
from mmengine.config import Config

from mmbalance_plugin.cli.prepare import main
from mmbalance_plugin.datasets import KineticsSoundsDataset
from mmbalance_plugin.datasets.prepare import PreparationError, prepare
from mmbalance_plugin.datasets.prepare.kinetics_rows import read_annotation
from mmbalance_plugin.datasets.prepare.kinetics_sounds import (
    CLASSES_31,
    PUBLISHED,
    plan,
)
from mmbalance_plugin.registry import DATASETS
from mmbalance_plugin.utils.text import TextError
from tests.configs.shipped import PAPER, edited
from tests.datasets import media_trees

HEADER = 'label,youtube_id,time_start,time_end,split'


def read(path, text, wanted=lambda label: True):
    path.write_bytes(text.encode())
    form, rows = read_annotation(path, CLASSES_31, wanted)
    return form, [(r.names[0], r.label, r.split) for r in rows]


ROW = ('abcdefghij-_000007_000017', 'tap dancing', 'val')


@pytest.mark.parametrize('text', [
    # Kinetics-400; 600 and 700; blanks, capitals, Windows, other order.
    f'{HEADER},is_cc\n"tap dancing",abcdefghij-,7,17,val,0\n',
    f'{HEADER}\ntap dancing,abcdefghij-,7,17,validate\n',
    f'\ufeff{HEADER}\r\ntap dancing,abcdefghij-,7.0,17.0,val\r\n\r\n',
    'Split, YouTube_ID, Time_Start, Time_End, Label\n'
    'VAL, abcdefghij-, 7, 17, tap dancing\n',
])
def test_kinetics_own_csv(tmp_path, text):
    assert read(tmp_path / 'a.csv', text) == ('kinetics', [ROW])


def test_the_split_may_be_in_the_name_of_the_file(tmp_path):
    text = 'label,youtube_id,time_start,time_end\ntap dancing,abcdefghij-,7,17'
    assert read(tmp_path / 'kinetics-400_val.csv', text)[1] == [ROW]
    with pytest.raises(PreparationError, match='call the file by its split'):
        read(tmp_path / 'kinetics.csv', text)
    with pytest.raises(PreparationError, match='call the file by its split'):
        read(tmp_path / 'train_and_val.csv', text)


def test_rows_of_other_classes_are_not_looked_at(tmp_path):
    text = f'{HEADER}\nabseiling,x,?,?,nowhere\nbowling,abcdefghij-,7,17,val\n'
    found = read(tmp_path / 'a.csv', text, lambda label: label == 'bowling')
    assert len(found[1]) == 1


@pytest.mark.parametrize('row, message', [
    ('bowling,x,zero,10,train', 'line 2: time_start and time_end'),
    ('bowling,x,1e400,10,train', 'line 2: time_start and time_end'),
    ('bowling,x,0,10', 'line 2: has 4 columns, the first line names 5'),
    ('bowling,x,0,10,dev', "line 2: split 'dev' is none of train, val"),
    ('"bowling,x,0,10,train', 'line 2: '),
])
def test_bad_rows_of_the_csv_are_named(tmp_path, row, message):
    with pytest.raises((PreparationError, TextError), match=message):
        read(tmp_path / 'a.csv', f'{HEADER}\n{row}\n')


def test_rows_with_numbers_of_classes(tmp_path):
    # As in OGM-GE's code: train with both seconds, test with the first.
    form, rows = read(tmp_path / 'my_train.txt',
                      '--4-0ihtnBU_000058_000068,10,4\r\n'
                      '--6q_33gNew_000132_000142,10,27\r\n')
    assert form == 'split'
    assert rows == [
        ('--4-0ihtnBU_000058_000068', 'dribbling basketball', 'train'),
        ('--6q_33gNew_000132_000142', 'tap dancing', 'train')]
    assert read(tmp_path / 'my_test.txt', '-3Mwkq-7TV4_2,10,23\n')[1] == [
        ('-3Mwkq-7TV4_000002_000012', 'shoveling snow', 'test')]


@pytest.mark.parametrize('row', ['--6q_33gNew_000132_000142,10,31',
                                 '--6q_33gNew_000132_000142,10',
                                 '--6q_33gNew,10,3', 'a,b,c'])
def test_bad_rows_of_numbers_are_named(tmp_path, row):
    with pytest.raises(PreparationError, match='train.txt, line 2: .*0 to 30'):
        read(tmp_path / 'train.txt', f'--4-0ihtnBU_000058_000068,10,4\n{row}')


def test_json_of_labels_and_subsets(tmp_path):
    database = {
        '--4-0ihtnBU_000058_000068': dict(
            subset='training', label='dribbling_basketball'),
        '-74csnCOiUs_0': dict(subset='testing', label='playing_keyboard'),
        '--RVKBMp_2M_79': dict(subset='validation', label='playing_drums')}
    content = dict(labels=['playing_drums'], database=database)
    form, rows = read(tmp_path / 'x', json.dumps(content))
    assert form == 'split'
    assert rows == [
        ('--4-0ihtnBU_000058_000068', 'dribbling_basketball', 'train'),
        ('-74csnCOiUs_000000_000010', 'playing_keyboard', 'test'),
        ('--RVKBMp_2M_000079_000089', 'playing_drums', 'val')]
    for broken in ('{"a": 1', '{"labels": []}', '{"database": 3}',
                   '{"database": {"x": {"subset": "testing", "label": "a"}}}',
                   json.dumps(content).replace('testing', 'other')):
        with pytest.raises(PreparationError, match='is not a json object'):
            read(tmp_path / 'x', broken)


@pytest.fixture(scope='module')
def tree(tmp_path_factory):
    """Clips, Kinetics' csv and the literature's files of both forms."""
    root = tmp_path_factory.mktemp('kinetics')
    source = media_trees.kinetics_sounds(
        root / 'source', CLASSES_31[:2], train=6, test=2)
    database, lines = {}, dict(train=[], test=[])
    for path in sorted(source.rglob('*.mp4')):
        label, split = path.parent.name, path.parent.parent.name
        split = 'train' if split == 'train' else 'test'
        name = path.stem
        if split == 'test':
            name = f'{path.stem[:11]}_{int(path.stem[12:18])}'
        database[name] = dict(
            subset=f'{split}ing', label=label.replace(' ', '_'))
        lines[split].append(f'{name},10,{CLASSES_31.index(label)}\n')
    for split, rows in lines.items():
        (root / f'my_{split}.txt').write_text(''.join(rows))
    # One training clip of each class validates.
    for name in (n for n in list(database)[::6]):
        if database[name]['subset'] == 'training':
            database[name]['subset'] = 'validation'
    (root / 'KS.json').write_text(json.dumps(dict(
        labels=[], database=database)))
    return root


def build(out, protocol, split):
    return KineticsSoundsDataset(
        split, [], protocol=protocol, data_root=str(out),
        serialize_data=False).data_list


def test_the_papers_protocol(tree, tmp_path, capsys, monkeypatch):
    texts = [str(tree / f'my_{s}.txt') for s in ('train', 'test')]
    command = ['kinetics_sounds', '--source', str(tree / 'source'), '--out',
               str(tmp_path), '--annotations', *texts]
    assert main(command) == 1
    assert ("12 rows to train and 4 to test, the literature's split has "
            '14799 and 2597') in capsys.readouterr().err
    monkeypatch.setitem(PUBLISHED, 'train', 12)
    monkeypatch.setitem(PUBLISHED, 'test', 4)
    assert main([*command, '--accept-missing']) == 0
    assert 'count' not in (tmp_path / 'problems.csv').read_text()
    found = {s: build(tmp_path, 'paper', s) for s in ('train', 'val', 'test')}
    assert {s: len(rows) for s, rows in found.items()} == dict(
        train=10, val=2, test=4)
    for rows in found.values():
        for info in rows:
            assert f'/{CLASSES_31[info["label"]]}/' in info['filename']
    assert all('/val/' in info['filename'] for info in found['test'])
    with pytest.raises(RuntimeError, match="fair protocol needs Kinetics'"):
        build(tmp_path, 'fair', 'train')


def test_the_papers_protocol_is_one_line_away(tree, tmp_path):
    prepare('kinetics_sounds', tree / 'source', tmp_path / 'out',
            annotations=[str(tree / 'KS.json')], accept_missing=True)
    configs = edited(tmp_path, 'kinetics_sounds', PAPER)
    cfg = Config.fromfile(configs / 'unimodal_audio_kinetics_sounds.py')
    found = {}
    for split in ('train', 'val', 'test'):
        dataset = cfg[f'{split}_dataloader'].dataset
        dataset.data_root = str(tmp_path / 'out')
        found[split] = DATASETS.build(dataset)
    assert {d.protocol for d in found.values()} == {'paper'}
    assert [len(d) for d in found.values()] == [10, 2, 4]


def test_both_protocols_from_all_files(tree, tmp_path):
    csv = [tree / 'source' / f'{s}.csv' for s in ('train', 'val')]
    prepare('kinetics_sounds', tree / 'source', tmp_path,
            annotations=[str(p) for p in (*csv, tree / 'KS.json')],
            accept_missing=True)
    paper = json.loads((tree / 'KS.json').read_text())['database']
    val = {n for n, row in paper.items() if row['subset'] == 'validation'}
    assert val
    names = {info['filename'].rsplit('/')[-1][:-4]
             for info in build(tmp_path, 'paper', 'val')}
    assert names == val
    assert len(build(tmp_path, 'fair', 'test')) == 4
    assert len(build(tmp_path, 'fair', 'train')) == 10


def test_without_split_files_there_is_no_paper_protocol(tree, tmp_path):
    prepare('kinetics_sounds', tree / 'source', tmp_path,
            accept_missing=True)
    with pytest.raises(RuntimeError, match="needs the imbalance papers'"):
        build(tmp_path, 'paper', 'train')


def test_kinetics_test_clips_have_no_part_in_the_fair_protocol(tmp_path,
                                                               capsys):
    rows = [f'{HEADER},is_cc', 'bowling,abcdefghij0,0,10,train,0',
            'bowling,abcdefghij1,0,10,val,0']
    (tmp_path / 'train.csv').write_text('\n'.join(rows))
    before = [(c.name, c.splits) for c in plan(tmp_path).clips]
    # As released first, and as now.
    (tmp_path / 'test.csv').write_text(
        'youtube_id,time_start,time_end,split\nabcdefghij2,0,10,test\n')
    assert [(c.name, c.splits) for c in plan(tmp_path).clips] == before
    assert 'test.csv has no labels and is passed over' in (
        capsys.readouterr().out)
    (tmp_path / 'test.csv').write_text(
        f'{HEADER}\nbowling,abcdefghij2,0,10,test\n')
    assert [(c.name, c.splits) for c in plan(tmp_path).clips] == before
    with pytest.raises(PreparationError, match='has no column label'):
        (tmp_path / 'x.csv').write_text('youtube_id,time_start,time_end\n')
        plan(tmp_path, [str(tmp_path / 'x.csv')])
    # Nothing else is held out: then they are the test split.
    (tmp_path / 'train.csv').write_text('\n'.join(rows[:2]))
    splits = {c.name[:11]: c.splits['fair'] for c in plan(tmp_path).clips}
    assert splits['abcdefghij2'] == 'test'


def test_contradictions_are_problems(tmp_path):
    (tmp_path / 'train.csv').write_text(
        f'{HEADER}\nbowling,abcdefghij0,0,10,train\n'
        'bowling,abcdefghij0,0,10,train\nsinging,abcdefghij1,0,10,train\n')
    (tmp_path / 'val.csv').write_text(
        f'{HEADER}\nbowling,abcdefghij0,0,10,val\n'
        'bowling,abcdefghij1,0,10,train\n')
    found = plan(tmp_path)
    said = {name: text for name, text in found.problems
            if text.startswith('annotation')}
    assert said == {
        'abcdefghij0_000000_000010': (
            f'annotation: bowling, val in {tmp_path}/val.csv, line 2, but '
            f'bowling, train in {tmp_path}/train.csv, line 2'),
        'abcdefghij1_000000_000010': (
            f'annotation: bowling, train in {tmp_path}/val.csv, line 3, but '
            f'singing, train in {tmp_path}/train.csv, line 4')}
    assert {c.label for c in found.clips} == {'bowling', 'singing'}
