"""Heads and features for the tests of the heads."""
import torch

from mmbalance_plugin.models import heads

WIDTHS = dict(rgb=4, flow=6, sound=3)


def widths(count):
    return dict(list(WIDTHS.items())[:count])


def features(count=2, batch=5, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return {
        name: torch.randn(batch, channels, generator=generator)
        for name, channels in widths(count).items()
    }


def build(name, count=2, classes=7, **kwargs):
    if name in ('FiLMHead', 'GatedHead'):
        kwargs.setdefault('condition', 'flow')
    torch.manual_seed(1)
    return getattr(heads, name)(classes, widths(count), **kwargs)


ANY_COUNT = ('ConcatHead', 'SumHead', 'MLPHead', 'DecisionHead',
             'MMCosineHead')
ALL = ANY_COUNT + ('FiLMHead', 'GatedHead')
