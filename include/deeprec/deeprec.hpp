/// Everything of deeprec but what prepares data: the readers of files (data/readers/read_dataset.hpp), the features of
/// users and items (data/feature_spec.hpp) and the generator of synthetic data (data/synthetic.hpp). Programs that need
/// these include them by name: they would cost all others compile time.
#pragma once

#include <deeprec/version.hpp>  // first: the standard library does not bear what it takes away

#include <deeprec/core.hpp>
#include <deeprec/data/batch.hpp>
#include <deeprec/data/interactions.hpp>
#include <deeprec/data/item_tokens.hpp>
#include <deeprec/data/next_item_samples.hpp>
#include <deeprec/data/samplers.hpp>
#include <deeprec/data/sequence_fields.hpp>
#include <deeprec/data/sequence_samples.hpp>
#include <deeprec/data/sequences.hpp>
#include <deeprec/data/sessions.hpp>
#include <deeprec/data/splits.hpp>
#include <deeprec/data/time_unit.hpp>
#include <deeprec/data/vocabulary.hpp>
#include <deeprec/explain.hpp>
#include <deeprec/io.hpp>
#include <deeprec/kernels/simd/activations.hpp>
#include <deeprec/kernels/simd/softmax.hpp>
#include <deeprec/layers.hpp>
#include <deeprec/losses.hpp>
#include <deeprec/metrics.hpp>
#include <deeprec/models.hpp>
#include <deeprec/optimizers.hpp>
#include <deeprec/ranking.hpp>
#include <deeprec/training.hpp>

#ifdef DEEPREC_COMPILED
#include <deeprec/compiled.hpp>
#endif
