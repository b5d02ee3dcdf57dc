/// What layers on ids share: the table, and which row an id has.
#pragma once

#include <array>

#include <deeprec/core/initializers.hpp>
#include <deeprec/core/layer.hpp>
#include <deeprec/core/sparse_rows.hpp>
#include <deeprec/kernels/linear/gather.hpp>
#include <deeprec/kernels/simd/vector.hpp>

DEEPREC_BEGIN

/// What ids outside [0, input_dim) are: a DataError, or items that are not known and share the last row of the table,
/// which no known id should have. Over a Vocabulary: `Embedding{items.size() + 2, 64, {.out_of_range =
/// OutOfRange::last_row}}`. The row learns where training has such ids.
enum class OutOfRange { error, last_row };
inline constexpr std::array<std::string_view, 2> out_of_range_names{"error", "last_row"};

namespace detail {

/// `embeddings` [input_dim, output_dim]; its gradient is a SparseRows.
template <class T>
class EmbeddingTable {
public:
    using Scalar = T;
    using InputElement = std::int32_t;
    struct Parameters {
        Tensor<T, 2> embeddings;
    };
    struct Gradients {
        SparseRows<T> embeddings;
    };

    const Parameters& parameters() const { return parameters_; }
    Gradients zero_gradients() const { return {SparseRows<T>(parameters_.embeddings.dimension(0), output_dim_)}; }
    void parameters_changed() {}
    template <class Visitor, class Self, class... Others>
    static void visit(Visitor& visitor, Self& self, Others&... others) {
        visitor("embeddings", self.parameters_.embeddings, others.embeddings...);
    }

protected:
    EmbeddingTable(std::string_view layer, Index input_dim, Index output_dim)
        : input_dim_(input_dim), output_dim_(output_dim) {
        check_positive(layer, "input_dim", input_dim);
        check_positive(layer, "output_dim", output_dim);
    }
    void build_table(const Initializer& initializer, Seed seed) {
        parameters_.embeddings.resize(input_dim_, output_dim_);
        fill(parameters_.embeddings, initializer, seed);
    }
    template <class Visitor, class Self>
    static void visit_sizes(Visitor& visitor, Self& self) {
        visitor.size("input_dim", self.input_dim_);
        visitor.size("output_dim", self.output_dim_);
    }

    Index width() const { return output_dim_; }
    const T* row(std::int32_t id) const { return parameters_.embeddings.data() + id * output_dim_; }
    /// The ids as numbers of rows: themselves, or in `mapped` where some are outside of the table.
    const std::int32_t* rows_of(std::string_view layer, const View<const std::int32_t, 2>& ids, OutOfRange outside,
                                Buffer<std::int32_t>& mapped) const {
        const Index n = ids.size(), size = parameters_.embeddings.dimension(0);
        const Index bad = kernels::find_out_of_range(ids.data(), n, size);
        if (bad == n) return ids.data();
        if (size == 0) throw ArgumentError(message(layer, ": the layer has no table; build it first"));
        if (outside == OutOfRange::error)
            throw DataError(message(layer, ": id ", ids.data()[bad], " at [", bad / ids.last(), ", ", bad % ids.last(),
                                    "] is outside the table of ", input_dim_, " rows"));
        std::int32_t* rows = mapped.need(n);
        const auto last = static_cast<std::int32_t>(input_dim_ - 1);
        for (Index i = 0; i < n; ++i) rows[i] = ids.data()[i] < 0 ? last : std::min(ids.data()[i], last);
        return rows;
    }

private:
    Index input_dim_ = 0, output_dim_ = 0;
    Parameters parameters_;
};

}  // namespace detail
DEEPREC_END
