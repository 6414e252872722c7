"""A model around a model, over the same parts."""
from typing import Any

from mmengine.model import BaseModel
from torch import nn


class SharedPartsModel(BaseModel):
    """Base of models that wrap a recognizer and add no weight of their own.

    The wrapper holds the recognizer's own tables of sub-modules, parameters
    and buffers instead of the recognizer as one more sub-module. Every name
    in it is therefore the recognizer's: state dicts and checkpoints of either
    load into the other as they are, and configs that name parameters
    (``paramwise_cfg``) or hooks that walk over them need no prefix. Whatever
    else is asked of the wrapper, its recognizer answers; an attribute set on
    it arrives there.

    Args:
        recognizer (nn.Module): The built recognizer.
    """

    def __init__(self, recognizer: nn.Module) -> None:
        super().__init__(recognizer.data_preprocessor)
        object.__setattr__(self, 'recognizer', recognizer)
        for table in ('_modules', '_parameters', '_buffers',
                      '_non_persistent_buffers_set'):
            object.__setattr__(self, table, getattr(recognizer, table))

    def __getattr__(self, name: str) -> Any:
        if name != 'recognizer' and 'recognizer' in self.__dict__:
            return getattr(self.__dict__['recognizer'], name)
        return super().__getattr__(name)

    def __setattr__(self, name: str, value: Any) -> None:
        recognizer = self.__dict__.get('recognizer')
        own = name in self.__dict__ or hasattr(type(self), name)
        if recognizer is not None and not own and hasattr(recognizer, name):
            setattr(recognizer, name, value)
        else:
            super().__setattr__(name, value)

    def forward(self, *args, **kwargs):
        """The recognizer's forward."""
        return self.recognizer(*args, **kwargs)

    def init_weights(self) -> None:
        """Initialise the recognizer; acts once."""
        self.recognizer.init_weights()

    def train(self, mode: bool = True) -> nn.Module:
        """Set the mode as the recognizer does, frozen parts included."""
        self.training = mode
        self.recognizer.train(mode)
        return self
