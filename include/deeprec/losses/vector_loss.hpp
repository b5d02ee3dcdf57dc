/// What losses of several vectors a sample share.
#pragma once

#include <array>

#include <deeprec/core/equal.hpp>
#include <deeprec/losses/loss.hpp>
#include <deeprec/losses/vector_batch.hpp>

DEEPREC_BEGIN

/// Base of losses of N vectors of D numbers a sample. `Rule` gives
///   T sample(std::array<const T*, N> vectors, T target, Index width, T scale, std::array<T*, N> gradients) const
/// : the loss of one sample, and (unless the pointers are null) its gradients times scale. Losses without a target are
/// given 0.
template <class Rule, std::size_t N>
class VectorLoss {
public:
    explicit VectorLoss(Reduction reduction = Reduction::mean) : reduction_(reduction) {
        if (reduction == Reduction::mean_with_sample_weight)
            throw ArgumentError(message(Rule::name(), ": has no sample weights"));
    }

    using TrainsVectors = void;  // with a TwoTower in `fit`: see losses/vector_batch.hpp
    static constexpr Index candidates = static_cast<Index>(N) - 1;
    /// Of the vectors of users and their N - 1 items; losses with a target see 1, or anything else for -1.
    template <class T>
    using Scratch = Buffer<T>;
    template <class T>
    LossSum train(const VectorBatch<T>& batch, Buffer<T>&, T* du, T* dv) const {
        if (batch.weights) throw ArgumentError(message(Rule::name(), ": has no sample weights"));
        const double total = reduction_ == Reduction::sum ? 0 : static_cast<double>(batch.users);
        const T scale = detail::equal(total, 0) ? T(1) : static_cast<T>(1 / total);
        LossSum loss{0, total};
        for (Index r = 0; r < batch.users; ++r) {
            std::array<const T*, N> x{batch.u + r * batch.width};
            std::array<T*, N> gradient{};
            if (du) gradient[0] = du + r * batch.width;
            for (std::size_t k = 1; k < N; ++k) {
                const Index at = (r * candidates + static_cast<Index>(k) - 1) * batch.width;
                x[k] = batch.v + at;
                if (dv) gradient[k] = dv + at;
            }
            const T target = batch.target_width > 0 && batch.targets[r * batch.target_width] > 0 ? T(1) : T(-1);
            loss.sum +=
                static_cast<double>(static_cast<const Rule&>(*this).sample(x, target, batch.width, scale, gradient));
        }
        return loss;
    }

protected:
    template <class T>
    using Vectors = std::array<View<const T, 2>, N>;

    template <class T>
    static void check(const Vectors<T>& x, Index targets) {
        for (const auto& one : x)
            if (one.shape() != x[0].shape())
                throw ShapeError(message(Rule::name(), ": expected vectors of equal shapes, received ", x[0].shape(),
                                         " and ", one.shape()));
        if (targets != x[0].extent(0))
            throw ShapeError(message(Rule::name(), ": expected ", x[0].extent(0), " targets, received ", targets));
    }
    /// The loss of each sample, [B].
    template <class T>
    Tensor<T, 1> losses(const Vectors<T>& x, const T* target) const {
        Tensor<T, 1> out(x[0].extent(0));
        for (Index r = 0; r < out.size(); ++r) out(r) = row(x, target, r, T(1), static_cast<Tensor<T, 2>*>(nullptr));
        return out;
    }
    template <class T>
    double reduced(const Vectors<T>& x, const T* target) const {
        const Tensor<T, 1> each = losses(x, target);
        double sum = 0;
        for (Index r = 0; r < each.size(); ++r) sum += static_cast<double>(each(r));
        return sum * scale(each.size());
    }
    /// dloss/dvectors; `upstream` [B] replaces the reduction if it is not null.
    template <class T>
    std::array<Tensor<T, 2>, N> gradients(const Vectors<T>& x, const T* target, const T* upstream) const {
        std::array<Tensor<T, 2>, N> out;
        for (auto& one : out) one.resize(x[0].extents());
        for (Index r = 0; r < x[0].extent(0); ++r)
            row(x, target, r, upstream ? upstream[r] : static_cast<T>(scale(x[0].extent(0))), out.data());
        return out;
    }

private:
    double scale(Index rows) const {
        return reduction_ == Reduction::sum || rows == 0 ? 1.0 : 1 / static_cast<double>(rows);
    }
    template <class T>
    T row(const Vectors<T>& x, const T* target, Index r, T scale, Tensor<T, 2>* out) const {
        const Index width = x[0].last();
        std::array<const T*, N> vectors;
        std::array<T*, N> gradients{};
        for (std::size_t k = 0; k < N; ++k) {
            vectors[k] = x[k].data() + r * width;
            if (out) gradients[k] = out[k].data() + r * width;
        }
        return static_cast<const Rule&>(*this).sample(vectors, target ? target[r] : T(0), width, scale, gradients);
    }

    Reduction reduction_;
};

DEEPREC_END
