"""OPM on features of ones, with given scores."""
import torch
from mmengine.logging import MessageHub

from mmbalance_plugin.models.objectives import BatchRecord
from mmbalance_plugin.models.wrappers import recognizer_of

ALWAYS = dict(warmup_epochs=0, p_exe=1.)


def hub_at(epoch=0, step=0, seed=0):
    hub = MessageHub.get_current_instance()
    for key, value in dict(epoch=epoch, iter=step, seed=seed).items():
        hub.update_info(key, value)
    return hub


def modulate(model, size=8, **score_sums):
    """One batch of features of ones through OPM, with given scores."""
    widths = {m: e.out_channels for m, e in model.encoders.items()}
    features = {m: torch.ones(size, w) for m, w in widths.items()}
    model.recognizer.batch_scores = {
        m: torch.tensor(s) for m, s in score_sums.items()
    }
    model.recognizer.batch_counts = dict.fromkeys(score_sums, size)
    return model.modulate(features, record_of(model)), features


def record_of(model, features=None, present=None):
    """A batch of which only features are known."""
    return BatchRecord(
        recognizer_of(model), {}, [], torch.zeros(0), features, present)
