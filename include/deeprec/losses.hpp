/// The room losses/: all losses.
#pragma once

#include <deeprec/losses/binary_cross_entropy.hpp>
#include <deeprec/losses/binary_focal_cross_entropy.hpp>
#include <deeprec/losses/categorical_cross_entropy.hpp>
#include <deeprec/losses/cosine_embedding.hpp>
#include <deeprec/losses/cosine_similarity.hpp>
#include <deeprec/losses/gbce.hpp>
#include <deeprec/losses/hinge.hpp>
#include <deeprec/losses/in_batch_softmax.hpp>
#include <deeprec/losses/kl_divergence.hpp>
#include <deeprec/losses/loss.hpp>
#include <deeprec/losses/losses.hpp>
#include <deeprec/losses/pairwise.hpp>
#include <deeprec/losses/regression.hpp>
#include <deeprec/losses/sampled_softmax.hpp>
#include <deeprec/losses/softmax_cross_entropy.hpp>
#include <deeprec/losses/triplet_margin.hpp>
#include <deeprec/losses/vector_batch.hpp>
#include <deeprec/losses/vector_loss.hpp>
