"""An encoder that gets no gradient does not stay unnoticed."""
import pytest

from tests.engine.digits import digits_cfg, train

STAGES = [dict(name='joint', train='all', objective='fused')]


@pytest.fixture
def warnings_of(monkeypatch):
    """Train and return the runner and what was warned of."""
    import logging
    lines = []

    def run(cfg):
        monkeypatch.setattr(
            logging.Logger, 'warning',
            lambda self, text, *args: lines.append(str(text)))
        return train(cfg), [line for line in lines if 'gradient' in line]

    return run


def config(tmp_path, **merge):
    return digits_cfg(tmp_path, dict(stages=STAGES, max_epochs=2),
                      head='ConcatHead', **merge)


def test_checkpointing_a_whole_encoder_is_warned_of_once(
        tmp_path, warnings_of):
    _, lines = warnings_of(config(
        tmp_path, activation_checkpointing=['encoders.audio']))
    line, = lines
    assert line.startswith('audio: ') and 'checkpoint' in line


def test_checkpointing_layers_is_not(tmp_path, warnings_of):
    cfg = config(tmp_path, activation_checkpointing=[
        'encoders.audio.backbone.stages.1'])
    assert warnings_of(cfg)[1] == []
