"""Which parts of a recognizer train."""
from typing import Callable, Dict, Iterable, Optional, Tuple, Union

from torch import Tensor, nn

OBJECTIVES = ('fused', 'unimodal')


class StagedParts:
    """Stage support of :class:`MultimodalRecognizer`.

    A part is an encoder together with its branch of the head, if the head
    has branches. Needs ``encoders``, ``head`` and ``modalities``.

    Attributes:
        trained (tuple[str]): The modalities that train.
        objective (str): 'fused' or 'unimodal'.
        auxiliary (Callable | None): The stage's further losses. Never
            registered as a sub-module, whatever it is: it is in no state
            dict, and DDP and the optimiser do not see it.
    """

    def _init_stages(self) -> None:
        """To be called at the end of the constructor."""
        self.trained: Tuple[str, ...] = self.modalities
        self.objective = 'fused'
        self.auxiliary: Optional[Callable] = None
        # MMAction2's backbones freeze their frozen_stages in train(), which
        # DDP and the optimiser would otherwise see too late.
        self.train(self.training)
        self._trainable: Dict[str, bool] = {
            name: value.requires_grad
            for name, value in self.named_parameters()
        }

    @property
    def active(self) -> Tuple[str, ...]:
        """tuple[str]: The modalities whose encoders run by default: those
        that train in a unimodal stage, all of them otherwise."""
        return self.trained if self.objective == 'unimodal' else \
            self.modalities

    @property
    def complete(self) -> bool:
        """bool: Whether all modalities are active, so that there is a fused
        prediction."""
        return set(self.active) == set(self.modalities)

    def enter_stage(self,
                    train: Optional[Union[str, Iterable[str]]] = None,
                    objective: str = 'fused',
                    auxiliary: Optional[Callable] = None) -> None:
        """Enter a stage.

        Parts that do not train lose ``requires_grad`` and their gradients
        and stay in eval mode whatever calls :meth:`train`. Weights that were
        built frozen remain so. DDP does not notice a change of
        ``requires_grad``: wrap the model anew afterwards.

        Args:
            train (Iterable[str], optional): The modalities that train.
                Defaults to None or 'all': all of them.
            objective (str): 'fused' for the loss of the head, 'unimodal' for
                a classification loss of each trained modality. Defaults to
                'fused'.
            auxiliary (Callable, optional): Further losses of a unimodal
                stage: called as ``auxiliary(model, inputs, features, logits,
                targets, data_samples)`` with dicts of the active modalities'
                features (B, D_m) and logits (B, C) and with targets (B, ),
                returns a dict of losses. Defaults to None.

        Raises:
            ValueError: A modality is unknown, or the objective cannot train
                these modalities alone.
        """
        if train is None or train == 'all':
            trained = self.modalities
        else:
            wanted = (train, ) if isinstance(train, str) else tuple(train)
            self._check_known(wanted, 'the stage trains')
            trained = tuple(m for m in self.modalities if m in wanted)
        head = type(self.head).__name__
        if objective not in OBJECTIVES:
            raise ValueError(f'objective must be one of {OBJECTIVES}, but '
                             f"got '{objective}'")
        if not trained:
            raise ValueError('a stage must train at least one of '
                             f'{list(self.modalities)}')
        if trained != self.modalities:
            if objective == 'fused':
                raise ValueError(
                    f"objective 'fused' trains all of {list(self.modalities)}"
                    f", but the stage trains {list(trained)}; use "
                    "objective='unimodal'")
            if self.head.branches is None:
                raise ValueError(
                    f'{head} has no separate branch for each modality, so '
                    f'{list(trained)} cannot train alone; use DecisionHead '
                    'or SumHead, or a model of these modalities only')
        if auxiliary is not None and objective == 'fused':
            raise ValueError("an auxiliary loss needs objective='unimodal'")
        self.trained, self.objective = trained, objective
        self.auxiliary = auxiliary
        self._apply_stage()

    def leave_stage(self) -> None:
        """Assemble the model: every modality active, trainable as built."""
        self.enter_stage()

    def _apply_stage(self) -> None:
        frozen = tuple(m for m in self.modalities if m not in self.trained)
        kept = tuple(p for m in self.trained for p in self.prefixes(m))
        for name, value in self.named_parameters():
            trains = not frozen or name.startswith(kept)
            value.requires_grad_(trains and self._trainable[name])
            if not value.requires_grad:
                value.grad = None
        self.train(self.training)

    def train(self, mode: bool = True) -> nn.Module:
        """Set the mode of the parts that train; the others stay in eval."""
        super().train(mode)
        trained = getattr(self, 'trained', self.modalities)
        if trained == self.modalities:
            return self
        self.head.eval()
        for name in self.modalities:
            if name not in trained:
                self.encoders[name].eval()
            elif self.head.branches is not None:
                self.head.branches[name].train(mode)
        return self

    def modality_modules(self, modality: str) -> nn.ModuleDict:
        """What a stage of this modality alone trains.

        Args:
            modality (str): Its name.

        Returns:
            nn.ModuleDict: 'encoder', and 'head' if the head has a branch of
            this modality or no other modality. The modules themselves, not
            copies.
        """
        self._check_known((modality, ), 'asked for')
        parts = nn.ModuleDict(dict(encoder=self.encoders[modality]))
        if self.head.branches is not None:
            parts['head'] = self.head.branches[modality]
        elif len(self.modalities) == 1:
            parts['head'] = self.head
        return parts

    def prefixes(self, modality: str) -> Tuple[str, ...]:
        """Prefixes of the names of a modality's parameters and buffers.

        Args:
            modality (str): Its name.

        Returns:
            tuple[str]: Such as 'encoders.audio.' and 'head.branches.audio.'.
        """
        self._check_known((modality, ), 'asked for')
        encoder = f'encoders.{modality}.'
        if len(self.modalities) == 1:
            return encoder, 'head.'
        if self.head.branches is not None:
            return encoder, f'head.branches.{modality}.'
        return (encoder, )

    def modality_state_dict(self, modality: str) -> Dict[str, Tensor]:
        """The entries of the state dict that belong to a modality.

        Args:
            modality (str): Its name.

        Returns:
            dict[str, Tensor]: Full keys. As in any state dict the tensors
            are those of the model: clone what must not change.
        """
        prefixes = self.prefixes(modality)
        return {
            key: value
            for key, value in self.state_dict().items()
            if key.startswith(prefixes)
        }

    def _check_known(self, names: Iterable[str], verb: str) -> None:
        unknown = [name for name in names if name not in self.modalities]
        if unknown:
            raise ValueError(f'{verb} {unknown}, but the modalities are '
                             f'{list(self.modalities)}')
