/// A graph of ONNX nodes under construction.
#pragma once

#include <cstdint>
#include <filesystem>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <deeprec/core/shape.hpp>
#include <deeprec/io/onnx/protobuf.hpp>
#include <deeprec/io/replace_file.hpp>

DEEPREC_BEGIN

namespace onnx {

/// A tensor of the graph: its name, its number of axes, batch included, and the name of the mask that travels with it
/// (bool [B, T]; "" = none).
struct Value {
    std::string name;    ///< of the tensor
    int rank = 0;        ///< axes, the batch included
    std::string mask{};  ///< the name of its mask; "" = none
};
/// Tensors by the names of fields: what a model of several inputs reads.
using Record = std::vector<std::pair<std::string, Value>>;

/// An attribute of a node.
struct Attribute {
    std::string_view name;  ///< as the operator calls it
    std::variant<std::int64_t, float, std::string, std::vector<std::int64_t>, std::vector<float>,
                 std::vector<std::string>>
        value;  ///< a number, a text or several of these
};

/// The element types that are used here, by their numbers in the format.
enum class Element : std::int64_t { float32 = 1, int32 = 6, int64 = 7, boolean = 9 };

/// Nodes, constants, inputs and outputs. Functions that add something return the name of the tensor that it gives.
/// Names start with the path of the part that is being written: "user.0.kernel", "user.0.MatMul".
class Graph {
public:
    /// The version of the operators: ONNX 1.12 (2022) and later, ONNX Runtime 1.12 and later.
    static constexpr std::int64_t opset = 17;

    /// Axes are numbers, or names of those that are known when the graph runs, or nothing.
    using Axis = std::variant<std::monostate, Index, std::string_view>;
    /// An input of the graph.
    std::string input(std::string_view name, Element element, const std::vector<Axis>& axes);
    /// Makes a tensor an output of the graph, by this name.
    void output(std::string_view name, const Value& value, Element element = Element::float32);

    /// One of the outputs of a new node, the first by default. "" among the inputs leaves one out.
    std::string node(std::string_view operation, const std::vector<std::string>& inputs,
                     const std::vector<Attribute>& attributes = {}, std::size_t output = 0);
    /// Numbers that the file brings with it; `dims` of `values.size()` numbers.
    std::string constant(std::string_view name, std::span<const float> values, const std::vector<Index>& dims);
    /// A number.
    std::string number(double value) {
        const auto rounded = static_cast<float>(value);
        return constant("number", {&rounded, 1}, {});
    }
    /// A list of whole numbers: axes, shapes, places.
    std::string list(const std::vector<std::int64_t>& values) { return whole(values, {std::ssize(values)}); }
    /// A whole number.
    std::string integer(std::int64_t value) { return whole({value}, {}); }

    /// write() with the names and complaints of the part `key` of what is being written, a layer of this name.
    template <class F>
    auto part(std::string_view key, std::string_view layer, F&& write) {
        const std::string path = path_, outer = std::exchange(layer_, std::string(layer));
        path_ = path + (path.empty() || key.empty() ? "" : ".") + std::string(key);
        auto result = write();
        path_ = path;
        layer_ = outer;
        return result;
    }
    /// Throws ArgumentError in the name of the part that is being written.
    template <class... Parts>
    [[noreturn]] void refuse(const Parts&... parts) const {
        const std::string where = layer_.empty() ? "" : message(path_, path_.empty() ? "" : " ", "(", layer_, "): ");
        throw ArgumentError(message("export_onnx: ", where, message(parts...)));
    }

    /// The file. Throws ArgumentError above the 2 GB that the format can have.
    std::string bytes() const;
    /// Writes it in place of what is at `path` (FileReplacement). Throws FileError, ArgumentError as `bytes`.
    void write(const std::filesystem::path& path) const;

private:
    std::string unique(std::string_view name);
    std::string whole(const std::vector<std::int64_t>& values, const std::vector<Index>& dims);
    void tensor(const std::string& name, Element element, const std::vector<Index>& dims, std::string_view bytes);
    static Message value_info(std::string_view name, Element element, const std::vector<Axis>& axes);
    static Message attribute(const Attribute& attribute);

    Message graph_;
    std::set<std::string> names_;
    std::string path_, layer_;
};

#if DEEPREC_BODIES
// The numbers of fields are those of https://github.com/onnx/onnx/blob/main/onnx/onnx.proto.

DEEPREC_FUNCTION std::string Graph::unique(std::string_view name) {
    const std::string full = path_ + (path_.empty() ? "" : ".") + std::string(name);
    std::string free = full;
    for (std::size_t i = names_.size(); !names_.insert(free).second; ++i) free = full + "_" + std::to_string(i);
    return free;
}
DEEPREC_FUNCTION Message Graph::value_info(std::string_view name, Element element, const std::vector<Axis>& axes) {
    Message shape;
    for (const Axis& axis : axes) {
        Message extent;
        if (const auto* number = std::get_if<Index>(&axis)) extent.integer(1, *number);
        if (const auto* text = std::get_if<std::string_view>(&axis)) extent.text(2, *text);
        shape.message(1, extent);
    }
    const Message type = Message().integer(1, static_cast<std::int64_t>(element)).message(2, shape);
    return Message().text(1, name).message(2, Message().message(1, type));
}
DEEPREC_FUNCTION std::string Graph::input(std::string_view name, Element element, const std::vector<Axis>& axes) {
    if (!names_.insert(std::string(name)).second) refuse("two inputs have the name '", name, "'");
    graph_.message(11, value_info(name, element, axes));
    return std::string(name);
}
DEEPREC_FUNCTION void Graph::output(std::string_view name, const Value& value, Element element) {
    if (!names_.insert(std::string(name)).second) refuse("an input has the name of the output '", name, "'");
    graph_.message(1, Message().text(1, value.name).text(2, name).text(3, name).text(4, "Identity"));
    graph_.message(12, value_info(name, element, std::vector<Axis>(static_cast<std::size_t>(value.rank))));
}
DEEPREC_FUNCTION Message Graph::attribute(const Attribute& attribute) {
    Message m;
    m.text(1, attribute.name);
    struct Writer {
        Message& m;
        void operator()(std::int64_t i) { m.integer(3, i).integer(20, 2); }
        void operator()(float f) { m.number(2, f).integer(20, 1); }
        void operator()(const std::string& s) { m.text(4, s).integer(20, 3); }
        void operator()(const std::vector<std::int64_t>& list) {
            for (const std::int64_t i : list) m.integer(8, i);
            m.integer(20, 7);
        }
        void operator()(const std::vector<float>& list) {
            for (const float f : list) m.number(7, f);
            m.integer(20, 6);
        }
        void operator()(const std::vector<std::string>& list) {
            for (const std::string& s : list) m.text(9, s);
            m.integer(20, 8);
        }
    };
    std::visit(Writer{m}, attribute.value);
    return m;
}
DEEPREC_FUNCTION std::string Graph::node(std::string_view operation, const std::vector<std::string>& inputs,
                                         const std::vector<Attribute>& attributes, std::size_t output) {
    const std::string name = unique(operation);
    Message node;
    for (const std::string& in : inputs) node.text(1, in);
    for (std::size_t i = 0; i < output; ++i) node.text(2, unique(std::string(operation) + ".unused"));
    node.text(2, name).text(3, name).text(4, operation);
    for (const Attribute& a : attributes) node.message(5, attribute(a));
    graph_.message(1, node);
    return name;
}
DEEPREC_FUNCTION void Graph::tensor(const std::string& name, Element element, const std::vector<Index>& dims,
                                    std::string_view bytes) {
    Message tensor;
    for (const Index d : dims) tensor.integer(1, d);
    graph_.message(5, tensor.integer(2, static_cast<std::int64_t>(element)).text(8, name).text(9, bytes));
}
DEEPREC_FUNCTION std::string Graph::constant(std::string_view name, std::span<const float> values,
                                             const std::vector<Index>& dims) {
    const std::string own = unique(name);
    tensor(own, Element::float32, dims, {reinterpret_cast<const char*>(values.data()), values.size_bytes()});
    return own;
}
DEEPREC_FUNCTION std::string Graph::whole(const std::vector<std::int64_t>& values, const std::vector<Index>& dims) {
    const std::string name = unique("integers");
    tensor(name, Element::int64, dims,
           {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(std::int64_t)});
    return name;
}
DEEPREC_FUNCTION std::string Graph::bytes() const {
    constexpr std::size_t most = (std::size_t{1} << 31) - 1024;  // what is around the graph is much smaller
    if (graph_.bytes().size() > most)
        throw ArgumentError(message("export_onnx: expected a model of at most ", most,
                                    " bytes, the format's 2 GB, received ", graph_.bytes().size()));
    Message model;
    model.integer(1, 8).text(2, "deeprec").text(3, version);
    model.message(7, Message(graph_).text(2, "deeprec"));
    return model.message(8, Message().text(1, "").integer(2, opset)).bytes();
}
DEEPREC_FUNCTION void Graph::write(const std::filesystem::path& path) const {
    const std::string file = bytes();
    FileReplacement replacement(path);
    replacement.write(file);
    replacement.commit();
}
#endif

}  // namespace onnx
DEEPREC_END
