"""Build the API reference from the docstrings, with warnings as errors.

make docs, or: python docs/api.py [FOLDER]
"""
import importlib
import sys
import warnings
from pathlib import Path

import pdoc

PACKAGE = Path(__file__).resolve().parents[1] / 'mmbalance_plugin'


def main(folder: str = 'build/api') -> None:
    names = sorted(
        '.'.join(path.parent.relative_to(PACKAGE.parent).parts)
        for path in PACKAGE.rglob('__init__.py'))
    exported = {name: getattr(importlib.import_module(name), '__all__', ())
                for name in names}
    # Each room is described by what it exports; pdoc goes into rooms that
    # the one above exports by itself.
    names = [
        name for name in names if exported[name] and name.rpartition('.')[2]
        not in exported.get(name.rpartition('.')[0], ())
    ]
    # Other packages have had their say.
    warnings.simplefilter('error')
    pdoc.render.configure(docformat='google', show_source=False)
    pdoc.pdoc(*names, output_directory=Path(folder))
    print(f'{folder}/index.html')


if __name__ == '__main__':
    main(*sys.argv[1:])
