"""Records a reference in this process, on the backend that Keras is on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kexport.capture.sources.copies import first_of_two
from kexport.capture.sources.predicting import own_predict
from kexport.capture.sources.quirks import loops_over_the_batch
from kexport.capture.sources.states import kept_states
from kexport.capture.weights import as_text
from kexport.evidence.batches import SEEDS, Batch, make_batch, make_batches
from kexport.evidence.reference_file import Environment, Recording, Reference
from kexport.evidence.samples import load_samples
from kexport.evidence.sizes import Hint, Sizes, choose_sizes
from kexport.ir.contract import Contract
from kexport.ir.dim import is_symbol
from kexport.ir.op import Array
from kexport.reference.backends import BACKENDS, driver_version, resolve_device, versions
from kexport.reference.layers import layer_outputs
from kexport.reference.model import Plan, guess_ranges, load_model, model_fingerprint, plan_model
from kexport.verify.record import answer


@dataclass(frozen=True)
class Request:
    """What to record. Batches and their contract are made here unless they are given."""

    device: str = "auto"
    batches: Sequence[Batch] | None = None
    contract: Contract | None = None
    dims: Mapping[str, int | str] | None = None
    hints: Mapping[str, Hint] | None = None
    seeds: Sequence[int] = SEEDS
    samples: str | None = None
    layers: bool = False
    trust: bool = False
    custom: Sequence[Any] = ()


def record_here(model: Any, request: Request) -> Reference:
    """Run a live model, or a .keras file, on the backend that Keras has in this process; the oracle is not known.

    Raises:
        ConfigError: no such file, device, sizes or samples.
        CaptureError: the file cannot be loaded.
        VerifyError: Keras fails on the batches.
    """
    import keras

    backend = BACKENDS[keras.backend.backend()]
    device, hardware = resolve_device(backend, request.device)
    with backend.exact(), keras.device(device):
        if isinstance(model, str | Path):
            model = load_model(Path(model), trust=request.trust, custom=request.custom)
        plan = plan_model(model, request.contract, request.dims)

        def run(arrays: Sequence[Array]) -> list[Array]:
            with kept_states(model):
                return predict(model, plan, arrays)

        batches = request.batches or _batches(model, plan, run, request)
        recordings = tuple(_record(model, plan, batch, run, request.layers) for batch in batches)
    environment = Environment(
        backend.name, device, hardware, driver_version(), versions(backend), backend.flags, model_fingerprint(model)
    )
    return Reference(plan.contract, recordings, environment)


def predict(model: Any, plan: Plan, arrays: Sequence[Array]) -> list[Array]:
    """Return the outputs of `predict` as arrays in the order of the contract.

    A subclassed model may need an eager call instead, and so does a model whose `predict` does more than its call.
    """
    import keras

    sizes = {a.shape[0] if a.ndim else 0 for a in arrays}
    text = any(a.dtype == object for a in arrays)
    eager = loops_over_the_batch(model) or own_predict(model) is not None
    if not (plan.by_name or text or eager) and len(sizes) == 1 and sizes != {0}:
        single = sizes == {1} and all(p.type.rank and is_symbol(p.type.shape[0]) for p in plan.contract.outputs)
        if single and all(is_symbol(p.type.shape[0]) for p in plan.contract.inputs):
            # a batch of one can hit Keras' mistake in ops.add that capture.sources.run describes
            found = first_of_two(lambda batch: predict(model, plan, batch), arrays)
            if found is not None:
                return found
        answered = model.predict(plan.pack(arrays), batch_size=sizes.pop(), verbose=0)
    else:
        nest = plan.pack([_tensor(a) for a in arrays])
        if plan.by_name:
            answered = model(**nest, training=False)
        else:
            answered = model(nest, training=False) if eager else model.predict_on_batch(nest)
    return [as_text(keras.ops.convert_to_numpy(t)) for t in keras.tree.flatten(answered)]


def _tensor(array: Array) -> Any:
    import keras

    if array.dtype == object:
        return keras.ops.convert_to_tensor(array.tolist(), dtype="string")
    return keras.ops.convert_to_tensor(array)


def _record(model: Any, plan: Plan, batch: Batch, run: Any, layers: bool) -> Recording:
    outputs = answer(plan.contract, batch, run)
    with kept_states(model):
        inside = layer_outputs(model, plan.pack(list(batch.inputs.values())), plan.by_name) if layers else {}
    return Recording(batch, outputs, layers=inside)


def _batches(model: Any, plan: Plan, run: Any, request: Request) -> list[Batch]:
    ranges = guess_ranges(model)

    def accepts(sizes: Sizes) -> None:
        run(list(make_batch(plan.contract, sizes, request.seeds[0], ranges).inputs.values()))

    batches = make_batches(plan.contract, ranges, choose_sizes(plan.contract, accepts, request.hints), request.seeds)
    return batches + (load_samples(Path(request.samples), plan.contract) if request.samples else [])
