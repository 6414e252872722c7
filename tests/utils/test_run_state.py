import torch
from mmengine.logging import MessageHub

from mmbalance_plugin.utils.run_state import (
    current_epoch,
    current_iter,
    run_seed,
)


def test_outside_of_a_runner():
    torch.manual_seed(12)
    assert (run_seed(), current_epoch(), current_iter()) == (12, 0, 0)


def test_what_the_runner_tells():
    hub = MessageHub.get_current_instance()
    hub.update_info_dict(dict(seed=0, epoch=3, iter=40))
    torch.manual_seed(12)
    assert (run_seed(), current_epoch(), current_iter()) == (0, 3, 40)


def test_a_stage_counts_for_itself():
    hub = MessageHub.get_current_instance()
    hub.update_info_dict(
        dict(epoch=3, iter=40, stage_epoch=0, stage_iter=2))
    assert (current_epoch(), current_iter()) == (0, 2)
