"""A set whose files several machines have checked is as one checked by one."""
import pytest
from filelock import FileLock

from mmbalance_plugin.cli.prepare import main
from mmbalance_plugin.datasets.prepare import media_verify
from mmbalance_plugin.datasets.prepare.run import prepare
from tests.datasets import media_trees
from tests.datasets.prepare.test_media_kills import files_of, prepare_until


@pytest.fixture(scope='module')
def source(tmp_path_factory):
    """One of its files is broken, another missing."""
    root = media_trees.crema_d(tmp_path_factory.mktemp('crema') / 'source')
    first, second = sorted((root / 'AudioWAV').iterdir())[:2]
    first.write_bytes(b'RIFF')
    second.unlink()
    return root


@pytest.fixture(scope='module')
def whole(source, tmp_path_factory):
    out = tmp_path_factory.mktemp('whole')
    prepare('crema_d', source, out, accept_missing=True)
    return prepared(out)


@pytest.fixture
def inspected(monkeypatch):
    """Names of the files that were read."""
    names, inspect = [], media_verify.inspect_file
    monkeypatch.setattr(
        media_verify, 'inspect_file',
        lambda path, check: names.append(path.name) or inspect(path, check))
    return names


def prepared(out):
    return {name: data for name, data in files_of(out).items()
            if not name.startswith('.lock')}


def call(source, out, *flags):
    assert main(['crema_d', '--source', str(source), '--out', str(out),
                 '--accept-missing', *flags]) == 0


def test_shards_and_one_more_call(source, whole, tmp_path, inspected, capsys):
    out = tmp_path / 'out'
    for part in (3, 1, 2):
        call(source, out, '--shard', f'{part}/3')
        assert f'crema_d: shard {part} of 3 checked' in capsys.readouterr().out
    assert not (out / 'manifest.json').exists()
    files = [p.name for p in source.rglob('*') if p.is_file()]
    assert sorted(inspected) == sorted(files)
    inspected.clear()
    call(source, out)
    # What was broken may have been a bad moment of the disk.
    assert len(inspected) == 1
    assert prepared(out) == whole


def test_a_killed_shard_is_repeated_or_left_to_the_last_call(
        source, whole, tmp_path, inspected):
    for number, repeated in enumerate((True, False)):
        out = tmp_path / str(number)
        assert prepare_until(source, out, 7, shard=(2, 3)) is None
        for part in (1, 3, 2) if repeated else (1, 3):
            prepare('crema_d', source, out, shard=(part, 3))
        inspected.clear()
        call(source, out)
        assert (len(inspected) == 1) == repeated
        assert prepared(out) == whole
        # Of a set that is prepared, a shard has nothing to do.
        inspected.clear()
        prepare('crema_d', source, out, shard=(3, 3))
        assert not inspected and prepared(out) == whole


def test_shards_of_own_clips(tmp_path):
    source, whole, out = (tmp_path / n for n in ('source', 'whole', 'out'))
    for number in range(6):
        media_trees.write_video(
            source / f'class{number % 2}' / f'{number}.mp4', number % 2)
    for part in ('1/2', '2/2'):
        assert main(['clips', '--source', str(source), '--out', str(out),
                     '--shard', part]) == 0
    assert not [p for p in out.iterdir() if p.suffix == '.json']
    for folder in (out, whole):
        assert main(['clips', '--source', str(source), '--out', str(folder)
                     ]) == 0
    assert prepared(out) == prepared(whole)


def test_shards_do_not_wait_for_each_other(source, tmp_path):
    with FileLock(tmp_path / '.lock'), FileLock(tmp_path / '.lock1-of-2'):
        prepare('crema_d', source, tmp_path, shard=(2, 2))
    assert (tmp_path / 'files.2-of-2.jsonl').is_file()


@pytest.mark.parametrize('text', ['0/3', '4/3', '2', '-1/3', '1/0', 'a/b'])
def test_what_is_no_shard(tmp_path, capsys, text):
    with pytest.raises(SystemExit):
        main(['crema_d', '--out', str(tmp_path), f'--shard={text}'])
    assert f'{text!r} is not I/N' in capsys.readouterr().err


def test_sets_of_arrays_have_no_shards(tmp_path, capsys):
    assert main(['av_digits', '--out', str(tmp_path), '--shard', '1/2']) == 1
    assert 'av_digits takes no --shard' in capsys.readouterr().err
