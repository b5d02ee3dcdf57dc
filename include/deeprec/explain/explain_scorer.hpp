/// Why a scorer puts an item where it does: which events of the history speak for it.
#pragma once

#include <any>
#include <cmath>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include <deeprec/explain/explain.hpp>
#include <deeprec/ranking/recommend.hpp>
#include <deeprec/ranking/sequence_index.hpp>
#include <deeprec/ranking/weighted_hybrid.hpp>

DEEPREC_BEGIN

namespace detail {

/// Events of the history with a contribution of 0, `position` being the place in the history.
DEEPREC_LAZY std::vector<Contribution> events_of(std::span<const std::int32_t> history) {
    std::vector<Contribution> events;
    for (std::size_t t = 0; t < history.size(); ++t) events.push_back({static_cast<Index>(t), history[t], 0});
    return events;
}
/// The scorer's score of one item; an index does not score the others.
template <Scorer S>
double score_of(const S& scorer, const Query& query, const ItemSet& one, std::int32_t item) {
    std::vector<float> scores(static_cast<std::size_t>(scorer.items()) + 1);
    if constexpr (requires { scorer.score(query, std::span(scores), std::optional(one), nullptr); })
        scorer.score(query, std::span(scores), std::optional(one), nullptr);
    else
        scorer(query, std::span(scores));
    return static_cast<double>(scores[static_cast<std::size_t>(item)]);
}
inline Explanation finished(Explanation why) {
    check_finite("explain", why);
    sort_contributions(why.events);
    sort_contributions(why.parts);
    return why;
}

/// A SequenceRecommender's fields as a tower that FieldPath walks through.
template <class T>
struct FieldsTower {
    using Scalar = T;
    using Cache = std::any;
    using Gradients = std::any;
    const FieldPart<T>* part;
    static constexpr std::string_view name() { return "SequenceRecommender"; }
    const RecordShape& record() const { return (*part)->record(); }
    Block<const T> apply(const RecordView& x, Cache& cache, const Pass& pass) const {
        return (*part)->apply(x, cache, pass);
    }
    void apply_backward(const Block<const T>& dy, Cache& cache, Gradients& gradients, bool) const {
        (*part)->apply_backward(dy, cache, gradients);
    }
};
/// The path of such fields for one history, empty where the model reads none.
template <class T>
class FieldsLine {
public:
    FieldsLine(const FieldPart<T>& part, const RecordView& x, std::any& gradients)
        : tower_{&part}, gradients_(gradients) {
        if (part) path_.emplace(tower_, x);
    }
    FieldsLine(const FieldsLine&) = delete;
    /// What the fields add to the tower's input at points of the line: null without fields.
    const T* run(const std::vector<double>& at) {
        return path_ ? path_->run(at, cache_, DifferentiableInference{}).data : nullptr;
    }
    void back(const Block<const T>& dy, double weight) {
        if (path_) path_->back(dy, cache_, gradients_, weight, found_);
    }
    void clear() {
        if (path_) found_ = path_->contributions();
    }
    const std::vector<Contribution>& found() const { return found_; }
    explicit operator bool() const { return path_.has_value(); }

private:
    FieldsTower<T> tower_;
    std::any& gradients_;  // nobody reads them
    std::any cache_;
    std::optional<FieldPath<FieldsTower<T>>> path_;
    std::vector<Contribution> found_;
};

/// The line from nothing to a history's item vectors and fields, through the tower of a SequenceRecommender to one
/// item's score.
template <class Model>
class SequencePath {
    using T = typename Model::Scalar;

public:
    SequencePath(const Model& model, std::span<const std::int32_t> ids, const SequenceRecords& records,
                 std::int32_t item)
        : model_(model),
          ids_(ids),
          steps_(static_cast<Index>(ids.size())),
          item_(item),
          gradients_(model.zero_pass_gradients()),
          step_(model.step_fields(), records.step, gradients_.step),
          user_(model.user_fields(), records.user, gradients_.user) {
        const Index d = model.width();
        for (const std::int32_t id : ids) x_.insert(x_.end(), model.vectors() + id * d, model.vectors() + (id + 1) * d);
    }
    /// The score with all vectors times `at`.
    double score(double at) {
        std::vector<T> unused;
        return run({at}, unused);
    }
    /// The mean of gradient * vectors at n points between `start` and 1, times their distance: into the events, one a
    /// step, behind which come those of the steps' fields, then those of the user's.
    void integrate(double start, Index n, std::vector<Contribution>& events) {
        events.resize(static_cast<std::size_t>(steps_));
        for (Contribution& c : events) c.value = 0;
        step_.clear();
        user_.clear();
        const Index d = model_.width(), size = steps_ * d;
        gradient_.assign(x_.size(), T(0));
        const double weight = (1 - start) / static_cast<double>(n);
        for (Index begin = 0; begin < n; begin += chunk) {
            std::vector<double> at;
            for (Index p = begin; p < std::min(n, begin + chunk); ++p)
                at.push_back(start + weight * (static_cast<double>(p) + 0.5));
            std::vector<T> dh;
            run(at, dh);
            const Index points = std::ssize(at);
            const auto dx =
                model_.tower.apply_backward({dh.data(), {points, steps_, d}}, cache_, gradients_.tower, true);
            step_.back({dx.data, {points, steps_, d}}, weight);
            if (user_) {
                std::vector<T> sums(static_cast<std::size_t>(points * d), T(0));
                for (Index i = 0; i < points * steps_; ++i)
                    kernels::add<T>(dx.data + i * d, sums.data() + i / steps_ * d, d);
                user_.back({sums.data(), {points, d}}, weight);
            }
            for (Index p = 0; p < std::ssize(at); ++p) {
                kernels::axpy<T>(static_cast<T>(weight), dx.data + p * size, gradient_.data(), size);
                for (std::size_t t = 0; t < events.size(); ++t) {
                    const Index row = static_cast<Index>(t) * d;
                    events[t].value +=
                        weight * static_cast<double>(kernels::dot<T>(dx.data + p * size + row, x_.data() + row, d));
                }
            }
        }
        events.insert(events.end(), step_.found().begin(), step_.found().end());
        events.insert(events.end(), user_.found().begin(), user_.found().end());
    }
    /// Shares out the value of each step's event, as the last `integrate` found it, among the parts of its item's
    /// vector: the integral is linear in the vector.
    void add_parts(std::span<const Contribution> events, std::vector<Contribution>& parts) const {
        const Index d = model_.width();
        for (std::size_t t = 0; t < ids_.size(); ++t) {
            const std::size_t first = parts.size();
            double sum = 0, total = 0;
            model_.each_part(ids_[t], [&](std::string_view kind, std::int32_t number, const T* row, T factor) {
                const T* const gradient = gradient_.data() + static_cast<Index>(t) * d;
                const double value = static_cast<double>(factor * kernels::dot<T>(gradient, row, d));
                parts.push_back({events[t].position, number, value, std::string(kind)});
                sum += value, total += std::abs(value);
            });
            for (std::size_t i = first; i < parts.size() && total > 0; ++i)  // rounding and the residual
                parts[i].value += (events[t].value - sum) * std::abs(parts[i].value) / total;
        }
    }
    /// How many contributions are of the steps' fields.
    Index step_contributions() const { return std::ssize(step_.found()); }

private:
    static constexpr Index chunk = 16;  // points that go through the tower at once

    /// The score at the first point, and dscore / dh of all.
    double run(const std::vector<double>& at, std::vector<T>& dh) {
        const Index d = model_.width(), size = steps_ * d, points = std::ssize(at);
        points_.resize(static_cast<std::size_t>(points * size));
        for (Index p = 0; p < points; ++p)
            for (Index i = 0; i < size; ++i)
                points_[static_cast<std::size_t>(p * size + i)] =
                    static_cast<T>(at[static_cast<std::size_t>(p)]) * x_[static_cast<std::size_t>(i)];
        if (const T* step = step_.run(at)) kernels::add<T>(step, points_.data(), points * size);
        if (const T* user = user_.run(at))
            for (Index i = 0; i < points * steps_; ++i)
                kernels::add<T>(user + i / steps_ * d, points_.data() + i * d, d);
        const auto h =
            model_.tower.apply(Block<T>{points_.data(), {points, steps_, d}}, cache_, DifferentiableInference{});
        dh.assign(static_cast<std::size_t>(points * size), T(0));
        const T* const v = model_.vectors() + item_ * d;
        const double bias = model_.bias() ? static_cast<double>(model_.bias()[item_]) : 0,
                     scale = model_.options().scale;
        double first = 0;
        for (Index p = 0; p < points; ++p) {
            const T* const last = h.data + p * size + size - d;
            T* const to = dh.data() + p * size + size - d;
            double product = static_cast<double>(kernels::dot<T>(last, v, d));
            if (equal(scale, 0)) {
                std::copy_n(v, d, to);
            } else {
                const double length = std::sqrt(static_cast<double>(kernels::dot<T>(last, last, d)));
                product = length > 0 ? scale * product / length : 0;
                for (Index i = 0; i < d && length > 0; ++i)
                    to[i] = static_cast<T>(
                        (scale * static_cast<double>(v[i]) - product * static_cast<double>(last[i]) / length) / length);
            }
            if (p == 0) first = product + bias;
        }
        return first;
    }

    const Model& model_;
    std::span<const std::int32_t> ids_;
    Index steps_;
    std::int32_t item_;
    std::vector<T> x_, points_, gradient_;  // gradient_: the mean over the points, of each number of x_
    typename std::remove_cvref_t<decltype(Model::tower)>::Cache cache_;
    typename Model::PassGradients gradients_;  // nobody reads them
    FieldsLine<T> step_, user_;
};

template <class Model>
Explanation explain_sequence(const SequenceIndex<Model>& index, const Query& query, std::int32_t item,
                             const ExplainOptions& options) {
    const ItemSet one(index.items(), std::span(&item, 1));
    Explanation why{score_of(index, query, one, item), 0, events_of(query.history), {}, 0};  // checks the history too
    why.baseline = why.score;
    const auto read = query.history.last(std::min(query.history.size(), static_cast<std::size_t>(index.length())));
    if (read.empty()) return why;
    PaddedFields records;
    FieldsOfSequence own = index.fields_of(query);
    const Index all = std::ssize(query.history);
    if (!own.events.fields.empty()) own.events = own.events.slice(all - std::ssize(read), all);
    records.add(own);
    SequencePath<Model> path(index.model(), read, {records.events(std::ssize(read)), records.users()}, item);
    // A cosine has no value where nothing points anywhere: its line starts a little way off.
    const double start = index.model().options().scale == 0 ? 0 : 1e-3;
    why.baseline = path.score(start);
    std::vector<Contribution> events(why.events.end() - std::ssize(read), why.events.end());
    Explanation found{why.score, why.baseline, std::move(events), {}, 0};
    const double difference = why.score - why.baseline;
    for (Index n = std::min<Index>(32, options.max_points);; n = std::min(2 * n, options.max_points)) {
        path.integrate(start, n, found.events);
        found.residual = difference - found.sum();
        if (std::abs(found.residual) <= options.tolerance * std::abs(difference) || n == options.max_points) break;
    }
    share_out(found);
    const auto fields = found.events.begin() + std::ssize(read);
    std::copy(found.events.begin(), fields, why.events.end() - std::ssize(read));
    for (auto c = fields; c != found.events.end(); ++c) {
        if (c - fields < path.step_contributions()) c->position += std::ssize(query.history) - std::ssize(read);
        why.events.push_back(*c);
    }
    why.residual = found.residual;
    if (!index.model().options().attributes.empty() || index.model().options().features.size() > 0)
        path.add_parts(std::span(found.events).first(read.size()), why.parts);
    return why;
}

/// Adds what a member says to a hybrid's explanation. `score` is over all items, overwritten.
DEEPREC_LAZY void add_member(Explanation& hybrid, Explanation member, const Standardised& z, double weight) {
    const double factor = weight * z.scale;
    member.score = factor * (member.score - z.mean);
    member.baseline = factor * (member.baseline - z.mean);
    member.residual *= factor;
    for (Contribution& c : member.events) {
        c.value *= factor;
        if (c.field.empty())
            hybrid.events[static_cast<std::size_t>(c.position)].value += c.value;
        else
            hybrid.events.push_back(c);  // behind those of the history
    }
    for (Contribution& c : member.parts) {
        c.value *= factor;
        hybrid.parts.push_back(c);
    }
    hybrid.score += member.score;
    hybrid.baseline += member.baseline;
    hybrid.residual += member.residual;
    sort_contributions(member.events);
    sort_contributions(member.parts);
    hybrid.members.push_back(std::move(member));
}
/// f(member, number) is called for each by each_member(f).
template <class EachMember>
Explanation explain_hybrid(std::int32_t items, std::span<const double> weights, const EachMember& each_member,
                           const Query& query, std::int32_t item, const ExplainOptions& options);

/// Whether an explanation is a matter of looking things up: of neighbourhoods, Markov and Popularity.
template <class S>
bool explains_exactly(const S& scorer) {
    if constexpr (requires { scorer.explains_exactly(); })
        return scorer.explains_exactly();
    else
        return requires(const Query& query, std::span<double> events) { scorer.contributions(query, 1, events); };
}
template <class... Members>
bool explains_exactly(const WeightedHybrid<Members...>& hybrid) {
    bool all = true;
    hybrid.each_member([&](const auto& member, std::size_t) { all = all && explains_exactly(member); });
    return all;
}

}  // namespace detail

/// Which events of a query's history speak for an item, how much: `explain(scorer, query, item)`.
///
/// - ItemKnn, WindowRules, Markov, Popularity: what each event adds to the score, exactly; `baseline` is the rest.
/// - SequenceIndex: integrated gradients over the vectors of the events that it reads, from 0 (for cosine scores from
///   1/1000 of them) to what they are; `baseline` is the score at the start, and `residual` as in `explain(model,
///   ...)`. Fields of events and users, which the index must have, are explained with them, as in a tower of fields:
///   `events` has them by `field`, those of the user at position 0. `parts` shares out each event's value among the
///   item's own vector, its attributes and its features.
/// - WeightedHybrid: `members` has what each member adds in the hybrid's scale, (s - mean) / deviation times the
///   weight, by its own events; `events` are the sums. The mean and the deviation over all items are taken as given.
/// - Others: `explain_by_occlusion`.
///
/// Contributions add up to score - baseline, except those by occlusion. `position` counts in the history from 0; the
/// largest value comes first. Throws DataError for an item that the scorer does not have, what the scorer throws for
/// the query, ArgumentError for options without meaning, NumericError for numbers that are not finite.
template <Scorer S>
Explanation explain(const S& scorer, const Query& query, std::int32_t item, ExplainOptions options = {});

/// The score without each event of the history, one at a time: `value` is how much the score loses, by the scorer's own
/// scores. Differences need not add up. `baseline` is the score of an empty history. Costs a scoring for each event.
template <Scorer S>
Explanation explain_by_occlusion(const S& scorer, const Query& query, std::int32_t item) {
    detail::check_item("explain_by_occlusion", scorer.items(), item);
    const ItemSet one(scorer.items(), std::span(&item, 1));
    Explanation why{detail::score_of(scorer, query, one, item), 0, detail::events_of(query.history), {}, 0};
    const auto fields = detail::fields_of(scorer, query);
    detail::SomeEvents some(query, fields ? &*fields : nullptr);
    for (std::size_t t = 0; t < query.history.size(); ++t)
        why.events[t].value = why.score - detail::score_of(scorer, some([&](auto i) { return i != t; }), one, item);
    why.baseline = detail::score_of(scorer, some([](auto) { return false; }), one, item);
    return detail::finished(std::move(why));
}

namespace detail {
template <class Model>
Explanation explain_by_kind(const SequenceIndex<Model>& index, const Query& query, std::int32_t item,
                            const ExplainOptions& options) {
    return explain_sequence(index, query, item, options);
}
template <class... Members>
Explanation explain_by_kind(const WeightedHybrid<Members...>& hybrid, const Query& query, std::int32_t item,
                            const ExplainOptions& options) {
    const auto weights = hybrid.weights();
    return explain_hybrid(
        hybrid.items(), weights, [&](const auto& f) { hybrid.each_member(f); }, query, item, options);
}
template <Scorer S>
Explanation explain_by_kind(const S& scorer, const Query& query, std::int32_t item, const ExplainOptions& options) {
    if constexpr (requires { scorer.explanation(query, item, options); }) {
        return scorer.explanation(query, item, options);
    } else if constexpr (requires(std::span<double> events) { scorer.contributions(query, item, events); }) {
        std::vector<double> values(query.history.size());
        Explanation why{0, scorer.contributions(query, item, std::span(values)), events_of(query.history), {}, 0};
        for (std::size_t t = 0; t < values.size(); ++t) why.events[t].value = values[t];
        why.score = why.baseline + why.sum();
        return why;
    } else {
        return explain_by_occlusion(scorer, query, item);
    }
}
template <class EachMember>
Explanation explain_hybrid(std::int32_t items, std::span<const double> weights, const EachMember& each_member,
                           const Query& query, std::int32_t item, const ExplainOptions& options) {
    Explanation why{0, 0, events_of(query.history), {}, 0};
    const auto width = static_cast<std::size_t>(items) + 1;
    double all = 0, knowing = 0;
    each_member([&](const auto& member, std::size_t m) {
        all += std::abs(weights[m]);
        if (knows(member, item)) knowing += std::abs(weights[m]);
    });
    std::vector<float> z(width);
    std::vector<std::uint8_t> known(width);
    each_member([&](const auto& member, std::size_t m) {
        Standardised scale;
        Explanation own{0, 0, events_of(query.history), {}, 0};
        if (answers(member, query) && knows(member, item)) {
            as_hybrid_member(member, [&](const HybridMember& any) {
                any.mark_known(known);
                any.score(std::span(&query, 1), z);
                scale = standardise(m, z, known);
            });
            own = deeprec::explain(member, query, item, options);
        }
        add_member(why, std::move(own), scale, knowing > 0 ? weights[m] * all / knowing : 0);
    });
    return why;
}
}  // namespace detail

template <Scorer S>
Explanation explain(const S& scorer, const Query& query, std::int32_t item, ExplainOptions options) {
    detail::check_item("explain", scorer.items(), item);
    if (!(options.tolerance > 0) || options.max_points < 1)
        throw ArgumentError(message("explain: expected a positive tolerance and max_points >= 1, received ",
                                    options.tolerance, " and ", options.max_points));
    return detail::finished(detail::explain_by_kind(scorer, query, item, options));
}

DEEPREC_END
