"""Lines end where lines end, and numbers are what people call numbers."""
import math

import pytest

from mmbalance_plugin.utils.text import (
    TextError,
    integer,
    lines_of,
    number,
    read_rows,
    read_text,
)

# What str.splitlines takes for the end of a line besides.
ODD = '\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029'


@pytest.mark.parametrize('mark', [b'', b'\xef\xbb\xbf'])
@pytest.mark.parametrize('end', ['\n', '\r\n'])
def test_lines(tmp_path, mark, end):
    wanted = [f'a{c}b' for c in ODD] + ['two words', 'søren 犬']
    text = end.join(['', *wanted[:3], '  ', *(f' {w}\t' for w in wanted[3:])])
    path = tmp_path / 'names.txt'
    path.write_bytes(mark + text.encode())
    assert lines_of(read_text(path)) == wanted


@pytest.mark.parametrize('value, expected', [
    ('7', 7), (' 7\t', 7), ('007', 7), ('7.0', 7), ('7.', 7), ('7.000', 7),
    ('+7', 7), ('-7', -7), ('-7.0', -7), (7, 7), (7.0, 7), ('0', 0),
    ('-0.0', 0), (10**20, 10**20),
])
def test_whole_numbers(value, expected):
    assert integer(value, signed=True) == expected
    assert type(integer(value, signed=True)) is int
    assert number(value) == expected
    if str(value)[0] in '+-':
        with pytest.raises(ValueError):
            integer(value)
    else:
        assert integer(value) == expected


NO_NUMBERS = ['', ' ', '.', '-', '+-1', '1_0', '1 0', '1,0', '٣', '１', '²',
              'Ⅷ', '0x10', 'nan', 'inf', '-infinity', 'one', '1.0.0', '--1',
              '1.0f', '\x0b1', '1\n', '1\u2028', '1\u00a0', True, None, [1],
              math.nan, math.inf, '1e999', b'1']


@pytest.mark.parametrize('value', NO_NUMBERS, ids=repr)
def test_no_numbers(value):
    with pytest.raises(ValueError):
        integer(value, signed=True)
    with pytest.raises(ValueError):
        number(value)


@pytest.mark.parametrize('value, expected', [
    ('0.5', 0.5), ('.5', 0.5), ('-1.5e-3', -0.0015), ('2E2', 200.0),
    (0.1, 0.1), (1e-7, 1e-7), (1e300, 1e300), (' 3.25 ', 3.25)])
def test_numbers_that_are_not_whole(value, expected):
    assert number(value) == expected
    with pytest.raises(ValueError):
        integer(value, signed=True)


def test_every_float_that_json_writes():
    import random
    random.seed(0)
    for _ in range(500):
        value = random.uniform(-1, 1) * 10**random.randint(-300, 300)
        assert number(repr(value)) == number(value) == value


ROWS = [['a', 'b, c'], ['d', 'é']]


@pytest.mark.parametrize('data', [
    'a,"b, c"\nd,é\n', '\ufeffa,"b, c"\r\n\r\nd,é\r\n', 'a,"b, c"\rd,é',
    ' a , "b, c"\n , \nd,é ',
])
def test_rows_of_any_make(tmp_path, data):
    path = tmp_path / 'a.csv'
    path.write_bytes(data.encode())
    found = list(read_rows(path))
    assert [cells for _, cells in found] == ROWS
    assert found[0][0] == 1 and found[1][0] in (2, 3)


def test_text_that_cannot_be_read_is_named(tmp_path):
    path = tmp_path / 'a.csv'
    with pytest.raises(TextError, match='a.csv cannot be read: No '):
        read_text(path)
    path.write_text('x\n1,"never closed\n' + 'y\n' * 9)
    with pytest.raises(TextError, match=r'a\.csv, line \d+: '):
        list(read_rows(path))
    path.write_text('label', encoding='utf-16')
    with pytest.raises(TextError, match='no text in UTF-8'):
        read_text(path)
