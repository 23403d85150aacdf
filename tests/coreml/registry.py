"""Reads the signatures of MIL operations off coremltools: `python -m tests.coreml.registry` rewrites the data file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from kexport_coreml.absent import absent

DATA = Path(__file__).parents[2] / "targets" / "kexport_coreml" / "signatures.json"
OLDEST = 15


def read_registry() -> dict[str, list[dict[str, Any]]]:
    """Each operation's signatures, from the oldest system on that has ML programs."""
    from coremltools.converters.mil.mil.ops.registry import SSAOpRegistry

    found: dict[str, list[dict[str, Any]]] = {}
    for name, versions in sorted(SSAOpRegistry.core_ops.items()):
        known: dict[Any, int] = {}
        for target, kind in versions.items():
            since = max(OLDEST, int(target.name.removeprefix("iOS")))
            known[kind] = min(known.get(kind, 99), since)
        entries = {since: {"since": since, **signature(kind)} for kind, since in known.items()}
        found[name] = [entries[since] for since in sorted(entries)]
    return found


def signature(kind: Any) -> dict[str, Any]:
    """The inputs of one operation class; `default` is there if it does not depend on other inputs."""
    from coremltools.converters.mil.mil.types import builtin_to_string

    defaults = fixed_defaults(kind)
    inputs: dict[str, dict[str, Any]] = {}
    for name, spec in kind.input_spec.input_types.items():
        entry: dict[str, Any] = {"kind": type(spec).__name__.removesuffix("InputType")}
        if spec.optional:
            entry["optional"] = True
        if spec.const:
            entry["const"] = True
        domain = getattr(spec, "_type_domain_id", None)
        if domain:
            entry["domain"] = domain
        allowed = kind.type_domains[domain] if domain else getattr(spec, "_type_domain", ())
        if allowed:
            entry["dtypes"] = sorted({builtin_to_string(t) for t in allowed})
        if defaults.get(name) is not None:
            entry["default"] = defaults[name]
        inputs[name] = entry
    return {"inputs": inputs}


def fixed_defaults(kind: Any) -> dict[str, Any]:
    """The defaults of an operation class, empty if it computes them from its inputs."""
    try:
        values = kind.default_inputs(object.__new__(kind))
    except AttributeError:
        return {}
    return dict(values.items())


def main() -> None:
    """Rewrite the data file."""
    rows = ",\n".join(f"{json.dumps(k)}: {json.dumps(v)}" for k, v in read_registry().items())
    DATA.write_text(f"{{\n{rows}\n}}\n", encoding="utf-8")


if __name__ == "__main__":
    with absent("torch", "tensorflow", "sklearn"):  # not needed, and slow to import
        main()
