/// int8 codes of item vectors, from which a request learns whose scores can be high.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <vector>

#include <deeprec/core/buffer.hpp>
#include <deeprec/core/parallel.hpp>
#include <deeprec/io/stored_fields.hpp>
#include <deeprec/kernels/ranking/quantized_scan.hpp>

DEEPREC_BEGIN

/// What an index reads of its items in a request. Lists are the same in every bit.
enum class ItemStorage : std::uint8_t {
    float32,  ///< their vectors
    int8,     ///< codes of them, a quarter of the bytes, and the vectors of the few whose scores can be high
};
/// For `{.storage = int8}`.
inline constexpr ItemStorage int8 = ItemStorage::int8;

namespace detail {

/// The storage of an index in its file; files without one are those of float32.
DEEPREC_LAZY void stored_storage(StoredFields& f, ItemStorage& storage) {
    std::vector<std::int32_t> number;
    if (storage == ItemStorage::int8) number = {8};
    if (!number.empty() || f.has("storage")) f.kept_list("storage", number);
    f.require(number.empty() || number == std::vector{8}, "expected a storage of 8 bits, or none for float32");
    if (f.reading()) storage = number.empty() ? ItemStorage::float32 : ItemStorage::int8;
}

/// Codes of rows [count, width], with a bias for each or none: D + 8 bytes a row, 4 more for the bias.
class ItemCodes {
public:
    ItemCodes() = default;
    /// Throws ArgumentError, in the name of who asks, for a negative count or width and a width above 2^20. `biases`
    /// and `pool` may be null.
    DEEPREC_LAZY ItemCodes(std::string_view who, const float* items, const float* biases, Index count, Index width,
                           ThreadPool* pool = nullptr)
        : count_(count), width_(width), has_biases_(biases != nullptr) {
        if (count < 0 || width < 0 || width > kernels::most_quantized_width)
            throw ArgumentError(message(who, ": expected 0 or more rows of 0 to ", kernels::most_quantized_width,
                                        " numbers, received ", count, " of ", width));
        const Index padded = (count + block - 1) / block * block;
        const kernels::QuantizedRowsToFill rows{codes_.need_zeros(kernels::quantized_size(count, width)),
                                                scales_.need_zeros(padded), errors_.need_zeros(padded), width};
        float* const bias_bounds = biases ? biases_.need_zeros(padded) : nullptr;
        run_tasks(pool, padded / block, [&](Index i) {
            const Index begin = i * block, end = std::min(count, (i + 1) * block);
            kernels::quantize_rows(items, width, begin, end, rows);
            for (Index row = begin; biases && row < end; ++row)
                bias_bounds[row] = kernels::bias_bound(biases[row], width);
        });
    }

    Index size() const { return count_; }
    Index width() const { return width_; }

    /// Calls rescore(first, last, lane) for short ranges of rows, among them all whose score (their inner product with
    /// the query, and the bias) may exceed the lane's threshold, in order, each row once: it returns the lane's next
    /// threshold. A range without rows asks for the threshold alone. Lanes are those of `pool`, 0 without. Returns
    /// false, and calls nothing, for a query whose bounds do not hold.
    template <class Rescore>
    bool scan(const float* query, ThreadPool* pool, const Rescore& rescore) const {
        if (!kernels::can_quantize_query(query, width_)) return false;
        std::vector<std::int16_t> codes(static_cast<std::size_t>(width_ + 1));
        const kernels::QuantizedQuery quantized = kernels::quantize_query(query, width_, codes.data());
        const kernels::QuantizedRows rows{codes_.data(), scales_.data(), errors_.data(), width_,
                                          has_biases_ ? biases_.data() : nullptr};
        // Blocks go to whoever is free, and each lane keeps its own best: the best of all do not depend on that.
        run_tasks(pool, (count_ + block - 1) / block, [&](Index b, Index lane) {
            const Index begin = b * block, end = std::min(count_, begin + block);
            kernels::scan_quantized(quantized, rows, begin, end, rescore(begin, begin, lane),
                                    [&](Index first, Index last) { return rescore(first, last, lane); });
        });
        return true;
    }

private:
    static constexpr Index block = 4096;  // items that a thread takes at a time, whole blocks of codes

    Index count_ = 0, width_ = 0;
    bool has_biases_ = false;
    Buffer<std::int8_t> codes_;
    Buffer<float> scales_, errors_, biases_;
};

}  // namespace detail

DEEPREC_END
