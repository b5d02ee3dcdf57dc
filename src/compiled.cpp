// The library behind deeprec::compiled.
#define DEEPREC_COMPILED_HERE
#include <deeprec/compiled.hpp>
#include <deeprec/data/feature_spec.hpp>
#include <deeprec/data/readers/dataset_tables.hpp>
#include <deeprec/data/readers/read_dataset.hpp>
#include <deeprec/data/readers/read_tables.hpp>
#include <deeprec/data/samples.hpp>
#include <deeprec/data/tables/sequence_file.hpp>
#include <deeprec/data/tables/table_file.hpp>
#include <deeprec/io/onnx.hpp>
#include <deeprec/recommender/from_tables.hpp>
