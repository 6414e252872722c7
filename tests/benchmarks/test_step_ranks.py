import pytest


@pytest.mark.slow
def test_command(run_benchmark):
    printed = run_benchmark(
        'step_ranks', '--rounds', 2, '--block', 1, '--warmup', 1, '--width',
        2, '--size', 16, '--batch-size', 8, '--loops', 'UDI follower')
    row = printed.splitlines()[-1].split(' | ')
    assert row[0] == '| UDI follower' and len(row) == 7
    one, two = (float(cell) for cell in row[1:3])
    ratio = float(row[3].split()[0])
    assert min(one, two) > 0 and .2 < ratio / (two / one) < 5
