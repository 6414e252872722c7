"""Finding files: names, links, case, text files of any make."""
import os
import unicodedata

import pytest

from mmbalance_plugin.cli.prepare import main
from mmbalance_plugin.datasets import VGGSoundDataset
from mmbalance_plugin.datasets.prepare import PreparationError
from mmbalance_plugin.datasets.prepare.media_files import (
    FileIndex,
    find_folder,
)
from tests.datasets import media_trees


def touch(*paths):
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b'')


def test_names_are_found_with_any_suffix_and_hidden_files_are_not(tmp_path):
    touch(tmp_path / 'b' / 'one.MP4', tmp_path / 'two.mKv',
          tmp_path / '._one.mp4', tmp_path / 'three.txt')
    index = FileIndex(tmp_path, ('.mp4', '.mkv'))
    assert index.names == {'one': 'b/one.MP4', 'two': 'two.mKv'}
    assert index.find('zero', 'two', 'one') == 'two.mKv'
    assert index.find('One') is None
    below = FileIndex(tmp_path / 'b', ('.mp4', ), tmp_path, fold=True)
    assert below.find('ONE') == 'b/one.MP4'


def test_several_files_of_one_name_are_noted(tmp_path):
    touch(tmp_path / 'b' / 'x.mp4', tmp_path / 'a' / 'x.mkv',
          tmp_path / 'c' / 'x.mp4', tmp_path / 'y.mp4')
    index = FileIndex(tmp_path, ('.mp4', '.mkv'))
    assert index.find('x') == 'a/x.mkv'
    assert index.notes('x', 'a/x.mkv') == [('x',
        'several files of that name: a/x.mkv is used, not b/x.mp4, c/x.mp4')]
    assert index.notes('y', 'y.mp4') == index.notes('z', None) == []


def test_links_that_lead_back_end(tmp_path):
    touch(tmp_path / 'a' / 'x.mp4', tmp_path / 'far' / 'y.mp4')
    source = tmp_path / 'source'
    source.mkdir()
    for name, target in (('up', source), ('a', tmp_path / 'a'),
                         ('far', tmp_path / 'far'), ('again', tmp_path)):
        (source / name).symlink_to(target)
    index = FileIndex(source, ('.mp4', ))
    assert sorted(index.names) == ['x', 'y']


def test_names_that_cannot_be_written_down_are_reported(tmp_path):
    (tmp_path / 'good.mp4').write_bytes(b'')
    with open(os.fsencode(tmp_path) + b'/bad\xff.mp4', 'wb'):
        pass
    index = FileIndex(tmp_path, ('.mp4', ))
    assert list(index.names) == ['good']
    assert index.problems == [('bad\\udcff.mp4', 'unreadable: its name is '
                               'not in UTF-8; rename it')]


def test_such_a_name_is_a_problem_and_no_crash(tmp_path, capsys):
    source = media_trees.vggsound(tmp_path / 'source')
    with open(os.fsencode(source) + b'/bad\xff.mp4', 'wb'):
        pass
    out = tmp_path / 'out'
    command = ['vggsound', '--source', str(source), '--out', str(out)]
    assert main(command) == 1
    assert 'bad\\udcff.mp4,unreadable: ' in (
        out / 'problems.csv').read_text()
    assert main([*command, '--accept-missing']) == 0
    assert main(['vggsound', '--source', str(source), '--out',
                 str(tmp_path / 'o\udcff')]) == 1
    assert 'is not in UTF-8' in capsys.readouterr().err


@pytest.mark.parametrize('form', ['NFC', 'NFD'])
def test_folders_keep_their_unicode_form(tmp_path, form):
    name = unicodedata.normalize(form, 'Öffentliche Vidéos')
    source = media_trees.vggsound(tmp_path / name)
    os.rename(source / 'video', source / name)
    out = tmp_path / unicodedata.normalize(form, 'prêt')
    assert main(['vggsound', '--source', str(source), '--out', str(out),
                 '--accept-missing']) == 0
    data = VGGSoundDataset('train', [], data_root=str(out),
                           serialize_data=False)
    assert all(os.path.isfile(i['filename']) for i in data.data_list)


def test_two_copies_of_a_clip_are_in_the_notes(tmp_path):
    source = media_trees.vggsound(tmp_path / 'source')
    path = sorted((source / 'video').iterdir())[0]
    touch(source / 'zz' / path.name)
    main(['vggsound', '--source', str(source), '--out',
          str(tmp_path / 'out'), '--accept-missing'])
    notes = (tmp_path / 'out' / 'notes.csv').read_text()
    assert f'video/{path.name} is used, not zz/{path.name}' in notes
    assert path.name in (tmp_path / 'out' / 'files.jsonl').read_text()


def test_folders_are_found_in_any_case(tmp_path):
    (tmp_path / 'AUDIOwav').mkdir()
    assert find_folder(tmp_path, ['AudioWAV'], 'sound').name == 'AUDIOwav'
    with pytest.raises(PreparationError, match='no folder a or b with the c'):
        find_folder(tmp_path, ['a', 'b'], 'c')
    with pytest.raises(PreparationError, match='cannot be listed: No such'):
        find_folder(tmp_path / 'gone', ['a'], 'c')
