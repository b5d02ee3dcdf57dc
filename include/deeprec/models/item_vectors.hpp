/// The vectors of a SequenceRecommender's items: their tables, what is made of them, and its gradients.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include <deeprec/core/equal.hpp>
#include <deeprec/core/fields.hpp>
#include <deeprec/core/initializers.hpp>
#include <deeprec/core/parallel.hpp>
#include <deeprec/core/random.hpp>
#include <deeprec/core/sparse_rows.hpp>
#include <deeprec/kernels/simd/vector.hpp>
#include <deeprec/models/item_attributes.hpp>
#include <deeprec/models/sequence_options.hpp>

DEEPREC_BEGIN
namespace detail {

/// y = scale x / |x| of each row; a row of zeros stays.
template <class T>
void normalise_rows(const T* x, Index rows, Index width, T* y, T* lengths, T scale) {
    for (Index r = 0; r < rows; ++r, x += width, y += width) {
        lengths[r] = std::sqrt(kernels::dot<T>(x, x, width));
        const T factor = lengths[r] > 0 ? scale / lengths[r] : T(0);
        for (Index j = 0; j < width; ++j) y[j] = factor * x[j];
    }
}
/// dx = scale / |x| (dy - u (u . dy)) with u = y / scale.
template <class T>
void normalise_rows_backward(const T* dy, const T* y, const T* lengths, Index rows, Index width, T* dx, T scale) {
    for (Index r = 0; r < rows; ++r, dy += width, y += width, dx += width) {
        const T along = kernels::dot<T>(y, dy, width) / (scale * scale);
        const T factor = lengths[r] > 0 ? scale / lengths[r] : T(0);
        for (Index j = 0; j < width; ++j) dx[j] = factor * (dy[j] - y[j] * along);
    }
}

/// Gradients of the tables.
template <class T>
struct ItemGradients {
    Tensor<T, 2> items, attributes, feature_kernel;
    Tensor<T, 1> bias;
    bool by_rows = false;  ///< the tables have gradients of touched rows, in place of those of all
    SparseRows<T> item_rows, attribute_rows, bias_rows;
};

/// The vector of an item: its row of `items`, plus the mean of the rows of its attributes, plus its numbers times
/// `feature_kernel`, as SequenceRecommender says, whose part this is. `items` [N + 1, D], `attributes` [A + 1, D],
/// `feature_kernel` [F, D], `bias` [N + 1], the state `features` [(N + 1) F]; row 0 is padding and stays 0.
template <class T>
class ItemVectors {
    using Kind = ItemAttributes::Kind;

public:
    /// Item vectors [N + 1, D] and what their gradient needs.
    struct Vectors {
        Buffer<T> rows, lengths;              ///< the vectors, and what they were divided by
        std::optional<RandomStream> dropped;  ///< which ids are left out
    };

    /// The items' vectors [N + 1, D], row 0 is zero. Throws ArgumentError, as all that reads them, before `build` and
    /// where other ranks have some.
    const T* vectors() const {
        check_whole("its item vectors");
        if (stale_)
            throw ArgumentError(message(who,
                                        ": its item vectors are made anew when an epoch of training by rows ends,"
                                        " and not within it; call parameters_changed() to have them now"));
        return derived() ? vectors_.rows.data() : items_.data();
    }
    /// Those of one training step, without the ids that the step's seed drops.
    void draw_vectors(Seed step, Vectors& to) const {
        to.dropped.emplace(derive(step, 0x64726f70));
        make_vectors(to);
    }
    /// Those of the items `ids` alone, [ids, D], row i that of ids[i] (0: padding, zeros). With a `step`, without the
    /// ids that it drops. `rows_of_items` [ids, D] are their rows of `items`, where other ranks have some of them.
    void draw_vectors(std::span<const std::int32_t> ids, std::optional<Seed> step, Vectors& to,
                      ThreadPool* pool = nullptr, const T* rows_of_items = nullptr) const {
        rows_of_items ? check_built() : check_whole("its rows");
        to.dropped.reset();
        if (step && options_.id_dropout > 0) to.dropped.emplace(derive(*step, 0x64726f70));
        const Index n = static_cast<Index>(ids.size()), d = width();
        T *const rows = to.rows.need(n * d), *const lengths = to.lengths.need(n);
        each_piece(n, pool, [&](Index begin, Index end) {
            std::fill(rows + begin * d, rows + end * d, T(0));
            for (Index i = begin; i < end; ++i)
                if (const Index item = ids[static_cast<std::size_t>(i)]; item > 0)
                    rows_of_items ? write_vector(item, to, rows_of_items, i, rows + i * d)
                                  : write_vector(item, to, items_.data(), item, rows + i * d);
            if (!equal(options_.scale, 0))
                normalise_rows(rows + begin * d, end - begin, d, rows + begin * d, lengths + begin, T(1));
        });
    }
    /// b [N + 1], null without. Throws ArgumentError where other ranks have some.
    const T* bias() const {
        if (options_.shard) check_whole("its numbers b");
        return bias_.size() ? bias_.data() : nullptr;
    }
    /// Whether the item has attributes and no part in training. Throws DataError for an id outside 0..N.
    bool is_cold(Index item) const {
        if (item < 0 || item > n_) throw DataError(message(who, ": expected items up to ", n_, ", received ", item));
        return known_by_.kind(item) == Kind::cold;
    }
    /// Whether some item is cold.
    bool has_cold() const { return known_by_.has_cold(); }
    /// Whether the item's vector, drawn so, has its row of `items`.
    bool has_row(Index item, const Vectors& v) const {
        const Kind own = known_by_.kind(item);
        if (items_.size() == 0 || own == Kind::cold) return false;
        return own == Kind::plain || !v.dropped ||
               v.dropped->uniform(static_cast<std::uint64_t>(item)) >= options_.id_dropout;
    }
    /// f(kind, number, row, factor) for each part of an item's vector, which is the sum of factor times row, D numbers:
    /// "id", its own row, of the item's number; "attribute", of each that it has; "feature", of each column from 0
    /// whose number is not 0. Of an item of `items` alone that is "id" alone.
    template <class F>
    void each_part(Index item, F&& f) const {
        check_whole("its item vectors");
        T factor = 1;
        if (!equal(options_.scale, 0)) {
            const T length = vectors_.lengths.data()[item];
            factor = length > 0 ? T(1) / length : T(0);
        }
        if (has_row(item, vectors_))
            f(std::string_view("id"), static_cast<std::int32_t>(item), items_.data() + item * width(), factor);
        each_known(item, [&](std::string_view kind, std::int32_t number, const T* row, T share) {
            f(kind, number, row, factor * share);
        });
    }
    /// Takes dL/dvectors [N + 1, D] on to the parameters behind them; overwrites `dv`. `drawn` are the vectors of the
    /// step, null for the model's.
    void vectors_backward(T* dv, ItemGradients<T>& gradients, const Vectors* drawn = nullptr) const {
        const Index d = width();
        const Vectors& v = drawn ? *drawn : vectors_;
        if (!equal(options_.scale, 0))
            normalise_rows_backward(dv + d, v.rows.data() + d, v.lengths.data() + 1, n_, d, dv + d, T(1));
        for (Index i = 1; i <= n_; ++i)
            if (has_row(i, v)) kernels::add<T>(dv + i * d, gradients.items.data() + i * d, d);
        for (Index i = 1; i <= n_; ++i)
            known_by_.each<T>(i, [&](std::int32_t attribute, T share) {
                kernels::axpy<T>(share, dv + i * d, gradients.attributes.data() + attribute * d, d);
            });
        for (Index i = 1; i <= n_; ++i) features_backward(i, dv + i * d, gradients);
    }

    /// The same for the vectors of `ids`, dv [ids, D], into gradients that are `by_rows`. Where ranks share the items
    /// out, dv is left with the gradients of the rows that `has_row`.
    void vectors_backward(std::span<const std::int32_t> ids, T* dv, ItemGradients<T>& gradients,
                          const Vectors& drawn) const {
        const Index n = static_cast<Index>(ids.size()), d = width();
        if (!equal(options_.scale, 0))
            normalise_rows_backward(dv, drawn.rows.data(), drawn.lengths.data(), n, d, dv, T(1));
        for (Index i = 0; i < n; ++i, dv += d) {
            const std::int32_t item = ids[static_cast<std::size_t>(i)];
            if (item == 0) continue;
            if (!options_.shard && has_row(item, drawn)) gradients.item_rows.add(item, dv);
            known_by_.each<T>(item, [&](std::int32_t attribute, T share) {
                kernels::axpy<T>(share, dv, gradients.attribute_rows.row(attribute), d);
            });
            features_backward(item, dv, gradients);
        }
    }

    Index items() const { return n_; }
    /// Numbers of an item's vector.
    Index width() const { return options_.width; }
    /// What it was made with; `add_items` adds to the attributes and features.
    const SequenceRecommenderOptions& options() const { return options_; }

protected:
    static constexpr std::string_view who = "SequenceRecommender";

    ItemVectors() = default;
    ItemVectors(Index items, SequenceRecommenderOptions options) : n_(items), options_(std::move(options)) {
        const Tensor<float, 2>& features = options_.features;
        if (features.size() > 0 && features.dimension(0) != n_ + 1)
            throw ArgumentError(message(who, ": expected features of padding and ", n_, " items, received ",
                                        features.dimension(0), " rows"));
        check_finite(features, 0);
        feature_width_ = features.size() > 0 ? features.dimension(1) : 0;
        take_options();
    }

    /// Lists the tables.
    void table_fields(Fields<T>& f, ItemGradients<T>& g) {
        const auto padded = [](T* rows, const Shape& shape, Seed seed) {
            fill_uniform(rows, shape, 0.05, seed);
            if (shape.rank() > 1) std::fill_n(rows, shape[1], T(0));  // padding
        };
        const auto table = [&](auto name, auto& values, const Shape& shape, auto fill, auto& all, auto& rows, int use) {
            g.by_rows ? f.parameter(name, values, shape, fill, rows, use)
                      : f.parameter(name, values, shape, fill, all, use);
        };
        const auto shape = [&](bool used, Index rows) { return used ? Shape{rows, width()} : Shape{0}; };
        const Index rows = options_.shard.rows(n_ + 1);
        table("items", items_, shape(options_.use_ids, rows), +padded, g.items, g.item_rows, 1);
        f.shared_out(options_.shard, n_ + 1);
        table("attributes", attributes_, shape(known_by_.rows() > 0, known_by_.rows()), +padded, g.attributes,
              g.attribute_rows, 2);
        if (feature_width_ > 0) {
            f.parameter("feature_kernel", feature_kernel_, {feature_width_, width()}, RandomUniform{0.05},
                        g.feature_kernel, 5);
            f.state("features", features_, (n_ + 1) * feature_width_);
        }
        table("bias", bias_, {options_.use_bias ? rows : 0}, Constant{0}, g.bias, g.bias_rows, -1);
        if (options_.use_bias) f.shared_out(options_.shard, n_ + 1);
    }
    /// The option's numbers go where `build` left zeros, and a shard's rows become those of the whole table.
    void fill_tables(Seed seed) {
        if (feature_width_ > 0) {
            std::copy_n(options_.features.data(), features_.size(), features_.data());
            std::fill_n(features_.data(), feature_width_, T(0));  // padding
        }
        if (!options_.shard) return;
        for (Index place = 0; place < items_.dimension(0); ++place)
            if (const Index row = options_.shard.row(place); row > 0)
                fill_uniform(items_.data() + place * width(), {width()}, 0.05, derive(seed, 1), row * width());
    }
    /// Makes the vectors anew of what the tables are now.
    void renew_vectors() {
        if (features_.size() != options_.features.size()) keep_features();
        stale_ = false;
        if (derived() && !options_.shard) make_vectors(vectors_);
    }
    /// They are not what the tables say until `renew_vectors`; `vectors()` refuses, where it is not the table itself.
    void let_vectors_wait() { stale_ = derived(); }

    /// The tables of new items, as SequenceRecommender::add_items says; the vectors are then to be renewed.
    void add_rows(Index count, const std::vector<std::vector<std::int32_t>>& attributes, std::optional<Seed> seed,
                  const Tensor<float, 2>& features) {
        check_whole("its tables");
        const Index columns = features.size() > 0 ? features.dimension(1) : 0;
        if (count > 0 && (columns != feature_width_ || (columns > 0 && features.dimension(0) != count)))
            throw ArgumentError(message(who, ": expected features [", count, ", ", feature_width_,
                                        "] of new items, received [", features.dimension(0), ", ", columns, "]"));
        check_finite(features, n_ + 1);
        if (count < 0 || (!attributes.empty() && static_cast<Index>(attributes.size()) != count))
            throw ArgumentError(
                message(who, ": expected attributes of ", count, " new items, received ", attributes.size(), " lists"));
        if (count > std::numeric_limits<std::int32_t>::max() - 1 - n_)
            throw ArgumentError(message(who, ": expected less than 2^31 items, received ", count, " beside ", n_));
        for (const auto& list : attributes)
            for (const std::int32_t a : list)
                if (a < 1 || a >= known_by_.rows())
                    throw ArgumentError(message(who, ": expected attributes of new items from 1 to ",
                                                known_by_.rows() - 1, ", received ", a));
        const Index rows_before = n_ + 1, rows_now = rows_before + count;
        Tensor<T, 2> rows;  // first what there may be no memory for
        Tensor<T, 1> bias;
        if (options_.use_ids) {
            rows.resize(rows_now, width());
            if (seed) fill_uniform(rows.data(), Shape{rows_now, width()}, 0.05, *seed);
            for (Index i = 0; i < count; ++i)  // those start as their attributes and features say
                if (feature_width_ > 0 || (!attributes.empty() && !attributes[static_cast<std::size_t>(i)].empty()))
                    std::fill_n(rows.data() + (rows_before + i) * width(), width(), T(0));
            std::copy_n(items_.data(), items_.size(), rows.data());
        }
        if (options_.use_bias) {
            bias.resize(rows_now);
            std::copy_n(bias_.data(), bias_.size(), bias.data());
        }
        Tensor<T, 1> all_features;
        if (feature_width_ > 0) {
            all_features.resize(rows_now * feature_width_);
            std::copy_n(features_.data(), features_.size(), all_features.data());
            std::copy_n(features.data(), features.size(), all_features.data() + features_.size());
        }
        auto& lists = options_.attributes;
        if (!lists.empty()) lists.resize(lists.size() + static_cast<std::size_t>(count));
        if (!lists.empty())
            std::copy(attributes.begin(), attributes.end(),
                      lists.end() - static_cast<std::ptrdiff_t>(attributes.size()));
        for (Index i = 0; i < count && !seed; ++i) options_.cold.push_back(static_cast<std::int32_t>(rows_before + i));
        n_ += count;
        if (options_.use_ids) items_ = std::move(rows);
        if (options_.use_bias) bias_ = std::move(bias);
        if (feature_width_ > 0) features_ = std::move(all_features);
        take_options();
    }

    void take_options() {
        check_positive(who, "number of items", n_);
        check_positive(who, "width", options_.width);
        const TableShard& shard = options_.shard;
        if (shard.rank < 0 || shard.rank >= shard.ranks || shard.ranks > n_ + 1)
            throw ArgumentError(message(who, ": expected the shard of a rank below the number of ranks, of which ",
                                        "each has an item, received that of rank ", shard.rank, " of ", shard.ranks,
                                        " for ", n_, " items"));
        if (shard && !options_.use_ids)
            throw ArgumentError(message(who, ": a shard is one of the items' rows, expected use_ids"));
        if (!(options_.scale >= 0))
            throw ArgumentError(message(who, ": expected scale >= 0, received ", options_.scale));
        known_by_ = ItemAttributes(who, n_, options_.attributes, options_.cold, feature_width_ > 0);
        if (known_by_.rows() == 0 && feature_width_ == 0 && !options_.use_ids)
            throw ArgumentError(message(who, ": items need ids, attributes or features"));
        if (!(options_.id_dropout >= 0 && options_.id_dropout < 1))
            throw ArgumentError(
                message(who, ": expected id_dropout from 0 to below 1, received ", options_.id_dropout));
    }
    /// The option becomes what the state is, once there is one: after `load` and `add_items`.
    void keep_features() {
        if (features_.size() == 0) return;
        options_.features.resize(features_.size() / feature_width_, feature_width_);
        std::transform(features_.data(), features_.data() + features_.size(), options_.features.data(),
                       [](T x) { return static_cast<float>(x); });
    }

private:
    void check_built() const {
        if (items_.size() + attributes_.size() + features_.size() == 0)
            throw ArgumentError(message(who, ": the model has no item vectors; build it first"));
    }
    void check_whole(std::string_view what) const {
        check_built();
        if (options_.shard)
            throw ArgumentError(message(who, ": ", what, " are shared out by SequenceRecommenderOptions::shard, ",
                                        "rank ", options_.shard.rank, " of ", options_.shard.ranks, " has a part; ",
                                        "expected a whole model, as save(world, model, path) writes it"));
    }
    /// Throws DataError for a number that is not finite; row 0 is that of item `first`.
    static void check_finite(const Tensor<float, 2>& features, Index first) {
        for (Index i = 0; i < features.size(); ++i)
            if (!std::isfinite(features.data()[i]))
                throw DataError(message(who, ": expected finite features, that of item ",
                                        first + i / features.dimension(1), " is ", features.data()[i]));
    }
    bool derived() const { return !equal(options_.scale, 0) || !options_.attributes.empty() || feature_width_ > 0; }
    void features_backward(Index item, const T* dv, ItemGradients<T>& gradients) const {
        const T* const own = features_.data() + item * feature_width_;
        for (Index k = 0; k < feature_width_; ++k)
            if (!equal(own[k], 0)) kernels::axpy<T>(own[k], dv, gradients.feature_kernel.data() + k * width(), width());
    }
    /// Into zeros, of any length; `rows` has the item's row of `items` at `place`.
    void write_vector(Index item, const Vectors& v, const T* rows, Index place, T* to) const {
        if (has_row(item, v)) kernels::copy<T>(rows + place * width(), to, width());
        each_known(item, [&](auto, auto, const T* row, T share) { kernels::axpy<T>(share, row, to, width()); });
    }
    /// f(kind, number, row, share) for what is known of an item beside its id.
    template <class F>
    void each_known(Index item, F&& f) const {
        known_by_.each<T>(item, [&](std::int32_t attribute, T share) {
            f(std::string_view("attribute"), attribute, attributes_.data() + attribute * width(), share);
        });
        const T* const own = features_.data() + item * feature_width_;
        for (Index k = 0; k < feature_width_; ++k)
            if (!equal(own[k], 0))
                f(std::string_view("feature"), static_cast<std::int32_t>(k), feature_kernel_.data() + k * width(),
                  own[k]);
    }
    /// f(begin, end) over n rows, on all threads; no sum crosses a piece.
    template <class F>
    static void each_piece(Index n, ThreadPool* pool, F&& f) {
        constexpr Index piece = 512;
        run_tasks(pool, (n + piece - 1) / piece, [&](Index i) { f(i * piece, std::min(n, (i + 1) * piece)); });
    }
    void make_vectors(Vectors& to) const {
        check_whole("its item vectors");
        const Index d = width();
        T* v = to.rows.need_zeros((n_ + 1) * d);
        for (Index i = 1; i <= n_; ++i) write_vector(i, to, items_.data(), i, v + i * d);
        if (!equal(options_.scale, 0)) normalise_rows(v + d, n_, d, v + d, to.lengths.need(n_ + 1) + 1, T(1));
    }

protected:
    Index n_ = 0, feature_width_ = 0;
    SequenceRecommenderOptions options_;

private:
    ItemAttributes known_by_;
    bool stale_ = false;
    Tensor<T, 2> items_, attributes_, feature_kernel_;
    Tensor<T, 1> bias_, features_;  // features: of all items, one after the other
    Vectors vectors_;               // where they are not the table itself
};

}  // namespace detail
DEEPREC_END
