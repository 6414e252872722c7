"""CREMA-D's names, its fair split and the literature's."""
import pytest

from mmbalance_plugin.cli.prepare import main
from mmbalance_plugin.datasets.prepare import PreparationError
from mmbalance_plugin.datasets.prepare.crema_d import (
    ACTORS,
    EMOTIONS,
    FAIR,
    parse_name,
    read_split_csv,
)
from tests.datasets import media_trees


def test_the_fair_split_is_one_of_actors_and_never_changes():
    splits = FAIR
    assert sorted(splits) == sorted(ACTORS)
    counts = {s: list(splits.values()).count(s) for s in set(splits.values())}
    assert len(ACTORS) == 91
    assert counts == dict(train=63, val=10, test=18)
    # Golden: a change would make all earlier results incomparable.
    assert [a for a in ACTORS if splits[a] == 'val'] == GOLDEN_VAL
    assert [a for a in ACTORS if splits[a] == 'test'] == GOLDEN_TEST


GOLDEN_VAL = [
    1008, 1012, 1048, 1053, 1057, 1061, 1063, 1064, 1066, 1068
]
GOLDEN_TEST = [
    1001, 1004, 1009, 1011, 1018, 1020, 1022, 1033, 1034, 1037, 1047, 1052,
    1072, 1075, 1076, 1078, 1080, 1088
]


@pytest.mark.parametrize('name, expected', [
    ('1001_DFA_ANG_XX', (1001, 'anger')),
    ('1091_IEO_SAD_MD', (1091, 'sad')),
    ('1064_IEO_DIS_MD', (1064, 'disgust')),
    ('1040_ITH_SAD_X', (1040, 'sad')),
    ('1092_DFA_ANG_XX', None),
    ('1001_DFA_JOY_XX', None),
    ('1001_DFA_ANG_XX_2', None),
    ('notes', None),
])
def test_names(name, expected):
    assert parse_name(name) == expected


@pytest.fixture
def paper(tmp_path):
    names = [f'{a}_DFA_{e}_XX' for a in ACTORS[:60] for e in EMOTIONS]
    return media_trees.crema_d_split(tmp_path, names), names


def test_validation_is_carved_from_the_training_rows(paper):
    folder, names = paper
    splits = read_split_csv([str(folder)])
    assert set(splits) == set(names)
    test = {n for n, s in splits.items() if s == 'test'}
    assert test == set(names[240:])
    val = [n for n, s in splits.items() if s == 'val']
    assert len(val) == 24
    for emotion in EMOTIONS:
        assert sum(emotion in n for n in val) == 4
    both = read_split_csv([str(folder / 'train.csv'),
                           str(folder / 'test.csv')])
    assert both == splits


def test_a_header_is_passed_over(paper):
    folder, _ = paper
    splits = read_split_csv([str(folder)])
    for name in ('train.csv', 'test.csv'):
        path = folder / name
        path.write_text('\ufefffile,label\r\n' + path.read_text())
    assert read_split_csv([str(folder)]) == splits


@pytest.mark.parametrize('text, message', [
    ('1001_DFA_ANG_XX,ANG\n1001_DFA_HAP_XX,SAD\n', 'line 2'),
    ('1001_DFA_ANG_XX,ANG\n1001_DFA_HAP_XX\n', 'line 2'),
    ('1001_DFA_ANG_XX,ANG\nrubbish,ANG\n', "line 2: 'rubbish,ANG'"),
    ('rubbish,ANG\n1001_DFA_ANG_XX,ANG\n', "line 1: 'rubbish,ANG'"),
    ('1001_DFA_ANG_XX ANG\n1001_DFA_ANG_XX,ANG\n', 'line 1'),
    ('1059_DFA_ANG_XX,ANG\n', 'to train and to test on, 1059_DFA_ANG_XX'),
])
def test_bad_rows_are_named(paper, text, message):
    folder, _ = paper
    (folder / 'train.csv').write_text(text)
    with pytest.raises(PreparationError, match=message):
        read_split_csv([str(folder)])


def test_a_split_that_is_not_there_is_named(tmp_path):
    with pytest.raises(PreparationError, match='there is no .*gone'):
        read_split_csv([str(tmp_path / 'gone')])


def test_clips_of_the_csv_that_are_not_there_are_missing(tmp_path, capsys):
    names = media_trees.crema_names(media_trees.actors())
    source = media_trees.crema_d(tmp_path / 'source', names[1:])
    split = media_trees.crema_d_split(tmp_path / 'split', names)
    code = main(['crema_d', '--source', str(source), '--out',
                 str(tmp_path / 'out'), '--split-csv', str(split)])
    error = capsys.readouterr().err
    assert code == 1 and f'{names[0]}: missing: no video file' in error
    assert f'--split-csv {split}' in error
