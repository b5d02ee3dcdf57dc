/// What training tells a state of a layer.
#pragma once

#include <algorithm>

#include <deeprec/core/equal.hpp>
#include <deeprec/core/tensor.hpp>

DEEPREC_BEGIN

/// Stands among the gradients for a state, as the moving mean of a BatchNorm: `backward` adds statistics of its rows,
/// shards and batches add up like gradients, and a step of an optimizer moves the state by
/// state = keep state + (1 - keep) (sum of rows statistic) / (sum of weights).
template <class T>
class MovingAverage {
public:
    MovingAverage() = default;
    MovingAverage(Index size, double keep) : keep_(static_cast<T>(keep)), sum_(size) { sum_.setZero(); }

    /// A statistic [size] over `rows` rows that counts as `weight` of them (their degrees of freedom).
    void add(const T* statistic, Index rows, Index weight) {
        weight_ += static_cast<double>(weight);
        for (Index i = 0; i < sum_.size(); ++i) sum_(i) += static_cast<T>(rows) * statistic[i];
    }
    void add(const MovingAverage& other) {
        weight_ += other.weight_;
        for (Index i = 0; i < sum_.size(); ++i) sum_(i) += other.sum_(i);
    }
    /// Forgets what was added.
    void setZero() {
        weight_ = 0;
        sum_.setZero();
    }
    /// What was added so far, times its rows.
    const Tensor<T, 1>& sum() const { return sum_; }
    /// Of all that was added so far.
    double weight() const { return weight_; }
    /// What was added elsewhere, in place of what was here.
    void set(const T* sum, double weight) {
        std::copy_n(sum, sum_.size(), sum_.data());
        weight_ = weight;
    }
    /// A state stays where nothing was added.
    void move(Tensor<T, 1>& state) const { move(state.data(), state.size()); }
    void move(T* state, Index size) const {
        if (detail::equal(weight_, 0)) return;
        const T share = (T(1) - keep_) / static_cast<T>(weight_);
        for (Index i = 0; i < size; ++i) state[i] = keep_ * state[i] + share * sum_(i);
    }

private:
    T keep_ = 0;
    double weight_ = 0;
    Tensor<T, 1> sum_;
};

DEEPREC_END
