from .modality_encoder import ModalityEncoder

__all__ = ['ModalityEncoder']
