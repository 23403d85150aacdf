"""Runs a model on arrays in the order of the contract; captures are compared with the results."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from logging import LogRecord
from typing import Any

from kexport.capture.sources.copies import first_of_two
from kexport.capture.sources.predicting import own_predict
from kexport.capture.sources.quirks import loops_over_the_batch
from kexport.capture.sources.states import kept_states
from kexport.capture.sources.structure import flatten
from kexport.capture.tracing.trace import Array, Source
from kexport.capture.weights import as_text

Run = Callable[[Sequence[Array]], list[Array]]


def run_predict(model: Any, pack: Callable[[Sequence[Any]], Any]) -> Run:
    """Run by `model.predict` in one batch (Keras 2 and 3), or eagerly where a layer branches on tensors in Python, or
    where Keras loops over the wrong axis. Where `predict` is more than a call of the model, the call alone is run.

    Text, and inputs that are not batches of one size, go through `predict_on_batch`.
    """
    from kexport.capture.tracing.autograph import is_python_branch

    def predict(arrays: Sequence[Array]) -> list[Array]:
        sizes = {a.shape[0] if a.ndim else 0 for a in arrays}
        if len(sizes) > 1 or sizes == {0} or any(a.dtype.kind in "OSUT" for a in arrays):
            return arrays_of(model.predict_on_batch(pack([_as_tensor(a) for a in arrays])))
        if sizes == {1} and _any_batch(model):
            found = first_of_two(predict, arrays)
            if found is not None:
                return found
        return arrays_of(model.predict(pack(arrays), batch_size=sizes.pop(), verbose=0))

    if own_predict(model) is not None:
        return _run_call(model, pack)
    wrong = loops_over_the_batch(model)

    def run(arrays: Sequence[Array]) -> list[Array]:
        with kept_states(model), _unwarned():
            try:
                if not wrong:
                    return predict(arrays)
            except TypeError as e:
                if not is_python_branch(e):
                    raise
            return arrays_of(model(pack([_as_tensor(a) for a in arrays]), training=False))

    return run


def _run_call(model: Any, pack: Callable[[Sequence[Any]], Any]) -> Run:
    """Call the model in a graph, as `predict` does."""
    call = run_graph(lambda tensors: model(pack(tensors), training=False))

    def run(arrays: Sequence[Array]) -> list[Array]:
        with kept_states(model):
            return call(arrays)

    return run


@contextmanager
def _unwarned() -> Iterator[None]:
    """Silence TensorFlow's warning about repeated tracing of `predict`, which several models and batch sizes need."""
    import tensorflow as tf

    def keep(record: LogRecord) -> bool:
        return "triggered tf.function retracing" not in record.getMessage()

    logger = tf.get_logger()
    logger.addFilter(keep)
    try:
        yield
    finally:
        logger.removeFilter(keep)


def _any_batch(model: Any) -> bool:
    """Whether all inputs and outputs are batches of any size.

    Such a model is asked about two copies of a single sample: in a batch of one, Keras 3.15's `ops.add` takes a
    [1, n, 1] tensor for the bias of the last axis if that has n elements too, and `predict` depends on the batch size.
    """
    tensors = [*(getattr(model, "inputs", None) or []), *(getattr(model, "outputs", None) or [])]
    return bool(tensors) and all(len(t.shape) and t.shape[0] is None for t in tensors)


def run_graph(call: Callable[[Sequence[Any]], Any]) -> Run:
    """Run by `call` inside a tf.function, for models that `predict` cannot feed (several call arguments)."""
    import tensorflow as tf

    function = tf.function(call, autograph=False)

    def run(arrays: Sequence[Array]) -> list[Array]:
        return arrays_of(function([_as_tensor(a) for a in arrays]))

    return run


def run_drawing(source: Source) -> Callable[[Sequence[Array]], tuple[list[Array], dict[int, Array]]]:
    """Run eagerly, where it shows which random numbers are drawn: they come too, by the number of the draw."""
    from kexport.capture.draws import watched

    if source.kind == "savedmodel":
        return _run_saved_drawing(source)

    def run(arrays: Sequence[Array]) -> tuple[list[Array], dict[int, Array]]:
        with kept_states(source.model):
            answer, draws = watched(lambda: source.call([_as_tensor(a) for a in arrays]))
        return arrays_of(answer), draws

    return run


def _run_saved_drawing(source: Source) -> Callable[[Sequence[Array]], tuple[list[Array], dict[int, Array]]]:
    def run(arrays: Sequence[Array]) -> tuple[list[Array], dict[int, Array]]:
        from kexport.capture.sources.saved_draws import run_step_by_step

        answer, draws = run_step_by_step(source, [_as_tensor(a) for a in arrays])
        return arrays_of(answer), draws

    return run


def run_eagerly(source: Source, arrays: Sequence[Array]) -> Any:
    """Return the outputs of every layer during a call of the model."""
    with kept_states(source.model):
        return source.call([_as_tensor(a) for a in arrays])


def arrays_of(nest: Any) -> list[Array]:
    """The leaves of a nest of tensors or arrays as numpy arrays."""
    return [as_text(leaf) for leaf in flatten(nest)[0]]


def _as_tensor(array: Array) -> Any:
    import tensorflow as tf

    return tf.convert_to_tensor(array)
