from .multimodal_data_preprocessor import MultimodalDataPreprocessor
from .stack_preprocessor import StackPreprocessor

__all__ = ['MultimodalDataPreprocessor', 'StackPreprocessor']
