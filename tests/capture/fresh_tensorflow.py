"""What TensorFlow and tf_keras name by themselves: other packages of a test process add functions and operations."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import cache

_SCRIPT = """
import inspect, json
import tensorflow, tf_keras
from tensorflow.core.framework import op_def_pb2
from tensorflow.python.client import pywrap_tf_session
from tensorflow.python.util import tf_export

found = op_def_pb2.OpList.FromString(pywrap_tf_session.TF_GetBuffer(pywrap_tf_session.TF_GetAllOpList()))
functions = [n for n, value in tf_export._NAME_TO_SYMBOL_MAPPING.items() if not inspect.isclass(value)]
print(json.dumps([functions, [op.name for op in found.op]]))
"""


@cache
def names() -> tuple[frozenset[str], frozenset[str]]:
    """The public functions and the operations, as a new process finds them."""
    done = subprocess.run([sys.executable, "-c", _SCRIPT], capture_output=True, text=True, check=True)
    functions, operations = json.loads(done.stdout.splitlines()[-1])
    return frozenset(functions), frozenset(operations)
