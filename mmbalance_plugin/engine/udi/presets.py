"""UDI's combinations of options, by name."""
import copy
from typing import Any, Dict

from ...utils.choices import require_choice

_PAPER = dict(
    task='fused', parameters='all', fallback='zero', begin=0, every='epoch')

PRESETS: Dict[str, Dict[str, Any]] = dict(
    # Defaults of this project, measured not to diverge.
    stable=dict(
        order='star',
        consistency=dict(type='mmbalance_plugin.JSDivergenceLoss'),
        complementarity=dict(type='mmbalance_plugin.CLUBLoss'),
        controller=dict()),
    # arXiv 2509.02281 v3, but for two things: consistency is the mean over
    # the batch, not the sum, and the bound has the stable scale.
    paper=dict(
        order='progressive',
        consistency=dict(type='mmbalance_plugin.JSDivergenceLoss'),
        complementarity=dict(type='mmbalance_plugin.CLUBLoss', steps=1),
        controller=_PAPER),
    # To the letter. It diverges on raw features.
    paper_literal=dict(
        order='progressive',
        consistency=dict(
            type='mmbalance_plugin.JSDivergenceLoss', reduction='sum'),
        complementarity=dict(
            type='mmbalance_plugin.CLUBLoss',
            standardize=False,
            clamp=False,
            reduction='sum',
            steps=1),
        controller=_PAPER))


def preset(name: str) -> Dict[str, Any]:
    """A combination of UDI's options.

    Args:
        name (str): 'stable', 'paper' or 'paper_literal'.

    Returns:
        dict: ``order``, ``consistency``, ``complementarity`` and
        ``controller`` of :class:`UDITrainLoop`; a copy.

    Raises:
        ValueError: There is none of this name.
    """
    require_choice('preset', name, PRESETS)
    return copy.deepcopy(PRESETS[name])
