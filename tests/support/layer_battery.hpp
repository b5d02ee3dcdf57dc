/// What every layer must pass, whatever it computes:
///
///     TEST_CASE("Dense passes the battery", "[dense][threads]") {
///         battery::check<2>([](battery::Random& random) {
///             return battery::Subject{Dense<double, Tanh>{random.between(1, 7)}, {random.between(1, 9)}};
///         });
///     }
///
/// The function gives a new layer, not yet built, and the shape of one sample. Each of 50 configurations gets random
/// parameters (biases too: zeros would sit on ReLU's kink), a random batch of 1 to 5 samples and, where the input is a
/// sequence, a mask (none, random, first steps, all steps) and must show
///  - shapes: `build` and `forward` agree;
///  - gradients: backward = central differences in double, worst error relative to the largest of its tensor < 1e-6;
///  - that backward adds into the gradients, that a second call gives the same dL/dx, and that one without dL/dx
///    gives the same gradients;
///  - where there is a FinalActivation, all of these in a pass that leaves it out, in every fifth configuration;
///  - that a warm forward and backward make no heap allocation;
///  - values: a copy gives the same bits and can be changed without changing the original;
///  - const sharing: threads with caches of their own get the same bits from one layer;
///  - shards: the samples of a slice get the bits that they got in the batch;
///  - names: parameters written into another instance, by name, make it give the same bits.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include <deeprec/core/function_ref.hpp>
#include <deeprec/core/layer.hpp>
#include <deeprec/core/parameters.hpp>

#include "support/allocations.hpp"
#include "support/catch.hpp"

namespace battery {

using namespace deeprec;

/// Random numbers in sequence.
class Random {
public:
    explicit Random(std::uint64_t seed) : stream_(Seed{seed}) {}
    double uniform(double low, double high) { return stream_.uniform(next_++, low, high); }
    /// Uniform in low..high, both included.
    Index between(Index low, Index high) {
        return low + static_cast<Index>(stream_.below(next_++, static_cast<std::uint64_t>(high - low + 1)));
    }
    bool coin() { return between(0, 1) == 1; }
    template <class T>
    void fill(T* p, Index n, double low = -1, double high = 1) {
        for (Index i = 0; i < n; ++i) p[i] = static_cast<T>(uniform(low, high));
    }

private:
    RandomStream stream_;
    std::uint64_t next_ = 0;
};

template <class L>
struct Subject {
    L layer;
    Shape sample;
    Index ids = 0;  ///< for layers that take ids: they are drawn from 0..ids-1
};
template <class L>
Subject(L, Shape) -> Subject<L>;
template <class L>
Subject(L, Shape, Index) -> Subject<L>;

/// Step t of every sequence of a [B, T, F] tensor, as a tensor of one step.
inline Tensor<double, 3> step_of(const Tensor<double, 3>& x, Index t) {
    Tensor<double, 3> step(x.dimension(0), 1, x.dimension(2));
    for (Index b = 0; b < step.dimension(0); ++b)
        for (Index f = 0; f < step.dimension(2); ++f) step(b, 0, f) = x(b, t, f);
    return step;
}

namespace detail {

// What needs no layer's type stands in functions of its own: compiled once, not for every layer.

using Numbers = std::vector<double>;
using Named = std::map<std::string, Numbers>;

/// The parameters of a layer, in order, without its states; `list` is parameter_list(layer) or has gradients too.
inline ParameterList<double> trained(ParameterList<double> list) {
    std::erase_if(list, [](const Parameter<double>& p) { return p.is_state(); });
    return list;
}
template <class T>
Named copy_gradients(const ParameterList<T>& list) {
    Named all;
    for (const Parameter<T>& p : list) {
        if (p.is_state()) continue;
        if (p.rows) {
            const auto dense = p.rows->dense();
            all[p.path].assign(dense.data(), dense.data() + dense.size());
        } else {
            all[p.path].assign(p.gradient, p.gradient + p.size());
        }
    }
    return all;
}
template <class L>
Named copy_gradients(const L& layer, typename L::Gradients& gradients) {
    return copy_gradients(parameter_list(layer, gradients));
}
/// Writes the values of `from` into those of `to` with the same names.
inline void copy_by_name(const ParameterList<double>& from, const ParameterList<double>& to) {
    std::map<std::string, const Parameter<double>*> stored;
    for (const auto& p : from) stored[p.path] = &p;
    for (const auto& p : to) {
        const auto& source = *stored.at(p.path);
        REQUIRE(source.size() == p.size());
        std::copy_n(source.values, p.size(), p.values);
    }
}
/// Compares without looking at signs of zero or at the kind of a NaN: the bits themselves.
template <class A, class B>
bool same_bits(const A& a, const B& b) {
    return a.size() == b.size() &&
           std::memcmp(a.data(), b.data(), static_cast<std::size_t>(a.size()) * sizeof(*a.data())) == 0;
}
inline void check_bits(const char* what, const Numbers& a, const Numbers& b) {
    INFO(what);
    CHECK(same_bits(a, b));
}
template <class V>
std::vector<std::remove_const_t<typename V::Element>> values(const V& v) {
    return {v.data(), v.data() + v.size()};
}
/// Worst difference, relative to the largest element; tensors of nearly nothing are compared absolutely.
inline double difference(const std::vector<double>& a, const std::vector<double>& b) {
    double largest = 1e-3, worst = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
        largest = std::max({largest, std::abs(a[i]), std::abs(b[i])});
        worst = std::max(worst, std::abs(a[i] - b[i]));
        if (std::isnan(a[i]) || std::isnan(b[i])) return std::numeric_limits<double>::infinity();
    }
    return worst / largest;
}

inline void check_twice(const Named& once, const Named& twice) {
    for (const auto& [name, found] : twice) {
        INFO("backward must add into the gradient of " << name);
        Numbers expected = once.at(name);
        for (double& g : expected) g *= 2;
        CHECK(difference(found, expected) < 1e-12);
    }
}
inline void check_without_dx(const Named& once, const Named& skipped) {
    for (const auto& [name, gradient] : skipped) {
        INFO("backward without dL/dx must give the gradient of " << name);
        CHECK(difference(gradient, once.at(name)) < 1e-12);
    }
}
/// (loss(v + h) - loss(v - h)) / 2h. Where that is far from `gradient`, the step may have crossed the kink of a ReLU
/// or a maximum: a step a hundred times smaller then decides.
inline double slope(double& at, double gradient, FunctionRef<double()> loss) {
    const double value = at;
    double found = 0;
    for (const double h : {1e-5, 1e-7}) {
        at = value + h;
        const double above = loss();
        at = value - h;
        found = (above - loss()) / (2 * h);
        if (std::abs(found - gradient) < 1e-6 * std::max(std::abs(gradient), 1e-2)) break;
    }
    at = value;
    return found;
}
/// The worst difference between a gradient and the slopes of the loss along the numbers from `first` on.
inline double slopes_error(double* first, Index size, const Numbers& gradient, FunctionRef<double()> loss) {
    Numbers expected(static_cast<std::size_t>(size));
    REQUIRE(gradient.size() == expected.size());
    for (std::size_t i = 0; i < expected.size(); ++i) expected[i] = slope(first[i], gradient[i], loss);
    return difference(gradient, expected);
}
/// The results of three threads at a time.
inline std::vector<Numbers> in_threads(FunctionRef<Numbers()> run) {
    std::vector<Numbers> results(3);
    std::vector<std::thread> threads;
    for (auto& result : results) threads.emplace_back([&] { result = run(); });
    for (auto& thread : threads) thread.join();
    return results;
}
inline double dot(const Numbers& a, const double* b) {
    double sum = 0;
    for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
    return sum;
}

template <int Rank>
std::array<Index, Rank> extents(Index batch, const Shape& sample) {
    std::array<Index, Rank> e;
    e[0] = batch;
    for (int axis = 1; axis < Rank; ++axis) e[static_cast<std::size_t>(axis)] = sample[axis - 1];
    return e;
}

/// All checks on one configuration.
template <class L, int Rank>
class Trial {
    using Element = typename L::InputElement;
    static constexpr bool takes_ids = std::is_same_v<Element, std::int32_t>;

public:
    Trial(const Subject<L>& subject, Index batch, int mask_kind, Random& random)
        : layer_(subject.layer), other_(subject.layer), x_(extents<Rank>(batch, subject.sample)) {
        out_ = layer_.build(subject.sample, Seed{1});
        other_.build(subject.sample, Seed{2});
        for (const auto& p : trained(parameter_list(layer_))) random.fill(p.values, p.size());
        layer_.parameters_changed();
        if constexpr (takes_ids)
            for (Index i = 0; i < x_.size(); ++i) x_.data()[i] = static_cast<std::int32_t>(random.between(0, subject.ids - 1));
        else
            random.fill(x_.data(), x_.size());
        if constexpr (Rank == 3) {
            const Index time = x_.dimension(1);
            if (mask_kind > 0) mask_.resize(static_cast<std::size_t>(batch * time));
            for (Index i = 0; i < static_cast<Index>(mask_.size()); ++i)
                mask_[static_cast<std::size_t>(i)] = mask_kind == 1   ? random.coin()
                                                     : mask_kind == 2 ? i % time > 0
                                                                      : 0;
        }
    }

    /// Returns the worst relative error of a gradient, in a pass that may leave out the last activation.
    double run(Random& random, bool logits = false) {
        logits_ = logits;
        typename L::Cache cache;
        const auto y = layer_.forward(x(), cache, training());
        static_assert(rank_of<decltype(y)> == L::template output_rank<Element, Rank>());
        CHECK(y.shape() == whole_shape(out_));
        y_ = values(y);
        up_.resize(y_.size());
        random.fill(up_.data(), static_cast<Index>(up_.size()));
        const View<const double, rank_of<decltype(y)>> up{up_.data(), y.extents()};

        auto gradients = layer_.zero_gradients();
        const Numbers dx = numbers(layer_.backward(up, cache, gradients));
        const Named once = copy_gradients(layer_, gradients);
        const double worst = std::max(parameter_error(once), input_error(dx));

        CHECK(numbers(layer_.backward(up, cache, gradients)) == dx);
        check_twice(once, copy_gradients(layer_, gradients));
        auto skipped = layer_.zero_gradients();
        layer_.backward(up, cache, skipped, InputGradient::skip);
        check_without_dx(once, copy_gradients(layer_, skipped));
        const auto warm = support::allocations_in([&] {
            layer_.forward(x(), cache, Pass{}.on_logits(logits_));
            layer_.forward(x(), cache, training());
            layer_.backward(up, cache, gradients);
            layer_.backward(up, cache, gradients, InputGradient::skip);
        });
        CHECK(warm == 0);
        return worst;
    }
    void values_and_sharing() {
        const Numbers predicted = predict(layer_);
        L copy = layer_;
        check_bits("a copy", predict(copy), predicted);
        for (const auto& p : trained(parameter_list(copy))) std::fill_n(p.values, p.size(), 0.5);
        copy.parameters_changed();
        check_bits("the original of a copy that changed", predict(layer_), predicted);
        copy = layer_;
        check_bits("a copy by assignment", predict(copy), predicted);
        const L moved = std::move(copy);
        check_bits("a layer that moved", predict(moved), predicted);

        copy_by_name(trained(parameter_list(layer_)), trained(parameter_list(other_)));
        other_.parameters_changed();
        check_bits("parameters of another, by name", predict(other_), predicted);

        const auto results = in_threads([&]() -> Numbers {
            typename L::Cache cache;
            return values(std::as_const(layer_).forward(x(), cache, training()));
        });
        for (const auto& result : results) check_bits("one layer, several threads", result, y_);
    }
    void shards() {
        const Index batch = x_.dimension(0), per_sample = batch ? static_cast<Index>(y_.size()) / batch : 0;
        typename L::Cache cache;
        for (Index b = 0; b < batch; ++b) {
            const auto y = layer_.forward(x().slice(b, b + 1), cache, Training{Seed{5}, b});
            CHECK(std::memcmp(y.data(), y_.data() + b * per_sample, static_cast<std::size_t>(per_sample) * sizeof(double)) == 0);
        }
    }

private:
    Pass training() const { return Training{Seed{5}}.on_logits(logits_); }
    View<const Element, Rank> x() const {
        return {x_.data(), x_.dimensions(), Mask{mask_.empty() ? nullptr : mask_.data()}};
    }
    Shape whole_shape(const Shape& sample) const {
        Shape whole{x_.dimension(0)};
        for (int axis = 0; axis < sample.rank(); ++axis) whole.push_back(sample[axis]);
        return whole;
    }
    Numbers predict(const L& layer) const {
        typename L::Cache cache;
        return values(layer.forward(x(), cache));
    }
    template <class DX>
    static Numbers numbers(const DX& dx) {
        if constexpr (std::is_same_v<DX, NoGradient>)
            return {};
        else
            return values(dx);
    }
    double loss() { return dot(up_, layer_.forward(x(), probe_, training()).data()); }
    double input_error(const Numbers& dx) {
        if constexpr (takes_ids)
            return 0;
        else
            return slopes_error(x_.data(), x_.size(), dx, [&] { return loss(); });
    }
    double parameter_error(const Named& gradients) {
        double worst = 0;
        for (const auto& p : trained(parameter_list(layer_))) {
            const auto changed_loss = [&] {
                layer_.parameters_changed();
                return loss();
            };
            worst = std::max(worst, slopes_error(p.values, p.size(), gradients.at(p.path), changed_loss));
            layer_.parameters_changed();
        }
        return worst;
    }

    L layer_, other_;
    Tensor<Element, Rank> x_;
    std::vector<std::uint8_t> mask_;
    Shape out_;
    Numbers y_, up_;
    bool logits_ = false;
    typename L::Cache probe_;
};

}  // namespace detail

/// The line from which `./dev test` makes its table.
inline void report(std::string_view layer, int configurations, double worst) {
    std::printf("battery: %.*s: %d configurations, worst relative gradient error %.1e\n",
                static_cast<int>(layer.size()), layer.data(), configurations, worst);
}

/// Whether a sample's result is its own, or depends on the batch around it: `shards` is then left out.
enum class Samples { alone, together };

/// Runs the battery; `Rank` is that of the input with its batch axis.
template <int Rank, class Make>
void check(Make&& make, int configurations = 50, Samples samples = Samples::alone) {
    double worst = 0;
    std::string_view name;
    for (int i = 0; i < configurations; ++i) {
        Random random(static_cast<std::uint64_t>(i));
        auto subject = make(random);
        using L = decltype(subject.layer);
        static_assert(Layer<L>);
        static_assert(std::is_same_v<typename L::Scalar, double>, "the battery needs the precision of double");
        name = L::name();
        constexpr Index batches[] = {1, 3, 2, 5};
        INFO(name << ", configuration " << i << ": batch " << batches[i % 4] << ", sample " << subject.sample);
        detail::Trial<L, Rank> trial(subject, batches[i % 4], i / 4 % 4, random);
        const auto run = [&](bool logits) {
            const double error = trial.run(random, logits);
            CHECK(error < 1e-6);
            worst = std::max(worst, error);
        };
        if (!std::is_void_v<typename FinalActivationOf<L>::type> && i % 5 == 0) run(true);
        run(false);
        trial.values_and_sharing();
        if (samples == Samples::alone) trial.shards();
    }
    report(name, configurations, worst);
}

inline std::vector<Index> extents_of(const Shape& shape) {
    std::vector<Index> all;
    for (int axis = 0; axis < shape.rank(); ++axis) all.push_back(shape[axis]);
    return all;
}
/// Checks names and shapes of the parameters of a built layer or model, in order.
template <class L>
void check_parameters(const L& layer, const std::vector<std::pair<std::string, std::vector<Index>>>& expected) {
    std::vector<std::pair<std::string, std::vector<Index>>> found;
    for (const auto& p : parameter_list(layer))
        if (!p.is_state()) found.emplace_back(p.path, extents_of(p.shape));
    CHECK(found == expected);
}

}  // namespace battery
