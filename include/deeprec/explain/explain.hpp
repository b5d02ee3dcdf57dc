/// Explaining a score by gradients along a path from nothing to the input.
#pragma once

#include <cmath>

#include <deeprec/explain/explanation.hpp>
#include <deeprec/models/two_tower.hpp>

DEEPREC_BEGIN

enum class Attribution {
    integrated_gradients,  ///< gradients along the whole path (Sundararajan et al. 2017): adds up to the difference
    gradient_input,        ///< the gradient at the input alone: one backward pass, adds up for linear models only
};

struct ExplainOptions {
    Attribution method = Attribution::integrated_gradients;
    double tolerance = 0.002;  ///< of the residual, relative to score - baseline; points are doubled until it holds ...
    Index max_points = 512;    ///< ... or there are this many
};

namespace detail {

/// The output of a tower's embedding for one sequence, and points of the line to it from the output for padding.
template <class Tower>
class EmbeddingPath {
    using T = typename Tower::Scalar;
    static_assert(std::is_same_v<typename Tower::InputElement, std::int32_t> && Tower::size() > 1,
                  "explain: towers start with an Embedding of ids");

public:
    EmbeddingPath(const Tower& tower, const View<const std::int32_t, 2>& ids) {
        typename std::decay_t<decltype(tower.template layer<0>())>::Cache cache;
        const Tensor<std::int32_t, 2> padding = Tensor<std::int32_t, 2>(ids.dimensions()).setZero();
        const auto b = tower.template layer<0>().forward(padding, cache);
        start_.assign(b.data(), b.data() + b.size());
        const auto x = tower.template layer<0>().forward(ids, cache);
        steps_ = x.extent(1);
        width_ = x.last();
        if (x.mask) keep_.assign(x.mask.keep, x.mask.keep + steps_);
        for (std::size_t i = 0; i < start_.size(); ++i) line_.push_back(x.data()[i] - start_[i]);
    }
    /// start + at[p] * line for each point p, under the mask of the sequence.
    View<const T, 3> points(const std::vector<double>& at) {
        const Index n = static_cast<Index>(at.size()), size = steps_ * width_;
        points_.resize(at.size() * start_.size());
        T* to = points_.data();
        for (const double a : at)
            for (Index i = 0; i < size; ++i)
                *to++ = start_[static_cast<std::size_t>(i)] + static_cast<T>(a) * line_[static_cast<std::size_t>(i)];
        masks_.clear();
        if (!keep_.empty())
            for (Index p = 0; p < n; ++p) masks_.insert(masks_.end(), keep_.begin(), keep_.end());
        return {points_.data(), {n, steps_, width_}, Mask{masks_.empty() ? nullptr : masks_.data()}};
    }
    /// Adds weight * sum over points and features of line * gradient to the contribution of each step.
    void add(const Block<const T>& gradients, double weight, std::vector<Contribution>& to) const {
        for (Index p = 0; p < gradients.batch(); ++p)
            for (Contribution& c : to) {
                const T* g = gradients.data + (p * steps_ + c.position) * width_;
                const T* d = line_.data() + c.position * width_;
                for (Index f = 0; f < width_; ++f)
                    c.value += weight * static_cast<double>(g[f]) * static_cast<double>(d[f]);
            }
    }

private:
    Index steps_ = 0, width_ = 0;
    std::vector<T> start_, line_, points_;
    std::vector<std::uint8_t> keep_, masks_;
};

/// Both towers from their embeddings on.
template <class Model>
class ScorePath {
public:
    ScorePath(const Model& model, const View<const std::int32_t, 2>& user, const View<const std::int32_t, 2>& item)
        : model_(model), user_(model.user, user), item_(model.item, item), gradients_(model.zero_gradients()) {}

    /// The score at one point of the line, 1 being the input.
    double score(double at) { return run({at}); }
    /// The mean of line * gradient over points at (p + 1/2) / n, into `why`.
    void integrate(Index n, Explanation& why) {
        for (auto* list : {&why.events, &why.tokens})
            for (Contribution& c : *list) c.value = 0;
        for (Index begin = 0; begin < n; begin += chunk) {
            std::vector<double> at;
            for (Index p = begin; p < std::min(n, begin + chunk); ++p)
                at.push_back((static_cast<double>(p) + 0.5) / static_cast<double>(n));
            run(at);
            add(static_cast<Index>(at.size()), 1.0 / static_cast<double>(n), why);
        }
    }
    void at_input(Explanation& why) {
        run({1});
        add(1, 1, why);
    }

private:
    static constexpr Index chunk = 32;  // points that go through the model at once

    double run(const std::vector<double>& at) {
        const DifferentiableInference pass;
        const auto u = model_.user.template apply_from<1>(Block(user_.points(at)), cache_.user, pass);
        const auto v = model_.item.template apply_from<1>(Block(item_.points(at)), cache_.item, pass);
        const auto y = model_.head.forward(u.template as<2>(), v.template as<2>(), 1, cache_.head, pass.on_logits());
        if (y.last() != 1) throw ShapeError(message("explain: expected one score, received ", y.last()));
        return static_cast<double>(y.data()[0]);
    }
    void add(Index points, double weight, Explanation& why) {
        Tensor<typename Model::Scalar, 2> ones(points, 1);
        ones.setConstant(1);
        const auto d = model_.head.backward(view(ones), cache_.head, gradients_.head);
        user_.add(model_.user.template apply_backward_to<1>(Block(d.user), cache_.user, gradients_.user, true), weight,
                  why.events);
        item_.add(model_.item.template apply_backward_to<1>(Block(d.item), cache_.item, gradients_.item, true), weight,
                  why.tokens);
    }

    const Model& model_;
    EmbeddingPath<decltype(Model::user)> user_;
    EmbeddingPath<decltype(Model::item)> item_;
    typename Model::Cache cache_;
    typename Model::Gradients gradients_;  // of parameters: nobody reads them
};

/// Adds the residual to the contributions, in proportion to their absolute values.
inline void share_out(Explanation& why) {
    double total = 0;
    const auto each = [&](auto&& f) {
        for (auto* list : {&why.events, &why.tokens})
            for (Contribution& c : *list) f(c.value);
    };
    each([&](double& value) { total += std::abs(value); });
    if (total > 0) each([&](double& value) { value += why.residual * std::abs(value) / total; });
}

}  // namespace detail

/// How much each event of the user and each token of the item adds to the score: `explain(model, user, item)`.
///
/// Integrated gradients on the outputs of both towers' embeddings, along the straight line from those of padding (id 0)
/// to the real ones under the mask of the real ones: the value of a step is
///     sum over features of (e - e0) * mean over a in (0, 1) of dscore/de at e0 + a (e - e0),
/// so that `sum()` = score - baseline; `baseline` is the score at the start of the line. What the mean over finitely
/// many points lacks, `residual`, is shared out in proportion to the absolute values. Scores are those before the final
/// activation. Dropout does nothing.
///
/// Shapes: user [1, T], item [1, L] ids; each tower is a Sequential that starts with an Embedding. Throws ShapeError
/// unless both are one sequence and the model gives one score, ArgumentError for options without meaning, NumericError
/// where a score or a gradient is not finite.
template <class Model, class User, class Item>
Explanation explain(const Model& model, const User& user, const Item& item, ExplainOptions options = {}) {
    if (!(options.tolerance > 0))
        throw ArgumentError(message("explain: expected a positive tolerance, received ", options.tolerance));
    if (options.max_points < 1)
        throw ArgumentError(message("explain: expected max_points >= 1, received ", options.max_points));
    const auto u = detail::one_sequence("explain", user);
    const auto v = detail::one_sequence("explain", item);
    detail::ScorePath path(model, u, v);
    Explanation why{path.score(1), path.score(0), detail::contributions_of(u), detail::contributions_of(v), 0};
    detail::check_finite("explain", why);
    if (options.method == Attribution::gradient_input) {
        path.at_input(why);
    } else {
        const double difference = why.score - why.baseline;
        for (Index n = std::min<Index>(32, options.max_points);; n = std::min(2 * n, options.max_points)) {
            path.integrate(n, why);
            why.residual = difference - why.sum();
            if (std::abs(why.residual) <= options.tolerance * std::abs(difference) || n == options.max_points) break;
        }
        detail::share_out(why);
    }
    detail::check_finite("explain", why);
    detail::sort_contributions(why.events);
    detail::sort_contributions(why.tokens);
    return why;
}

DEEPREC_END
