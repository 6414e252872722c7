"""Where an optimiser keeps what it counts."""
import torch


def counters_to_host(optimizer: torch.optim.Optimizer) -> None:
    """Put step counters back on the CPU, where the optimiser made them.

    A checkpoint that was mapped to a device has them there, and
    ``Optimizer.load_state_dict`` leaves them: Adam and its relatives then
    wait for the device once per parameter and step. Fused and capturable
    optimisers want them on the device.

    Args:
        optimizer (Optimizer): After its state was loaded.
    """
    for group in optimizer.param_groups:
        if group.get('fused') or group.get('capturable'):
            continue
        for parameter in group['params']:
            step = optimizer.state.get(parameter, {}).get('step')
            if isinstance(step, torch.Tensor):
                optimizer.state[parameter]['step'] = step.cpu()
