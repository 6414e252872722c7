import re

import pytest

from mmbalance_plugin.analysis.report import Section, Verdict, render_page
from mmbalance_plugin.analysis.report.diagnosis import (
    diagnosis_report,
    percent,
)
from mmbalance_plugin.analysis.report.plots import intervals
from tests.analysis.report.browser import chromium, look
from tests.analysis.report.diagnosed import DIAGNOSIS


@pytest.fixture(scope='module')
def html():
    return diagnosis_report(DIAGNOSIS)


def test_a_page_names_no_file_and_no_address(html):
    assert not re.search(r'(src|href)=(?!"(data:,|#))', html)
    assert 'url(' not in re.sub(r'url\(#', '(', html)
    assert '@import' not in html and '<script' not in html


def test_no_colour_of_matplotlib_is_left(html):
    drawings = ''.join(re.findall('<svg.*?</svg>', html, re.DOTALL))
    assert 'var(--s1)' in drawings and 'var(--ink)' in drawings
    left = set(re.findall('#[0-9a-f]{6}', drawings)) - {'#ffffff'}
    assert not left


@pytest.mark.filterwarnings('error::UserWarning')
def test_a_long_name_leaves_room_for_the_drawing():
    name = 'joint type=mmbalance_plugin.MLPHead pairing=within_class, fold 0'
    drawing = intervals({name: {'': (.1, 0, .2)}}, 'points')
    assert 'joint' in drawing and 'fold 0' in drawing


def test_what_was_not_measured_has_no_section():
    some = {k: DIAGNOSIS[k] for k in
            ('config', 'modalities', 'verdicts', 'facts', 'interaction')}
    page = diagnosis_report(some)
    assert page.count('<section>') == 1
    assert 'only the pair' in page


def test_text_is_escaped():
    page = render_page('<b>', [Verdict('good', 'a < b & c')],
                       [Section('"quoted"', '<script>')], {'x': '<y>'})
    assert '<b>' not in page and '<script>' not in page and '<y>' not in page
    assert 'a &lt; b &amp; c' in page


def test_two_reports_of_the_same_numbers_are_the_same_bytes(html):
    assert diagnosis_report(DIAGNOSIS) == html


@pytest.mark.parametrize('value, sign, text', [
    ((.951, .947, .955), False, '95.1 (94.7 to 95.5)'),
    ((.011, -.002, .024), True, '+1.1 (-0.2 to +2.4)'),
    ((.5, .5, .5), False, '50.0')])
def test_percent(value, sign, text):
    assert percent(value, sign) == text


@pytest.mark.parametrize('width, dark', [(360, False), (1000, True)])
def test_in_a_browser(html, tmp_path, width, dark):
    chromium()
    seen = look(html, tmp_path, width, dark)
    assert seen['width'] == width
    assert seen['scroll'] <= width, 'scrolls sideways'
    assert len(seen['svgs']) == html.count('<svg') == 9
    assert all(w > 250 and h > 60 for w, h in seen['svgs'])
    assert all(n > 3 for n in seen['drawn'])
    assert all(seen['inside']), 'text runs out of its drawing'
    assert len(set(seen['ids'])) == len(seen['ids'])
    assert not [name for name in seen['fetched'] if name != 'data:,']
    assert not seen['console']
    light = sum(map(int, re.findall(r'\d+', seen['page'])[:3])) > 384
    assert light is not dark
