/// Any scorer of the library behind one type, for programs that learn what it is from a file.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include <deeprec/explain/explain_scorer.hpp>
#include <deeprec/ranking/new_items.hpp>
#include <deeprec/ranking/scorer_file.hpp>

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
    /// Of its catalogue; 0 without a scorer.
    std::int32_t items() const { return held_ ? held_->items() : 0; }
    /// The scorer in it where that is an S, such as `scorer.as<ItemKnn>()`; else null. It lives as long as this does.
    template <class S>
    const S* as() const {
        return held_ && held_->type() == &type_of<S> ? &static_cast<const Held<S>&>(*held_).scorer : nullptr;
    }
    void operator()(const Query& query, std::span<float> scores) const { held().score(query, scores, {}, nullptr); }
    /// All scores over the threads of a pool; items that are not eligible may get the lowest number in place of theirs.
    void score(const Query& query, std::span<float> scores, const std::optional<ItemSet>& eligible,
               ThreadPool* pool) const {
        held().score(query, scores, eligible, pool);
    }
    /// The best k items, as `recommend(scorer, query, k, options)`.
    std::vector<Hit<float>> best(const Query& query, Index k, const RecommendOptions& options = {}) const {
        return held().best(query, k, options);
    }
    /// Whether it has something to say of the item.
    bool knows(std::int32_t item) const { return held().knows(item); }
    /// known[i] = knows(i), for items 1 ... of `known`.
    void mark_known(std::span<std::uint8_t> known) const { held().mark_known(known); }
    /// Whether it takes the query; false for one that it would refuse, as that of an unknown user.
    bool answers(const Query& query) const { return held().answers(query); }
    /// Whether it asks who the user is, not only for the history.
    bool goes_by_user() const { return held().goes_by_user(); }
    /// Throws ArgumentError for a scorer without.
    double similarity(std::int32_t a, std::int32_t b) const { return held().similarity(a, b); }
    /// Whether events explain a score exactly, by looking them up.
    bool explains_exactly() const { return held().explains_exactly(); }
    /// What each event adds to the item's score: `explain(scorer, query, item, options)`.
    Explanation explanation(const Query& query, std::int32_t item, const ExplainOptions& options) const {
        return held().explanation(query, item, options);
    }
    /// New items, for this copy alone: a scorer that knows items by attributes and features gets those, an ItemIndex
    /// the `rows` [count, L] of ids that its item tower reads; others know nothing of them.
    /// Throws ArgumentError for an ItemIndex without rows, or whose item tower reads something else than ids.
    void add_items(Index count, const std::vector<std::vector<std::int32_t>>& attributes = {},
                   const Tensor<float, 2>& features = {}, const Tensor<std::int32_t, 2>& rows = {}) {
        held_ = held().with_items(count, attributes, features, rows);
    }
    void add_items(Index count, const Tensor<std::int32_t, 2>& rows) { add_items(count, {}, {}, rows); }
    /// As the scorer in it is saved. Read with `read_scorer`, which has to know the types.
    void fields(StoredFields& f) {
        if (f.reading()) f.fail("expected a scorer of a type that is known, use read_scorer");
        held().fields(f);
    }

private:
    template <class S>
    static constexpr char type_of = 0;  // whose address stands for the type, where there is no RTTI

    struct Any {
        virtual ~Any() = default;
        virtual const void* type() const = 0;
        virtual std::int32_t items() const = 0;
        virtual void score(const Query&, std::span<float>, const std::optional<ItemSet>&, ThreadPool*) const = 0;
        virtual std::vector<Hit<float>> best(const Query&, Index, const RecommendOptions&) const = 0;
        virtual bool knows(std::int32_t) const = 0;
        virtual void mark_known(std::span<std::uint8_t>) const = 0;
        virtual bool answers(const Query&) const = 0;
        virtual bool goes_by_user() const = 0;
        virtual std::shared_ptr<const Any> with_items(Index, const std::vector<std::vector<std::int32_t>>&,
                                                      const Tensor<float, 2>&,
                                                      const Tensor<std::int32_t, 2>&) const = 0;
        virtual double similarity(std::int32_t, std::int32_t) const = 0;
        virtual bool explains_exactly() const = 0;
        virtual Explanation explanation(const Query&, std::int32_t, const ExplainOptions&) const = 0;
        virtual void fields(StoredFields&) const = 0;
    };
    template <class S>
    struct Held final : Any {
        explicit Held(S s) : scorer(std::move(s)) {}
        const void* type() const override { return &type_of<S>; }
        std::int32_t items() const override { return scorer.items(); }
        void score(const Query& query, std::span<float> scores, const std::optional<ItemSet>& eligible,
                   ThreadPool* pool) const override {
            if constexpr (requires { scorer.score(query, scores, eligible, pool); })
                scorer.score(query, scores, eligible, pool);
            else
                scorer(query, scores);
        }
        std::vector<Hit<float>> best(const Query& query, Index k, const RecommendOptions& options) const override {
            return deeprec::recommend(scorer, query, k, options);
        }
        bool knows(std::int32_t item) const override { return detail::knows(scorer, item); }
        void mark_known(std::span<std::uint8_t> known) const override { detail::mark_known(scorer, known); }
        bool answers(const Query& query) const override { return detail::answers(scorer, query); }
        bool goes_by_user() const override { return detail::goes_by_user(scorer); }
        std::shared_ptr<const Any> with_items(Index count, const std::vector<std::vector<std::int32_t>>& attributes,
                                              const Tensor<float, 2>& features,
                                              const Tensor<std::int32_t, 2>& rows) const override {
            auto more = std::make_shared<Held>(scorer);
            detail::add_items_by_kind(more->scorer, count, attributes, features, rows);
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

DEEPREC_END
