/// A model's architecture as texts, one for each layer, and back.
///
/// A layer names its options in
///
///     template <class Visitor, class Self>
///     static void visit_options(Visitor& visitor, Self& self) {
///         visitor.size("units", self.units_);  // a number that sizes parameters
///         visitor("use_bias", self.options_.use_bias);
///     }
///
/// and a layer of layers its parts, `visitor.part("inner", self.inner_)`. What is part of the type (the activation,
/// returned sequences: `visitor.fixed`) is written too, and compared when read. Options are read past the constructor:
/// what it refuses, but for a `size` that is not positive, `check_options()` refuses for both.
#pragma once

#include <charconv>
#include <limits>
#include <system_error>
#include <utility>
#include <vector>

#include <deeprec/core/layer.hpp>
#include <deeprec/io/safetensors.hpp>

DEEPREC_BEGIN

namespace detail {

/// Name of the text of the part at `path`, "" being the model.
inline std::string option_key(const std::string& path) { return "deeprec." + (path.empty() ? "model" : path); }

/// The number that an activation has, as LeakyReLU's slope; null for most.
template <class Activation>
auto activation_number(Activation& activation) {
    if constexpr (requires { activation.alpha; })
        return &activation.alpha;
    else if constexpr (requires { activation.negative_slope; })
        return &activation.negative_slope;
    else
        return nullptr;
}
template <class T>
concept HasActivationName = requires { std::string_view(T::name); };

inline std::string option_text(bool value) { return value ? "true" : "false"; }
inline std::string option_text(Index value) { return std::to_string(value); }
template <std::floating_point T>
std::string option_text(T value) {
    char digits[32];
    return {digits, std::to_chars(digits, digits + sizeof digits, value).ptr};
}
inline std::string option_text(const Shape& shape) {
    std::string text;
    for (int axis = 0; axis < shape.rank(); ++axis) text += (axis ? "," : "") + std::to_string(shape[axis]);
    return text;
}
inline std::string option_text(const std::vector<std::int32_t>& ids) {
    std::string text;
    for (std::size_t i = 0; i < ids.size(); ++i) text += (i ? "," : "") + std::to_string(ids[i]);
    return text;
}
/// Lists of ids as "1,2;;3".
inline std::string option_text(const std::vector<std::vector<std::int32_t>>& lists) {
    std::string text;
    for (std::size_t i = 0; i < lists.size(); ++i) text += (i ? ";" : "") + option_text(lists[i]);
    return text;
}
template <HasActivationName Activation>
std::string option_text(const Activation& activation) {
    std::string text(Activation::name);
    if constexpr (const auto number = activation_number(activation); !std::is_null_pointer_v<decltype(number)>)
        text += ":" + option_text(*number);
    return text;
}

/// Makes "deeprec.user.2": "Conv1D filters=64 kernel_size=3 activation=relu ..." for each layer.
class OptionWriter {
public:
    explicit OptionWriter(Metadata& metadata) : metadata_(metadata) {}

    /// The model itself with an empty key.
    template <class Key, class L>
    void part(const Key& key, const L& layer) {
        const std::string outer_path = path_, outer_text = std::exchange(text_, std::string(L::name()));
        path_ += message(path_.empty() ? "" : ".", key);
        if constexpr (requires { L::visit_options(*this, layer); }) {
            L::visit_options(*this, layer);
            metadata_[option_key(path_)] = text_;
        }
        path_ = outer_path;
        text_ = outer_text;
    }
    void size(std::string_view name, Index value, int = 1) { (*this)(name, value); }
    /// The shape of a tensor of this part, which the reader compares before anything is sized.
    void stored(std::string_view, const Shape&) {}
    template <class Value>
    void fixed(std::string_view name, const Value& value) {
        (*this)(name, value);
    }
    /// A value of an enumeration by its name, `names` being in the order of their numbers.
    template <class Enum, class Names>
    void choice(std::string_view name, Enum value, const Names& names) {
        text_ += message(" ", name, "=", names[static_cast<std::size_t>(value)]);
    }
    template <class Value>
    void operator()(std::string_view name, const Value& value) {
        text_ += message(" ", name, "=", option_text(value));
    }

private:
    Metadata& metadata_;
    std::string path_, text_;
};

/// Sets the options of a model of the same type from those texts. Nothing larger is built than the file has numbers
/// for: the product of a layer's sizes and its input features never exceeds the numbers stored below the layer's path.
/// Throws FormatError.
class OptionReader {
public:
    explicit OptionReader(const SafetensorsReader& file) : file_(file) {}

    template <class Key, class L>
    void part(const Key& key, L& layer) {
        static_assert(
            requires { L::visit_options(*this, layer); },
            "load<Model>: a layer does not say its options; load(model, path) into a built model works");
        constexpr bool is_sequence = requires { layer.input_shape(); };
        constexpr bool is_layer = Layer<L> && !is_sequence;
        const std::string outer_path = path_;
        path_ += message(path_.empty() ? "" : ".", key);
        Line outer = std::exchange(line_, parse(L::name()));
        if (is_layer && depth_ == 0) bounds_.push_back({path_, stored_numbers()});
        const int side_by_side = std::exchange(several_, several_ + (is_sequence && depth_ > 0));
        depth_ += is_layer;
        L::visit_options(*this, layer);
        depth_ -= is_layer;
        several_ = side_by_side;
        if (line_.next < line_.options.size()) fail("expected no option '", line_.options[line_.next].first, "'");
        if constexpr (requires { layer.check_options(); }) {
            try {
                layer.check_options();
            } catch (const ArgumentError& error) {
                throw FormatError(message(file_.name(), ": ", option_key(path_), ": ", error.what()));
            }
        }
        line_ = std::move(outer);
        path_ = outer_path;
    }
    /// A number of rows or columns of parameters; the layer has at least value^power parameters.
    void size(std::string_view name, Index& value, int power = 1) {
        (*this)(name, value);
        Bound& bound = bounds_.back();
        if (value < 1 || value > bound.stored / (power > 1 ? value : 1)) fail_size(name, value, bound);
        if (several_ > 0) return;  // layers inside of one layer share what is stored for it
        if (value > bound.stored / bound.product) fail_size(name, value, bound);
        bound.product *= value;
    }
    void stored(std::string_view name, const Shape& shape) {
        const std::string path = path_.empty() ? std::string(name) : path_ + "." + std::string(name);
        const auto found = file_.tensors().find(path);
        std::vector<Index> extents;
        for (int axis = 0; axis < shape.rank(); ++axis) extents.push_back(shape[axis]);
        if (found == file_.tensors().end()) fail("expected a tensor '", path, "', the file has none");
        if (found->second.shape != extents)
            fail("expected a tensor '", path, "' of ", shape, ", received ", shape_text(found->second.shape));
    }
    template <class Value>
    void fixed(std::string_view name, const Value& value) {
        const std::string expected = option_text(value), text = take(name);
        if (text != expected) fail(name, ": expected ", expected, " from the model's type, received ", text);
    }
    void operator()(std::string_view name, bool& value) {
        const std::string text = take(name);
        if (text != "true" && text != "false") fail(name, ": expected true or false, received ", text);
        value = text == "true";
    }
    void operator()(std::string_view name, Index& value) { value = extent(name, take(name)); }
    template <std::floating_point T>
    void operator()(std::string_view name, T& value) {
        value = number<T>(name, take(name));
    }
    template <class Enum, class Names>
    void choice(std::string_view name, Enum& value, const Names& names) {
        const std::string text = take(name);
        const auto found = std::find(names.begin(), names.end(), text);
        if (found == names.end()) fail(name, ": expected one of ", names.size(), " known words, received ", text);
        value = static_cast<Enum>(found - names.begin());
    }
    void operator()(std::string_view name, Shape& value) {
        value = {};
        each_extent(name, [&](Index n) {
            if (value.rank() == Shape::max_rank) fail(name, ": expected at most ", Shape::max_rank, " extents");
            value.push_back(n);
        });
    }
    void operator()(std::string_view name, std::vector<std::int32_t>& ids) {
        ids.clear();
        each_extent(name, [&](Index id) { ids.push_back(static_cast<std::int32_t>(id)); });
    }
    void operator()(std::string_view name, std::vector<std::vector<std::int32_t>>& lists) {
        const std::string text = take(name);
        lists.clear();
        if (text.empty()) return;
        for (std::size_t begin = 0, end = 0;; begin = end + 1) {
            end = std::min(text.find_first_of(",;", begin), text.size());
            if (begin == 0 || text[begin - 1] == ';') lists.emplace_back();
            const bool is_empty_list = begin == end && (end == text.size() || text[end] == ';') && lists.back().empty();
            if (!is_empty_list)
                lists.back().push_back(static_cast<std::int32_t>(extent(name, text.substr(begin, end - begin))));
            if (end == text.size()) return;
        }
    }
    template <HasActivationName Activation>
    void operator()(std::string_view name, Activation& activation) {
        if constexpr (const auto to = activation_number(activation); !std::is_null_pointer_v<decltype(to)>) {
            const std::string text = take(name), begin = std::string(Activation::name) + ":";
            if (text.rfind(begin, 0) != 0) fail(name, ": expected ", begin, "number, received ", text);
            *to = number<double>(name, text.substr(begin.size()));
        } else {
            fixed(name, activation);
        }
    }

    /// To be called before `build` sizes each layer, in the order of `part`.
    template <class L>
    void check(const L&, const Shape& in) {
        const Bound& bound = bounds_.at(built_++);
        if constexpr (!std::is_same_v<typename L::Gradients, NoParameters>) {
            constexpr bool reads_ids = std::is_same_v<typename L::InputElement, std::int32_t>;
            const Index features = reads_ids || in.rank() == 0 ? 1 : in.back();
            if (features > bound.stored / bound.product) fail_size("input features", features, bound);
        }
    }

private:
    struct Line {
        std::vector<std::pair<std::string, std::string>> options;
        std::size_t next = 0;
    };
    struct Bound {
        std::string path;
        Index stored = 0, product = 1;
    };

    template <class... Parts>
    [[noreturn]] void fail(const Parts&... parts) const {
        throw FormatError(message(file_.name(), ": ", option_key(path_), ": ", shown(message(parts...), "")));
    }
    [[noreturn]] void fail_size(std::string_view name, Index value, const Bound& bound) const {
        throw FormatError(message(file_.name(), ": ", option_key(bound.path), ": ", name, "=", value,
                                  " does not fit the ", bound.stored, " parameters that the file has for it"));
    }
    Line parse(std::string_view layer) const {
        const auto found = file_.metadata().find(option_key(path_));
        if (found == file_.metadata().end())
            fail("expected the options of ", layer, ", the file has none; load(model, path) into a built model works");
        const std::string& text = found->second;
        std::size_t at = std::min(text.find(' '), text.size());
        if (text.substr(0, at) != layer) fail("expected ", layer, ", received ", text.substr(0, at));
        Line line;
        while (at < text.size()) {
            const std::size_t begin = at + 1;
            at = std::min(text.find(' ', begin), text.size());
            const std::string option = text.substr(begin, at - begin);
            const std::size_t equal = option.find('=');
            if (equal == std::string::npos) fail("expected name=value, received ", option);
            line.options.emplace_back(option.substr(0, equal), option.substr(equal + 1));
        }
        return line;
    }
    std::string take(std::string_view name) {
        if (line_.next == line_.options.size()) fail("expected the option ", name, ", received fewer");
        const auto& [found, value] = line_.options[line_.next++];
        if (found != name) fail("expected the option ", name, ", received ", found);
        return value;
    }
    template <class T>
    T number(std::string_view name, const std::string& text) const {
        T value{};
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
        if (error != std::errc() || end != text.data() + text.size())
            fail(name, ": expected a number, received ", text);
        return value;
    }
    Index extent(std::string_view name, const std::string& text) const {
        const Index value = number<Index>(name, text);
        if (value < 0 || value > std::numeric_limits<std::int32_t>::max())
            fail(name, ": expected a number from 0 to 2^31 - 1, received ", text);
        return value;
    }
    /// f(number) for each of those that stand between commas.
    template <class F>
    void each_extent(std::string_view name, F&& f) {
        const std::string text = take(name);
        for (std::size_t begin = 0, end; begin < text.size(); begin = end + 1) {
            end = std::min(text.find(',', begin), text.size());
            f(extent(name, text.substr(begin, end - begin)));
        }
    }
    Index stored_numbers() const {
        const std::string prefix = path_ + ".";
        Index numbers = 0;
        for (auto at = file_.tensors().lower_bound(prefix);
             at != file_.tensors().end() && at->first.rfind(prefix, 0) == 0; ++at)
            numbers += (at->second.end - at->second.begin) / dtype_size(at->second.dtype);
        return numbers;
    }

    const SafetensorsReader& file_;
    std::string path_;
    Line line_;
    int depth_ = 0, several_ = 0;
    std::vector<Bound> bounds_;
    std::size_t built_ = 0;
};

}  // namespace detail

DEEPREC_END
