/// Numbers that tell data and weights apart.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include <deeprec/core/record.hpp>
#include <deeprec/data/batch.hpp>
#include <deeprec/data/sequence_samples.hpp>

DEEPREC_BEGIN
namespace detail {

inline constexpr std::uint64_t hash_start = 0xcbf29ce484222325ull;
inline std::uint64_t hash_bytes(const void* data, std::size_t bytes, std::uint64_t hash) {
    const auto* p = static_cast<const unsigned char*>(data);
    for (std::size_t i = 0; i < bytes; ++i) hash = (hash ^ p[i]) * 0x100000001b3ull;  // FNV-1a
    return hash;
}
template <class T, int Rank>
std::uint64_t hash_inputs(const View<T, Rank>& x, std::uint64_t hash) {
    return hash_bytes(x.data(), static_cast<std::size_t>(x.size()) * sizeof(T), hash);
}
inline std::uint64_t hash_inputs(const RecordView& x, std::uint64_t hash) {
    for (const FieldView& f : x.fields) {
        hash = hash_bytes(f.name.data(), f.name.size(), hash);
        hash = hash_bytes(f.data + x.begin * f.row_bytes(), static_cast<std::size_t>(x.batch() * f.row_bytes()), hash);
    }
    return hash;
}
template <class U, class V>
std::uint64_t hash_inputs(const Pair<U, V>& x, std::uint64_t hash) {
    return hash_inputs(view(x.item), hash_inputs(view(x.user), hash));
}
template <class Inputs, class T>
std::uint64_t hash_batch(const Batch<Inputs, T>& batch, std::uint64_t hash) {
    return hash_inputs(batch.targets, hash_inputs(batch.inputs, hash));
}
inline std::uint64_t hash_batch(const SequenceBatch& batch, std::uint64_t hash) {
    for (const auto& events : batch.sequences) hash = hash_bytes(events.data(), events.size_bytes(), hash);
    for (const FieldsOfSequence& fields : batch.fields)
        hash = hash_inputs(fields.user, hash_inputs(fields.events, hash));
    return hash;
}
/// Of a data source: of its size and the content of some samples.
template <class Data>
std::uint64_t fingerprint_of(Data& data) {
    constexpr Index most = 16;
    std::vector<Index> some;
    const Index n = data.size();
    for (Index i = 0; i < std::min(n, most); ++i) some.push_back(n <= most ? i : i * (n - 1) / (most - 1));
    return hash_batch(data.batch(some), static_cast<std::uint64_t>(n) + hash_start);
}

}  // namespace detail
DEEPREC_END
