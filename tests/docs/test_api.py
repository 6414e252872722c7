"""The API reference, where what builds it is installed (make docs)."""
import pytest


@pytest.mark.slow
def test_it_builds_without_warnings_and_has_what_is_public(
        run_python, tmp_path):
    pytest.importorskip('pdoc')
    done = run_python('docs/api.py', tmp_path)
    assert done.returncode == 0, done.stderr
    text = ''.join(page.read_text() for page in tmp_path.rglob('*.html'))
    for name in ('OGMOptimWrapper', 'club_upper_bound', 'MultimodalMetric',
                 'StagedTrainLoop', 'AudioVisualDataset'):
        assert f'>{name}</span>' in text, name
