"""The classes that a Keras 2 file may name, where they live, and the names it may give instead of objects."""

from __future__ import annotations

from collections.abc import Mapping

CLASSES: Mapping[str, str] = {
    "keras.layers": (
        "AbstractRNNCell Activation ActivityRegularization Add AdditiveAttention AlphaDropout Attention Average "
        "AveragePooling1D AveragePooling2D AveragePooling3D AvgPool1D AvgPool2D AvgPool3D BatchNormalization "
        "Bidirectional CategoryEncoding CenterCrop Concatenate Conv1D Conv1DTranspose Conv2D Conv2DTranspose "
        "Conv3D Conv3DTranspose ConvLSTM1D ConvLSTM2D ConvLSTM3D Convolution1D Convolution1DTranspose "
        "Convolution2D Convolution2DTranspose Convolution3D Convolution3DTranspose Cropping1D Cropping2D "
        "Cropping3D Dense DenseFeatures DepthwiseConv1D DepthwiseConv2D Discretization Dot Dropout ELU "
        "EinsumDense Embedding Flatten GRU GRUCell GaussianDropout GaussianNoise GlobalAveragePooling1D "
        "GlobalAveragePooling2D GlobalAveragePooling3D GlobalAvgPool1D GlobalAvgPool2D GlobalAvgPool3D "
        "GlobalMaxPool1D GlobalMaxPool2D GlobalMaxPool3D GlobalMaxPooling1D GlobalMaxPooling2D GlobalMaxPooling3D "
        "GroupNormalization HashedCrossing Hashing Identity InputLayer IntegerLookup LSTM LSTMCell Lambda Layer "
        "LayerNormalization LeakyReLU LocallyConnected1D LocallyConnected2D Masking MaxPool1D MaxPool2D MaxPool3D "
        "MaxPooling1D MaxPooling2D MaxPooling3D Maximum Minimum MultiHeadAttention Multiply Normalization PReLU "
        "Permute RNN RandomBrightness RandomContrast RandomCrop RandomFlip RandomHeight RandomRotation "
        "RandomTranslation RandomWidth RandomZoom ReLU RepeatVector Rescaling Reshape Resizing SeparableConv1D "
        "SeparableConv2D SeparableConvolution1D SeparableConvolution2D SimpleRNN SimpleRNNCell Softmax "
        "SpatialDropout1D SpatialDropout2D SpatialDropout3D SpectralNormalization StackedRNNCells StringLookup "
        "Subtract TextVectorization ThresholdedReLU TimeDistributed UnitNormalization UpSampling1D UpSampling2D "
        "UpSampling3D Wrapper ZeroPadding1D ZeroPadding2D ZeroPadding3D"
    ),
    "keras.layers.experimental": "EinsumDense RandomFourierFeatures SyncBatchNormalization",
    "keras.layers.experimental.preprocessing": (
        "CategoryEncoding CenterCrop Discretization HashedCrossing Hashing IntegerLookup Normalization "
        "PreprocessingLayer RandomContrast RandomCrop RandomFlip RandomHeight RandomRotation RandomTranslation "
        "RandomWidth RandomZoom Rescaling Resizing StringLookup TextVectorization"
    ),
    "keras": "Model Sequential",
    "keras.models": "Model Sequential",
    "keras.experimental": "LinearModel SequenceFeatures WideDeepModel",
    "keras.initializers": (
        "Constant GlorotNormal GlorotUniform HeNormal HeUniform Identity Initializer LecunNormal LecunUniform "
        "Ones Orthogonal RandomNormal RandomUniform TruncatedNormal VarianceScaling Zeros constant glorot_normal "
        "glorot_uniform he_normal he_uniform identity lecun_normal lecun_uniform ones orthogonal random_normal "
        "random_uniform truncated_normal variance_scaling zeros"
    ),
    "keras.regularizers": "L1 L1L2 L2 OrthogonalRegularizer Regularizer l1 l1_l2 l2 orthogonal_regularizer",
    "keras.constraints": (
        "Constraint MaxNorm MinMaxNorm NonNeg RadialConstraint UnitNorm max_norm min_max_norm non_neg "
        "radial_constraint unit_norm"
    ),
    "keras.mixed_precision": "Policy",
    "keras.mixed_precision.experimental": "Policy",
}
"""Public module -> its classes, by exact name: layers, models, initializers, regularizers, constraints, policies."""

INNER: Mapping[str, str] = {
    "applications.inception_resnet_v2": "CustomScaleLayer",
    "engine.base_layer": "AddLoss AddMetric BaseRandomLayer TensorFlowOpLayer",
    "engine.base_preprocessing_layer": "PreprocessingLayer",
    "engine.functional": "Functional",
    "engine.input_layer": "InputLayer",
    "engine.sequential": "Sequential",
    "engine.training": "Model",
    "layers.core.tf_op_layer": "ClassMethod InstanceMethod InstanceProperty SlicingOpLambda TFOpLambda",
    "layers.normalization.batch_normalization_v1": "BatchNormalization",
    "layers.rnn.cell_wrappers": "DeviceWrapper DropoutWrapper ResidualWrapper",
    "layers.rnn.cudnn_gru": "CuDNNGRU",
    "layers.rnn.cudnn_lstm": "CuDNNLSTM",
    "layers.rnn.gru_v1": "GRU GRUCell",
    "layers.rnn.lstm_v1": "LSTM LSTMCell",
}
"""Module inside Keras 2 -> classes without a public one, which are saved under it."""

UNPLACED: Mapping[str, str] = {
    "layers by the names of other versions": (
        "BatchNormalizationV1 BatchNormalizationV2 GRUCellV1 GRUCellV2 GRUV1 GRUV2 LSTMCellV1 LSTMCellV2 LSTMV1 LSTMV2 "
        "Custom>CustomScaleLayer"
    ),
    "policies by the names of other versions": "PolicyV1",
    "initializers by the names of other versions": (
        "ConstantV2 GlorotNormalV2 GlorotUniformV2 HeNormalV2 HeUniformV2 IdentityV2 LecunNormalV2 LecunUniformV2 "
        "OnesV2 OrthogonalV2 RandomNormalV2 RandomUniformV2 TruncatedNormalV2 VarianceScalingV2 ZerosV2"
    ),
    "columns of DenseFeatures": (
        "BucketizedColumn CrossedColumn EmbeddingColumn HashedCategoricalColumn IdentityCategoricalColumn "
        "IndicatorColumn NumericColumn SequenceCategoricalColumn SharedEmbeddingColumn VocabularyListCategoricalColumn "
        "WeightedCategoricalColumn"
    ),
}
"""Classes that are saved by their name alone."""

REFUSED_CLASSES: Mapping[str, str] = {
    "DynamicEmbedding DynamicLookup": "changes its words while it runs",
    "Input InputSpec": "is no layer",
    "add average concatenate dot maximum minimum multiply subtract": "is a function that makes a layer",
    "_RNNCellWrapper BatchNormalizationBase": "is what other layers are made of",
    "SharpnessAwareMinimization": "is for training",
    "VocabularyFileCategoricalColumn": "reads a file",
}
"""Classes that Keras 2 finds by name and that are refused, and why."""

ACTIVATIONS = (
    "elu exponential gelu hard_sigmoid leaky_relu linear log_softmax mish relu relu6 selu sigmoid silu softmax "
    "softplus softsign swish tanh"
)
ACTIVATION_LAYERS = "ELU LeakyReLU PReLU ReLU Softmax ThresholdedReLU"
FUNCTION_HOMES = frozenset(
    (
        "activations",
        "builtins",
        "tensorflow.python.ops.gen_math_ops",
        "tensorflow.python.ops.gen_nn_ops",
        "tensorflow.python.ops.math_ops",
        "tensorflow.python.ops.nn_impl",
        "tensorflow.python.ops.nn_ops",
    )
)
"""The modules that activation functions are saved under; the first one is Keras' own."""

_INITIALIZERS = CLASSES["keras.initializers"] + " " + UNPLACED["initializers by the names of other versions"]
_ALIASES = (
    "gaussian glorot_normalV2 glorot_uniformV2 he_normalV2 he_uniformV2 laplacian lecun_normalV2 lecun_uniformV2 "
    "normal one uniform zero "
)
OPTIONS: Mapping[str, frozenset[str]] = {
    "activation": frozenset(f"{ACTIVATIONS} {ACTIVATION_LAYERS}".split()),
    "initializer": frozenset(f"{_INITIALIZERS} {_ALIASES}".split()),
    "regularizer": frozenset(CLASSES["keras.regularizers"].split()),
    "constraint": frozenset(f"{CLASSES['keras.constraints']} maxnorm nonneg unitnorm".split()),
}
"""Last word of an option's name -> the names that its value may be."""

_PUBLIC = {module: frozenset(names.split()) for module, names in CLASSES.items()}
_INNER = {module: frozenset(names.split()) for module, names in INNER.items()}
_BY_NAME = frozenset.union(*_PUBLIC.values(), *_INNER.values(), *(frozenset(n.split()) for n in UNPLACED.values()))


def is_known_by_name(name: str) -> bool:
    """Whether a class that is saved without a module is one of Keras 2 that a file may name."""
    return name in _BY_NAME


def home_of(name: str, module: str) -> str | None:
    """The module of tf_keras that holds a class, saved under `module` by any Keras 2; None if it may not be named."""
    keras = inside_keras(module)
    if keras is None:
        return None
    public = f"keras.{keras}".rstrip(".")
    if name in _PUBLIC.get(public, ()):
        return public
    inner = keras.removeprefix("src.")
    return f"tf_keras.src.{inner}" if name in _INNER.get(inner, ()) else None


def inside_keras(module: str) -> str | None:
    """The path of a module inside Keras 2, whatever its package was called; None for one of another package."""
    package, _, path = module.partition(".")
    return path if package in ("keras", "tf_keras") else None


def is_public_home(module: str) -> bool:
    """Whether classes that a file may name live in this public module: another name in it is one of another version."""
    path = inside_keras(module)
    return path is not None and f"keras.{path}".rstrip(".") in _PUBLIC
