/// The room io/: safetensors files and models in them, .npy files. The export to ONNX, deeprec/io/onnx.hpp, is included
/// by name.
#pragma once

#include <deeprec/io/dtypes.hpp>
#include <deeprec/io/json_header.hpp>
#include <deeprec/io/mapped_file.hpp>
#include <deeprec/io/model_file.hpp>
#include <deeprec/io/model_options.hpp>
#include <deeprec/io/npy.hpp>
#include <deeprec/io/replace_file.hpp>
#include <deeprec/io/safetensors.hpp>
#include <deeprec/io/safetensors_reader.hpp>
#include <deeprec/io/safetensors_writer.hpp>
#include <deeprec/io/stored_fields.hpp>
#include <deeprec/io/within_memory.hpp>
