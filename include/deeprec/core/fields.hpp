/// What a layer is made of, written down once: its options, parameters and states. All else is a loop over that list:
/// building, saving, loading, counting, adding, clipping, stepping, averaging.
///
/// A layer names its fields in
///
///     void fields(Fields<T>& f, Gradients& g) {
///         f.option("units", units_);
///         f.parameter("kernel", parameters_.kernel, {features_, units_}, options_.kernel_initializer, g.kernel);
///     }
///
/// and a layer of layers its parts, `f.part("inner", inner_, g)`.
#pragma once

#include <algorithm>
#include <array>
#include <charconv>
#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <deeprec/core/block.hpp>
#include <deeprec/core/initializers.hpp>
#include <deeprec/core/moving_average.hpp>
#include <deeprec/core/record.hpp>
#include <deeprec/core/sparse_rows.hpp>
#include <deeprec/core/table_shard.hpp>

DEEPREC_BEGIN

/// What an option is: a value of the layer, a word of an enumeration, or text that the type fixes (an activation,
/// returned sequences), which is only written and compared, but for a number that may stand behind it.
enum class OptionKind { truth, index, number, single, shape, ids, id_lists, record, choice, fixed };

/// One option of a layer.
struct Option {
    std::string_view name;                      ///< as the constructor calls it
    OptionKind kind;                            ///< what `value` points at
    void* value = nullptr;                      ///< of that kind; of `fixed` the number (double), null = none
    std::string_view text{};                    ///< of `fixed`
    const std::string_view* words = nullptr;    ///< of `choice`, in the order of the enumeration's numbers
    std::size_t count = 0;                      ///< of words
    std::size_t (*get)(const void*) = nullptr;  ///< the number of a choice
    /// chooses by number
    void (*set)(void*, std::size_t) = nullptr;
};

/// The options of one layer, in order.
struct LayerOptions {
    std::string path;                      ///< "" for the model itself
    std::string_view layer;                ///< its name()
    std::vector<Option> options;           ///< in the order of `fields`
    const void* self = nullptr;            ///< the layer, for `check`
    void (*check)(const void*) = nullptr;  ///< throws ArgumentError for options without meaning; null = takes any
};

/// One entry of the list that a model is: a tensor with its gradient.
template <class T>
struct Parameter {
    std::string path;           ///< "user.2.kernel"; empty where nobody asked for names
    T* values = nullptr;        ///< row-major
    Shape shape;                ///< Keras' shape
    T* gradient = nullptr;      ///< of the same shape; null for tables, states and lists without gradients
    SparseRows<T>* rows{};      ///< of a table: the rows that have a gradient
    MovingAverage<T>* moves{};  ///< of a state: what the next step moves it by, null = nothing does
    bool state = false;         ///< kept, but not trained
    /// Of a table that ranks share out: the rows here; its gradient is that of all ranks, a sum over targets.
    TableShard shard{};
    Index all_rows = 0;  ///< of such a table

    /// Whether it is kept, but not trained.
    bool is_state() const { return state; }
    Index size() const { return shape.size(); }
    /// With the rows that other ranks have: the shape in files.
    Shape whole_shape() const {
        Shape whole = shape;
        if (shard) whole[0] = all_rows;
        return whole;
    }
    /// Numbers of the gradient that a batch touched, one after the other.
    Index touched() const { return rows ? static_cast<Index>(rows->ids().size()) * rows->width() : shape.size(); }
    /// The first of them.
    T* touched_data() const { return rows ? rows->values(0) : gradient; }

    // What only core/ and io/ need.
    Index held = 0;                                  ///< numbers that the tensor has: 0 before `build`
    Index gradient_held = 0;                         ///< numbers that a dense gradient has
    void* tensor = nullptr;                          ///< the owner, Tensor<T, Rank>
    void* gradient_tensor = nullptr;                 ///< the same of a dense gradient
    T* (*resize)(void*, const Shape&) = nullptr;     ///< of both owners
    Initializer initializer{};                       ///< how `build` fills it ...
    void (*fill)(T*, const Shape&, Seed) = nullptr;  ///< ... unless this does
    Seed seed{};                                     ///< of its first values
    double keep = 0;                                 ///< of a state
};

/// Lists the fields of a layer or model that is shown to it.
template <class T>
class Fields {
public:
    /// Whether paths and options are written down too: what a step does not need, and what allocates.
    enum class With { values, names };

    Fields() : Fields(With::values) {}
    explicit Fields(With with, Seed seed = {}) : with_(with), seed_(seed) {}
    /// Forgets everything but memory.
    void clear() {
        parameters_.clear();
        layers_.clear();
    }

    /// A number, a truth, a shape, named shapes or a list of ids that the layer was constructed with.
    void option(std::string_view name, bool& value) { add({name, OptionKind::truth, &value}); }
    void option(std::string_view name, Index& value) { add({name, OptionKind::index, &value}); }
    void option(std::string_view name, double& value) { add({name, OptionKind::number, &value}); }
    void option(std::string_view name, float& value) { add({name, OptionKind::single, &value}); }
    void option(std::string_view name, Shape& value) { add({name, OptionKind::shape, &value}); }
    void option(std::string_view name, std::vector<std::int32_t>& ids) { add({name, OptionKind::ids, &ids}); }
    void option(std::string_view name, std::vector<std::vector<std::int32_t>>& lists) {
        add({name, OptionKind::id_lists, &lists});
    }
    void option(std::string_view name, RecordShape& fields) { add({name, OptionKind::record, &fields}); }
    /// A value of an enumeration by its name, `names` being in the order of their numbers.
    template <class Enum, std::size_t N>
    void choice(std::string_view name, Enum& value, const std::array<std::string_view, N>& names) {
        add({name,
             OptionKind::choice,
             &value,
             {},
             names.data(),
             N,
             [](const void* from) { return static_cast<std::size_t>(*static_cast<const Enum*>(from)); },
             [](void* to, std::size_t number) { *static_cast<Enum*>(to) = static_cast<Enum>(number); }});
    }
    /// What the type fixes.
    void fixed(std::string_view name, std::string_view text) { add({name, OptionKind::fixed, nullptr, text}); }
    void fixed(std::string_view name, std::same_as<bool> auto value) { fixed(name, value ? "true" : "false"); }
    /// An activation by its name, with the number that it may have.
    template <class Activation>
    void activation(std::string_view name, Activation& activation) {
        double* number = nullptr;
        if constexpr (requires { activation.alpha = 1.0; })
            number = &activation.alpha;
        else if constexpr (requires { activation.negative_slope = 1.0; })
            number = &activation.negative_slope;
        add({name, OptionKind::fixed, number, Activation::name});
    }

    /// A trained tensor of the given shape. `build` fills it by `initializer` with the layer's seed, or derive(seed,
    /// use) for a `use` that is not negative. A parameter that a layer does without (no bias) has the shape [0].
    template <int Rank>
    DEEPREC_NOINLINE void parameter(std::string_view name, Tensor<T, Rank>& values, const Shape& shape,
                                    const Initializer& initializer, Tensor<T, Rank>& gradient, int use = -1) {
        static_assert(Rank <= 3, "Fields: a parameter has at most 3 axes");
        Parameter<T>& p = add(name, values, shape, use);
        p.gradient = gradient.data();
        p.gradient_held = gradient.size();
        p.gradient_tensor = &gradient;
        p.initializer = initializer;
    }
    /// A table of which a batch touches few rows; of rank 1 its rows are numbers.
    template <int Rank>
    void parameter(std::string_view name, Tensor<T, Rank>& values, const Shape& shape, const Initializer& initializer,
                   SparseRows<T>& gradient, int use = -1) {
        static_assert(Rank <= 2, "Fields: a table has rows of numbers");
        Parameter<T>& p = add(name, values, shape, use);
        p.rows = &gradient;
        p.initializer = initializer;
    }
    /// As above, filled by a function: fill(values, shape, seed).
    template <int Rank, class Gradient>
    void parameter(std::string_view name, Tensor<T, Rank>& values, const Shape& shape,
                   void (*fill)(T*, const Shape&, Seed), Gradient& gradient, int use = -1) {
        parameter(name, values, shape, Initializer{}, gradient, use);
        parameters_.back().fill = fill;
    }
    /// The last one, a table, has those of `all_rows` rows that the shard says.
    void shared_out(const TableShard& shard, Index all_rows) {
        parameters_.back().shard = shard;
        parameters_.back().all_rows = all_rows;
    }
    /// A tensor that exists already, whose shape is what it is.
    template <int Rank, class Gradient>
    void parameter(std::string_view name, Tensor<T, Rank>& values, Gradient& gradient) {
        parameter(name, values, view(values).shape(), Initializer{}, gradient);
    }
    /// A tensor that is kept but not trained; a step of an optimizer moves it by state = keep state + (1 - keep) mean.
    void state(std::string_view name, Tensor<T, 1>& values, Index size, double start, double keep,
               MovingAverage<T>& average) {
        Parameter<T>& p = add(name, values, {size}, -1);
        p.state = true;
        p.moves = &average;
        p.initializer = Constant{start};
        p.keep = keep;
    }
    /// One that no step moves.
    void state(std::string_view name, Tensor<T, 1>& values, Index size, double start = 0) {
        Parameter<T>& p = add(name, values, {size}, -1);
        p.state = true;
        p.initializer = Constant{start};
    }

    /// The fields of a part, their names behind its own, seeded by derive(seed, use).
    template <class Key, class Part, class Gradients>
    void part(const Key& key, Part& part, Gradients& gradients, std::uint64_t use = 0) {
        const Place outer = enter(push(key), use, about(part));
        part.fields(*this, gradients);
        leave(outer);
    }
    /// The same for a part whose options the composition knows itself.
    template <class Key, class Part, class Gradients>
    void part_without_options(const Key& key, Part& part, Gradients& gradients, std::uint64_t use) {
        const bool quiet = std::exchange(quiet_, true);
        const Place outer = enter(push(key), use, {});
        part.fields(*this, gradients);
        leave(outer);
        quiet_ = quiet;
    }
    /// Fields that are seeded by derive(seed, use).
    template <class F>
    void seeded(std::uint64_t use, F&& f) {
        const Seed seed = std::exchange(seed_, derive(seed_, use));
        f();
        seed_ = seed;
    }
    /// Names that start with `key`, in a layer itself.
    template <class F>
    void scope(std::string_view key, F&& f) {
        const std::size_t length = push(key);
        f();
        path_.resize(length);
    }
    /// The model itself.
    template <class Model, class Gradients>
    void model(Model& model, Gradients& gradients) {
        layer_ = layers_.size();
        if (with_ == With::names) add_layer("", about(model));
        model.fields(*this, gradients);
    }

    const std::vector<Parameter<T>>& parameters() const { return parameters_; }
    std::vector<Parameter<T>>& parameters() { return parameters_; }
    /// What was listed, in order: a layer with its options each.
    const std::vector<LayerOptions>& layers() const { return layers_; }

private:
    bool has_options() const { return with_ == With::names && !quiet_; }
    void add(const Option& option);
    /// What a part is, for LayerOptions.
    struct About {
        std::string_view layer{};
        const void* self = nullptr;
        void (*check)(const void*) = nullptr;
    };
    template <class Part>
    static About about(const Part& part) {
        About about{"", &part};
        if constexpr (requires { Part::name(); }) about.layer = Part::name();
        if constexpr (requires { part.check(); })
            about.check = [](const void* self) { static_cast<const Part*>(self)->check(); };
        return about;
    }
    /// What a part puts its own in place of.
    struct Place {
        std::size_t path, layer;
        Seed seed;
    };
    template <int Rank>
    Parameter<T>& add(std::string_view name, Tensor<T, Rank>& values, const Shape& shape, int use) {
        Parameter<T>& p = add(name, shape, use);
        p.values = values.data();
        p.held = values.size();
        p.tensor = &values;
        p.resize = [](void* owner, const Shape& to) {
            auto& tensor = *static_cast<Tensor<T, Rank>*>(owner);
            typename View<T, Rank>::Extents extents{};
            for (int axis = 0; axis < std::min(Rank, to.rank()); ++axis)
                extents[static_cast<std::size_t>(axis)] = to[axis];
            tensor.resize(extents);
            return tensor.data();
        };
        return p;
    }
    Parameter<T>& add(std::string_view name, const Shape& shape, int use);
    Place enter(std::size_t outer_path, std::uint64_t use, const About& part);
    void leave(const Place& outer);
    void add_layer(std::string path, const About& part);
    std::size_t push(std::string_view key);
    std::size_t push(std::integral auto number) { return push_number(static_cast<std::uint64_t>(number)); }
    std::size_t push_number(std::uint64_t number);

    With with_;
    Seed seed_;
    std::string path_;
    std::size_t layer_ = 0;  // whose options are being named
    bool quiet_ = false;     // options are passed over
    std::vector<Parameter<T>> parameters_;
    std::vector<LayerOptions> layers_;
};

// Out of the class: deeprec::compiled has these.
template <class T>
DEEPREC_NOINLINE void Fields<T>::add(const Option& option) {
    if (has_options()) layers_[layer_].options.push_back(option);
}
template <class T>
DEEPREC_NOINLINE Parameter<T>& Fields<T>::add(std::string_view name, const Shape& shape, int use) {
    Parameter<T>& p = parameters_.emplace_back();
    if (with_ == With::names) p.path.append(path_).append(name);
    p.shape = shape;
    p.seed = use < 0 ? seed_ : derive(seed_, static_cast<std::uint64_t>(use));
    return p;
}
template <class T>
DEEPREC_NOINLINE auto Fields<T>::enter(std::size_t outer_path, std::uint64_t use, const About& part) -> Place {
    const Place outer{outer_path, layer_, seed_};
    seed_ = derive(seed_, use);
    if (has_options()) {
        layer_ = layers_.size();
        add_layer(path_.substr(0, path_.size() - 1), part);
    }
    return outer;
}
template <class T>
DEEPREC_NOINLINE void Fields<T>::leave(const Place& outer) {
    path_.resize(outer.path);
    layer_ = outer.layer;
    seed_ = outer.seed;
}
template <class T>
DEEPREC_NOINLINE void Fields<T>::add_layer(std::string path, const About& part) {
    layers_.push_back({std::move(path), part.layer, {}, part.self, part.check});
}
template <class T>
DEEPREC_NOINLINE std::size_t Fields<T>::push(std::string_view key) {
    const std::size_t length = path_.size();
    if (with_ == With::names) path_.append(key).append(1, '.');
    return length;
}
template <class T>
DEEPREC_NOINLINE std::size_t Fields<T>::push_number(std::uint64_t number) {
    std::array<char, 20> digits;
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
    return push(std::string_view(digits.data(), static_cast<std::size_t>(end - digits.data())));
}

DEEPREC_END
