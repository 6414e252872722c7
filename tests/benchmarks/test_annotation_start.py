"""The tool that times the start of a long list."""


def test_command(run_benchmark, tmp_path):
    there, noted, refused, missing = run_benchmark(
        'annotation_start', '--rows', 20, '--repeats', 1, '--folder',
        tmp_path).splitlines()[1:]
    assert there.startswith('20 rows, files there: ')
    assert noted.startswith('20 rows, files noted: ')
    assert '20 of 20 clips cannot be used' in refused
    assert missing.startswith('20 rows, files missing: ')
    assert not list(tmp_path.iterdir())
