from .configs import AWQConfig as AWQConfig
from .configs import Float8QuantizationConfig as Float8QuantizationConfig
from .configs import GPTQConfig as GPTQConfig
from .configs import Int4QuantizationConfig as Int4QuantizationConfig
from .configs import Int8QuantizationConfig as Int8QuantizationConfig
from .configs import QuantizationConfig as QuantizationConfig
from .float8 import compute_float8_amax_history as compute_float8_amax_history
from .float8 import compute_float8_scale as compute_float8_scale
from .float8 import quantize_and_dequantize as quantize_and_dequantize
from .integers import abs_max_quantize as abs_max_quantize
from .integers import abs_max_quantize_grouped_with_zero_point as abs_max_quantize_grouped_with_zero_point
from .integers import fake_quant_with_min_max_vars as fake_quant_with_min_max_vars
from .integers import pack_int4 as pack_int4
from .integers import unpack_int4 as unpack_int4
from .quantizers import AbsMaxQuantizer as AbsMaxQuantizer
from .quantizers import Quantizer as Quantizer
from .quantizers import deserialize as deserialize
from .quantizers import get as get
from .quantizers import serialize as serialize

__all__ = [
    "AWQConfig",
    "AbsMaxQuantizer",
    "Float8QuantizationConfig",
    "GPTQConfig",
    "Int4QuantizationConfig",
    "Int8QuantizationConfig",
    "QuantizationConfig",
    "Quantizer",
    "abs_max_quantize",
    "abs_max_quantize_grouped_with_zero_point",
    "compute_float8_amax_history",
    "compute_float8_scale",
    "deserialize",
    "fake_quant_with_min_max_vars",
    "get",
    "pack_int4",
    "quantize_and_dequantize",
    "serialize",
    "unpack_int4",
]
