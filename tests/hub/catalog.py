"""The backbones: class, arguments, and what they take."""

from __future__ import annotations

from typing import Any

from tests.hub.backbone import LENGTH, WORDS, Backbone, Feed, Part, ends, ids, image, kinds, mask, numbers, sound

TEXT: dict[str, Feed] = {"token_ids": ids, "padding_mask": mask}
SEGMENTS: dict[str, Feed] = {**TEXT, "segment_ids": kinds}
BOTH: dict[str, Feed] = {f"{side}_{name}": feed for side in ("encoder", "decoder") for name, feed in TEXT.items()}
SMALL = {"vocabulary_size": WORDS, "num_layers": 2, "hidden_dim": 32, "intermediate_dim": 48}
HEADS = {**SMALL, "num_heads": 2}
SHORT = {**HEADS, "max_sequence_length": 16}
GROUPED = {**SMALL, "num_query_heads": 4, "num_key_value_heads": 2}
VISION = {"patch_size": 8, "hidden_dim": 32, "num_layers": 2, "num_heads": 2, "intermediate_dim": 48}
PICTURE = {"image_shape": (32, 32, 3)}
MIT = Part(
    "MiTBackbone",
    {
        "layerwise_depths": [1, 1],
        "num_layers": 2,
        "layerwise_num_heads": [1, 2],
        "layerwise_sr_ratios": [2, 1],
        "max_drop_path_rate": 0.1,
        "layerwise_patch_sizes": [7, 3],
        "layerwise_strides": [4, 2],
        "hidden_dims": [16, 32],
        **PICTURE,
    },
)
CLIP = {
    "vision_encoder": Part("clip.clip_vision_encoder.CLIPVisionEncoder", {**VISION, **PICTURE}),
    "text_encoder": Part(
        "clip.clip_text_encoder.CLIPTextEncoder", {**SHORT, "embedding_dim": 32, "max_sequence_length": LENGTH}
    ),
    "projection_dim": 24,
}
SIGLIP = {
    "vision_encoder": Part("siglip.siglip_vision_encoder.SigLIPVisionEncoder", {**VISION, **PICTURE}),
    "text_encoder": Part(
        "siglip.siglip_text_encoder.SigLIPTextEncoder", {**SHORT, "embedding_dim": 32, "max_sequence_length": LENGTH}
    ),
}
SPARSE = {**GROUPED, "num_experts": 3, "top_k": 2, "moe_intermediate_dim": 16}
SLIDING = ["sliding_attention", "full_attention"]
TWO_GEMMAS: dict[str, Any] = {
    f"{side}_{name}": value
    for side in ("encoder", "decoder")
    for name, value in {
        "hidden_dim": 32,
        "intermediate_dim": 48,
        "num_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 8,
        "layer_types": SLIDING,
    }.items()
}
TWO_GEMMAS |= {
    "vocabulary_size": WORDS,
    "sliding_window": 4,
    "cross_attention_hidden_size": 32,
    "attn_logit_softcapping": 50.0,
    "query_pre_attn_scalar": 8.0,
}
SAM = {
    "image_encoder": Part(
        "ViTDetBackbone",
        {
            "hidden_size": 16, "num_layers": 2, "intermediate_dim": 32, "num_heads": 2, "window_size": 2,
            "global_attention_layer_indices": [1], "image_shape": (64, 64, 3), "num_output_channels": 8,
        },
    ),
    "prompt_encoder": Part(
        "sam.sam_prompt_encoder.SAMPromptEncoder",
        {"hidden_size": 8, "image_embedding_size": (4, 4), "input_image_size": (64, 64), "mask_in_channels": 16},
    ),
    "mask_decoder": Part(
        "sam.sam_mask_decoder.SAMMaskDecoder",
        {
            "num_layers": 2, "hidden_size": 8, "intermediate_dim": 32, "num_heads": 2, "embedding_dim": 8,
            "num_multimask_outputs": 3, "iou_head_depth": 3, "iou_head_hidden_dim": 8,
        },
    ),
}  # fmt: skip
HG = Part(
    "HGNetV2Backbone",
    {
        "depths": [1, 1, 1, 1],
        "embedding_size": 8,
        "hidden_sizes": [16, 32, 32, 48],
        "stem_channels": [3, 8, 8],
        "hidden_act": "relu",
        "use_learnable_affine_block": True,
        "stackwise_stage_filters": [
            [8, 8, 16, 1, 2, 3],
            [16, 8, 32, 1, 2, 3],
            [32, 16, 32, 1, 2, 5],
            [32, 16, 48, 1, 2, 5],
        ],
        "apply_downsample": [False, True, True, True],
        "use_lightweight_conv_block": [False, False, True, True],
        "image_shape": (64, 64, 3),
        "out_features": ["stage3", "stage4"],
    },
)
DFINE = {
    "backbone": HG, "decoder_in_channels": [16, 16], "encoder_hidden_dim": 16, "num_denoising": 0, "num_labels": 5,
    "hidden_dim": 16, "learn_initial_query": False, "num_queries": 10, "anchor_image_size": (64, 64),
    "feat_strides": [16, 32], "num_feature_levels": 2, "encoder_in_channels": [32, 48], "encode_proj_layers": [1],
    "num_attention_heads": 2, "encoder_ffn_dim": 32, "num_encoder_layers": 1, "hidden_expansion": 0.5,
    "depth_multiplier": 0.5, "eval_idx": -1, "num_decoder_layers": 2, "decoder_attention_heads": 2,
    "decoder_ffn_dim": 32, "decoder_n_points": [3, 3], "lqe_hidden_dim": 8, "num_lqe_layers": 2,
    "out_features": ["stage3", "stage4"], "image_shape": (64, 64, 3), "seed": 0,
}  # fmt: skip
EFFICIENT: dict[str, Any] = {
    f"stackwise_{name}": value
    for name, value in {
        "width_coefficients": [1.0] * 3,
        "depth_coefficients": [1.0] * 3,
        "kernel_sizes": [3, 5, 3],
        "num_repeats": [1, 2, 1],
        "input_filters": [8, 8, 16],
        "output_filters": [8, 16, 16],
        "expansion_ratios": [1, 4, 4],
        "squeeze_and_excite_ratios": [0.0, 0.25, 0.25],
        "strides": [1, 2, 2],
        "block_types": ["fused", "v1", "unfused"],
    }.items()
}
MOBILE: dict[str, Any] = {
    f"stackwise_{name}": value
    for name, value in {
        "expansion": [[40, 56], [64, 144]],
        "num_blocks": [2, 2],
        "num_filters": [[16, 16], [24, 24]],
        "kernel_size": [[3, 3], [5, 5]],
        "num_strides": [[2, 1], [2, 1]],
        "se_ratio": [[None, None], [0.25, 0.25]],
        "activation": [["relu"] * 2, ["hard_swish"] * 2],
        "padding": [[1, 1], [2, 2]],
    }.items()
}
RESNET = {
    "input_conv_filters": [64],
    "input_conv_kernel_sizes": [7],
    "stackwise_num_filters": [64, 128],
    "stackwise_num_blocks": [1, 1],
    "stackwise_num_strides": [1, 2],
    **PICTURE,
}

BACKBONES: tuple[Backbone, ...] = (
    Backbone("AlbertBackbone", {**SHORT, "embedding_dim": 16}, SEGMENTS),
    Backbone("BartBackbone", SHORT, BOTH),
    Backbone("BertBackbone", SHORT, SEGMENTS),
    Backbone("BloomBackbone", HEADS, TEXT),
    Backbone("CLIPBackbone", CLIP, {"images": image(32), "token_ids": ids}),
    Backbone("DFineBackbone", DFINE, image(64)),
    Backbone("DebertaV3Backbone", {**SHORT, "bucket_size": 8}, TEXT),
    Backbone("DINOV2Backbone", {**VISION, **PICTURE, "position_embedding_shape": (32, 32, 3)}, image(32)),
    Backbone("DINOV3Backbone", {**VISION, **PICTURE, "use_gated_mlp": True}, image(32)),
    Backbone("DeiTBackbone", {**VISION, **PICTURE}, image(32)),
    Backbone("DenseNetBackbone", {"stackwise_num_repeats": [1, 1], "growth_rate": 8, **PICTURE}, image(32)),
    Backbone("DistilBertBackbone", SHORT, TEXT),
    Backbone("ESMBackbone", {**HEADS, "max_sequence_length": 16}, {"token_ids": ids}),
    Backbone("EfficientNetBackbone", {**EFFICIENT, "num_features": 32, "input_shape": (32, 32, 3)}, image(32)),
    Backbone(
        "ElectraBackbone",
        {**{k: v for k, v in SHORT.items() if k != "vocabulary_size"}, "vocab_size": WORDS, "embedding_dim": 16},
        SEGMENTS,
    ),
    Backbone(
        "edrec.edrec_backbone.EdRecBackbone",
        {
            "vocab_size": WORDS,
            "num_layers_enc": 1,
            "num_layers_dec": 2,
            "hidden_dim": 32,
            "intermediate_dim": 48,
            "num_heads": 2,
        },
        {name: ends if name.endswith("mask") else feed for name, feed in BOTH.items()},
    ),
    Backbone("FNetBackbone", {**SMALL, "max_sequence_length": 16}, {"token_ids": ids, "segment_ids": kinds}),
    Backbone("FalconBackbone", {**SMALL, "num_attention_heads": 2}, TEXT),
    Backbone(
        "flux.flux_model.FluxBackbone",
        {
            "input_channels": 8,
            "hidden_size": 32,
            "mlp_ratio": 2.0,
            "num_heads": 4,
            "depth": 1,
            "depth_single_blocks": 1,
            "axes_dim": [4, 2, 2],
            "theta": 10000,
            "use_bias": True,
            "guidance_embed": True,
            "image_shape": (9, 8),
            "text_shape": (5, 12),
            "image_ids_shape": (9, 3),
            "text_ids_shape": (5, 3),
            "y_shape": (16,),
        },
        {
            "image": numbers(9, 8),
            "text": numbers(5, 12),
            "image_ids": numbers(9, 3),
            "text_ids": numbers(5, 3),
            "y": numbers(16),
            "timesteps": numbers(),
            "guidance": numbers(),
        },
    ),
    Backbone("GPT2Backbone", SHORT, TEXT),
    Backbone("GPTNeoXBackbone", SHORT, TEXT),
    Backbone("GemmaBackbone", {**GROUPED, "head_dim": 8}, TEXT),
    Backbone("Gemma3Backbone", {**GROUPED, "head_dim": 8, "image_size": None}, TEXT),
    Backbone("GptOssBackbone", {**GROUPED, "num_experts": 3, "head_dim": 8, "sliding_window": 3}, TEXT),
    Backbone("LlamaBackbone", GROUPED, TEXT),
    Backbone("Llama3Backbone", GROUPED, TEXT),
    Backbone("MiTBackbone", MIT.arguments, image(32)),
    Backbone(
        "stable_diffusion_3.mmdit.MMDiT",
        {
            "patch_size": 2,
            "hidden_dim": 32,
            "num_layers": 2,
            "num_heads": 2,
            "position_size": 8,
            "latent_shape": (8, 8, 4),
            "context_shape": (None, 24),
            "pooled_projection_shape": (16,),
            "qk_norm": "rms_norm",
            "dual_attention_indices": (0,),
        },
        {
            "latent": numbers(8, 8, 4),
            "context": numbers(6, 24),
            "pooled_projection": numbers(16),
            "timestep": numbers(1),
        },
    ),
    Backbone("MistralBackbone", GROUPED, TEXT),
    Backbone("MixtralBackbone", {**GROUPED, "num_experts": 3}, TEXT),
    Backbone(
        "MobileNetBackbone",
        {
            **MOBILE,
            **PICTURE,
            "output_num_filters": 48,
            "depthwise_filters": 8,
            "depthwise_stride": 2,
            "depthwise_residual": False,
            "last_layer_filter": 64,
            "squeeze_and_excite": 0.5,
        },
        image(32),
    ),
    Backbone("OPTBackbone", SHORT, TEXT),
    Backbone("Phi3Backbone", GROUPED, TEXT),
    Backbone("QwenBackbone", GROUPED, TEXT),
    Backbone("QwenMoeBackbone", {**SPARSE, "shared_expert_intermediate_dim": 16, "decoder_sparse_step": 2}, TEXT),
    Backbone("Qwen3Backbone", {**GROUPED, "head_dim": 8}, TEXT),
    Backbone("Qwen3MoeBackbone", {**SPARSE, "head_dim": 8, "mlp_only_layers": [], "norm_top_k_prob": True}, TEXT),
    Backbone(
        "rqvae.rqvae_backbone.RQVAEBackbone",
        {
            "input_dim": 16,
            "encoder_layer_dims": [32, 24],
            "output_dim": 8,
            "decoder_layer_dims": [24, 32],
            "num_embeddings": 10,
            "num_quantizers": 3,
        },
        numbers(16),
    ),
    Backbone(
        "RWKV7Backbone",
        {
            "hidden_size": 32,
            "head_size": 8,
            "num_layers": 2,
            "vocabulary_size": WORDS,
            "intermediate_dim": 48,
            "gate_lora": 8,
            "mv_lora": 8,
            "aaa_lora": 8,
            "decay_lora": 8,
        },
        TEXT,
    ),
    Backbone("ResNetBackbone", {**RESNET, "block_type": "basic_block"}, image(32)),
    Backbone("RobertaBackbone", SHORT, TEXT),
    Backbone("RoformerV2Backbone", {**HEADS, "head_size": 16}, {"token_ids": ids, "segment_ids": kinds}),
    Backbone(
        "SAMBackbone",
        SAM,
        {
            "images": image(64),
            "points": numbers(1, 2),
            "labels": numbers(1),
            "boxes": numbers(1, 2, 2),
            "masks": numbers(1, 16, 16, 1),
        },
    ),
    Backbone("SegFormerBackbone", {"image_encoder": MIT, "projection_filters": 16}, image(32)),
    Backbone("SigLIPBackbone", SIGLIP, {"images": image(32), "token_ids": ids}),
    Backbone(
        "SmolLM3Backbone",
        {
            **{k: v for k, v in GROUPED.items() if k != "num_query_heads"},
            "num_attention_heads": 4,
            "attention_bias": False,
            "attention_dropout": 0.0,
            "rope_layer_enabled_list": [True, False],
            "layer_types": ["attention", "attention"],
            "mlp_bias": False,
            "layer_norm_epsilon": 1e-5,
            "max_position_embeddings": 32,
            "rope_theta": 1e4,
            "partial_rotary_factor": 1.0,
        },
        TEXT,
    ),
    Backbone(
        "SwinTransformerBackbone",
        {"embed_dim": 16, "depths": [2, 1], "num_heads": [1, 2], "window_size": 4, **PICTURE},
        image(32),
    ),
    Backbone("T5Backbone", HEADS, BOTH),
    Backbone("T5GemmaBackbone", TWO_GEMMAS, BOTH),
    Backbone(
        "vae.vae_backbone.VAEBackbone",
        {
            "encoder_num_filters": [32, 32],
            "encoder_num_blocks": [1, 1],
            "decoder_num_filters": [32, 32],
            "decoder_num_blocks": [1, 1],
            "sampler_method": "mode",
            "sample_channels": 8,
        },
        image(32),
    ),
    Backbone("VGGBackbone", {"stackwise_num_repeats": [1, 1], "stackwise_num_filters": [8, 16], **PICTURE}, image(32)),
    Backbone(
        "ViTBackbone",
        {"patch_size": 8, "num_layers": 2, "num_heads": 2, "hidden_dim": 32, "mlp_dim": 48, **PICTURE},
        image(32),
    ),
    Backbone(
        "VideoPrismBackbone",
        {
            "num_frames": 4,
            "patch_size": 8,
            "hidden_dim": 32,
            "intermediate_dim": 48,
            "num_heads": 2,
            "num_spatial_layers": 1,
            "num_temporal_layers": 1,
            "num_auxiliary_layers": 1,
            **PICTURE,
        },
        numbers(4, 32, 32, 3),
    ),
    Backbone(
        "WhisperBackbone",
        {**HEADS, "num_mels": 8, "max_encoder_sequence_length": 32, "max_decoder_sequence_length": 16},
        {"encoder_features": sound(20, 8), "decoder_token_ids": ids, "decoder_padding_mask": mask},
    ),
    Backbone("XLMRobertaBackbone", SHORT, TEXT),
    Backbone("XLNetBackbone", HEADS, {**TEXT, "segment_ids": kinds}),
)
"""keras-hub has no YOLO: those detectors stayed in keras-cv."""
