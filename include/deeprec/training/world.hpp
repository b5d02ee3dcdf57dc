/// Several processes that train, evaluate or serve one model.
#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <exception>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <deeprec/core/errors.hpp>
#include <deeprec/core/function_ref.hpp>
#include <deeprec/core/shape.hpp>

DEEPREC_BEGIN

/// What `fit`, `evaluate` and `evaluate_ranking` need of an engine that joins processes (ranks), such as
/// adapters/mpi.hpp's. All ranks call the same functions in the same order.
class TrainingWorld {
public:
    virtual ~TrainingWorld() = default;
    virtual int rank() const = 0;  ///< of this process, from 0
    virtual int size() const = 0;  ///< how many there are
    /// Each number becomes its sum over all ranks: the same bits on each of them, and the same every time.
    virtual void sum(float* numbers, Index count) = 0;
    virtual void sum(double* numbers, Index count) = 0;
    /// What each rank gives, in the order of ranks; sizes may differ.
    virtual std::vector<std::vector<std::byte>> gather(std::span<const std::byte> own) = 0;
    /// Gives each rank what `give` has for it, in the order of ranks; returns what each gave to this one.
    virtual std::vector<std::vector<std::byte>> exchange(std::vector<std::vector<std::byte>> give) = 0;
    /// This rank ends with an error that others may not have, who must not wait for it.
    virtual void leave() {}
};

/// A TrainingWorld by value, as FitOptions::world takes it; copies share it. None is one process alone.
class AnyWorld {
public:
    AnyWorld() = default;
    template <std::derived_from<TrainingWorld> W>
    AnyWorld(W world) : world_(std::make_shared<W>(std::move(world))) {}

    /// Of this process; 0 without a world.
    int rank() const { return world_ ? world_->rank() : 0; }
    /// How many there are; 1 without a world.
    int size() const { return world_ ? world_->size() : 1; }
    /// Whether there are other ranks.
    explicit operator bool() const { return size() > 1; }
    TrainingWorld& operator*() const { return *world_; }
    TrainingWorld* operator->() const { return world_.get(); }

private:
    std::shared_ptr<TrainingWorld> world_;
};

namespace detail {
/// Throws ArgumentError on every rank unless all have the same facts {name, value}: `who` and both values.
DEEPREC_LAZY_DECLARED void agree(std::string_view who, TrainingWorld& world,
                                 std::span<const std::pair<std::string, std::string>> facts);

/// What `work` of each rank returns, in the order of ranks. Where it throws on some, no rank waits for another: those
/// throw what it threw, the others Error with what it threw on the first of them.
DEEPREC_LAZY_DECLARED std::vector<std::vector<std::byte>> gather_work(TrainingWorld& world,
                                                                      FunctionRef<std::vector<std::byte>()> work);

#if DEEPREC_BODIES
DEEPREC_LAZY_FUNCTION void agree(std::string_view who, TrainingWorld& world,
                                 std::span<const std::pair<std::string, std::string>> facts) {
    std::string text;
    for (const auto& [name, value] : facts) text += name + '\0' + value + '\0';
    const auto all = world.gather(std::as_bytes(std::span(text)));
    const auto value_of = [&](std::size_t rank, std::size_t fact) -> std::string {
        std::string_view rest(reinterpret_cast<const char*>(all[rank].data()), all[rank].size());
        for (std::size_t i = 0; i < 2 * fact + 1; ++i)
            rest.remove_prefix(std::min(rest.find('\0'), rest.size() - 1) + 1);
        return std::string(rest.substr(0, rest.find('\0')));
    };
    for (std::size_t fact = 0; fact < facts.size(); ++fact)
        for (std::size_t rank = 1; rank < all.size(); ++rank)
            if (all[rank] != all[0] && value_of(rank, fact) != value_of(0, fact))
                throw ArgumentError(message(who, ", but rank ", rank, " has ", facts[fact].first, " ",
                                            value_of(rank, fact), ", rank 0 has ", value_of(0, fact)));
}

DEEPREC_LAZY_FUNCTION std::vector<std::vector<std::byte>> gather_work(TrainingWorld& world,
                                                                      FunctionRef<std::vector<std::byte>()> work) {
    std::exception_ptr failure;
    std::vector<std::byte> own;
    std::string why;
    try {
        own = work();
    } catch (const std::exception& error) {
        failure = std::current_exception();
        why = error.what();
    }
    const auto text = std::as_bytes(std::span(why));
    if (failure) own.assign(text.begin(), text.end());
    own.push_back(std::byte{failure != nullptr});
    auto all = world.gather(own);
    if (failure) std::rethrow_exception(failure);
    for (std::size_t rank = 0; rank < all.size(); ++rank) {
        const bool failed = all[rank].back() != std::byte{0};
        all[rank].pop_back();
        if (failed)
            throw Error(message("rank ", rank, ": ",
                                std::string_view(reinterpret_cast<const char*>(all[rank].data()), all[rank].size())));
    }
    return all;
}
#endif
}  // namespace detail

DEEPREC_END
