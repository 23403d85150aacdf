"""Attention layers: self and cross, masks, causality, scores."""

from __future__ import annotations

from tests.layers.item import Entry, Feed

ROWS = Feed((5, 8), open=(None, 8))
OTHERS = Feed((7, 8), open=(None, 8))
MASK = Feed((5, 5), "bool")
SOME = Feed((5,), "bool", open=(None,))
MULTI = {"num_heads": 2, "key_dim": 3}
GROUPED = {"head_dim": 4, "num_query_heads": 4, "num_key_value_heads": 2}


def itself(layer, x, **options):
    """Self attention."""
    return layer(x, x, **options)


ATTENTION = {
    "MultiHeadAttention": (
        Entry((ROWS,), MULTI, {
            "value_dim": (5,), "dropout": (0.5,), "use_bias": (False,), "output_shape": (6,), "use_gate": (True,),
            "flash_attention": (False,), "sliding_window": (2,), "num_heads": (1,),
        }, call=itself),
        Entry((ROWS,), MULTI, call=lambda m, x: itself(m, x, use_causal_mask=True), note="causal"),
        Entry((ROWS,), MULTI, call=lambda m, x: itself(m, x, return_attention_scores=True), note="with scores"),
        Entry((ROWS, OTHERS), MULTI, note="across"),
        Entry((ROWS, OTHERS, OTHERS), MULTI, call=lambda m, q, k, v: m(q, v, key=k), note="of three"),
        Entry((ROWS, MASK), MULTI, call=lambda m, x, mask: itself(m, x, attention_mask=mask), note="masked"),
        Entry((ROWS, SOME), MULTI, call=lambda m, x, mask: itself(m, x, query_mask=mask, value_mask=mask),
              note="of padded rows"),
        Entry((ROWS, SOME), MULTI,
              call=lambda m, x, mask: itself(m, x, key_mask=mask, use_causal_mask=True), note="causal of padded rows"),
        Entry((Feed((3, 4, 8)),), {**MULTI, "attention_axes": (2,)}, {"attention_axes": ((1,), (1, 2))},
              call=itself, note="over axes"),
    ),
    "GroupQueryAttention": (
        Entry((ROWS,), GROUPED, {
            "num_key_value_heads": (1, 4), "dropout": (0.5,), "use_bias": (False,), "use_gate": (True,),
            "flash_attention": (False,), "sliding_window": (2,),
        }, call=itself),
        Entry((ROWS,), GROUPED, call=lambda m, x: itself(m, x, use_causal_mask=True), note="causal"),
        Entry((ROWS,), GROUPED, call=lambda m, x: itself(m, x, return_attention_scores=True), note="with scores"),
        Entry((ROWS, OTHERS), GROUPED, note="across"),
        Entry((ROWS, MASK), GROUPED, call=lambda m, x, mask: itself(m, x, attention_mask=mask), note="masked"),
    ),
    "Attention": (
        Entry((ROWS, OTHERS), {}, {"use_scale": (True,), "score_mode": ("concat",), "dropout": (0.5,)}, as_list=True),
        Entry((ROWS, OTHERS, OTHERS), as_list=True, note="of three"),
        Entry((ROWS,), call=lambda m, x: m([x, x], use_causal_mask=True), note="causal"),
        Entry((ROWS,), call=lambda m, x: m([x, x], return_attention_scores=True), note="with scores"),
        Entry((ROWS, SOME), call=lambda m, x, mask: m([x, x], mask=[mask, mask]), note="of padded rows"),
    ),
    "AdditiveAttention": (
        Entry((ROWS, OTHERS), {}, {"use_scale": (False,), "dropout": (0.5,)}, as_list=True),
        Entry((ROWS, SOME), call=lambda m, x, mask: m([x, x], mask=[mask, mask]), note="of padded rows"),
    ),
}  # fmt: skip
