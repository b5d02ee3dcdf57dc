/// Explaining a score by gradients along a path from nothing to the input.
#pragma once

#include <cmath>

#include <deeprec/explain/explanation.hpp>
#include <deeprec/explain/field_path.hpp>
#include <deeprec/models/two_tower.hpp>

DEEPREC_BEGIN

/// How a score is shared out.
enum class Attribution {
    integrated_gradients,  ///< gradients along the whole path (Sundararajan et al. 2017): adds up to the difference
    gradient_input,        ///< the gradient at the input alone: one backward pass, adds up for linear models only
};

/// Of `explain`.
struct ExplainOptions {
    Attribution method = Attribution::integrated_gradients;  ///< along the path, or at the input alone
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
    template <class X>
    EmbeddingPath(const Tower& tower, const X& x) : tower_(tower), ids_(one_sequence("explain", x)) {
        const auto& ids = ids_;
        typename std::decay_t<decltype(tower.template layer<0>())>::Cache cache;
        const Tensor<std::int32_t, 2> padding = Tensor<std::int32_t, 2>(ids.dimensions()).setZero();
        const auto b = tower.template layer<0>().forward(padding, cache);
        start_.assign(b.data(), b.data() + b.size());
        const auto e = tower.template layer<0>().forward(ids, cache);
        steps_ = e.extent(1);
        width_ = e.last();
        if (e.mask) keep_.assign(e.mask.keep, e.mask.keep + steps_);
        for (std::size_t i = 0; i < start_.size(); ++i) line_.push_back(e.data()[i] - start_[i]);
    }
    std::vector<Contribution> contributions() const { return contributions_of(ids_); }
    /// The vectors of the tower for points of the line.
    Block<const T> run(const std::vector<double>& at, typename Tower::Cache& cache, const Pass& pass) {
        return tower_.template apply_from<1>(Block(points(at)), cache, pass);
    }
    /// Adds weight * sum over points of line * gradient to the contribution of each step.
    void back(const Block<const T>& dy, typename Tower::Cache& cache, typename Tower::Gradients& gradients,
              double weight, std::vector<Contribution>& to) const {
        add(tower_.template apply_backward_to<1>(dy, cache, gradients, true), weight, to);
    }

private:
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
    void add(const Block<const T>& gradients, double weight, std::vector<Contribution>& to) const {
        for (Index p = 0; p < gradients.batch(); ++p)
            for (Contribution& c : to) {
                const T* g = gradients.data + (p * steps_ + c.position) * width_;
                const T* d = line_.data() + c.position * width_;
                for (Index f = 0; f < width_; ++f)
                    c.value += weight * static_cast<double>(g[f]) * static_cast<double>(d[f]);
            }
    }

    const Tower& tower_;
    View<const std::int32_t, 2> ids_;
    Index steps_ = 0, width_ = 0;
    std::vector<T> start_, line_, points_;
    std::vector<std::uint8_t> keep_, masks_;
};

template <class Tower>
using PathOf =
    std::conditional_t<std::is_same_v<typename Tower::InputElement, Named>, FieldPath<Tower>, EmbeddingPath<Tower>>;

/// Both towers from their embeddings, or the layers of their fields, on.
template <class Model>
class ScorePath {
public:
    template <class User, class Item>
    ScorePath(const Model& model, const User& user, const Item& item)
        : model_(model), user_(model.user, user), item_(model.item, item), gradients_(model.zero_gradients()) {}

    /// Contributions of 0 for all that can have one.
    std::vector<Contribution> events() const { return user_.contributions(); }
    std::vector<Contribution> tokens() const { return item_.contributions(); }
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
        const auto u = user_.run(at, cache_.user, pass);
        const auto v = item_.run(at, cache_.item, pass);
        const auto y = model_.head.forward(u.template as<2>(), v.template as<2>(), 1, cache_.head, pass.on_logits());
        if (y.last() != 1) throw ShapeError(message("explain: expected one score, received ", y.last()));
        return static_cast<double>(y.data()[0]);
    }
    void add(Index points, double weight, Explanation& why) {
        Tensor<typename Model::Scalar, 2> ones(points, 1);
        ones.setConstant(1);
        const auto d = model_.head.backward(view(ones), cache_.head, gradients_.head);
        user_.back(d.user, cache_.user, gradients_.user, weight, why.events);
        item_.back(d.item, cache_.item, gradients_.item, weight, why.tokens);
    }

    const Model& model_;
    PathOf<decltype(Model::user)> user_;
    PathOf<decltype(Model::item)> item_;
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
/// Of a tower that reads named fields the line is that of the outputs of the fields' layers, from those for ids of 0
/// and numbers of 0, and each field has a contribution at each step where it is not 0: `why.events[0].field`.
///
/// Shapes: user [1, T], item [1, L] ids, each tower being a Sequential that starts with an Embedding; or records of one
/// sample. Throws ShapeError unless both are one sample and the model gives one score, ArgumentError for options
/// without meaning, NumericError where a score or a gradient is not finite.
template <class Model, class User, class Item>
Explanation explain(const Model& model, const User& user, const Item& item, ExplainOptions options = {}) {
    if (!(options.tolerance > 0))
        throw ArgumentError(message("explain: expected a positive tolerance, received ", options.tolerance));
    if (options.max_points < 1)
        throw ArgumentError(message("explain: expected max_points >= 1, received ", options.max_points));
    detail::ScorePath path(model, user, item);
    Explanation why{path.score(1), path.score(0), path.events(), path.tokens(), 0};
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
