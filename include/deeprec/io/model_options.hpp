/// A model's architecture as texts, one for each layer, and back.
///
/// "deeprec.user.2": "Conv1D filters=64 kernel_size=3 activation=relu ...", the options that the layer names in
/// `fields` (core/fields.hpp), in that order. What is part of the type (the activation, returned sequences) is written
/// too, and compared when read.
#pragma once

#include <charconv>
#include <limits>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

#include <deeprec/core/fields.hpp>
#include <deeprec/io/safetensors.hpp>

DEEPREC_BEGIN

namespace detail {

/// Name of the text of the part at `path`, "" being the model.
inline std::string option_key(const std::string& path) { return "deeprec." + (path.empty() ? "model" : path); }

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
/// Named shapes as "item:50;tags:50,4;age:1".
inline std::string option_text(const RecordShape& fields) {
    std::string text;
    for (const FieldShape& f : fields) text += (&f == fields.data() ? "" : ";") + f.name + ":" + option_text(f.shape);
    return text;
}
std::string option_text(const Option& option);
/// The texts of all layers.
void write_options(const std::vector<LayerOptions>& layers, Metadata& metadata);

#if DEEPREC_BODIES
DEEPREC_FUNCTION std::string option_text(const Option& option) {
    const auto value = [&]<class V>(const V*) { return option_text(*static_cast<const V*>(option.value)); };
    switch (option.kind) {
        case OptionKind::truth: return value(static_cast<const bool*>(nullptr));
        case OptionKind::index: return value(static_cast<const Index*>(nullptr));
        case OptionKind::number: return value(static_cast<const double*>(nullptr));
        case OptionKind::single: return value(static_cast<const float*>(nullptr));
        case OptionKind::shape: return value(static_cast<const Shape*>(nullptr));
        case OptionKind::ids: return value(static_cast<const std::vector<std::int32_t>*>(nullptr));
        case OptionKind::id_lists: return value(static_cast<const std::vector<std::vector<std::int32_t>>*>(nullptr));
        case OptionKind::record: return value(static_cast<const RecordShape*>(nullptr));
        case OptionKind::choice: return std::string(option.words[option.get(option.value)]);
        case OptionKind::fixed: break;
    }
    std::string text(option.text);
    if (option.value) text += ":" + value(static_cast<const double*>(nullptr));
    return text;
}

DEEPREC_FUNCTION void write_options(const std::vector<LayerOptions>& layers, Metadata& metadata) {
    for (const LayerOptions& layer : layers) {
        std::string text(layer.layer);
        for (const Option& option : layer.options)
            text.append(" ").append(option.name).append("=").append(option_text(option));
        metadata[option_key(layer.path)] = text;
    }
}

/// Sets the options of one layer from its text, and checks them once those of all layers are set. Throws FormatError.
class OptionReader {
public:
    OptionReader(const SafetensorsReader& file, const LayerOptions& layer) : file_(file), layer_(layer) {}

    void read() {
        parse();
        for (const Option& option : layer_.options) {
            name_ = option.name;
            text_ = take();
            set(option);
        }
        if (next_ < found_.size()) fail("expected no option '", found_[next_].first, "'");
    }
    void check() const {
        if (!layer_.check) return;
        try {
            layer_.check(layer_.self);
        } catch (const ArgumentError& error) {
            throw FormatError(message(file_.name(), ": ", option_key(layer_.path), ": ", error.what()));
        }
    }

private:
    template <class... Parts>
    [[noreturn]] void fail(const Parts&... parts) const {
        throw FormatError(message(file_.name(), ": ", option_key(layer_.path), ": ", shown(message(parts...), "")));
    }
    void parse() {
        const auto found = file_.metadata().find(option_key(layer_.path));
        if (found == file_.metadata().end())
            fail("expected the options of ", layer_.layer,
                 ", the file has none; load(model, path) into a built model works");
        const std::string& text = found->second;
        std::size_t at = std::min(text.find(' '), text.size());
        if (text.substr(0, at) != layer_.layer) fail("expected ", layer_.layer, ", received ", text.substr(0, at));
        while (at < text.size()) {
            const std::size_t begin = at + 1;
            at = std::min(text.find(' ', begin), text.size());
            const std::string option = text.substr(begin, at - begin);
            const std::size_t equal = option.find('=');
            if (equal == std::string::npos) fail("expected name=value, received ", option);
            found_.emplace_back(option.substr(0, equal), option.substr(equal + 1));
        }
    }
    std::string take() {
        if (next_ == found_.size()) fail("expected the option ", name_, ", received fewer");
        const auto& [found, value] = found_[next_++];
        if (found != name_) fail("expected the option ", name_, ", received ", found);
        return value;
    }
    template <class T>
    T number(const std::string& text) const {
        T value{};
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
        if (error != std::errc() || end != text.data() + text.size())
            fail(name_, ": expected a number, received ", text);
        return value;
    }
    Index extent(const std::string& text) const {
        const Index value = number<Index>(text);
        if (value < 0 || value > std::numeric_limits<std::int32_t>::max())
            fail(name_, ": expected a number from 0 to 2^31 - 1, received ", text);
        return value;
    }
    /// f(number) for each of those that stand between commas.
    template <class F>
    void each_extent(const std::string& text, F&& f) const {
        for (std::size_t begin = 0, end; begin < text.size(); begin = end + 1) {
            end = std::min(text.find(',', begin), text.size());
            f(extent(text.substr(begin, end - begin)));
        }
    }
    void set(const Option& option) const {
        switch (option.kind) {
            case OptionKind::truth: return set(static_cast<bool*>(option.value));
            case OptionKind::index: return set(static_cast<Index*>(option.value));
            case OptionKind::number: return set(static_cast<double*>(option.value));
            case OptionKind::single: return set(static_cast<float*>(option.value));
            case OptionKind::shape: return set(static_cast<Shape*>(option.value));
            case OptionKind::ids: return set(static_cast<std::vector<std::int32_t>*>(option.value));
            case OptionKind::id_lists: return set(static_cast<std::vector<std::vector<std::int32_t>>*>(option.value));
            case OptionKind::record: return set(static_cast<RecordShape*>(option.value));
            case OptionKind::choice: return set_choice(option);
            case OptionKind::fixed: return check_fixed(option);
        }
    }
    void set(bool* to) const {
        if (text_ != "true" && text_ != "false") fail(name_, ": expected true or false, received ", text_);
        *to = text_ == "true";
    }
    void set(Index* to) const { *to = extent(text_); }
    template <std::floating_point T>
    void set(T* to) const {
        *to = number<T>(text_);
    }
    Shape shape(const std::string& text) const {
        Shape found;
        each_extent(text, [&](Index n) {
            if (found.rank() == Shape::max_rank) fail(name_, ": expected at most ", Shape::max_rank, " extents");
            found.push_back(n);
        });
        return found;
    }
    void set(Shape* to) const { *to = shape(text_); }
    /// As many as the model has: how many is a matter of its type.
    void set(RecordShape* fields) const {
        std::size_t begin = 0;
        for (FieldShape& f : *fields) {
            const std::size_t end = std::min(text_.find(';', begin), text_.size());
            const std::size_t colon = text_.find(':', std::min(begin, end));
            if (colon >= end) fail(name_, ": expected ", fields->size(), " fields as name:shape, received ", text_);
            f.name = text_.substr(begin, colon - begin);
            f.shape = shape(text_.substr(colon + 1, end - colon - 1));
            begin = end + 1;
        }
        if (begin <= text_.size()) fail(name_, ": expected ", fields->size(), " fields, received ", text_);
    }
    void set(std::vector<std::int32_t>* ids) const {
        ids->clear();
        each_extent(text_, [&](Index id) { ids->push_back(static_cast<std::int32_t>(id)); });
    }
    void set(std::vector<std::vector<std::int32_t>>* lists) const {
        lists->clear();
        if (text_.empty()) return;
        for (std::size_t begin = 0, end = 0;; begin = end + 1) {
            end = std::min(text_.find_first_of(",;", begin), text_.size());
            if (begin == 0 || text_[begin - 1] == ';') lists->emplace_back();
            const bool is_empty_list =
                begin == end && (end == text_.size() || text_[end] == ';') && lists->back().empty();
            if (!is_empty_list)
                lists->back().push_back(static_cast<std::int32_t>(extent(text_.substr(begin, end - begin))));
            if (end == text_.size()) return;
        }
    }
    void set_choice(const Option& choice) const {
        for (std::size_t i = 0; i < choice.count; ++i)
            if (choice.words[i] == text_) return choice.set(choice.value, i);
        fail(name_, ": expected one of ", choice.count, " known words, received ", text_);
    }
    void check_fixed(const Option& fixed) const {
        if (!fixed.value) {
            if (text_ != fixed.text) fail(name_, ": expected ", fixed.text, " from the model's type, received ", text_);
            return;
        }
        const std::string begin = std::string(fixed.text) + ":";
        if (text_.rfind(begin, 0) != 0) fail(name_, ": expected ", begin, "number, received ", text_);
        *static_cast<double*>(fixed.value) = number<double>(text_.substr(begin.size()));
    }

    const SafetensorsReader& file_;
    const LayerOptions& layer_;
    std::vector<std::pair<std::string, std::string>> found_;
    std::size_t next_ = 0;
    std::string_view name_;
    std::string text_;
};
#endif

}  // namespace detail

DEEPREC_END
