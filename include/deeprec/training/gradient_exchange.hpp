/// The sum of the gradients of all ranks of a TrainingWorld (training/world.hpp).
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include <deeprec/core/parameters.hpp>
#include <deeprec/training/world.hpp>

DEEPREC_BEGIN
namespace detail {

/// All dense gradients go in one buffer and one sum; of tables each rank gives the rows it touched, and adds those of
/// all ranks up in their order: the same bits everywhere. With S dense numbers, R_r bytes of rows of rank r and N
/// ranks, a rank sends 2 (N - 1) / N S numbers and the rows of N - 1 ranks, as mpi::World does it. Tables that ranks
/// share out have their sum already (training/row_exchange.hpp).
template <class T>
class GradientExchange {
public:
    /// `list` has this rank's gradients and then the sum of all; so have the `facts`, a few numbers.
    void operator()(const ParameterList<T>& list, std::span<double> facts, TrainingWorld& world) {
        numbers_.clear(), weights_.assign(facts.begin(), facts.end()), rows_.clear();
        for (const Parameter<T>& p : list) {
            if (p.shard)
                continue;
            else if (p.rows)
                append_rows(*p.rows);
            else if (p.moves) {
                numbers_.insert(numbers_.end(), p.moves->sum().data(), p.moves->sum().data() + p.size());
                weights_.push_back(p.moves->weight());
            } else if (p.gradient)
                numbers_.insert(numbers_.end(), p.gradient, p.gradient + p.size());
        }
        world.sum(numbers_.data(), static_cast<Index>(numbers_.size()));
        world.sum(weights_.data(), static_cast<Index>(weights_.size()));
        bool tables = false;
        for (const Parameter<T>& p : list) tables |= p.rows != nullptr && !p.shard;
        const auto all = tables ? world.gather(rows_) : std::vector<std::vector<std::byte>>{};
        std::vector<const std::byte*> from;
        for (const auto& rank : all) from.push_back(rank.data());
        const T* number = numbers_.data();
        const double* weight = weights_.data() + facts.size();
        std::copy_n(weights_.data(), facts.size(), facts.data());
        for (const Parameter<T>& p : list) {
            if (p.shard) {
                continue;
            } else if (p.rows) {
                p.rows->setZero();
                for (const std::byte*& rank : from) rank = add_rows(rank, *p.rows);
            } else if (p.moves) {
                p.moves->set(number, *weight++);
                number += p.size();
            } else if (p.gradient) {
                std::copy_n(number, p.size(), p.gradient);
                number += p.size();
            }
        }
    }

private:
    void append(const void* data, std::size_t bytes) {
        const auto* const p = static_cast<const std::byte*>(data);
        rows_.insert(rows_.end(), p, p + bytes);
    }
    /// How many, their ids, their values.
    void append_rows(const SparseRows<T>& rows) {
        const std::size_t count = rows.ids().size();
        append(&count, sizeof count);
        append(rows.ids().data(), count * sizeof(std::int32_t));
        if (count) append(rows.values(0), count * static_cast<std::size_t>(rows.width()) * sizeof(T));
    }
    const std::byte* add_rows(const std::byte* from, SparseRows<T>& to) {
        std::size_t count = 0;
        std::memcpy(&count, from, sizeof count);
        from += sizeof count;
        const std::byte* values = from + count * sizeof(std::int32_t);
        const std::size_t row_bytes = static_cast<std::size_t>(to.width()) * sizeof(T);
        row_.resize(static_cast<std::size_t>(to.width()));
        for (std::size_t i = 0; i < count; ++i, values += row_bytes) {
            std::int32_t id = 0;
            std::memcpy(&id, from + i * sizeof id, sizeof id);
            std::memcpy(row_.data(), values, row_bytes);
            to.add(id, row_.data());
        }
        return values;
    }

    std::vector<T> numbers_, row_;
    std::vector<double> weights_;
    std::vector<std::byte> rows_;
};

}  // namespace detail
DEEPREC_END
