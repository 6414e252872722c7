"""The shims come first whichever sub-package is imported first."""
import pytest


@pytest.mark.parametrize('module', ['models.heads', 'evaluation.functional'])
def test_a_sub_package_imports_on_its_own(run_python, module):
    done = run_python('-c', f'import mmbalance_plugin.{module}')
    assert done.returncode == 0, done.stderr
