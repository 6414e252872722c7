"""The tool that plots what was logged, from the command line."""
import json


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
