/// Any scorer of the library behind one type, for programs that learn what it is from a file.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <deeprec/explain/explain_scorer.hpp>
#include <deeprec/ranking/bpr_mf.hpp>
#include <deeprec/ranking/item_knn.hpp>
#include <deeprec/ranking/markov.hpp>
#include <deeprec/ranking/popularity.hpp>
#include <deeprec/ranking/scorer_file.hpp>
#include <deeprec/ranking/weighted_hybrid.hpp>
#include <deeprec/ranking/window_rules.hpp>

DEEPREC_BEGIN

/// A scorer, shared by all copies. It scores, knows, explains and is saved as the scorer in it.
class AnyScorer {
public:
    AnyScorer() = default;
    template <class S>
        requires(!std::is_same_v<S, AnyScorer> && StoredScorer<S>)
    AnyScorer(S scorer) : held_(std::make_shared<Held<S>>(std::move(scorer))) {}

    /// Whether there is one; without, all but `items` throws ArgumentError.
    explicit operator bool() const { return held_ != nullptr; }
    std::int32_t items() const { return held_ ? held_->items() : 0; }
    void operator()(const Query& query, std::span<float> scores) const { held().score(query, scores, {}, nullptr); }
    void score(const Query& query, std::span<float> scores, const std::optional<ItemSet>& eligible,
               ThreadPool* pool) const {
        held().score(query, scores, eligible, pool);
    }
    bool knows(std::int32_t item) const { return held().knows(item); }
    bool answers(const Query& query) const { return held().answers(query); }
    bool goes_by_user() const { return held().goes_by_user(); }
    /// Throws ArgumentError for a scorer without.
    double similarity(std::int32_t a, std::int32_t b) const { return held().similarity(a, b); }
    /// Whether events explain a score exactly, by looking them up.
    bool explains_exactly() const { return held().explains_exactly(); }
    Explanation explanation(const Query& query, std::int32_t item, const ExplainOptions& options) const {
        return held().explanation(query, item, options);
    }
    /// New items, for this copy alone: a scorer that knows items by attributes gets those, others know nothing of them.
    /// Throws ArgumentError for an ItemIndex, which asks for what its item tower takes.
    void add_items(Index count, const std::vector<std::vector<std::int32_t>>& attributes = {}) {
        held_ = held().with_items(count, attributes);
    }
    /// As the scorer in it is saved. Read with `read_scorer`, which has to know the types.
    void fields(StoredFields& f) {
        if (f.reading()) f.fail("expected a scorer of a type that is known, use read_scorer");
        held().fields(f);
    }

private:
    struct Any {
        virtual ~Any() = default;
        virtual std::int32_t items() const = 0;
        virtual void score(const Query&, std::span<float>, const std::optional<ItemSet>&, ThreadPool*) const = 0;
        virtual bool knows(std::int32_t) const = 0;
        virtual bool answers(const Query&) const = 0;
        virtual bool goes_by_user() const = 0;
        virtual std::shared_ptr<const Any> with_items(Index, const std::vector<std::vector<std::int32_t>>&) const = 0;
        virtual double similarity(std::int32_t, std::int32_t) const = 0;
        virtual bool explains_exactly() const = 0;
        virtual Explanation explanation(const Query&, std::int32_t, const ExplainOptions&) const = 0;
        virtual void fields(StoredFields&) const = 0;
    };
    template <class S>
    struct Held final : Any {
        explicit Held(S s) : scorer(std::move(s)) {}
        std::int32_t items() const override { return scorer.items(); }
        void score(const Query& query, std::span<float> scores, const std::optional<ItemSet>& eligible,
                   ThreadPool* pool) const override {
            if constexpr (requires { scorer.score(query, scores, eligible, pool); })
                scorer.score(query, scores, eligible, pool);
            else
                scorer(query, scores);
        }
        bool knows(std::int32_t item) const override { return detail::knows(scorer, item); }
        bool answers(const Query& query) const override { return detail::answers(scorer, query); }
        bool goes_by_user() const override { return detail::goes_by_user(scorer); }
        std::shared_ptr<const Any> with_items(Index count,
                                              const std::vector<std::vector<std::int32_t>>& attributes) const override {
            auto more = std::make_shared<Held>(scorer);
            if constexpr (requires { more->scorer.add_items(count, attributes); })
                more->scorer.add_items(count, attributes);
            else if constexpr (requires { more->scorer.add_items(count); })
                more->scorer.add_items(count);
            else
                throw ArgumentError(
                    "AnyScorer: this scorer's new items need features that only its type knows: add them "
                    "before it is made an AnyScorer");
            return more;
        }
        double similarity(std::int32_t a, std::int32_t b) const override { return detail::similarity_of(scorer, a, b); }
        bool explains_exactly() const override { return detail::explains_exactly(scorer); }
        Explanation explanation(const Query& query, std::int32_t item, const ExplainOptions& options) const override {
            return deeprec::explain(scorer, query, item, options);
        }
        void fields(StoredFields& f) const override { const_cast<S&>(scorer).fields(f); }  // written from
        S scorer;
    };
    const Any& held() const {
        if (!held_) throw ArgumentError("AnyScorer: there is no scorer in it");
        return *held_;
    }
    std::shared_ptr<const Any> held_;
};

/// A WeightedHybrid whose members are known at run time: what its file is read into. It scores the same to the bit.
class AnyHybrid {
public:
    AnyHybrid() = default;
    /// Throws ArgumentError unless there are members, as many weights, and all members have the same items.
    AnyHybrid(std::vector<AnyScorer> members, std::vector<double> weights)
        : members_(std::move(members)), weights_(std::move(weights)) {
        bool fit = !members_.empty() && members_.size() == weights_.size();
        for (const AnyScorer& member : members_) fit = fit && member.items() == items();
        for (const double w : weights_) fit = fit && std::abs(w) <= 1e30;
        if (!fit)
            throw ArgumentError(
                message("AnyHybrid: expected members of the same items, and a finite weight of at most "
                        "1e30 for each, received ",
                        members_.size(), " members and ", weights_.size(), " weights"));
    }
    std::int32_t items() const { return members_.front().items(); }
    const std::vector<double>& weights() const { return weights_; }
    const std::vector<AnyScorer>& members() const { return members_; }
    void operator()(std::span<const Query> queries, std::span<float> scores) const {
        std::vector<detail::HybridMember> seen;
        with_members(seen, queries, scores);
    }
    void operator()(const Query& query, std::span<float> scores) const { (*this)(std::span(&query, 1), scores); }
    bool knows(std::int32_t item) const {
        return std::any_of(members_.begin(), members_.end(), [&](const auto& member) { return member.knows(item); });
    }
    bool answers(const Query& query) const {
        return std::any_of(members_.begin(), members_.end(), [&](const auto& member) { return member.answers(query); });
    }
    bool goes_by_user() const {
        return std::any_of(members_.begin(), members_.end(), [](const auto& member) { return member.goes_by_user(); });
    }
    void add_items(Index count, const std::vector<std::vector<std::int32_t>>& attributes = {}) {
        for (AnyScorer& member : members_) member.add_items(count, attributes);
    }
    bool explains_exactly() const {
        return std::all_of(members_.begin(), members_.end(),
                           [](const auto& member) { return member.explains_exactly(); });
    }
    /// The mean of the members' that have one. Throws ArgumentError where none has.
    double similarity(std::int32_t a, std::int32_t b) const {
        double sum = 0, having = 0;
        for (const AnyScorer& member : members_) {
            try {
                sum += member.similarity(a, b);
                ++having;
            } catch (const ArgumentError&) {
                if (&member == &members_.back() && having == 0) throw;
            }
        }
        return sum / having;
    }
    Explanation explanation(const Query& query, std::int32_t item, const ExplainOptions& options) const {
        return detail::explain_hybrid(
            items(), weights_,
            [&](const auto& f) {
                for (std::size_t m = 0; m < members_.size(); ++m) f(members_[m], m);
            },
            query, item, options);
    }
    /// As a WeightedHybrid; written alone.
    void fields(StoredFields& f) {
        if (f.reading()) f.fail("expected a scorer of a type that is known, use read_scorer");
        f.kind("WeightedHybrid");
        f.list("weights", weights_);
        for (std::size_t m = 0; m < members_.size(); ++m) f.part(std::to_string(m), members_[m]);
    }

private:
    void with_members(std::vector<detail::HybridMember>& seen, std::span<const Query> queries,
                      std::span<float> scores) const {
        if (seen.size() == members_.size()) return detail::hybrid_scores(seen, weights_, queries, scores);
        detail::as_hybrid_member(members_[seen.size()], [&](const detail::HybridMember& next) {
            seen.push_back(next);
            with_members(seen, queries, scores);
        });
    }
    std::vector<AnyScorer> members_;
    std::vector<double> weights_;
};

namespace detail {

/// The scorer of a type: itself, but for a SequenceRecommender its index.
template <class Model>
struct ScorerFor {
    using type = Model;
};
template <class Tower>
struct ScorerFor<SequenceRecommender<Tower>> {
    using type = SequenceIndex<SequenceRecommender<Tower>>;
};

template <class... Known>
AnyScorer read_kind(StoredFields& f, const std::string& kind);

/// Reads a T where the file has its kind.
template <class T>
bool read_as(StoredFields& f, const std::string& kind, AnyScorer& scorer) {
    if (kind != T::kind) return false;
    T found;
    found.fields(f);
    scorer = std::move(found);
    return true;
}
/// The same for a type that only the caller knows, of which there may be several with one kind: whether it fits.
template <class T>
bool try_read(StoredFields& f, const std::string& kind, AnyScorer& scorer, std::string& refusal) {
    try {
        return read_as<T>(f, kind, scorer);
    } catch (const FormatError& error) {
        refusal = error.what();
        return false;
    }
}
template <class... Known>
AnyScorer read_any(StoredFields& f) {
    std::string kind, refusal;
    f.text("deeprec.kind", kind);
    AnyScorer scorer;
    if (kind == "WeightedHybrid") {
        std::vector<double> weights;
        f.list("weights", weights);
        f.require(weights.size() <= 1000, "expected at most 1000 members, received ", weights.size());
        std::vector<AnyScorer> members;
        for (std::size_t m = 0; m < weights.size(); ++m) {
            StoredFields inner = f.inner(std::to_string(m));
            members.push_back(read_any<Known...>(inner));
        }
        try {
            return AnyHybrid(std::move(members), std::move(weights));
        } catch (const ArgumentError& error) {
            f.fail(error.what());
        }
    }
    if (read_as<Popularity>(f, kind, scorer) || read_as<Markov>(f, kind, scorer) || read_as<ItemKnn>(f, kind, scorer) ||
        read_as<WindowRules>(f, kind, scorer) || read_as<BprMf>(f, kind, scorer))
        return scorer;
    if ((try_read<typename ScorerFor<Known>::type>(f, kind, scorer, refusal) || ...)) return scorer;
    if (!refusal.empty()) throw FormatError(refusal);
    f.fail("the file has the kind '", shown(kind, ""),
           "', which nothing here can read: name the type of the model, as in "
           "load_recommender<Model>(path)");
}

}  // namespace detail

/// The scorer of a part of a file: Popularity, Markov, ItemKnn, WindowRules, BprMf and hybrids of all that is known,
/// and the `Known`: models (a SequenceRecommender stands for its index) and scorers of your own, each with a `static
/// constexpr std::string_view kind`. Throws FormatError for another kind and for what is damaged.
template <class... Known>
AnyScorer read_scorer(StoredFields& f) {
    return detail::read_any<Known...>(f);
}

DEEPREC_END
