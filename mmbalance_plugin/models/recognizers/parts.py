"""Which parts of a recognizer train, and towards what."""
from typing import Callable, Dict, Iterable, List, Optional, Tuple, Union

from torch import Tensor, nn

from mmbalance_plugin.registry import MODELS

from ..label_kinds import check_label_kinds
from ..objectives import FusedLoss, ObjectiveTerm, UnimodalLoss
from .seeded_parts import SeededParts

Objective = Union[None, str, Iterable[Union[dict, ObjectiveTerm]]]

_SHORT = dict(fused=FusedLoss, unimodal=UnimodalLoss)
_LEARNED = 'learned'


class TrainedParts(SeededParts):
    """Stage support of :class:`MultimodalRecognizer`.

    A part is a module by its dotted name: ``encoders.audio``, ``head``,
    ``head.branches.audio``. The name of a modality stands for its encoder
    and, where the head has branches, its branch.

    Attributes:
        parts (tuple[str]): Names of the modules that train; ('', ), the
            model itself, where everything does.
        trained (tuple[str]): Modalities whose encoder or branch trains.
        terms (list[ObjectiveTerm]): What the stage trains towards.
        active (tuple[str]): Modalities that the terms need. Only these are
            encoded, in training and in validation.
        learned (nn.ModuleDict): What terms train beside the model, by the
            name of the term; absent where they train nothing. Checkpoints
            that hold such weights load into models without the term.
    """

    blending: Optional[Callable] = None

    def _init_training(self, objective: Objective) -> None:
        """To be called at the end of the constructor."""
        self.parts: Tuple[str, ...] = ('', )
        self.trained: Tuple[str, ...] = self.modalities
        self.terms: List[ObjectiveTerm] = []
        self.active: Tuple[str, ...] = self.modalities
        # MMAction2's backbones freeze their frozen_stages in train(), which
        # DDP and the optimiser would otherwise see too late.
        self.train(self.training)
        self._frozen = frozenset(
            name for name, value in self.named_parameters()
            if not value.requires_grad)
        self._own_terms = self._build_terms(objective or 'fused')
        self.enter_stage()

    @property
    def labels_in_use(self) -> Tuple[str, ...]:
        """tuple[str]: See :func:`check_label_kinds`."""
        return (*(['multi'] if self.head.multi_class else []),
                *(['soft'] if self.blending else []))

    @property
    def complete(self) -> bool:
        """bool: Whether all modalities are active, so that there is a fused
        prediction."""
        return set(self.active) == set(self.modalities)

    @property
    def fuses(self) -> bool:
        """bool: Whether the fused prediction of several modalities is
        trained, so that they compete."""
        return len(self.modalities) > 1 and any(t.fuses for t in self.terms)

    def enter_stage(self,
                    train: Union[None, str, Iterable[str]] = None,
                    objective: Objective = None) -> None:
        """Enter a stage.

        What does not train loses ``requires_grad`` and its gradients and
        stays in eval mode whatever calls :meth:`train`. Weights that were
        built frozen remain so. DDP does not notice a change of
        ``requires_grad``: wrap the model anew afterwards.

        Args:
            train (Iterable[str], optional): Modalities and parts that train.
                Defaults to None or 'all': everything.
            objective (str | list, optional): Terms or their configs, or
                'fused' for :class:`FusedLoss` and 'unimodal' for
                :class:`UnimodalLoss` alone. Defaults to None: the model's
                own.

        Raises:
            ValueError: A part is unknown, or a modality cannot be trained
                without the others.
        """
        before = self.parts, self.trained
        self.parts, self.trained = self.find_parts(train)
        try:
            terms = self._own_terms if objective is None else \
                self._build_terms(objective)
            needed = {m for term in terms for m in term.needs(self)}
            self.check_known(needed, 'the objective needs')
        except Exception:  # A refused stage changes nothing.
            self.parts, self.trained = before
            raise
        self.terms = terms
        self.active = tuple(m for m in self.modalities if m in needed)
        self._register_learned()
        self._freeze()

    def _register_learned(self) -> None:
        self._modules.pop(_LEARNED, None)
        learned = nn.ModuleDict()
        for term in self.terms:
            if term.learned is not None:
                name = type(term).__name__
                if name in learned:
                    name += str(len(learned))
                learned[name] = term.learned
        if len(learned):
            self.learned = learned.to(next(self.parameters()).device)

    def load_only(self, modalities: Optional[Iterable[str]]) -> None:
        """Prepare only some modalities of a batch; None for all."""
        if hasattr(self.data_preprocessor, 'needed'):
            self.data_preprocessor.needed = None if modalities is None else \
                tuple(modalities)

    @property
    def loaded(self) -> Tuple[str, ...]:
        """tuple[str]: Modalities whose inputs the terms need."""
        return tuple(
            m for m in self.modalities
            if any(m in term.loads(self) for term in self.terms))

    def leave_stage(self) -> None:
        """Assemble the model: every modality active, trainable as built."""
        self.enter_stage()

    def find_parts(
        self,
        train: Union[None, str, Iterable[str]] = None
    ) -> Tuple[Tuple[str, ...], Tuple[str, ...]]:
        """The modules that modalities and parts stand for.

        Args:
            train (Iterable[str], optional): See :meth:`enter_stage`.

        Returns:
            tuple: Names of the modules, and of the modalities of whom an
            encoder or a branch is among them.
        """
        everything = ('', ), self.modalities
        if train is None or isinstance(train, str) and train == 'all':
            return everything
        wanted = (train, ) if isinstance(train, str) else tuple(train)
        if not wanted:
            raise ValueError(f'cannot train []: name at least one of '
                             f'{list(self.modalities)}, or a part')
        if set(wanted) >= set(self.modalities):
            return everything
        parts: List[str] = []
        for name in wanted:
            parts += self._modules_of(name)
        parts = list(dict.fromkeys(parts))
        trained = tuple(
            m for m in self.modalities
            if {f'encoders.{m}', f'head.branches.{m}'} & set(parts))
        return tuple(parts), trained

    def _modules_of(self, name: str) -> List[str]:
        if name in self.modalities:
            if self.head.branches is None:
                raise ValueError(
                    f'{type(self.head).__name__} has no separate branch for '
                    f'each modality, so {[name]} cannot train alone; use '
                    'DecisionHead or SumHead, a model of these modalities '
                    f"only, or name the parts: 'encoders.{name}', 'head'")
            return [f'encoders.{name}', f'head.branches.{name}']
        known = self.part_names
        if name not in known:
            raise ValueError(
                f'the stage trains {[name]}, but the modalities are '
                f'{list(self.modalities)} and the parts {list(known)}')
        return [name]

    @property
    def part_names(self) -> Tuple[str, ...]:
        """tuple[str]: Every part that can train by itself."""
        names = [f'encoders.{m}' for m in self.modalities] + ['head']
        branches = self.head.branches
        names += [f'head.branches.{m}' for m in branches or ()]
        names += [f'head.{name}' for name, child in self.head.named_children()
                  if child is not branches]
        return tuple(names)

    def part_modules(self) -> List[nn.Module]:
        """The modules that train in this stage, themselves."""
        modules = [self.get_submodule(name) for name in self.parts]
        if self.parts != ('', ) and _LEARNED in self._modules:
            modules.append(self.learned)
        return modules

    def part_state_dict(self) -> Dict[str, Tensor]:
        """The entries of the state dict that this stage trains.

        Returns:
            dict[str, Tensor]: Full keys. As in any state dict the tensors
            are those of the model: clone what must not change.
        """
        state = self.state_dict()
        if self.parts == ('', ):
            return state
        return {k: v for k, v in state.items() if k.startswith(self._prefixes)}

    @property
    def _prefixes(self) -> Tuple[str, ...]:
        return tuple(f'{name}.' for name in (*self.parts, _LEARNED))

    def _freeze(self) -> None:
        everything = self.parts == ('', )
        for name, value in self.named_parameters():
            trains = everything or name.startswith(self._prefixes)
            value.requires_grad_(trains and name not in self._frozen)
            if not value.requires_grad:
                value.grad = None
        self.train(self.training)

    def train(self, mode: bool = True) -> nn.Module:
        """Set the mode of the parts that train; the others stay in eval."""
        parts = getattr(self, 'parts', ('', ))
        super().train(mode)
        if mode and parts != ('', ):
            self.encoders.eval()
            self.head.eval()
            for module in self.part_modules():
                module.train()
        return self

    def _load_from_state_dict(self, state_dict, prefix, *args) -> None:
        # What a term trained beside the model is no part of it elsewhere.
        if _LEARNED not in self._modules:
            for key in [k for k in state_dict
                        if k.startswith(f'{prefix}{_LEARNED}.')]:
                state_dict.pop(key)
        super()._load_from_state_dict(state_dict, prefix, *args)

    def modality_modules(self, modality: str) -> nn.ModuleDict:
        """A modality's own modules.

        Args:
            modality (str): Its name.

        Returns:
            nn.ModuleDict: 'encoder', and 'head' if the head has a branch of
            this modality or no other modality. The modules themselves, not
            copies.
        """
        self.check_known((modality, ), 'asked for')
        modules = nn.ModuleDict(dict(encoder=self.encoders[modality]))
        if self.head.branches is not None:
            modules['head'] = self.head.branches[modality]
        elif len(self.modalities) == 1:
            modules['head'] = self.head
        return modules

    def _build_terms(self, objective: Objective) -> List[ObjectiveTerm]:
        if isinstance(objective, str):
            if objective not in _SHORT:
                raise ValueError(f'objective must be one of {tuple(_SHORT)} '
                                 f"or a list of terms, but got '{objective}'")
            objective = [_SHORT[objective]()]
        terms = [
            term if isinstance(term, ObjectiveTerm) else MODELS.build(term)
            for term in objective or ()
        ]
        if not terms:
            raise ValueError('an objective needs at least one term')
        check_label_kinds(self, *terms)
        for term in terms:
            if len(self.modalities) < term.fewest:
                raise ValueError(
                    f'{type(term).__name__} compares modalities with each '
                    f'other, but the model has {list(self.modalities)} only')
            if term.replaces_loss and self.head.loss_cls is not None:
                raise ValueError(
                    f'{type(term).__name__} is a loss of its own and would '
                    'not read loss_cls of the head; leave that out')
            term.bind(self)
        return terms

    def check_known(self, names: Iterable[str], verb: str) -> None:
        """Refuse names that are no modality's; ``verb`` says of what."""
        unknown = [name for name in names if name not in self.modalities]
        if unknown:
            raise ValueError(f'{verb} {unknown}, but the modalities are '
                             f'{list(self.modalities)}')
