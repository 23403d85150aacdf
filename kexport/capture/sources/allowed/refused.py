"""The public names that a model file may not use, and why; nothing is let in because it is missing here.

The lists of what is allowed decide. These say that a name was seen and left out on purpose, so that a name that a new
version brings is noticed, and they put the reason into the error.
"""

from __future__ import annotations

from collections.abc import Mapping

REFUSED: Mapping[str, str] = {
    "runs a function that it is given": (
        "case cond custom_gradient foldl foldr function grad_pass_through keras.backend.foldl keras.backend.foldr "
        "keras.backend.function keras.backend.map_fn keras.backend.rnn make_template map_fn "
        "nn.bidirectional_dynamic_rnn nn.dynamic_rnn nn.raw_rnn nn.static_bidirectional_rnn nn.static_rnn "
        "nn.static_state_saving_rnn nondifferentiable_batch_function numpy_function py_func py_function "
        "ragged.map_flat_values recompute_grad scan sparse.map_values switch_case variable_creator_scope "
        "vectorized_map while_loop wrap_function"
    ),
    "prints, reads or writes": (
        "Assert Print add_check_numerics_ops assert_equal assert_greater assert_greater_equal assert_integer "
        "assert_less assert_less_equal assert_near assert_negative assert_non_negative assert_non_positive "
        "assert_none_equal assert_positive assert_proper_iterable assert_rank assert_rank_at_least assert_rank_in "
        "assert_same_float_dtype assert_scalar assert_type assert_variables_initialized check_numerics get_logger "
        "import_graph_def keras.backend.print_tensor load_file_system_library load_library load_op_library "
        "matching_files print read_file timestamp verify_tensor_all_finite write_file"
    ),
    "parses the bytes of a file": (
        "decode_base64 decode_compressed decode_csv decode_json_example decode_raw deserialize_many_sparse "
        "encode_base64 image.adjust_jpeg_quality image.decode_and_crop_jpeg image.decode_bmp image.decode_gif "
        "image.decode_image image.decode_jpeg image.decode_jxl image.decode_png image.decode_webp "
        "image.encode_jpeg image.encode_png image.extract_jpeg_shape image.is_jpeg image.random_jpeg_quality "
        "image.stateless_random_jpeg_quality parse_example parse_single_example parse_single_sequence_example "
        "parse_tensor serialize_many_sparse serialize_sparse serialize_tensor"
    ),
    "makes, reads or changes variables and state": (
        "all_variables assign assign_add assign_sub batch_scatter_update count_up_to create_partitioned_variables "
        "delete_session_tensor fixed_size_partitioner get_local_variable get_seed get_session_handle "
        "get_session_tensor get_variable get_variable_scope global_variables global_variables_initializer "
        "initialize_all_tables initialize_all_variables initialize_local_variables initialize_variables "
        "is_variable_initialized keras.backend.batch_get_value keras.backend.batch_set_value "
        "keras.backend.clear_session keras.backend.count_params keras.backend.eval "
        "keras.backend.experimental.disable_tf_random_generator "
        "keras.backend.experimental.enable_tf_random_generator "
        "keras.backend.experimental.is_tf_random_generator_enabled keras.backend.get_session "
        "keras.backend.get_uid keras.backend.get_value keras.backend.learning_phase "
        "keras.backend.learning_phase_scope keras.backend.manual_variable_initialization "
        "keras.backend.moving_average_update keras.backend.name_scope keras.backend.ones "
        "keras.backend.placeholder keras.backend.random_normal_variable keras.backend.random_uniform_variable "
        "keras.backend.reset_uids keras.backend.set_epsilon keras.backend.set_floatx "
        "keras.backend.set_image_data_format keras.backend.set_learning_phase keras.backend.set_session "
        "keras.backend.set_value keras.backend.update keras.backend.update_add keras.backend.update_sub "
        "keras.backend.variable keras.backend.zeros local_variables local_variables_initializer "
        "min_max_variable_partitioner model_variables moving_average_variables nn.experimental.general_dropout "
        "no_regularizer random.create_rng_state random.experimental.create_rng_state "
        "random.experimental.get_global_generator random.experimental.set_global_generator "
        "random.get_global_generator random.get_seed random.set_global_generator random.set_random_seed "
        "random.set_seed report_uninitialized_variables scatter_add scatter_div scatter_max scatter_min "
        "scatter_mul scatter_nd_add scatter_nd_sub scatter_nd_update scatter_sub scatter_update set_random_seed "
        "tables_initializer trainable_variables variable_axis_size_partitioner variable_op_scope "
        "variables_initializer"
    ),
    "makes no tensor of tensors": (
        "NoGradient NotDifferentiable add_to_collection add_to_collections as_dtype check_pinned check_preemption "
        "colocate_with container control_dependencies control_flow_v2_enabled convert_to_tensor_or_indexed_slices "
        "convert_to_tensor_or_sparse_tensor device dimension_at_index dimension_value disable_control_flow_v2 "
        "disable_eager_execution disable_resource_variables disable_tensor_equality disable_v2_behavior "
        "disable_v2_tensorshape dtypes.as_dtype enable_control_flow_v2 enable_eager_execution "
        "enable_resource_variables enable_tensor_equality enable_v2_behavior enable_v2_tensorshape "
        "executing_eagerly executing_eagerly_outside_functions get_collection get_collection_ref "
        "get_current_name_scope get_default_graph get_default_session get_static_value group init_scope "
        "inside_function is_numeric_tensor is_symbolic_tensor is_tensor keras.activations.deserialize "
        "keras.activations.get keras.activations.serialize keras.backend.backend keras.backend.dtype "
        "keras.backend.epsilon keras.backend.floatx keras.backend.image_data_format keras.backend.int_shape "
        "keras.backend.is_keras_tensor keras.backend.is_sparse keras.backend.ndim keras.losses.deserialize "
        "keras.losses.get keras.losses.serialize keras.metrics.deserialize keras.metrics.get "
        "keras.metrics.serialize make_ndarray make_tensor_proto no_gradient no_op op_scope placeholder "
        "placeholder_with_default ragged.placeholder register_tensor_conversion_function reset_default_graph "
        "resource_variables_enabled signal.inverse_stft_window_fn sparse.merge sparse.placeholder sparse_merge "
        "sparse_placeholder tuple type_spec_from_value"
    ),
    "is for training": (
        "conv2d_backprop_filter_v2 conv2d_backprop_input_v2 fake_quant_with_min_max_args_gradient "
        "fake_quant_with_min_max_vars_gradient fake_quant_with_min_max_vars_per_channel_gradient gradients "
        "hessians keras.backend.gradients nn.compute_accidental_hits nn.compute_average_loss "
        "nn.conv2d_backprop_filter nn.conv2d_backprop_input nn.conv3d_backprop_filter "
        "nn.conv3d_backprop_filter_v2 nn.depthwise_conv2d_backprop_filter nn.depthwise_conv2d_backprop_input "
        "nn.depthwise_conv2d_native_backprop_filter nn.depthwise_conv2d_native_backprop_input nn.nce_loss "
        "nn.sampled_softmax_loss nn.scale_regularization_loss quantization.fake_quant_with_min_max_args_gradient "
        "quantization.fake_quant_with_min_max_vars_gradient "
        "quantization.fake_quant_with_min_max_vars_per_channel_gradient ragged_fill_empty_rows_grad"
    ),
    "draws samples, from a file of words too": (
        "nn.all_candidate_sampler nn.fixed_unigram_candidate_sampler nn.learned_unigram_candidate_sampler "
        "nn.log_uniform_candidate_sampler nn.uniform_candidate_sampler random.all_candidate_sampler "
        "random.fixed_unigram_candidate_sampler random.learned_unigram_candidate_sampler "
        "random.log_uniform_candidate_sampler random.uniform_candidate_sampler"
    ),
    "compiles for other devices": (
        "audio_microfrontend xla_all_reduce xla_broadcast_helper xla_call_module xla_cluster_output xla_conv "
        "xla_conv_v2 xla_custom_call xla_custom_call_v2 xla_dequantize xla_dot xla_dot_v2 xla_dynamic_slice "
        "xla_dynamic_update_slice xla_einsum xla_gather xla_if xla_key_value_sort xla_launch xla_launch_v2 "
        "xla_optimization_barrier xla_pad xla_recv xla_reduce xla_reduce_precision xla_reduce_scatter "
        "xla_reduce_window xla_remove_dynamic_dimension_size xla_replica_id xla_rng_bit_generator xla_scatter "
        "xla_select_and_scatter xla_self_adjoint_eig xla_send xla_set_bound xla_set_dynamic_dimension_size "
        "xla_sharding xla_sort xla_spmd_full_to_shard_shape xla_spmd_shard_to_full_shape xla_svd "
        "xla_variadic_reduce xla_variadic_reduce_v2 xla_variadic_sort xla_while"
    ),
    "speaks to other machines and devices": (
        "configure_and_initialize_global_tpu copy_to_mesh copy_to_mesh_grad d_tensor_restore_v2 "
        "d_tensor_set_global_tpu_array delete_rpc_future_resource relayout relayout_like rpc_call "
        "rpc_check_status rpc_client rpc_get_value rpc_server rpc_server_register rpc_server_start "
        "shutdown_tpu_system"
    ),
    "iterates in ways that a config cannot ask for": "linalg.experimental.conjugate_gradient",
}
"""Reason -> functions of TensorFlow and tf_keras (`compat.v1` left out)."""

REFUSED_MODULES: Mapping[str, str] = {
    "reads or writes files": (
        "audio data feature_column gfile io keras.applications keras.datasets keras.export keras.models "
        "keras.preprocessing keras.saving keras.utils lite lookup python_io resource_loader saved_model summary "
        "train"
    ),
    "is no function of a model": (
        "__internal__ app autodiff autograph compat config distributions errors estimator flags graph_util "
        "initializers keras.Input keras.__internal__ keras.callbacks keras.constraints keras.dtensor "
        "keras.estimator keras.experimental keras.initializers keras.layers keras.mixed_precision "
        "keras.optimizers keras.regularizers layers logging losses metrics mixed_precision mlir nest queue "
        "sysconfig test types user_ops xla"
    ),
    "speaks to other machines and devices": "distribute profiler tpu",
    "checks values and says so, or switches such checks": "debugging",
    "is not what Keras writes for an operation": "experimental quantization.experimental raw_ops",
}
"""Reason -> modules of which nothing is allowed but for what the lists of allowed functions name."""

_REASONS = {name: reason for reason, names in REFUSED.items() for name in names.split()}
_MODULES = {name: reason for reason, names in REFUSED_MODULES.items() for name in names.split()}


def why_refused(name: str) -> str | None:
    """Why a function of the public API is not allowed; None for one that nobody has looked at."""
    name = name.removeprefix("tf.").removeprefix("compat.v1.")
    if name in _REASONS:
        return _REASONS[name]
    parts = name.split(".")
    homes = (".".join(parts[:n]) for n in range(len(parts), 0, -1))
    return next((_MODULES[home] for home in homes if home in _MODULES), None)
