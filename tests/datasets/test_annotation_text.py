"""Text and numbers of annotations are read the way they are meant."""
import json

import pytest

from mmbalance_plugin.datasets.av_annotation import (
    AnnotationError,
    read_annotation,
)
from mmbalance_plugin.datasets.av_labels import LabelMap, read_names
from mmbalance_plugin.datasets.prepare import PreparationError
from mmbalance_plugin.datasets.prepare.crema_d import parse_name
from mmbalance_plugin.datasets.prepare.kinetics_rows import (
    read_annotation as read_kinetics,
)
from mmbalance_plugin.datasets.prepare.vggsound import plan as plan_vggsound
from mmbalance_plugin.utils.text import lines_of, read_text

# What str.splitlines takes for the end of a line besides.
ODD = ['\x0b', '\x0c', '\x1c', '\x1d', '\x1e', '\x85', '\u2028', '\u2029']


def write(path, text: str) -> str:
    path.write_bytes(text.encode())
    return str(path)


def rows_of(path, text):
    return list(read_annotation(write(path, text))[0])


@pytest.mark.parametrize('odd', ODD, ids=ascii)
@pytest.mark.parametrize('quote', ['', '"'])
def test_a_row_ends_at_its_line_end(tmp_path, odd, quote):
    name, label = f'a{odd}b.mp4', f'tap{odd}dance'
    text = 'path,label\n' + f'{quote}{name}{quote},{quote}{label}{quote}\n' * 2
    rows = rows_of(tmp_path / 'a.csv', text + 'c.mp4,run\n')
    assert [(r.video, r.label) for r in rows] == [
        (name, label), (name, label), ('c.mp4', 'run')]
    assert rows[2].place.endswith('line 4')
    # Names of classes, and every list that is read to prepare data.
    names = write(tmp_path / 'classes.txt', f'run\n{label}\n\n')
    assert read_names(names) == ['run', label]
    assert lines_of(read_text(tmp_path / 'classes.txt')) == ['run', label]
    labels = LabelMap(None, str(tmp_path / 'a.csv'))
    assert [labels(row, several=False) for row in rows] == [1, 1, 0]


def test_blanks_around_quotes_and_names(tmp_path):
    rows = rows_of(
        tmp_path / 'a.csv', '\ufeffpath , label\r\n a.mp4 , "a, b"\r\n')
    assert (rows[0].video, rows[0].label) == ('a.mp4', 'a, b')
    labels = LabelMap([' c', 'a, b '], str(tmp_path / 'a.csv'))
    assert labels(rows[0], several=False) == 1
    assert labels.names == ('c', 'a, b')


@pytest.mark.parametrize('label', ['2', ' 2 ', '2.0', '2.', '02', '+2'])
def test_label_that_is_a_number(tmp_path, label):
    row, = rows_of(tmp_path / 'a.csv', f'path,label\na.mp4,{label}\n')
    assert LabelMap(None, str(tmp_path / 'a.csv'), 3)(row, False) == 2


@pytest.mark.parametrize('label', ['1_0', '٣', '１', '²', '0x1', '1e0', 'nan',
                                   '1.5', 'True', '--1'])
def test_label_that_is_none(tmp_path, label):
    row, = rows_of(tmp_path / 'a.csv', f'path,label\na.mp4,{label}\n')
    with pytest.raises(AnnotationError, match='line 2.*is no class'):
        LabelMap(None, str(tmp_path / 'a.csv'))(row, False)


def test_numbers_of_json(tmp_path):
    records = [dict(path='a.mp4', label=label)
               for label in (1, 1.0, '1.0', [1.0, '0'])]
    rows = rows_of(tmp_path / 'a.json', json.dumps(records))
    labels = LabelMap(None, str(tmp_path / 'a.json'))
    assert [labels(row, False) for row in rows[:3]] == [1, 1, 1]
    assert labels(rows[3], True) == [1, 0]
    row, = rows_of(tmp_path / 'a.json', '[{"path": "a.mp4", "label": true}]')
    with pytest.raises(AnnotationError, match='"True" is no class'):
        labels(row, False)


def test_class_names_that_are_numbers_with_gaps(tmp_path):
    """pandas writes the class "7" as 7.0 beside an empty cell."""
    row, = rows_of(tmp_path / 'a.csv', 'path,label\na.mp4,7.0\n')
    names = [str(n) for n in range(9, 0, -1)]
    assert LabelMap(names, str(tmp_path / 'a.csv'))(row, False) == 2


@pytest.mark.parametrize('seconds', ['1_0', '٣', '１', '0x1', 'infinity',
                                     '1e999', '1,5'])
@pytest.mark.parametrize('column', ['start', 'end'])
def test_seconds_that_are_no_number(tmp_path, seconds, column):
    with pytest.raises(AnnotationError, match=f'"{column}".*not a number'):
        rows_of(tmp_path / 'a.csv',
                f'path,label,{column}\na.mp4,0,"{seconds}"\n')


def test_seconds(tmp_path):
    rows = rows_of(tmp_path / 'a.csv', 'path,label,start,end\n'
                   'a.mp4,0, .5 ,1e1\na.mp4,0,0,2.\na.mp4,0,,\n')
    assert [(r.start, r.end) for r in rows] == [
        (0.5, 10), (0, 2), (None, None)]


KINETICS = 'label,youtube_id,time_start,time_end,split\n'


@pytest.mark.parametrize('start', ['7.5', '٧', '0_7', '-7', 'nan', '1e1'])
def test_seconds_of_data_sets_are_whole(tmp_path, start):
    """A part of a second was cut off: the name of another file."""
    path = tmp_path / 'train.csv'
    write(path, f'{KINETICS}bowling,abcdefghij-,{start},17,val\n')
    with pytest.raises(PreparationError, match='line 2.*whole seconds'):
        read_kinetics(path, ('bowling', ), lambda label: True)
    write(tmp_path / 'vggsound.csv', f'abcdefghij-,{start},bowling,train\n')
    with pytest.raises(PreparationError, match='line 1: .* is not "youtube'):
        plan_vggsound(tmp_path)


def test_whole_seconds_with_a_point(tmp_path):
    write(tmp_path / 'train.csv', f'{KINETICS}run,abcdefghij-,7.0,17.0,val\n')
    row, = read_kinetics(tmp_path / 'train.csv', (), lambda label: True)[1]
    assert row.names[0] == 'abcdefghij-_000007_000017'
    write(tmp_path / 'vggsound.csv', 'abcdefghij-,30.0,bowling,train\n')
    assert plan_vggsound(tmp_path).clips[0].name == 'abcdefghij-_000030'


def test_names_with_digits_of_other_scripts(tmp_path):
    assert parse_name('1001_DFA_ANG_XX') is not None
    assert parse_name('1٠٠١_DFA_ANG_XX') is None
    write(tmp_path / 'train.txt', 'abcdefghij-_٧,10,0\n')
    with pytest.raises(PreparationError):
        read_kinetics(tmp_path / 'train.txt', ('run', ), lambda label: True)
