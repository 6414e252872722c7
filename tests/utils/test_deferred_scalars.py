import pytest
import torch
from mmengine.logging import MessageHub

from mmbalance_plugin.utils.deferred_scalars import DeferredScalars


def values(**kwargs):
    return {name: torch.tensor(value) for name, value in kwargs.items()}


def history(name):
    return MessageHub.get_current_instance().get_scalar(
        name).data[0].tolist()


def test_means_of_each_interval():
    log = DeferredScalars(interval=3)
    log.add(values(a=1., b=10.))
    assert history('train/a') == [1.]
    log.add(values(a=2., b=30.))
    assert history('train/a') == [1.]
    log.add(values(a=3., b=10.))
    for a in (5., 6., 10.):
        log.add(values(a=a, b=0.))
    assert history('train/a') == [1., 2.5, 7.]
    assert history('train/b') == [10., 20., 0.]


def test_flush_hands_over_a_part():
    log = DeferredScalars(interval=10)
    log.add(values(a=1.))
    log.add(values(a=4.))
    log.flush()
    log.flush()
    assert history('train/a') == [1., 4.]


def test_other_names_begin_a_new_mean():
    log = DeferredScalars(interval=4)
    log.add(values(a=1.))
    log.add(values(a=2.))
    log.add(values(b=3.))
    log.add(values(b=5.))
    assert history('train/a') == [1., 2.]
    assert history('train/b') == [4.]


def test_clear_forgets_what_was_logged_too():
    log = DeferredScalars(interval=2)
    hub = MessageHub.get_current_instance()
    for _ in range(3):
        log.add(values(ogm_a=1.))
    hub.update_scalar('train/lr', .1)
    log.clear('ogm_')
    assert set(hub.log_scalars) == {'train/lr'}
    log.add(values(ogm_a=7.))
    assert history('train/ogm_a') == [7.]


def test_no_graph_is_kept():
    log = DeferredScalars(interval=9)
    for _ in range(2):
        log.add(dict(a=torch.ones((), requires_grad=True) * 2))
    assert not log._means.sums.requires_grad


def test_interval_is_checked():
    with pytest.raises(ValueError, match='log_interval'):
        DeferredScalars(0)
