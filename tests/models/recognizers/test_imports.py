"""The shims come first whichever sub-package is imported first."""


def test_a_sub_package_imports_on_its_own(run_python):
    done = run_python('-c', 'import mmbalance_plugin.models.heads')
    assert done.returncode == 0, done.stderr
