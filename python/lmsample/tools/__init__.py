"""What helps to choose parameters: explanations of rows of logits, comparisons of settings, and a
small model to try them with.

    >>> import numpy as np
    >>> from lmsample.tools import explain, compare, Settings
    >>> row = np.log(np.array([50, 25, 15, 8, 2], np.float32))
    >>> [(stage.label, stage.kept) for stage in explain(row, top_p=0.7, min_p=0.2).stages]
    [('softmax', 5), ('min-p 0.2', 3), ('top-p 0.7', 2)]
    >>> compare(row, [Settings(top_p=0.9), Settings(min_p=0.5)]).kept.tolist()
    [[3], [2]]

On the command line: python3 -m lmsample explain --help. Needs the packages of lmsample[tools].
"""

from .chain import Explanation, Settings, Stage, explain
from .comparison import Comparison, compare
from .vocabulary import Vocabulary, VocabularyError
from .vocabulary import load as load_vocabulary

__all__ = [
    "Comparison",
    "Explanation",
    "Settings",
    "Stage",
    "Vocabulary",
    "VocabularyError",
    "compare",
    "explain",
    "load_vocabulary",
]
