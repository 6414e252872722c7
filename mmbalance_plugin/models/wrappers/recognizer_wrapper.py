"""A model around a recognizer."""
from typing import TYPE_CHECKING, Any, Tuple

from mmengine.model import is_model_wrapper
from torch import nn

from ..label_kinds import check_label_kinds
from ..recognizers.stepping import Stepping, check_train_step

if TYPE_CHECKING:
    from ..recognizers import MultimodalRecognizer

_CHILD = 'recognizer.'


class RecognizerWrapper(Stepping):
    """Base of models that wrap a recognizer and add no weight of their own.

    State dicts keep the recognizer's bare names, so checkpoints of either
    load into the other. Parameters are named below ``recognizer.``, which
    ``custom_keys`` of ``paramwise_cfg`` match as they match bare names.
    Whatever else the wrapper is asked for, its recognizer answers. Wrappers
    compose: a recognizer may itself be wrapped.

    Args:
        recognizer (nn.Module): The built recognizer, or a wrapper of it.

    Raises:
        ValueError: The wrapper is not defined for the recognizer's targets;
            see :func:`check_label_kinds`.
        TypeError: The recognizer has a ``train_step`` of its own, which
            would be bypassed.
    """

    recognizer: Any

    label_kinds: Tuple[str, ...] = ()
    """tuple[str]: See :func:`check_label_kinds`."""

    def __init__(self, recognizer: nn.Module) -> None:
        check_train_step(recognizer, type(self).__name__)
        check_label_kinds(recognizer_of(recognizer), self)
        super().__init__()
        # The recognizer's is the one that runs.
        del self._modules['data_preprocessor']
        self.recognizer = recognizer
        self._register_state_dict_hook(_drop_prefix)
        self._register_load_state_dict_pre_hook(_add_prefix, with_module=True)

    def __getattr__(self, name: str) -> Any:
        try:
            return super().__getattr__(name)
        except AttributeError:
            inner = self.__dict__.get('_modules', {}).get('recognizer')
            if inner is None:  # half built, or half unpickled
                raise
            return getattr(inner, name)

    def forward(self, *args, **kwargs):
        """The recognizer's forward."""
        return self.recognizer(*args, **kwargs)

    def init_weights(self) -> None:
        """Initialise the recognizer; acts once."""
        self.recognizer.init_weights()


def recognizer_of(model: Any) -> 'MultimodalRecognizer':
    """The recognizer inside of its wrappers, DDP's included.

    Args:
        model (nn.Module): A recognizer, or wrappers around it. Any other
            model is only taken out of its DDP wrapper.
    """
    while True:
        if isinstance(model, RecognizerWrapper):
            model = model.recognizer
        # Asked of each registry in turn, and several times per step.
        elif 'module' in model._modules and is_model_wrapper(model):
            model = model.module
        else:
            return model


def _drop_prefix(module, state_dict, prefix, local_metadata) -> None:
    start = prefix + _CHILD
    for key in [k for k in state_dict if k.startswith(prefix)]:
        value = state_dict.pop(key)
        if key.startswith(start):
            key = prefix + key[len(start):]
        state_dict[key] = value


def _add_prefix(module, state_dict, prefix, *args) -> None:
    for key in [k for k in state_dict if k.startswith(prefix)]:
        state_dict[prefix + _CHILD + key[len(prefix):]] = state_dict.pop(key)
