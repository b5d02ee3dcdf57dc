/// The safetensors format (https://github.com/huggingface/safetensors): named tensors behind a JSON header.
///
///     8 bytes    length n of the header, little-endian
///     n bytes    {"name": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}, "__metadata__": {"key": "text"}}
///     the rest   row-major, little-endian; offsets count from here, without gaps or overlaps
///
/// Texts are UTF-8, and n is at most 100,000,000. A text of more than 64 KiB in the metadata, such as the vocabulary of
/// a FeatureSpec, is no part of the header: it is the tensor "deeprec.text.KEY" of its bytes (U8).
#pragma once

#include <deeprec/io/safetensors_reader.hpp>
#include <deeprec/io/safetensors_writer.hpp>
