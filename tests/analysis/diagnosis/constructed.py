"""Data sets whose balance is known because they were made so."""
import math

import numpy as np
import torch
from mmcv.transforms import BaseTransform
from mmengine.config import Config
from mmengine.registry import TRANSFORMS

from mmbalance_plugin.datasets import ArrayDataset, Arrays
from mmbalance_plugin.registry import DATASETS

NAMES = ('one', 'two', 'three', 'four')
#: Training and validation samples, where they are not these.
SIZES = dict(small=(100, 50), tiny=(600, 40), lacking=(450, 700),
             overfitted=(400, 1500), fifty=(900, 800))


@TRANSFORMS.register_module()
class LackSome(BaseTransform):
    """Three samples of ten lack the first modality, three others the second.
    """

    deterministic = True

    def transform(self, results):
        number = results['sample_idx'] % 10
        results['masked_keys'] = {NAMES[number // 3]} if number < 6 else set()
        return results


@DATASETS.register_module()
class Constructed(ArrayDataset):
    """Some vectors a sample.

    Args:
        truth (str): Name of a function of :data:`MAKES`.
        make (str): Which of its makes.
        split (str): 'train' or 'val'.
        size (int): Samples.
    """

    METAINFO = dict(dataset_type='constructed')

    def __init__(self, truth, make, split, size, **kwargs):
        self.truth, self.make, self.size = truth, make, size
        self.split = split
        super().__init__(test_mode=split != 'train', **kwargs)

    def load_arrays(self):
        rng = np.random.default_rng(len(self.split))
        inputs, labels = MAKES[self.make][self.truth](rng, self.size)
        return Arrays(
            {m: torch.from_numpy(np.asarray(x, np.float32))
             for m, x in zip(NAMES, inputs)},
            torch.from_numpy(labels))


def clusters(rng, labels, dims, spread, scale=1., noise='normal'):
    """A point of each class and noise; the points are always the same."""
    points = np.random.default_rng(dims).normal(
        size=(labels.max() + 1, dims))
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    draw = getattr(rng, noise)(size=(len(labels), dims))
    return scale * (points[labels] + spread * draw / math.sqrt(dims))


# ---- looked at while the thresholds were set -----------------------------
def balanced(rng, size):
    y = rng.integers(4, size=size)
    return (clusters(rng, y, 20, 1.6), clusters(rng, y, 21, 1.6)), y


def uneven(rng, size):
    """The second is as good, but learned late: its numbers are small."""
    y = rng.integers(4, size=size)
    return (clusters(rng, y, 20, 1.6), clusters(rng, y, 21, 1.6, .1)), y


def useless(rng, size):
    y = rng.integers(4, size=size)
    return (clusters(rng, y, 20, 1.6), rng.normal(size=(size, 20))), y


def pair(rng, size):
    """The class is whether two bits differ."""
    a, b = rng.integers(2, size=(2, size))
    return (clusters(rng, a, 8, .8), clusters(rng, b, 9, .8)), a ^ b


def shared(rng, size):
    """As uneven, but every sixth sample shows another class in both."""
    y = rng.integers(4, size=size)
    shown = np.where(rng.random(size) < 1 / 6, rng.integers(4, size=size), y)
    return (clusters(rng, shown, 20, 1.6),
            clusters(rng, shown, 21, 1.6, .1)), y


SEEN = dict(balanced=balanced, uneven=uneven, useless=useless, pair=pair,
            shared=shared, small=balanced)


# ---- not looked at while the thresholds were set -------------------------
def bent(rng, labels, dims, spread, noise='laplace'):
    """Clusters that went through a nonlinearity."""
    return np.tanh(2 * clusters(rng, labels, dims, spread, noise=noise))


def balanced_2(rng, size):
    y = rng.integers(3, size=size)
    return (bent(rng, y, 12, 1.2), bent(rng, y, 40, 1.6)), y


def buried(rng, labels, scale=.12):
    """The class lies where the numbers vary least."""
    apart = clusters(rng, labels, 10, 1.2, scale, 'laplace')
    mixed = np.concatenate([apart, rng.normal(size=(len(labels), 6))], 1)
    turn, _ = np.linalg.qr(np.random.default_rng(7).normal(size=(16, 16)))
    return mixed @ turn


def uneven_2(rng, size):
    y = rng.integers(6, size=size)
    return (bent(rng, y, 30, 1.6), buried(rng, y)), y


def useless_2(rng, size):
    y = rng.integers(3, size=size)
    return (rng.laplace(size=(size, 60)), bent(rng, y, 12, 1.2)), y


def pair_2(rng, size):
    """The class is a sum, modulo three."""
    a, b = rng.integers(3, size=(2, size))
    return (bent(rng, a, 12, .8), bent(rng, b, 15, .8)), (a + b) % 3


def shared_2(rng, size):
    """As uneven_2, but every third sample is noisy in both."""
    y = rng.integers(6, size=size)
    hard = (rng.random(size) < 1 / 3)[:, None]
    one, two = bent(rng, y, 30, 1.2), buried(rng, y)
    return (one + hard * rng.normal(size=one.shape) * .4,
            two + hard * rng.normal(size=two.shape) * .05), y


OTHER = dict(balanced=balanced_2, uneven=uneven_2, useless=useless_2,
             pair=pair_2, shared=shared_2, small=balanced_2)


# ---- not looked at before the verdict on OTHER's shared was mended -------
def shared_3(rng, size):
    """Every fifth sample lies between two classes in both; the second's
    numbers are cubes, most of them tiny."""
    y = rng.integers(5, size=size)
    also = rng.integers(5, size=size)
    part = np.where(rng.random(size) < .2, .5, 0.)[:, None]
    state = rng.bit_generator.state
    inputs = []
    for dims, spread in ((16, 1.4), (25, 1.4)):
        rng.bit_generator.state = state
        own = clusters(rng, y, dims, spread)
        rng.bit_generator.state = state
        inputs.append((1 - part) * own
                      + part * clusters(rng, also, dims, spread))
        state = rng.bit_generator.state
    return (inputs[0], inputs[1]**3), y


THIRD = dict(shared=shared_3)


# ---- as an outsider would try --------------------------------------------
def priors(rng, size, scale=1.):
    """Three classes, of 70, 20 and 10 in a hundred."""
    y = rng.choice(3, size=size, p=[.7, .2, .1])
    return (clusters(rng, y, 20, 1.6), clusters(rng, y, 21, 1.6, scale)), y


def priors_uneven(rng, size):
    return priors(rng, size, .1)


def four(rng, size):
    y = rng.integers(5, size=size)
    return tuple(clusters(rng, y, dims, 2.) for dims in range(20, 24)), y


def four_uneven(rng, size):
    """The fourth is the best, and learned late."""
    y = rng.integers(5, size=size)
    return (*(clusters(rng, y, dims, 2.2) for dims in range(20, 23)),
            clusters(rng, y, 23, 1.5, .1)), y


def label_noise(rng, size):
    """A fifth of the labels, of training and validation, are drawn."""
    y = rng.integers(4, size=size)
    said = np.where(rng.random(size) < .2, rng.integers(4, size=size), y)
    return (clusters(rng, y, 20, 1.2), clusters(rng, y, 21, 1.2)), said


def three_bits(rng, size):
    a, b, c = rng.integers(2, size=(3, size))
    return (clusters(rng, a, 8, .6), clusters(rng, b, 9, .6),
            clusters(rng, c, 10, .6)), a ^ b ^ c


def constant(rng, size):
    y = rng.integers(4, size=size)
    return (clusters(rng, y, 20, 1.6), np.full((size, 7), 3.)), y


def copied(rng, size):
    """The second is the first with more noise: it starves, and has nothing
    to add."""
    y = rng.integers(4, size=size)
    first = clusters(rng, y, 20, 1.6)
    return (first, first + .3 * rng.normal(size=first.shape)), y


def common(rng, size):
    """The third is as good, and learned late; a quarter of the samples shows
    another class in all three. Seven classes, none as frequent as another."""
    p = np.array([.3, .2, .15, .12, .1, .08, .05])
    y = rng.choice(7, size=size, p=p)
    shown = np.where(rng.random(size) < .25, rng.choice(7, size=size, p=p), y)
    return (clusters(rng, shown, 18, 1.), clusters(rng, shown, 24, 1.),
            clusters(rng, shown, 33, 1., .08)), y


def nothing(rng, size):
    return (rng.normal(size=(size, 10)), rng.normal(size=(size, 12))), \
        rng.integers(4, size=size)


OUTSIDE = dict(
    priors=priors, priors_uneven=priors_uneven, four=four,
    four_uneven=four_uneven, label_noise=label_noise, three_bits=three_bits,
    constant=constant, copied=copied, common=common, nothing=nothing,
    tiny=balanced, lacking=uneven)


# ---- not looked at before all that came of OUTSIDE was mended ------------
def redundant(rng, size):
    """Both see the same heavy-tailed evidence, each in a mixture of its own,
    bent; the second in small numbers. Three unequal classes."""
    y = rng.choice(3, size=size, p=[.5, .3, .2])
    evidence = clusters(rng, y, 6, 1.3, noise='laplace')
    turns = np.random.default_rng(3)
    one, two = (np.tanh(2 * evidence @ turns.normal(size=(6, dims)))
                for dims in (24, 40))
    return (one, .04 * two), y


FRESH = dict(redundant=redundant)


# ---- made when everything was settled --------------------
def mistaken(rng, size):
    """Three samples of ten show the next class, in both. The second's
    numbers are small."""
    y = rng.integers(5, size=size)
    shown = np.where(rng.random(size) < .3, (y + 1) % 5, y)
    return (bent(rng, shown, 14, .8), clusters(rng, shown, 26, 1.2, .1)), y


def waves(rng, size):
    """Three samples of ten show any class, the same in both, and either
    shows it plainly: a fusion has nothing to gain. The second is the phase
    of a faint wave."""
    y = rng.integers(8, size=size)
    shown = np.where(rng.random(size) < .3, rng.integers(8, size=size), y)
    turns = 3 * np.arange(40) / 40 + shown[:, None] / 8
    wave = np.cos(2 * np.pi * turns) + .6 * rng.normal(size=turns.shape)
    return (bent(rng, shown, 18, .4), .1 * wave), y


LAST = dict(mistaken=mistaken, waves=waves)


# ---- by somebody who had not set the thresholds --------------------------
def graded(rng, size):
    """Five grades of the sum of two scores: either tells some of it, but of
    one class, the larger the one the smaller the other."""
    scores = rng.normal(size=(2, size))
    turns = np.random.default_rng(6).normal(size=(2, 10))
    return tuple(score[:, None] * turn + .5 * rng.normal(size=(size, 10))
                 for score, turn in zip(scores, turns)), \
        np.digitize(scores.sum(axis=0), [-1.2, -.35, .35, 1.2])


def overfitted(rng, size):
    """Five hundred numbers that tell nothing, of four hundred samples."""
    y = rng.integers(4, size=size)
    return (clusters(rng, y, 20, 2.), rng.normal(size=(size, 500))), y


def fifty(rng, size):
    y = rng.integers(50, size=size)
    return (clusters(rng, y, 30, 1.2), clusters(rng, y, 31, 1.2, .1)), y


ANOTHER = dict(graded=graded, overfitted=overfitted, fifty=fifty)
MAKES = dict(seen=SEEN, other=OTHER, third=THIRD, outside=OUTSIDE,
             fresh=FRESH, last=LAST, another=ANOTHER)
KINDS = dict(
    balanced='balanced', uneven='imbalanced', useless='useless', pair='pair',
    shared='imbalanced', small='unknown', priors='balanced',
    priors_uneven='imbalanced', four='balanced', four_uneven='imbalanced',
    label_noise='balanced', three_bits='pair', constant='useless',
    copied='imbalanced', common='imbalanced', nothing='unknown',
    tiny='unknown', lacking='imbalanced', redundant='imbalanced',
    mistaken='imbalanced', waves='imbalanced', graded='pair',
    overfitted='useless', fifty='imbalanced')
#: Of those that are imbalanced, where mending it gains nothing.
NO_GAIN = ('copied', 'common', 'waves')


def config(truth, make, epochs=15):
    """A config of joint training on one of them."""
    inputs, labels = MAKES[make][truth](np.random.default_rng(5), 100)
    sizes = dict(zip(('train', 'val'), SIZES.get(truth, (600, 1500))))
    names = NAMES[:len(inputs)]
    # Arrays go as whole batches, samples that lack something do not.
    lacking = truth == 'lacking'
    pipeline = [dict(type='mmbalance_plugin.PackMultimodalInputs',
                     inputs={m: m for m in names},
                     meta_keys=('sample_idx', ))]
    if lacking:
        pipeline.insert(0, dict(type='LackSome'))

    def loader(split):
        return dict(
            batch_size=50 if split == 'train' else 500, num_workers=0,
            collate_fn=dict(type='pseudo_collate' if lacking else
                            'mmbalance_plugin.collate_arrays'),
            sampler=dict(type='DefaultSampler', shuffle=split == 'train'),
            dataset=dict(
                type='mmbalance_plugin.Constructed', truth=truth, make=make,
                split=split, size=sizes[split], pipeline=pipeline))

    metric = dict(type='mmbalance_plugin.MultimodalMetric')
    return Config(dict(
        default_scope='mmaction',
        custom_imports=dict(imports=[__name__]),
        model=dict(
            type='mmbalance_plugin.MultimodalRecognizer',
            encoders={m: dict(
                backbone=dict(
                    type='mmbalance_plugin.MLPBackbone',
                    in_channels=x.shape[1], channels=(32, ), norm_cfg=None),
                feat_channels=32) for m, x in zip(names, inputs)},
            head=dict(type='mmbalance_plugin.ConcatHead',
                      num_classes=int(labels.max()) + 1)),
        train_dataloader=loader('train'), val_dataloader=loader('val'),
        val_evaluator=metric, val_cfg=dict(), max_epochs=epochs,
        train_cfg=dict(type='mmbalance_plugin.StagedTrainLoop'),
        optim_wrapper=dict(optimizer=dict(type='SGD', lr=.1, momentum=.9)),
        param_scheduler=[dict(type='CosineAnnealingLR', eta_min=0,
                              convert_to_iter_based=True)],
        default_hooks=dict(
            checkpoint=dict(type='mmbalance_plugin.AtomicCheckpointHook',
                            interval=epochs, save_best='acc/top1'),
            logger=dict(type='LoggerHook', interval=12),
            summary=dict(type='mmbalance_plugin.SummaryHook'))))
