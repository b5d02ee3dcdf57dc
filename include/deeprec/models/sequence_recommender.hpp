/// A recommender that reads a user's items in order and scores every item as the next one, at every step at once.
#pragma once

#include <any>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <deeprec/core/equal.hpp>
#include <deeprec/core/layer.hpp>
#include <deeprec/core/sparse_rows.hpp>
#include <deeprec/kernels/linear/gather.hpp>
#include <deeprec/kernels/simd/vector.hpp>
#include <deeprec/models/field_list.hpp>
#include <deeprec/models/item_vectors.hpp>
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
class SequenceRecommender : public detail::ItemVectors<typename Tower::Scalar> {
    static_assert(Layer<Tower>, "SequenceRecommender: the tower must be a layer (see core/layer.hpp)");
    static_assert(std::is_same_v<typename Tower::Scalar, typename Tower::InputElement>,
                  "SequenceRecommender: the tower reads the items' vectors, not ids: leave the Embedding out");
    static_assert(Tower::template output_rank<typename Tower::Scalar, 3>() == 3,
                  "SequenceRecommender: the tower must give an output for every step, rank 3: recurrent layers need "
                  "return_sequences, and nothing may join the steps (Flatten, a global pooling)");

    using Base = detail::ItemVectors<typename Tower::Scalar>;
    using Base::feature_width_, Base::n_, Base::options_;

public:
    using Base::width;
    using Scalar = typename Tower::Scalar;
    using InputElement = std::int32_t;
    using T = Scalar;
    struct Gradients : detail::ItemGradients<T> {
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

    SequenceRecommender() = default;
    /// Throws ArgumentError for options without meaning, attributes that are not one list for each item and padding.
    SequenceRecommender(Index items, Tower user_tower, SequenceRecommenderOptions options = {})
        : Base(items, std::move(options)), tower(std::move(user_tower)) {
        step_ = options_.step.template make<T>(name());
        user_ = options_.user.template make<T>(name());
    }

    static constexpr std::string_view name() { return "SequenceRecommender"; }
    static constexpr bool has_parts_of_any_type = true;  ///< so that one made with them is loaded before `build`
    /// Sizes and initialises everything; `steps` is what towers that depend on the length of sequences are built for,
    /// `event` and `user` are the shapes of the fields of one event and of one user.
    void build(Index steps, Seed seed, const RecordShape& event = {}, const RecordShape& user = {}) {
        Base::keep_features();  // those of a file that was loaded since
        size(steps, event, user);
        detail::make_parameters(*this, seed);  // which leaves zeros where the option's numbers go
        Base::fill_tables(seed);
        if (feature_width_ > 0) parameters_changed();
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
        Base::take_options();
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
        Base::table_fields(f, g);
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
        return forward_with(this->vectors(), ids, cache, pass);
    }
    template <class X>
    View<const T, 3> forward(const X& ids, const SequenceRecords& records, Cache& cache, const Pass& pass = {}) const {
        return forward_with(this->vectors(), view(ids), cache, pass, records);
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
        detail::normalise_rows(h.data, n, width(), unit, cache.lengths.need(n), static_cast<T>(options_.scale));
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
            detail::normalise_rows_backward(dtower, cache.h.data(), cache.lengths.data(), n, width(), out,
                                            static_cast<T>(options_.scale));
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

    /// New items N + 1 ... N + count, each with its list of attributes (none, without lists): they join the `cold`
    /// ones, whose attributes alone say what they are; one without attributes has the vector 0 and b = 0. Old rows keep
    /// their bits. With a `seed` they are to be trained instead: rows of their own, zeros where there are attributes,
    /// so that those say at first what the item is, else drawn as `build` draws them. Throws ArgumentError for a
    /// negative count, 2^31 items or more, other than `count` lists, and attributes that the model has no rows for.
    /// A model with features needs theirs, [count, F].
    void add_items(Index count, const std::vector<std::vector<std::int32_t>>& attributes = {},
                   std::optional<Seed> seed = {}, const Tensor<float, 2>& features = {}) {
        Base::add_rows(count, attributes, seed, features);
        parameters_changed();
    }

    /// What the tower was built for.
    Index steps() const { return steps_; }
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
        tower_changed();
        Base::renew_vectors();
    }
    /// The same for training steps that do not read the vectors of all items: where these are not the table itself,
    /// `vectors()` refuses until `parameters_changed()`.
    void tower_changed() {
        tower.parameters_changed();
        if (step_) step_->parameters_changed();
        if (user_) user_->parameters_changed();
        Base::let_vectors_wait();
    }
    /// What makes h of the vectors of a sequence: any model [B, T, width] -> [B, T, width].
    Tower tower;

private:
    void size_parts(const RecordShape& events, const RecordShape& user) {
        step_.size(name(), "step", events, {steps_, width()});
        user_.size(name(), "user", user, {width()});
        const Shape in{steps_, width()}, out = tower.size(in);
        if (out != in) refuse_tower(in, out);
    }
    [[noreturn]] static void refuse_tower(const Shape& expected, const Shape& received) {
        throw ShapeError(message(name(), ": expected a tower that gives ", expected, ", received ", received));
    }

    Index steps_ = 0;
    detail::FieldPart<T> step_, user_;
};

DEEPREC_END
