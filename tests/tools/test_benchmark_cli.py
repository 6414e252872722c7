"""The measuring tools from the command line."""
import json


def test_benchmark(run_python, tmp_path):
    out = tmp_path / 'times.json'
    done = run_python(
        'tools/benchmark.py', '--rounds', 2, '--block', 1, '--warmup', 1,
        '--width', 2, '--size', 16, '--batch-size', 4, '--loops',
        'plain joint', 'joint', 'OPM + OGM-GE', '--json', out,
        OMP_NUM_THREADS='1')
    assert done.returncode == 0, done.stderr
    rows = [line for line in done.stdout.splitlines()
            if line.startswith('| ')]
    assert [row.split(' | ')[0] for row in rows] == [
        '| loop', '| plain joint', '| joint', '| OPM + OGM-GE',
        '| OPM + OGM-GE'
    ]
    times = json.loads(out.read_text())
    assert {k: len(v) for k, v in times['cpu'].items()} == {
        'plain joint': 2, 'joint': 2, 'OPM + OGM-GE': 2
    }
    assert times['ratios']['joint / plain joint'][0] == (
        times['wall']['joint'][0] / times['wall']['plain joint'][0])


def test_plot_curves(run_python, tmp_path):
    folder = tmp_path / 'ogm' / 'seed_0' / '20260101_000000' / 'vis_data'
    folder.mkdir(parents=True)
    (folder / 'scalars.json').write_text('\n'.join(
        json.dumps({'step': i, 'iter': i, 'opm_ratio_a': 1.5})
        for i in range(3)))
    out = tmp_path / 'new' / 'x.png'
    done = run_python('tools/plot_curves.py', tmp_path, '--out', out)
    assert done.returncode == 0, done.stderr
    assert out.read_bytes()[:4] == b'\x89PNG'
    done = run_python('tools/plot_curves.py', tmp_path, '--keys', 'alpha_con',
                      '--out', out)
    assert done.returncode == 2
    assert 'opm_ratio_a' in done.stderr


def test_study_of_runs_that_are_there(run_python, tmp_path):
    for name, values in dict(joint=(.5, .8), ogm=(.8, .9)).items():
        folder = tmp_path / name / '20260101_000000' / 'vis_data'
        folder.mkdir(parents=True)
        (folder / 'scalars.json').write_text('\n'.join(
            json.dumps({'step': i + 1, 'acc/top1': v})
            for i, v in enumerate(values)))
    done = run_python('tools/study.py', 'convergence', '--runs',
                      tmp_path / 'joint', tmp_path / 'ogm')
    assert done.returncode == 0, done.stderr
    assert '| ogm | 1 | 1.0 | 1.0 | 1.0 | 90.0 | 2.0 |' in done.stdout
