"""AVDigits' building blocks against slow, independent ways."""
import numpy as np
import pytest

from mmbalance_plugin.datasets import av_digits_synthesis as synthesis


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_split_is_disjoint_complete_and_stratified(rng):
    labels = np.repeat(np.arange(10), 30)[rng.permutation(300)]
    parts = synthesis.split_by_class(labels, dict(train=.8, val=.1, test=.1),
                                     rng)
    together = np.concatenate(list(parts.values()))
    np.testing.assert_array_equal(np.sort(together), np.arange(300))
    for name, count in dict(train=24, val=3, test=3).items():
        assert (np.bincount(labels[parts[name]]) == count).all()
    with pytest.raises(ValueError, match='do not sum to 1'):
        synthesis.split_by_class(labels, dict(train=.8, val=.1), rng)


def test_labels_are_balanced(rng):
    labels = synthesis.pair_labels(1003, 10, rng)
    assert sorted(np.bincount(labels)) == [100] * 7 + [101] * 3
    assert (labels[:10] != np.arange(10)).any()


def test_members_have_their_class_and_equal_shares(rng):
    labels = np.repeat(np.arange(10), 12)
    wanted = synthesis.pair_labels(500, 10, rng)
    drawn = synthesis.draw_members(wanted, labels, rng)
    np.testing.assert_array_equal(labels[drawn], wanted)
    # 50 pairs over 12 samples of a class: each in 4 or 5 of them.
    assert set(np.bincount(drawn, minlength=120)) == {4, 5}
    # Fewer pairs than samples: none twice.
    few = synthesis.draw_members(wanted[:60], labels, rng)
    assert len(set(few)) == 60
    with pytest.raises(ValueError, match='no sample of class 3'):
        synthesis.draw_members(np.array([3]), np.array([1, 2]), rng)


def test_resampling_against_interp(rng):
    lengths = np.array([6, 32, 92, 1, 2])
    frames = rng.normal(size=(lengths.sum(), 13)).astype(np.float32)
    found = synthesis.resample_frames(frames, lengths, 32)
    assert found.shape == (5, 13, 32) and found.dtype == np.float32
    start = 0
    for row, length in zip(found, lengths):
        own = frames[start:start + length]
        times = np.linspace(0, length - 1, 32)
        for channel in range(13):
            np.testing.assert_allclose(
                row[channel],
                np.interp(times, np.arange(length), own[:, channel]),
                atol=1e-5)
        start += length
    # Nothing to interpolate: the frames themselves.
    np.testing.assert_array_equal(found[1].T, frames[6:38])


def test_channel_statistics_standardise(rng):
    recordings = (rng.normal(size=(50, 13, 32)) *
                  np.arange(1, 14)[:, None] + 4).astype(np.float32)
    mean, std = synthesis.channel_statistics(recordings)
    assert mean.shape == std.shape == (13, 1)
    scaled = (recordings - mean) / std
    np.testing.assert_allclose(scaled.mean((0, 2)), 0, atol=1e-5)
    np.testing.assert_allclose(scaled.std((0, 2)), 1, atol=1e-5)


def test_reconstruction_and_its_statistics(rng):
    basis = np.linalg.qr(rng.normal(size=(36, 4)))[0].T.astype(np.float32)
    mean = rng.random(36).astype(np.float32)
    scores = rng.normal(size=(500, 4)) * [4, 3, 2, 1]
    scores = (scores - scores.mean(0)).astype(np.float32)
    images = synthesis.reconstruct(scores, mean, basis)
    np.testing.assert_allclose(images, scores @ basis + mean, atol=1e-5)
    found = synthesis.reconstruction_statistics(scores, mean)
    # Uncorrelated scores: principal components' are.
    exact = np.cov(scores.T, bias=True)
    expected = (np.trace(exact) + np.square(mean - mean.mean()).sum()) / 36
    np.testing.assert_allclose(found, (mean.mean(), expected**.5), rtol=1e-5)
    np.testing.assert_allclose(found, (images.mean(), images.std()), rtol=1e-4)


def test_noise(rng):
    samples = np.ones((200, 13, 32), np.float32)
    assert synthesis.add_noise(samples, 0, rng) is samples
    noise = synthesis.add_noise(samples, 2., rng) - 1
    assert noise.dtype == np.float32
    assert abs(noise.mean()) < .03 and abs(noise.std() - 2) < .03
