"""Build step that setup.cfg cannot express: ship configs and tools.

They live at the top of the checkout, where one edits and runs them, and go
into a wheel as ``mmbalance_plugin/.mim/{configs,tools}``, the place where
OpenMMLab packages keep theirs. An editable install needs no copy.
"""
import os
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

SHIPPED = ('configs', 'tools', 'model-index.yml')
SUFFIXES = ('.py', '.sh', '.yml', '.md')


class BuildWithMIM(build_py):
    """Copy what is run from a checkout into the built package as well."""

    def run(self) -> None:
        super().run()
        if not self.editable_mode:
            self._for_each(self.copy_file)

    def get_outputs(self, include_bytecode=True):
        outputs = super().get_outputs(include_bytecode)
        if not self.editable_mode:
            self._for_each(lambda _, target: outputs.append(target))
        return outputs

    def _for_each(self, act) -> None:
        here = Path(__file__).parent
        for name in SHIPPED:
            top = here / name
            files = sorted(top.rglob('*')) if top.is_dir() else [top]
            for file in files:
                if file.is_file() and file.suffix in SUFFIXES:
                    target = os.path.join(
                        self.build_lib, 'mmbalance_plugin', '.mim',
                        str(file.relative_to(here)))
                    self.mkpath(os.path.dirname(target))
                    act(str(file), target)


setup(cmdclass=dict(build_py=BuildWithMIM))
