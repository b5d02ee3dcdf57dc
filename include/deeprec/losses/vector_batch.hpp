/// What losses of the towers' vectors see of a batch.
#pragma once

#include <cstdint>

#include <deeprec/core/buffer.hpp>
#include <deeprec/core/sample_weights.hpp>
#include <deeprec/losses/loss.hpp>

DEEPREC_BEGIN

/// Vectors of B users and of the G candidates of each, with targets and weights. A loss that is trained on them (with a
/// TwoTower in `fit`) has `using TrainsVectors = void`, `candidates` (G), `Scratch<T>` (its memory) and
///
///     LossSum train(const VectorBatch<T>& batch, Scratch<T>& scratch, T* du, T* dv) const
///
/// which gives the loss and (unless they are null) the gradients of its mean.
template <class T>
struct VectorBatch {
    const T* u = nullptr;                    ///< [B, D]
    const T* v = nullptr;                    ///< [B * G, D], candidates of a user side by side
    Index users = 0, width = 0;              ///< B and D
    const T* targets = nullptr;              ///< [B, outputs]
    Index target_width = 0;                  ///< outputs
    SampleWeights<T> weights{};              ///< [B]
    const std::int32_t* item_ids = nullptr;  ///< [B * G], one for items that the item tower reads alike
};

DEEPREC_END
