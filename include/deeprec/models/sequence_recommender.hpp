/// A recommender that reads a user's items in order and scores every item as the next one, at every step at once.
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
#include <deeprec/core/initializers.hpp>
#include <deeprec/core/layer.hpp>
#include <deeprec/core/parallel.hpp>
#include <deeprec/core/random.hpp>
#include <deeprec/core/sparse_rows.hpp>
#include <deeprec/kernels/linear/gather.hpp>
#include <deeprec/kernels/simd/vector.hpp>
#include <deeprec/models/field_list.hpp>
#include <deeprec/models/item_attributes.hpp>
#include <deeprec/models/sequence_options.hpp>
#include <deeprec/models/sequential.hpp>

DEEPREC_BEGIN

/// score of item j after events e_1 ... e_t = h_t . v_j + b_j, with h = tower(v of e_1, ..., v of e_t): the items'
/// vectors are the input and the output (tied weights, Inan et al. 2017).
///
/// The vector of an item is its row of `items` plus the mean of the rows of `attributes` that it has plus its numbers
/// `features` times a matrix; with `scale` = s, both sides are cut to length one and the score is s cosine(h, v) + b
/// (NISER, Gupta et al. 2019).
///
/// Two options are for items that training does not have. `id_dropout` leaves an item's own row out of its vector, as
/// input and as output, in a share of the training steps, drawn anew for each item and step, so that attributes must
/// say what they can alone (DropoutNet, Volkovs et al. 2017; nothing is rescaled, and nothing is left out when training
/// is over). Of the `cold` items, those with attributes have never more than these: no row of their own, which would be
/// noise, b = 0, and no part in the softmax, which else learns of every item without events that nobody wants it.
/// Items without attributes are treated as all others.
///
/// What is known of an event beside its item (its type, the time since the last one, a price) and of the user is added
/// to the item's vector where the tower reads it, never in place of it, by models of named fields. `Branches` whose
/// parts have D numbers each are added up, those of D together stand side by side:
///
///     SequenceRecommender next{items, tower, {.step = Branches{field("event", Embedding{4, 64}), field("gap", ...)},
///                                             .user = field("age", Dense{64})}};
///     const SequenceFields fields{sequences, events, users};
///     next.build(50, Seed{42}, fields.events().shape(), fields.users().shape());
///     fit(next, SequenceSamples{sequences, 50, &fields}, NextItemSoftmax{}, adam, {...});
///
/// Their parameters are "step.event.embeddings", "user.age.kernel". The type does not tell of their layers:
/// `load<Model>` makes those that a FieldList can have, others need `load(model, path)` into a model with the same
/// options, which need not be built.
///
/// `.shard = {world.rank(), world.size()}` shares `items` and `bias` out by row: N ranks keep 1/N of them each, of the
/// values, the gradients and the optimizer's state, and `build` makes no more than that, to the bits of the whole.
/// `fit` with NextItemSampled and that world fetches the rows of each batch (training/row_exchange.hpp). What reads all
/// items (`vectors`, `forward`, an index, NextItemSoftmax) throws ArgumentError: `save(world, model, path)` writes the
/// whole model, to be loaded without the option.
///
/// Shapes: ids [B, T], events first and padding (id 0) AFTER them -> h [B, T, D]. `Tower` is a causal layer
/// [B, T, D] -> [B, T, D]: step t reads steps up to t alone, so that padding behind the events changes no score and one
/// pass trains every prefix. `items` [N + 1, D], `attributes` [A + 1, D], `bias` [N + 1]; row 0 is padding and stays 0.
/// `feature_kernel` [F, D], and the state `features` [(N + 1) F], which no step moves.
template <class Tower>
class SequenceRecommender {
    static_assert(Layer<Tower>, "SequenceRecommender: the tower must be a layer (see core/layer.hpp)");
    static_assert(std::is_same_v<typename Tower::Scalar, typename Tower::InputElement>,
                  "SequenceRecommender: the tower reads the items' vectors, not ids: leave the Embedding out");
    static_assert(Tower::template output_rank<typename Tower::Scalar, 3>() == 3,
                  "SequenceRecommender: the tower must give an output for every step, rank 3: recurrent layers need "
                  "return_sequences, and nothing may join the steps (Flatten, a global pooling)");

public:
    using Scalar = typename Tower::Scalar;
    using InputElement = std::int32_t;
    using T = Scalar;
    struct Gradients {
        Tensor<T, 2> items, attributes, feature_kernel;
        Tensor<T, 1> bias;
        bool by_rows = false;  ///< the tables have gradients of touched rows, in place of the three above
        SparseRows<T> item_rows, attribute_rows, bias_rows;
        typename Tower::Gradients tower;
        std::any step, user;
    };
    /// What one pass of the tower contributes; `vectors` holds the gradients of item vectors.
    struct PassGradients {
        SparseRows<T> vectors;            ///< of items that the pass read
        typename Tower::Gradients tower;  ///< of the tower's parameters
        std::any step, user;              ///< of those of the fields' models
    };
    struct Cache : LayerCache {
        typename Tower::Cache tower;
        const std::int32_t* ids = nullptr;
        Buffer<T> x, h, lengths, dh, duser;
        std::any step, user;
    };

    /// Item vectors [N + 1, D] and what their gradient needs.
    struct Vectors {
        Buffer<T> rows, lengths;              ///< the vectors, and what they were divided by
        std::optional<RandomStream> dropped;  ///< which ids are left out
    };

    SequenceRecommender() = default;
    /// Throws ArgumentError for options without meaning, attributes that are not one list for each item and padding.
    SequenceRecommender(Index items, Tower user_tower, SequenceRecommenderOptions options = {})
        : tower(std::move(user_tower)), n_(items), options_(std::move(options)) {
        const Tensor<float, 2>& features = options_.features;
        if (features.size() > 0 && features.dimension(0) != n_ + 1)
            throw ArgumentError(message(name(), ": expected features of padding and ", n_, " items, received ",
                                        features.dimension(0), " rows"));
        check_finite(features, 0);
        feature_width_ = features.size() > 0 ? features.dimension(1) : 0;
        take_options();
        step_ = options_.step.template make<T>(name());
        user_ = options_.user.template make<T>(name());
    }

    static constexpr std::string_view name() { return "SequenceRecommender"; }
    static constexpr bool has_parts_of_any_type = true;  ///< so that one made with them is loaded before `build`
    /// Sizes and initialises everything; `steps` is what towers that depend on the length of sequences are built for,
    /// `event` and `user` are the shapes of the fields of one event and of one user.
    void build(Index steps, Seed seed, const RecordShape& event = {}, const RecordShape& user = {}) {
        keep_features();  // those of a file that was loaded since
        size(steps, event, user);
        detail::make_parameters(*this, seed);  // which leaves zeros where the option's numbers go
        if (feature_width_ > 0) {
            std::copy_n(options_.features.data(), features_.size(), features_.data());
            std::fill_n(features_.data(), feature_width_, T(0));  // padding
            parameters_changed();
        }
        if (!options_.shard) return;
        for (Index place = 0; place < items_.dimension(0); ++place)  // as in the whole table
            if (const Index row = options_.shard.row(place); row > 0)
                fill_uniform(items_.data() + place * width(), {width()}, 0.05, derive(seed, 1), row * width());
    }
    /// Shapes alone; `build` calls it.
    void size(Index steps, const RecordShape& event = {}, const RecordShape& user = {}) {
        steps_ = steps;
        RecordShape events = event;
        for (FieldShape& f : events) {
            Shape all{steps};
            for (int axis = 0; axis < f.shape.rank(); ++axis) all.push_back(f.shape[axis]);
            f.shape = all;
        }
        size_parts(events, user);
    }
    /// Makes the models of fields that a file has (`detail::listed_fields`) and the options do not say.
    template <class TextOf>
    void make_parts(const std::string& file, const TextOf& text_of) {
        const auto make = [&](const char* path, FieldsOption& option, detail::FieldPart<T>& part) {
            if (part) return;
            if (auto fields = detail::listed_fields<T>(file, path, text_of)) option = std::move(*fields);
            part = option.template make<T>(name());
        };
        make("step", options_.step, step_);
        make("user", options_.user, user_);
        const std::string* const own = text_of("");
        if (own && own->find(" feature_width=") != std::string::npos) feature_width_ = 1;  // which the option says
    }
    /// Throws ArgumentError where a file with these texts would be refused by `make_parts`.
    template <class TextOf>
    static void check_parts(const TextOf& text_of) {
        try {
            for (const char* path : {"step", "user"}) detail::listed_fields<T>("save", path, text_of);
        } catch (const FormatError& error) {
            throw ArgumentError(error.what());
        }
    }
    /// Sizes what was read from a file.
    void restore() {
        take_options();
        size_parts(step_ ? step_->input_shape() : RecordShape{}, user_ ? user_->input_shape() : RecordShape{});
    }
    void fields(Fields<T>& f, Gradients& g) {
        f.option("items", n_);
        f.option("steps", steps_);
        f.option("width", options_.width);
        f.option("scale", options_.scale);
        f.option("use_bias", options_.use_bias);
        f.option("use_ids", options_.use_ids);
        f.option("attributes", options_.attributes);
        f.option("id_dropout", options_.id_dropout);
        f.option("cold", options_.cold);
        if (feature_width_ > 0) f.option("feature_width", feature_width_);  // files of models without have none
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
        pass_fields(f, g);
    }
    /// Those that a pass has gradients of, at the end of the list.
    template <class G>
    void pass_fields(Fields<T>& f, G& g) {
        f.part("tower", tower, g.tower, 0);
        if (step_) f.part("step", step_, g.step, 3);
        if (user_) f.part("user", user_, g.user, 4);
    }

    /// Throws DataError for an id outside 0..N, ArgumentError before `build`, ShapeError for records without a field of
    /// the model or with others.
    template <class X>
    View<const T, 3> forward(const X& ids, Cache& cache, const Pass& pass = {}) const {
        return forward_with(vectors(), ids, cache, pass);
    }
    template <class X>
    View<const T, 3> forward(const X& ids, const SequenceRecords& records, Cache& cache, const Pass& pass = {}) const {
        return forward_with(vectors(), view(ids), cache, pass, records);
    }
    /// The same with other item vectors [N + 1, D].
    View<const T, 3> forward_with(const T* item_vectors, const View<const std::int32_t, 2>& ids, Cache& cache,
                                  const Pass& pass = {}, const SequenceRecords& records = {}) const {
        const Index n = ids.size();
        const Index bad = kernels::find_out_of_range(ids.data(), n, n_ + 1);
        if (bad < n) throw DataError(message(name(), ": expected items up to ", n_, ", received ", ids.data()[bad]));
        const Block<T> x{cache.x.need(n * width()), {ids.extent(0), ids.extent(1), width()}};
        kernels::gather_rows<T>(item_vectors, width(), ids.data(), n, x.data);
        const Index b = ids.extent(0);
        if (const T* step = step_.run(name(), "step", records.step, b, n, cache.step, pass.for_part(1)))
            kernels::add<T>(step, x.data, x.size());
        if (const T* user = user_.run(name(), "user", records.user, b, b, cache.user, pass.for_part(2)))
            for (Index i = 0; i < n; ++i) kernels::add<T>(user + i / x.time() * width(), x.data + i * width(), width());
        const auto h = tower.apply(x, cache.tower, pass.for_part(0));
        if (h.shape != x.shape) refuse_tower(x.shape, h.shape);
        cache.ids = ids.data();
        cache.out = x.shape;
        cache.trained = pass.training;
        if (detail::equal(options_.scale, 0)) return {h.data, {ids.extent(0), ids.extent(1), width()}};
        T* unit = cache.h.need(h.size());
        normalise(h.data, n, unit, cache.lengths.need(n), static_cast<T>(options_.scale));
        return {unit, {ids.extent(0), ids.extent(1), width()}};
    }
    template <class X>
        requires(!std::is_same_v<X, View<const std::int32_t, 2>>)
    View<const T, 3> forward_with(const T* item_vectors, const X& ids, Cache& cache, const Pass& pass = {}) const {
        return forward_with(item_vectors, View<const std::int32_t, 2>(view(ids)), cache, pass);
    }
    /// Adds to the gradients of the tower and of the item vectors that it read.
    template <class DH>
    void backward(const DH& dh, Cache& cache, PassGradients& gradients) const {
        detail::check_trained(name(), cache.trained);
        const Block<const T> d(view(dh));
        detail::check_gradient(name(), cache.out, d.shape);
        const Index n = d.rows();
        const T* dtower = d.data;
        if (!detail::equal(options_.scale, 0)) {
            T* out = cache.dh.need(d.size());
            normalise_backward(dtower, cache.h.data(), cache.lengths.data(), n, out, static_cast<T>(options_.scale));
            dtower = out;
        }
        const auto dx = tower.apply_backward({dtower, d.shape}, cache.tower, gradients.tower, true);
        for (Index i = 0; i < n; ++i)
            if (cache.ids[i] != 0) gradients.vectors.add(cache.ids[i], dx.data + i * width());
        if (step_) step_->apply_backward({dx.data, d.shape}, cache.step, gradients.step);
        if (user_) {
            T* const duser = cache.duser.need_zeros(d.batch() * width());
            for (Index i = 0; i < n; ++i)
                kernels::add<T>(dx.data + i * width(), duser + i / d.time() * width(), width());
            user_->apply_backward({duser, {d.batch(), width()}}, cache.user, gradients.user);
        }
    }
    /// For item vectors [rows, D]; 0: those of all items.
    PassGradients zero_pass_gradients(Index rows = 0) const {
        PassGradients gradients{SparseRows<T>(rows ? rows : n_ + 1, width()), tower.zero_gradients(), {}, {}};
        Fields<T> list;
        const_cast<SequenceRecommender&>(*this).pass_fields(list, gradients);  // names, and changes nothing
        size_gradients(list.parameters());
        return gradients;
    }

    /// The items' vectors [N + 1, D], row 0 is zero. Throws ArgumentError, as all that reads them, before `build` and
    /// where other ranks have some.
    const T* vectors() const {
        check_whole("its item vectors");
        if (stale_)
            throw ArgumentError(message(name(),
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
    /// ids that it drops.
    /// `rows` [ids, D] are their rows of `items`, where other ranks have some of them.
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
            if (!detail::equal(options_.scale, 0))
                normalise(rows + begin * d, end - begin, rows + begin * d, lengths + begin, T(1));
        });
    }
    /// b [N + 1], null without. Throws ArgumentError where other ranks have some.
    const T* bias() const {
        if (options_.shard) check_whole("its numbers b");
        return bias_.size() ? bias_.data() : nullptr;
    }
    /// Whether the item has attributes and no part in training. Throws DataError for an id outside 0..N.
    bool is_cold(Index item) const {
        if (item < 0 || item > n_) throw DataError(message(name(), ": expected items up to ", n_, ", received ", item));
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
        if (!detail::equal(options_.scale, 0)) {
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
    void vectors_backward(T* dv, Gradients& gradients, const Vectors* drawn = nullptr) const {
        const Index d = width();
        const Vectors& v = drawn ? *drawn : vectors_;
        if (!detail::equal(options_.scale, 0))
            normalise_backward(dv + d, v.rows.data() + d, v.lengths.data() + 1, n_, dv + d, T(1));
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
    void vectors_backward(std::span<const std::int32_t> ids, T* dv, Gradients& gradients, const Vectors& drawn) const {
        const Index n = static_cast<Index>(ids.size()), d = width();
        if (!detail::equal(options_.scale, 0))
            normalise_backward(dv, drawn.rows.data(), drawn.lengths.data(), n, dv, T(1));
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

    /// New items N + 1 ... N + count, each with its list of attributes (none, without lists): they join the `cold`
    /// ones, whose attributes alone say what they are; one without attributes has the vector 0 and b = 0. Old rows keep
    /// their bits. With a `seed` they are to be trained instead: rows of their own, zeros where there are attributes,
    /// so that those say at first what the item is, else drawn as `build` draws them. Throws ArgumentError for a
    /// negative count, 2^31 items or more, other than `count` lists, and attributes that the model has no rows for.
    /// A model with features needs theirs, [count, F].
    void add_items(Index count, const std::vector<std::vector<std::int32_t>>& attributes = {},
                   std::optional<Seed> seed = {}, const Tensor<float, 2>& features = {}) {
        check_whole("its tables");
        const Index columns = features.size() > 0 ? features.dimension(1) : 0;
        if (count > 0 && (columns != feature_width_ || (columns > 0 && features.dimension(0) != count)))
            throw ArgumentError(message(name(), ": expected features [", count, ", ", feature_width_,
                                        "] of new items, received [", features.dimension(0), ", ", columns, "]"));
        check_finite(features, n_ + 1);
        if (count < 0 || (!attributes.empty() && static_cast<Index>(attributes.size()) != count))
            throw ArgumentError(message(name(), ": expected attributes of ", count, " new items, received ",
                                        attributes.size(), " lists"));
        if (count > std::numeric_limits<std::int32_t>::max() - 1 - n_)
            throw ArgumentError(message(name(), ": expected less than 2^31 items, received ", count, " beside ", n_));
        for (const auto& list : attributes)
            for (const std::int32_t a : list)
                if (a < 1 || a >= known_by_.rows())
                    throw ArgumentError(message(name(), ": expected attributes of new items from 1 to ",
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
        parameters_changed();
    }

    Index items() const { return n_; }
    /// What the tower was built for.
    Index steps() const { return steps_; }
    /// Numbers of an item's vector.
    Index width() const { return options_.width; }
    /// What it was made with; `add_items` adds to the attributes and features.
    const SequenceRecommenderOptions& options() const { return options_; }
    /// The models of the options `step` and `user`.
    const detail::FieldPart<T>& step_fields() const { return step_; }
    /// That of the option `user`.
    const detail::FieldPart<T>& user_fields() const { return user_; }
    Gradients zero_gradients() const { return detail::make_gradients(*this); }
    /// For losses of few items: the tables' gradients are by rows, and take no memory for untouched ones.
    Gradients zero_row_gradients() const {
        Gradients gradients;
        gradients.by_rows = true;
        Fields<T> list;
        detail::list_fields(*this, gradients, list);
        size_gradients(list.parameters());
        return gradients;
    }
    /// Renews the item vectors.
    void parameters_changed() {
        if (features_.size() != options_.features.size()) keep_features();
        tower_changed();
        stale_ = false;
        if (derived() && !options_.shard) make_vectors(vectors_);
    }
    /// The same for training steps that do not read the vectors of all items: where these are not the table itself,
    /// `vectors()` refuses until `parameters_changed()`.
    void tower_changed() {
        tower.parameters_changed();
        if (step_) step_->parameters_changed();
        if (user_) user_->parameters_changed();
        stale_ = derived();
    }
    /// What makes h of the vectors of a sequence: any model [B, T, width] -> [B, T, width].
    Tower tower;

private:
    using Kind = detail::ItemAttributes::Kind;

    void take_options() {
        detail::check_positive(name(), "number of items", n_);
        detail::check_positive(name(), "width", options_.width);
        const TableShard& shard = options_.shard;
        if (shard.rank < 0 || shard.rank >= shard.ranks || shard.ranks > n_ + 1)
            throw ArgumentError(message(name(), ": expected the shard of a rank below the number of ranks, of which ",
                                        "each has an item, received that of rank ", shard.rank, " of ", shard.ranks,
                                        " for ", n_, " items"));
        if (shard && !options_.use_ids)
            throw ArgumentError(message(name(), ": a shard is one of the items' rows, expected use_ids"));
        if (!(options_.scale >= 0))
            throw ArgumentError(message(name(), ": expected scale >= 0, received ", options_.scale));
        known_by_ = detail::ItemAttributes(name(), n_, options_.attributes, options_.cold, feature_width_ > 0);
        if (known_by_.rows() == 0 && feature_width_ == 0 && !options_.use_ids)
            throw ArgumentError(message(name(), ": items need ids, attributes or features"));
        if (!(options_.id_dropout >= 0 && options_.id_dropout < 1))
            throw ArgumentError(
                message(name(), ": expected id_dropout from 0 to below 1, received ", options_.id_dropout));
    }
    void size_parts(const RecordShape& events, const RecordShape& user) {
        step_.size(name(), "step", events, {steps_, width()});
        user_.size(name(), "user", user, {width()});
        const Shape in{steps_, width()}, out = tower.size(in);
        if (out != in) refuse_tower(in, out);
    }
    [[noreturn]] static void refuse_tower(const Shape& expected, const Shape& received) {
        throw ShapeError(message(name(), ": expected a tower that gives ", expected, ", received ", received));
    }
    void check_built() const {
        if (items_.size() + attributes_.size() + features_.size() == 0)
            throw ArgumentError(message(name(), ": the model has no item vectors; build it first"));
    }
    void check_whole(std::string_view what) const {
        check_built();
        if (options_.shard)
            throw ArgumentError(message(name(), ": ", what, " are shared out by SequenceRecommenderOptions::shard, ",
                                        "rank ", options_.shard.rank, " of ", options_.shard.ranks, " has a part; ",
                                        "expected a whole model, as save(world, model, path) writes it"));
    }
    /// Throws DataError for a number that is not finite; row 0 is that of item `first`.
    static void check_finite(const Tensor<float, 2>& features, Index first) {
        for (Index i = 0; i < features.size(); ++i)
            if (!std::isfinite(features.data()[i]))
                throw DataError(message(name(), ": expected finite features, that of item ",
                                        first + i / features.dimension(1), " is ", features.data()[i]));
    }
    /// The option becomes what the state is, once there is one: after `load` and `add_items`.
    void keep_features() {
        if (features_.size() == 0) return;
        options_.features.resize(features_.size() / feature_width_, feature_width_);
        std::transform(features_.data(), features_.data() + features_.size(), options_.features.data(),
                       [](T x) { return static_cast<float>(x); });
    }
    bool derived() const {
        return !detail::equal(options_.scale, 0) || !options_.attributes.empty() || feature_width_ > 0;
    }
    void features_backward(Index item, const T* dv, Gradients& gradients) const {
        const T* const own = features_.data() + item * feature_width_;
        for (Index k = 0; k < feature_width_; ++k)
            if (!detail::equal(own[k], 0))
                kernels::axpy<T>(own[k], dv, gradients.feature_kernel.data() + k * width(), width());
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
            if (!detail::equal(own[k], 0))
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
        if (!detail::equal(options_.scale, 0)) normalise(v + d, n_, v + d, to.lengths.need(n_ + 1) + 1, T(1));
    }
    /// y = scale x / |x| of each row; a row of zeros stays.
    void normalise(const T* x, Index rows, T* y, T* lengths, T scale) const {
        for (Index r = 0; r < rows; ++r, x += width(), y += width()) {
            lengths[r] = std::sqrt(kernels::dot<T>(x, x, width()));
            const T factor = lengths[r] > 0 ? scale / lengths[r] : T(0);
            for (Index j = 0; j < width(); ++j) y[j] = factor * x[j];
        }
    }
    /// dx = scale / |x| (dy - u (u . dy)) with u = y / scale.
    void normalise_backward(const T* dy, const T* y, const T* lengths, Index rows, T* dx, T scale) const {
        for (Index r = 0; r < rows; ++r, dy += width(), y += width(), dx += width()) {
            const T along = kernels::dot<T>(y, dy, width()) / (scale * scale);
            const T factor = lengths[r] > 0 ? scale / lengths[r] : T(0);
            for (Index j = 0; j < width(); ++j) dx[j] = factor * (dy[j] - y[j] * along);
        }
    }

    Index n_ = 0, steps_ = 0, feature_width_ = 0;
    SequenceRecommenderOptions options_;
    detail::ItemAttributes known_by_;
    bool stale_ = false;
    detail::FieldPart<T> step_, user_;
    Tensor<T, 2> items_, attributes_, feature_kernel_;
    Tensor<T, 1> bias_, features_;  // features: of all items, one after the other
    Vectors vectors_;  // where they are not the table itself
};

DEEPREC_END
