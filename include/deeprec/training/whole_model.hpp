/// Models whose tables the ranks of a world share out (core/table_shard.hpp), in one file.
#pragma once

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <functional>
#include <ostream>
#include <span>
#include <streambuf>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <deeprec/io/model_file.hpp>
#include <deeprec/training/world.hpp>

DEEPREC_BEGIN
namespace detail {

/// Hands a table to the sink of rank 0, in the order of its rows, of which each rank has those of its shard at `own`.
/// They go over some megabytes at a time; what the other ranks' sinks receive has no meaning. All ranks call it.
template <class T>
void collect_rows(const Parameter<T>& p, const T* own, TrainingWorld& world, SafetensorsWriter::Sink sink) {
    const Index width = p.size() / p.shape[0], most = std::max<Index>(1, (Index{1} << 20) / width);
    const auto row_bytes = static_cast<std::size_t>(width) * sizeof(T);
    std::vector<T> rows(static_cast<std::size_t>(std::min(most, p.all_rows) * width));
    for (Index begin = 0; begin < p.all_rows; begin += most) {
        const Index end = std::min(p.all_rows, begin + most);
        std::vector<std::vector<std::byte>> give(static_cast<std::size_t>(world.size()));
        const auto some = std::as_bytes(std::span(own + p.shard.rows(begin) * width, own + p.shard.rows(end) * width));
        give[0].assign(some.begin(), some.end());
        const auto got = world.exchange(std::move(give));
        std::vector<const std::byte*> from;
        for (const auto& rank : got) from.push_back(rank.data());
        for (Index row = begin; row < end && world.rank() == 0; ++row) {
            const std::byte*& next = from[static_cast<std::size_t>(p.shard.owner(row))];
            std::memcpy(rows.data() + (row - begin) * width, next, row_bytes);
            next += row_bytes;
        }
        sink(rows.data(), static_cast<std::size_t>(end - begin) * row_bytes);
    }
}
/// Adds the whole of the arrays [rows, width] at `own`, one after the other, of which this rank has its shard.
template <class T>
void add_rows(SafetensorsWriter& writer, std::string name, std::vector<Index> shape, const Parameter<T>& p,
              const T* own, Index arrays, const AnyWorld& world) {
    writer.add_parts<T>(std::move(name), std::move(shape), [p, own, arrays, world](SafetensorsWriter::Sink sink) {
        for (Index i = 0; i < arrays; ++i) collect_rows(p, own + i * p.size(), *world, sink);
    });
}
/// As `collect`, of a model whose tables `world` shares out.
template <class T>
SafetensorsWriter collect_whole(const Fields<T>& fields, const Metadata& metadata, const AnyWorld& world) {
    return collect<T>(fields, metadata, [&](SafetensorsWriter& writer, const Parameter<T>& p) {
        add_rows(writer, p.path, extents_of(p.whole_shape()), p, static_cast<const T*>(p.values), 1, world);
    });
}
/// Rank 0 writes the file, the others hand their rows over.
inline void write_whole(const SafetensorsWriter& writer, const std::filesystem::path& path, const AnyWorld& world) {
    struct Nowhere : std::streambuf {
        int overflow(int c) override { return c == traits_type::eof() ? 0 : c; }
        std::streamsize xsputn(const char*, std::streamsize count) override { return count; }
    } nowhere;
    std::ostream out(&nowhere);
    world.rank() == 0 ? writer.write(path) : writer.write(out);
}
template <class T>
bool shares_out(const ParameterList<T>& list) {
    return std::any_of(list.begin(), list.end(), [](const Parameter<T>& p) { return bool{p.shard}; });
}
/// Throws ArgumentError unless the shard of each table is that of this rank.
template <class T>
void check_shards(std::string_view who, const ParameterList<T>& named, const AnyWorld& world) {
    for (const Parameter<T>& p : named)
        if (p.shard && p.shard != TableShard{world.rank(), world.size()})
            throw ArgumentError(message(who, ": ", p.path.empty() ? "a table" : p.path, " is the part of rank ",
                                        p.shard.rank, " of ", p.shard.ranks, ", expected a world of so many, this is ",
                                        "rank ", world.rank(), " of ", world.size()));
}

}  // namespace detail

/// `save(world, model, "model.safetensors")`: what `save(model, path)` writes of a model whose tables the ranks share
/// out, whole, in one file that rank 0 writes. All ranks call it; none has more than some megabytes of the others' rows
/// at a time. `load(model, path)` reads it into any model, whole or with a shard. Throws as `save`, ArgumentError where
/// the model's shard is not that of this rank.
template <detail::HasParameters Model>
void save(const AnyWorld& world, const Model& model, const std::filesystem::path& path, const Metadata& metadata = {}) {
    const auto fields = detail::named_fields(model);
    detail::check_shards("save", fields.parameters(), world);
    detail::write_whole(detail::collect_whole(fields, metadata, world), path, world);
}

DEEPREC_END
