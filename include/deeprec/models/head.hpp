/// What TwoTower asks of the part that compares the vectors of a user and of items.
#pragma once

#include <concepts>

#include <deeprec/core/inputs.hpp>
#include <deeprec/core/pass.hpp>

DEEPREC_BEGIN

/// A head of TwoTower: u [B, W], v [B / block * G, V] -> scores [B*G, 1], who meets what as in Pair.
///
/// It has its parameters as a layer has (`size`, `fields`, `parameters_changed`), takes both vectors in `forward` and
/// gives both gradients in `backward`. For an index, which computes the items' part of all scores once, a score has two
/// halves of `half_width` numbers: `user_term` of u, `item_term` of v, and `score_halves` of both.
///
/// Two models: PairScores, of Dot and Cosine and what stands behind them (models/pair_head.hpp), and Concatenation, of
/// a Sequential over [u; v] (models/concatenation.hpp). TwoTower makes them of what it is given.
template <class H>
concept Head = requires(H head, const H& constant, const View<const typename H::Scalar, 2>& x, typename H::Cache& cache,
                        typename H::Gradients& gradients, Buffer<typename H::Scalar>& out,
                        const typename H::Scalar* half) {
    typename H::FinalActivation;
    { head.size(Shape{}, Shape{}) } -> std::convertible_to<Shape>;
    head.parameters_changed();
    { constant.forward(x, x, Index(1), cache, Pass{}) } -> std::convertible_to<View<const typename H::Scalar, 2>>;
    constant.backward(x, cache, gradients).user;
    constant.backward(x, cache, gradients).item;
    { constant.half_width() } -> std::convertible_to<Index>;
    { constant.user_term(x, out) } -> std::convertible_to<const typename H::Scalar*>;
    { constant.item_term(x, out) } -> std::convertible_to<const typename H::Scalar*>;
    { constant.score_halves(half, half, Index(1), cache) } -> std::convertible_to<const typename H::Scalar*>;
};

DEEPREC_END
