"""What a clip is allowed by option is told once and counted."""
import logging

import pytest
from mmengine.dataset import Compose
from mmengine.registry import init_default_scope

from mmbalance_plugin.datasets.transforms import media_results
from mmbalance_plugin.media import MediaError
from tests.media_utils import write_clip


def test_a_size_that_changes_is_counted_once_for_a_file(
        tmp_path, monkeypatch):
    init_default_scope('mmaction')
    monkeypatch.setattr(media_results, '_TOLERATED', {})
    parts = [
        write_clip(tmp_path / f'{size}.ts', 5, size=(size, size),
                   times=[start + i / 25 for i in range(5)])
        for start, size in enumerate((64, 96))
    ]
    for name in ('a.ts', 'b.ts'):
        (tmp_path / name).write_bytes(
            b''.join(open(part, 'rb').read() for part in parts))

    def read(name, **options):
        return Compose([
            dict(type='mmbalance_plugin.PyAVVideoInit'),
            dict(type='mmbalance_plugin.SampleAtRate'),
            dict(type='mmbalance_plugin.PyAVVideoDecode', **options)
        ])(dict(filename=str(tmp_path / name)))

    with pytest.raises(MediaError, match='the picture size changes'):
        read('a.ts')
    told = []
    monkeypatch.setattr(media_results, 'print_log',
                        lambda text, *_, level: told.append((text, level)))
    for name in ('a.ts', 'a.ts', 'b.ts'):
        results = read(name, allow_changes=True)
        assert {p.shape for p in results['imgs']} == {(64, 64, 3)}
    assert [text.split('/')[-1] for text, _ in told] == [
        'a.ts: 5 x frame of another size, allowed (1 files so far in this '
        'process)', 'b.ts: 5 x frame of another size, allowed (2 files so '
        'far in this process)']
    assert {level for _, level in told} == {logging.WARNING}
