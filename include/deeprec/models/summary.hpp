/// The table that `summary` prints.
#pragma once

#include <iomanip>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include <deeprec/core/layer.hpp>

DEEPREC_BEGIN

/// One line a layer: name, output shape without the batch axis, parameters, bytes of the parameters.
struct SummaryRow {
    std::string layer;     ///< number and name
    Shape output;          ///< without the batch axis
    Index parameters = 0;  ///< numbers of them
    Index bytes = 0;       ///< that they take
};

/// Of one layer that is built.
template <class L>
SummaryRow summary_row(std::string name, const L& layer, const Shape& output) {
    const Index n = parameter_count(layer);
    return {std::move(name), output, n, n * static_cast<Index>(sizeof(typename L::Scalar))};
}

namespace detail {
void add_summary_row(std::vector<SummaryRow>& rows, const std::string& key, std::string_view layer, const Shape& output,
                     Index parameters, std::size_t bytes_each);
}
/// Adds the row of the part `key`, or those of its fields or heads where it has such, as "0.item Embedding".
template <class L>
void add_summary(std::vector<SummaryRow>& rows, const std::string& key, const L& layer, const Shape& output) {
    if constexpr (L::reads == Reads::record || requires { layer.heads().shapes(); }) {
        for (SummaryRow row : layer.summary_rows()) {
            row.layer = message(key, ".", row.layer);
            rows.push_back(std::move(row));
        }
    } else {
        detail::add_summary_row(rows, key, L::name(), output, parameter_count(layer), sizeof(typename L::Scalar));
    }
}

/// Writes the rows as a table, with the totals below.
void print_summary(std::ostream& out, const std::vector<SummaryRow>& rows);

#if DEEPREC_BODIES
namespace detail {
DEEPREC_NOINLINE DEEPREC_FUNCTION void add_summary_row(std::vector<SummaryRow>& rows, const std::string& key,
                                                       std::string_view layer, const Shape& output, Index parameters,
                                                       std::size_t bytes_each) {
    rows.push_back({message(key, " ", layer), output, parameters, parameters * static_cast<Index>(bytes_each)});
}
}  // namespace detail

DEEPREC_FUNCTION void print_summary(std::ostream& out, const std::vector<SummaryRow>& rows) {
    const auto line = [&](const auto& layer, const std::string& output, const auto& parameters, const auto& bytes) {
        out << std::left << std::setw(26) << layer << std::setw(18) << output << std::right << std::setw(12) << parameters
            << std::setw(14) << bytes << '\n';
    };
    Index parameters = 0, bytes = 0;
    line("layer", "output", "parameters", "bytes");
    for (const SummaryRow& row : rows) {
        line(row.layer, message(row.output), row.parameters, row.bytes);
        parameters += row.parameters;
        bytes += row.bytes;
    }
    line("total", "", parameters, bytes);
}
#endif

DEEPREC_END
