"""A trained model predicts the same on any device."""
import os

import torch

from mmbalance_plugin.apis import MultimodalInferencer

from .session import Session, weights

_TOLERANCE = 1e-3


def run(session: Session) -> None:
    """All checks of this file."""
    session.check('inference on the device equals the CPU', _inference)


def _inference(session: Session) -> str:
    runner = session.runs['udi']
    checkpoint = os.path.join(session.root, f'weights{session.rank}.pth')
    torch.save(dict(state_dict=weights(runner)), checkpoint)
    dataset = runner.val_dataloader.dataset
    clips = [dataset[i] for i in range(16)]
    here, there = (
        MultimodalInferencer(runner.cfg, checkpoint, device=device)(clips)
        for device in (session.device, 'cpu'))
    worst = max(abs(a.score - b.score) for a, b in zip(here, there))
    assert worst < _TOLERANCE, f'scores differ by {worst:.2g}'
    return f'scores within {worst:.1g}'
