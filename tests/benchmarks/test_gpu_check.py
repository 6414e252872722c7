"""The checks for a card run, and find nothing, where there is none."""
import pytest
import torch

from benchmarks.gpu_check import main


@pytest.mark.skipif(torch.cuda.is_available(), reason='it would be used')
def test_without_a_card(capsys):
    status = main(['--device', 'cpu', '--quick', '--trace'])
    out = capsys.readouterr().out
    assert status == 0 and out.rstrip().endswith('ALL PASSED'), out
    passed = [line[5:line.rindex(' (')] for line in out.splitlines()
              if line.startswith('PASS ')]
    assert passed == [
        'path joint',
        'path opm_ogm_ge',
        'path udi',
        'same seed, same weights (OPM + OGM-GE)',
        'resumed equals uninterrupted (OPM + OGM-GE)',
        'resumed equals uninterrupted (UDI follower)',
        'deterministic algorithms',
        'no wait inside a step (joint)',
        'no wait inside a step (OPM + OGM-GE)',
        'no wait inside a step (UDI follower)',
        'no wait inside a step (UDI follower, resumed)',
        'where a whole train_step waits (to read)',
        "memory of the anchor's pass",
        'noise of OGM-GE, to compare between kinds of cards',
        'time of the noise for a ResNet18',
        'inference on the device equals the CPU',
    ]


def test_a_failure_is_told(monkeypatch, capsys):
    from benchmarks.gpu.session import Session

    def broken(session):
        raise AssertionError('3 of 8 tensors differ')

    with Session('cpu', False, True, False) as session:
        session.check('equal', broken)
    assert session.report() == 1
    first, last = capsys.readouterr().out.splitlines()
    assert first.startswith('FAIL equal (')
    assert first.endswith('AssertionError: 3 of 8 tensors differ')
    assert last == 'FAILED: equal'


@pytest.mark.skipif(torch.cuda.is_available(), reason='there is one')
def test_no_card(capsys):
    with pytest.raises(SystemExit) as stop:
        main([])
    assert stop.value.code == 2
    assert 'torch sees no CUDA device' in capsys.readouterr().err
