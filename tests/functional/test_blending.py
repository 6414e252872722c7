import torch

from mmbalance_plugin.functional import cutmix, mixup

BATCH = torch.arange(2.)[:, None, None].expand(2, 4, 8)
SWAPPED = torch.tensor([1, 0])


def test_mixup_is_the_weighted_mean():
    x = torch.tensor([[1., 0.], [0., 1.], [4., 4.]])
    mixed = mixup(x, torch.tensor([1, 2, 2]), .75)
    assert mixed.tolist() == [[.75, .25], [1., 1.75], [4., 4.]]
    assert mixup(x, torch.tensor([2, 0, 1]), 1.).equal(x)


def test_cutmix_cuts_a_box_of_the_rest_of_the_area():
    # sqrt(1 - 3/4) = 1/2 of each side, in the first and in the last place.
    first = cutmix(BATCH, SWAPPED, .75, (0., 0.))
    assert first[0].nonzero().unique(dim=0).tolist() == [
        [h, w] for h in (0, 1) for w in range(4)]
    assert first[1].equal(1 - first[0])
    last = cutmix(BATCH, SWAPPED, .75, (.999, .999))
    assert last[0].nonzero()[[0, -1]].tolist() == [[2, 4], [3, 7]]
    assert BATCH[0].eq(0).all()  # untouched


def test_a_box_has_the_same_area_wherever_it_lies():
    for share in (.1, .37, .6, .95):
        areas = {
            cutmix(BATCH, SWAPPED, share, (h / 7, w / 7))[0].sum().item()
            for h in range(7) for w in range(7)}
        assert len(areas) == 1
        # To the nearest point of 4 by 8.
        assert abs(areas.pop() / 32 - (1 - share)) < .13
    assert cutmix(BATCH, SWAPPED, 1., (.5, .5)).equal(BATCH)
    assert cutmix(BATCH, SWAPPED, 0., (.5, .5)).equal(BATCH[SWAPPED])


def test_frames_of_a_clip_have_one_box():
    clip = torch.arange(2.)[:, None, None, None, None].expand(2, 3, 5, 4, 8)
    mixed = cutmix(clip, SWAPPED, .5, (.3, .3))
    assert mixed.flatten(1, 2).unique(dim=1).shape[1] == 1
